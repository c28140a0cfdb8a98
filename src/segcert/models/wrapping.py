"""Wrap any model of images so that it can be certified."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from segcert.errors import InputError
from segcert.models.adapter import Denoiser, Model, Segmenter
from segcert.models.callables import segmenter_of, with_denoiser, with_smoothing
from segcert.models.denoisers import OpenDenoiser
from segcert.models.files.sidecar import Told
from segcert.models.resizing.said import Conventions, convention_of
from segcert.models.resizing.scale import Resizing, with_padding
from segcert.models.shipped import open_model


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
    denoiser: Denoiser | OpenDenoiser | None = None,
    denoiser_name: str | None = None,
    **said: Unpack[Conventions],
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
        denoiser: Any callable or ``nn.Module`` from noisy images (b, c, h, w) in [0, 1] (plus
            noise, not clipped) to images of the same shape, or what `open_denoiser` opened; called
            before all else.
        denoiser_name: How certificates call it.
        said: What the network takes and returns, where it is not the usual; and whether it draws
            randomness of its own. See `Conventions`.

    Returns:
        The segmenter.

    Raises:
        InputError: If an option breaks its rule, or is for the sidecar of a model file.
        ModelError: If ``model`` or ``denoiser`` cannot be called, or is in train mode.
    """
    pad, stochastic = said.pop("pad", 1), said.pop("stochastic", False)
    smooth_scores = said.pop("smooth_scores", 0.0)
    scale = with_padding(scale, pad)
    convention = convention_of(said)
    if isinstance(model, (str, Path)):
        given = (mean, std, class_names, palette, classes, name, smallest_side != 1, stochastic)
        found = opened(model, scale, tuple(said.items()), plain=not any(given))
    elif isinstance(model, Segmenter):
        if said:
            raise InputError(f"model {model.name} is wrapped already: leave out {', '.join(said)}")
        found = replace(model, stochastic=True) if stochastic else model
        found = found if pad == 1 else replace(found, scale=with_padding(found.scale, pad))
    else:
        mean, std = convention.normalisation(mean, std)
        found = segmenter_of(
            model, mean=mean, std=std, scale=scale, smallest_side=smallest_side,
            class_names=class_names, palette=palette, classes=classes, name=name,
            stochastic=stochastic, convention=convention,
        )  # fmt: skip
        found = replace(found, assumed=convention.binary and "threshold" not in said)
    found = with_smoothing(found, smooth_scores)
    if isinstance(denoiser, OpenDenoiser):  # with the identity that the command line gives it
        return with_denoiser(
            found,
            denoiser.call,
            name=denoiser_name or denoiser.name,
            configuration=denoiser.sha256,
        )
    return found if denoiser is None else with_denoiser(found, denoiser, name=denoiser_name)


def opened(
    model: str | Path, scale: float | str | Resizing, told: Told, *, plain: bool
) -> Segmenter:
    """Open a model by name or path.

    Args:
        model: Its name or path.
        scale: How noisy images are resized.
        told: What it takes and returns, which comes before what its sidecar says.
        plain: Whether nothing else is said of it.

    Raises:
        InputError: If it cannot be opened, or there are options that its sidecar has.
    """
    if not plain:
        raise InputError(
            f"model {model} brings mean, std, classes and the like with it: write them into its "
            "sidecar (see docs/your-model.md), and give as_segmenter only scale and denoiser"
        )
    return open_model(str(model), scale=scale, told=told)
