"""Does an input fit a model?"""

from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.models.protocol import SegmentationModel


def check_fits(given: Input, model: SegmentationModel) -> None:
    """Refuse an input of another kind than the model takes, and one that it cannot label.

    Raises:
        InputError: If so.
    """
    if given.kind != model.kind:
        raise InputError(
            f"the input is {given.kind.noun}, but model {model.name} labels {model.kind.nouns}"
        )
    model.check_input(given.tensor)
