"""Wrap any model of images so that it can be certified."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Denoiser, Model, Segmenter
from segcert.models.identity.configuration import configuration_of
from segcert.models.identity.runtime import joint_hash
from segcert.models.identity.weights_hash import weights_hash
from segcert.models.protocol import BaseModel
from segcert.models.resizing.outputs import MOST_CLASSES
from segcert.models.resizing.scale import Resizing, parse_resizing


def as_segmenter(
    model: Model | Segmenter | str | Path,
    *,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    scale: float | str | Resizing = 1.0,
    smallest_side: int = 1,
    class_names: tuple[str, ...] = (),
    palette: tuple[tuple[int, int, int], ...] = (),
    classes: int | None = None,
    name: str | None = None,
    stochastic: bool = False,
    denoiser: Denoiser | None = None,
    denoiser_name: str | None = None,
) -> Segmenter:
    """Wrap a model so that it can be certified.

    The certificate is about the whole of it: denoising, normalisation and resizing come after the
    noise.

    Args:
        model: Any callable or ``nn.Module`` from a float batch (b, c, h, w) in [0, 1] (plus
            noise, not clipped) to class scores (b, k, h', w') or labels (b, h, w). Scores of
            another size are resized to the input. Modules of segmentation-models-pytorch,
            torchvision (``out``) and transformers (``logits``, or masks and their classes) are
            taken as they are, and of volumes those from (b, c, d, h, w) to (b, k, d, h, w), as in
            MONAI. A segmenter is returned as it is; a name or path is opened by `open_model`.
        mean: Subtracted per channel, input units.
        std: Divided by per channel, input units.
        scale: Resize the noisy image first, by a factor (0.5), to a size ("480x480"), or average
            over several ("0.5,1+flip", "multi"); scores are resized back. See `parse_resizing`.
        smallest_side: Smallest height and width, pixels, that the model can label.
        class_names: Names of the classes, in the order of the scores.
        palette: One RGB colour per class.
        classes: Number of classes; needed if the model returns labels.
        name: How certificates call it.
        stochastic: Whether model or denoiser draw randomness of their own (dropout, random crops).
            It must be fresh for each draw of a batch, and in each call: draws that share it depend
            on each other, and no certificate follows. So such draws go through the model one by
            one; with a batch size that is given as a number, only if two equal copies in a batch
            get labels as different as those of two calls.
        denoiser: Any callable or ``nn.Module`` from noisy images (b, c, h, w) in [0, 1] (plus
            noise, not clipped) to images of the same shape; called before all else.
        denoiser_name: How certificates call it.

    Returns:
        The segmenter.

    Raises:
        InputError: If an option breaks its rule, or is for the sidecar of a model file.
        ModelError: If ``model`` or ``denoiser`` cannot be called, or is in train mode.
    """
    if isinstance(model, (str, Path)):
        given = (mean, std, class_names, palette, classes, name, smallest_side != 1, stochastic)
        model = opened(model, scale, plain=not any(given))
    if isinstance(model, Segmenter):
        model = replace(model, stochastic=True) if stochastic else model
        return model if denoiser is None else with_denoiser(model, denoiser, name=denoiser_name)
    if not callable(model):
        raise ModelError(f"a model must be callable, got {type(model).__name__}")
    parse_resizing(scale)
    declared = (len(class_names), len(palette))
    classes = next(filter(None, declared), None) if classes is None else classes
    if classes is not None and not 2 <= classes <= MOST_CLASSES:
        raise InputError(
            f"classes must be in 2..{MOST_CLASSES}, got {classes}: of a single one there is "
            "nothing to certify"
        )
    if len(class_names) not in (0, classes) or len(palette) not in (0, classes):
        raise InputError(
            f"class_names and palette need one entry for each of {classes} classes, "
            f"got {len(class_names)} and {len(palette)}"
        )
    segmenter = Segmenter(
        model=model,
        name=name or model_name(model),
        mean=mean,
        std=std,
        scale=scale,
        smallest_side=smallest_side,
        class_names=class_names,
        palette=palette,
        classes=classes,
        weights_sha256=weights_hash(model),
        configuration=configuration_of(model),
        stochastic=stochastic,
    )
    check_eval_mode(segmenter)
    return as_segmenter(segmenter, denoiser=denoiser, denoiser_name=denoiser_name)


def from_files(segmenter: Segmenter, sha256: str) -> Segmenter:
    """Identify a segmenter by the files that it was opened from, which hold all of its network."""
    return replace(segmenter, weights_sha256=sha256, configuration="")


def opened(model: str | Path, scale: float | str | Resizing, *, plain: bool) -> Segmenter:
    """Open a model by name or path.

    Raises:
        InputError: If it cannot be opened, or there are options that its sidecar has.
    """
    from segcert.models.shipped import open_model  # which wraps models, too

    if not plain:
        raise InputError(
            f"model {model} brings mean, std, classes and the like with it: write them into its "
            "sidecar (see docs/your-model.md), and give as_segmenter only scale and denoiser"
        )
    return open_model(str(model), scale=scale)


def with_denoiser(
    segmenter: Segmenter,
    denoiser: Denoiser,
    *,
    name: str | None = None,
    configuration: str | None = None,
) -> Segmenter:
    """Put a denoiser before all else that a segmenter does.

    The name becomes ``model+denoiser``, the hash one of both hashes.

    Args:
        segmenter: Without denoiser.
        denoiser: From noisy images, not clipped, to images of the same shape.
        name: How certificates call it.
        configuration: What it is besides its weights; None to find out.

    Raises:
        InputError: If the segmenter has one already.
        ModelError: If ``denoiser`` cannot be called, or is in train mode.
    """
    if segmenter.denoiser is not None:
        raise InputError(f"model {segmenter.name} has a denoiser already")
    if not callable(denoiser):
        raise ModelError(f"a denoiser must be callable, got {type(denoiser).__name__}")
    hashes = segmenter.weights_sha256, weights_hash(denoiser)
    if configuration is None:
        configuration = configuration_of(denoiser)
    both = replace(
        segmenter,
        name=f"{segmenter.name}+{(name or model_name(denoiser)).replace('+', '-')}",
        weights_sha256="none" if set(hashes) == {"none"} else joint_hash(*hashes),
        configuration=joint_hash("denoiser", segmenter.configuration, configuration),
        denoiser=denoiser,
    )
    check_eval_mode(both)
    return both


def check_eval_mode(segmenter: BaseModel) -> None:
    """Refuse a module in train mode: batch norm would mix the draws of a batch.

    Raises:
        ModelError: If any part of the module is in train mode.
    """
    denoiser = segmenter.denoiser if isinstance(segmenter, Segmenter) else None
    for what, part in (("model", segmenter.model), ("denoiser of", denoiser)):
        if not isinstance(part, nn.Module):
            continue
        training = [name or "the whole" for name, one in part.named_modules() if one.training]
        if training:
            raise ModelError(
                f"{what} {segmenter.name} is in train mode ({training[0]}): batch norm would mix "
                f"the draws of a batch and the certificate would be void; call "
                f"{what.removesuffix(' of')}.eval() first"
            )


def model_name(model: Model) -> str:
    """Name a model after its function or class."""
    return getattr(model, "__qualname__", type(model).__qualname__)
