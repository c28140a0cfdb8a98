"""Call a model for the first time: networks refuse sizes in every way, which is one line here."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from segcert.errors import ModelError, SegcertError, is_out_of_memory
from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.models.resizing.refused import refused
from segcert.text import one_line


def first_output(model: SegmentationModel, batch: Float[Tensor, " b *shape"]) -> Any:
    """Run a model on inputs of a size that it has not seen before.

    Args:
        model: The model.
        batch: Noisy inputs.

    Returns:
        As its method ``output``.

    Raises:
        ModelError: If it fails, with the size and the way out.
        MemoryError: If there is none, as RuntimeError where PyTorch says so.
    """
    try:
        return model.output(batch)
    except SegcertError:
        raise
    except Exception as error:  # networks fail in every way
        if is_out_of_memory(error):
            raise
        scale = model.scale_text if isinstance(model, WrappedModel) else "1"
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(refused(model.name, tuple(batch.shape), reason, scale=scale)) from error
