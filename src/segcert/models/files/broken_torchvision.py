"""torchvision beside another torch: it cannot be imported, and takes down what imports it."""

from collections.abc import Iterator

import torch

from segcert.text import reason

WORD = "torchvision"
WAY_OUT = (
    "Hugging Face, timm and segmentation-models-pytorch models fail with this torchvision: install "
    f"the one that was built for PyTorch {torch.__version__}, or pip uninstall torchvision"
)


def why_not(error: BaseException) -> str:
    """Print why a library failed, with the way out where torchvision is to blame.

    transformers only says that it could not import a class, and raises that from what torchvision
    said.
    """
    for one in causes(error):
        if WORD in str(one):
            return f"{reason(one)}: {WAY_OUT}"
    return reason(error)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def version_found() -> str:
    """Import torchvision and say its version."""
    import torchvision

    return f"{WORD} {torchvision.__version__}"
