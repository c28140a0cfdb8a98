"""Make a segmenter of a module or function, and put a denoiser before one."""

from dataclasses import replace

from torch import nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Denoiser, Model, Segmenter
from segcert.models.confined.exported_loading import trains
from segcert.models.identity.configuration import configuration_of
from segcert.models.identity.runtime import joint_hash
from segcert.models.identity.weights_hash import weights_hash
from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.models.resizing.arranged import arranged, is_program
from segcert.models.resizing.conventions import PLAIN, Convention, words_of
from segcert.models.resizing.layout import WAY_OUT_OF_ONE
from segcert.models.resizing.outputs import MOST_CLASSES
from segcert.models.resizing.scale import Resizing, parse_resizing
from segcert.models.resizing.smoothing import check_width, with_word


def segmenter_of(
    model: Model,
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
    convention: Convention = PLAIN,
) -> Segmenter:
    """Make a segmenter of a module or function; see `as_segmenter` for its options.

    Mean and std are those of inputs in [0, 1], red first, whatever the convention says.

    Raises:
        InputError: If an option breaks its rule.
        ModelError: If ``model`` cannot be called, or is in train mode.
    """
    if isinstance(model, ExportedProgram):
        model = model.module()
    if not callable(model):
        raise ModelError(f"a model must be callable, got {type(model).__name__}")
    parse_resizing(scale)
    name = f"{name or model_name(model)}{words_of(convention.said())}"
    declared = (len(class_names), len(palette), convention.classes)
    classes = next(filter(None, declared), None) if classes is None else classes
    if classes is not None and not 2 <= classes <= MOST_CLASSES:
        raise InputError(
            f"classes must be in 2..{MOST_CLASSES}, got {classes}: of a single one there is "
            f"nothing to certify: {WAY_OUT_OF_ONE}"
        )
    if len(class_names) not in (0, classes) or len(palette) not in (0, classes):
        raise InputError(
            f"class_names and palette need one entry for each of {classes} classes, "
            f"got {len(class_names)} and {len(palette)}"
        )
    if convention.classes not in (None, classes):
        raise InputError(
            f"{classes} classes, and a head with thresholds has {convention.classes}: the "
            "background, which comes first, and one for each channel"
        )
    model = arranged(model, convention, name=name)
    segmenter = Segmenter(
        model=model,
        name=name,
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
        convention=convention,
    )
    check_eval_mode(segmenter)
    return segmenter


def with_smoothing(segmenter: Segmenter, width: float) -> Segmenter:
    """Let a segmenter blur its probabilities; its name says so.

    Args:
        segmenter: Without denoiser, which comes after this in its name.
        width: Standard deviation, pixels of the input; 0 leaves it as it is.

    Raises:
        InputError: If there can be no such width, or the segmenter has another one.
    """
    if width in (0, segmenter.smooth_scores):
        return segmenter
    if segmenter.smooth_scores or segmenter.denoiser is not None:
        raise InputError(
            f"model {segmenter.name} is wrapped already: say smooth_scores where that is done"
        )
    check_width(width)
    name = with_word(segmenter.name, "smooth_scores", width)
    return replace(segmenter, name=name, smooth_scores=float(width))


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


def check_eval_mode(segmenter: SegmentationModel) -> None:
    """Refuse a module in train mode: batch norm would mix the draws of a batch.

    Raises:
        ModelError: If any part of the module is in train mode.
    """
    denoiser = segmenter.denoiser if isinstance(segmenter, WrappedModel) else None
    for what, part in (("model", segmenter.model), ("denoiser of", denoiser)):
        if not isinstance(part, nn.Module):
            continue
        training = modules_in_training(part)
        if training:
            raise ModelError(
                f"{what} {segmenter.name} is in train mode ({training[0]}): batch norm would mix "
                f"the draws of a batch and the certificate would be void; call "
                f"{what.removesuffix(' of')}.eval() first"
            )


def modules_in_training(module: nn.Module) -> list[str]:
    """Name the parts of a module that work as in training.

    A program (``torch.export``, a frozen module of TorchScript) has its mode baked in, whatever
    its flags say, and cannot be told another; of exported ones the operators tell.

    Raises:
        ModelError: If a program was exported in train mode.
    """
    found: list[str] = []
    programs: list[str] = []  # what the names of their parts begin with; eval() is refused there
    for name, part in module.named_modules():
        if any(map(name.startswith, programs)):
            continue
        if isinstance(part, GraphModule) and is_program(part):
            check_exported(part)
            programs.append(f"{name}." if name else "")
        elif getattr(part, "training", False):  # frozen modules have no such flag
            found.append(name or "the whole")
    return found


def check_exported(program: GraphModule) -> None:
    """Refuse a program that works as in training.

    Raises:
        ModelError: If so.
    """
    if trains(program.graph):
        raise ModelError(
            "the exported program was made in train mode, in which batch norm mixes the draws of "
            "a batch: call eval() before torch.export.export"
        )


def model_name(model: Model) -> str:
    """Name a model after its function or class."""
    return getattr(model, "__qualname__", type(model).__qualname__)
