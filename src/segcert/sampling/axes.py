"""Refuse, before the first draw, outputs that are no labels of this input's components."""

from segcert.errors import ModelError
from segcert.models.protocol import WrappedModel
from segcert.models.resizing.averaging import Output
from segcert.models.resizing.layout import WAY_OUT_OF_ONE
from segcert.sampling.counting import Task, noisy_batch
from segcert.sampling.streams import Stage


def check_axes(task: Task, output: Output, classes: int) -> None:
    """Refuse one class alone, labels that do not fit, and axes in another order.

    Args:
        task: What is to be sampled.
        output: What the model returned for the first draw of the check alone.
        classes: Number of classes in it.

    Raises:
        ModelError: With the shape, the rule and the way out.
    """
    if classes < 2:
        raise ModelError(
            f"model {task.segmenter.name} has {classes} class, with which everything would be "
            f"certified: {WAY_OUT_OF_ONE}"
        )
    task.segmenter.to_labels(output, task.components)
    if isinstance(task.segmenter, WrappedModel):
        draw = noisy_batch(task, Stage.CHECK, range(1))
        task.segmenter.check_order(draw, output)
