"""The models that come with segcert, and how to open any model by name or path."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.callables import segmenter_of, with_denoiser, with_smoothing
from segcert.models.denoisers import open_denoiser
from segcert.models.files.checkpoints import (
    is_denoiser,
    is_of_points,
    network_in,
    read_header,
    read_weight_file,
)
from segcert.models.files.hub import check_not_hub
from segcert.models.files.sidecar import Told, check_no_sidecar
from segcert.models.identity.names import own_name, shipped_files
from segcert.models.nets.architectures import smallest_side
from segcert.models.opening import FILES, check_format, is_foreign, is_path, open_foreign
from segcert.models.resizing.conventions import split_words, words_of
from segcert.models.resizing.scale import Resizing, parse_resizing
from segcert.models.resizing.smoothing import check_width

MEAN = STD = (0.5, 0.5, 0.5)  # the networks of ours are trained on images in [-1, 1]


def shipped() -> dict[str, Path]:
    """Names and files of the shipped models of images; denoisers and those of clouds are apart."""
    known = shipped_files().items()
    return {name: path for name, path in known if labels_images(read_header(path))}


def open_model(
    name: str,
    *,
    scale: str | float | Resizing = 1.0,
    denoiser: str | None = None,
    told: Told = (),
    smooth_scores: float = 0.0,
) -> Segmenter:
    """Open a model by name or path, with what comes between the noise and it.

    The model is put onto the CUDA device, if there is one.

    Args:
        name: See `open_alone`.
        scale: How noisy images are resized before the network; see `parse_resizing`.
        denoiser: Name or file of a denoiser that comes before all else; see `open_denoiser`.
        told: Settings of a file of another program that come before those of its sidecar, by name.
        smooth_scores: Width of the blur of its probabilities, pixels of the input; 0 for none.

    Raises:
        InputError: If there is no such model or denoiser, or its file is unusable.
    """
    parse_resizing(scale)
    check_width(smooth_scores)
    segmenter = with_smoothing(replace(open_alone(name, told), scale=scale), smooth_scores)
    if denoiser is None:
        return segmenter
    front = open_denoiser(denoiser)
    return with_denoiser(segmenter, front.call, name=front.name, configuration=front.sha256)


def open_alone(name: str, told: Told = ()) -> Segmenter:
    """Open a shipped model by name, or a model file by its path.

    Args:
        name: Name of a shipped model, or path: ``.safetensors`` of ``segcert train``, ``.pth`` or
            ``.pt`` (HRNetV2), ``.pt2``, ``.onnx``, or a Hugging Face folder.
        told: As of `open_model`.

    Raises:
        InputError: If there is no such model, or its file is unusable.
    """
    path = find(name)
    if is_foreign(path):
        return named(open_foreign(path, told), path, told)
    if told:
        raise InputError(
            f"model {name} brings what it needs with it: leave out "
            f"{', '.join(key for key, _ in told)}"
        )
    check_no_sidecar(path)
    file = read_weight_file(path)
    if name in shipped_files() and not labels_images(file.header):
        raise unknown(name)
    net, description = network_in(file)
    if torch.cuda.is_available():
        net.to("cuda")
    segmenter = segmenter_of(
        net,
        mean=MEAN,
        std=STD,
        smallest_side=smallest_side(description.architecture),
        class_names=description.classes,
        palette=description.palette,
        name=path.stem if path == shipped_files().get(name) else own_name(path.stem, path),
    )
    return replace(segmenter, configuration=description.architecture, origin=description)


def named(segmenter: Segmenter, path: Path, told: Told) -> Segmenter:
    """Put what was said of a network into its name, so that certificates say it."""
    said = segmenter.convention.said()
    alone = own_name(segmenter.name.removesuffix(words_of(said)), path)
    more = {key: value for key, value in told if key in ("mean", "std", "class_count")}
    return replace(segmenter, name=f"{alone}{words_of(said | more)}")


def recorded_model(name: str, denoiser: str | None) -> str:
    """The name of the model alone, from that which a certificate records.

    Raises:
        InputError: If the certificate was made with a denoiser and there is none, or the reverse;
            or if the model does not come with segcert, as a certificate must not name files.
    """
    model, plus, used = name.rpartition("+")
    if plus and denoiser is None:
        raise InputError(
            f"the certified model is {name}, with denoiser {used}: name it with --denoiser"
        )
    if denoiser is not None and not plus:
        raise InputError(f"the certified model is {name}, without denoiser: leave out --denoiser")
    alone = split_words(model if plus else name)[0]
    if alone not in shipped_files():
        raise InputError(not_shipped(alone))
    return alone


def not_shipped(name: str) -> str:
    """Why a model is not opened by the name that a certificate has for it."""
    return (
        f"the certified model is called {name!r}, which does not come with segcert, and a file "
        "that a certificate names is not opened: name it yourself (verify: --model, attack: "
        "--smoothed)"
    )


def foreign_path(name: str) -> Path | None:
    """Path of a model of another program; None for what is ours."""
    path = Path(name)
    ours = name in shipped_files() or not is_path(name) or not is_foreign(path)
    return None if ours else path


def find(name: str) -> Path:
    """Where a model would be; what the file holds is not looked at.

    Raises:
        InputError: If the name is neither that of shipped weights nor a path.
    """
    if name in shipped_files():
        return shipped_files()[name]
    if is_path(name):
        check_format(Path(name))
        check_not_hub(name)
        return Path(name)
    raise unknown(name)


def labels_images(header: dict[str, Any]) -> bool:
    """Tell by its header whether a weight file holds a network that labels images."""
    return not is_denoiser(header) and not is_of_points(header)


def unknown(name: str) -> InputError:
    """Make the error about a name that no model has."""
    return InputError(
        f"unknown model {name!r}: choose one of {', '.join(shipped()) or '(none is shipped)'}, "
        f"or give the path of a model: {FILES}"
    )
