"""The models that come with segcert, and how to open any weight file of ours."""

from importlib.resources import files
from pathlib import Path

import torch

from segcert.errors import InputError
from segcert.models.adapter import Segmenter, as_segmenter
from segcert.models.architectures import smallest_side
from segcert.models.checkpoints import (
    Description,
    is_denoiser,
    load_weights,
    read_description,
    read_header,
)

MEAN = STD = (0.5, 0.5, 0.5)  # the networks of ours are trained on images in [-1, 1]


def shipped() -> dict[str, Path]:
    """Names and files of the shipped models; denoisers are apart."""
    folder = Path(str(files("segcert.models") / "weights"))
    paths = sorted(folder.glob("*.safetensors"))
    return {path.stem: path for path in paths if not is_denoiser(read_header(path))}


def describe(name: str) -> Description:
    """Describe a shipped model or a weight file of ours, without loading the weights."""
    return read_description(find(name))


def open_model(name: str, *, scale: float = 1.0) -> Segmenter:
    """Open a shipped model by name, or a weight file that ``segcert train`` wrote.

    The model is put onto the CUDA device, if there is one.

    Args:
        name: Name of a shipped model, or path of a ``.safetensors`` file.
        scale: Factor by which noisy images are resized before the network.

    Raises:
        InputError: If there is no such model, or its file is unusable.
    """
    path = find(name)
    net, description = load_weights(path)
    if torch.cuda.is_available():
        net.to("cuda")
    return as_segmenter(
        net,
        mean=MEAN,
        std=STD,
        scale=scale,
        smallest_side=smallest_side(description.architecture),
        class_names=description.classes,
        palette=description.palette,
        name=path.stem,
    )


def find(name: str) -> Path:
    """Find the file of a model.

    Raises:
        InputError: If there is no such model.
    """
    known = shipped()
    if name in known:
        return known[name]
    if name.endswith(".safetensors") or "/" in name:
        return Path(name)
    raise InputError(
        f"unknown model {name!r}: choose one of {', '.join(known) or '(none is shipped)'}, "
        "or give the path of a .safetensors file written by segcert train"
    )
