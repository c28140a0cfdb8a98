"""torchvision beside another torch: it cannot be imported, and takes down what imports it."""

import torch

from segcert.text import reason

WORD = "torchvision"
WAY_OUT = (
    "Hugging Face, timm and segmentation-models-pytorch models fail with this torchvision: install "
    f"the one that was built for PyTorch {torch.__version__}, or pip uninstall torchvision"
)


def why_not(error: BaseException) -> str:
    """Print why a library failed, with the way out where torchvision is to blame."""
    said = reason(error)
    return f"{said}: {WAY_OUT}" if WORD in f"{said} {error}" else said


def version_found() -> str:
    """Import torchvision and say its version."""
    import torchvision

    return f"{WORD} {torchvision.__version__}"
