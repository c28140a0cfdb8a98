"""What models and denoisers may return: the tensor in it, and one clear line if it cannot be."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import ModelError

COMPARABLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
OUTPUT_KEYS = ("logits", "out")  # Hugging Face, torchvision
MOST_CLASSES = 2**15 - 1  # labels are 16-bit integers, -1 is none
MASK_KEYS = ("class_queries_logits", "masks_queries_logits")  # MaskFormer, Mask2Former


def tensor_of(output: object, *, batch: int, name: str, pick: str = "") -> Tensor:
    """Take the tensor of scores or labels out of what a model returns.

    Args:
        output: A tensor, or a mapping with one, or with masks and their classes.
        batch: Inputs that went in.
        name: Of the model.
        pick: Key, number or attribute of the one that counts; empty for the usual one.

    Raises:
        ModelError: If there is none, or it is not one of that batch.
    """
    output = picked(output, pick, name=name) if pick else output
    if isinstance(output, Mapping) and all(key in output for key in MASK_KEYS):
        output = scores_of_masks(*(output[key] for key in MASK_KEYS))
    there = output
    if isinstance(output, Mapping):
        output = next((output[key] for key in OUTPUT_KEYS if key in output), None)
    if not isinstance(output, Tensor):
        raise ModelError(
            f"model {name} must return a tensor of scores (b, k, h, w) or labels "
            f"(b, h, w), or a mapping with 'logits' or 'out'; got {type(output).__name__}"
            f"{which(there)}"
        )
    if output.ndim < 2 or len(output) != batch:
        raise ModelError(
            f"model {name} returned shape {tuple(output.shape)} for a batch of "
            f"{batch}: the first axis must be the batch"
        )
    return output


def picked(output: object, pick: str, *, name: str) -> object:
    """Take one of several outputs.

    Args:
        output: What a model returned: a mapping, a sequence, or an object with attributes.
        pick: Key, number or attribute.
        name: Of the model.

    Raises:
        ModelError: If it is not there.
    """
    if isinstance(output, Mapping) and pick in output:
        return output[pick]
    if isinstance(output, (tuple, list)) and pick.isdecimal() and int(pick) < len(output):
        return output[int(pick)]
    named = None if isinstance(output, Tensor) else getattr(output, pick, None)
    if isinstance(named, Tensor):
        return named
    raise ModelError(
        f"model {name} has no output {pick!r}, as output_name says; got {type(output).__name__}"
        f"{which(output)}"
    )


def which(output: object) -> str:
    """Say how one of several outputs is named."""
    if isinstance(output, Mapping):
        keys = ", ".join(map(str, output))
        return f" with {keys}: say which, output_name (--output-name)"
    if isinstance(output, (tuple, list)):
        last = len(output) - 1
        return f": say which of 0 to {last} counts, output_name (--output-name), as in '0'"
    return ""


def labels_alone(output: Tensor, batch: Tensor) -> Tensor:
    """Drop the axis of one that labels (b, 1, h, w) have between batch and sides.

    Args:
        output: Scores or labels of a batch.
        batch: What went in, (b, c, h, w) or (b, c, d, h, w).
    """
    lone = not output.is_floating_point() and output.ndim == batch.ndim and output.shape[1] == 1
    return output.squeeze(1) if lone else output


def scores_of_masks(
    classes: Float[Tensor, " b q k_and_none"], masks: Float[Tensor, " b q h w"]
) -> Float[Tensor, " b k h w"]:
    """Score the classes of pixels: each mask votes for its classes where it is.

    Source:
        Cheng, Schwing, Kirillov (2021), "Per-pixel classification is not all you need",
        section 3.4, semantic inference; "no object", the last class, has no vote.
    """
    votes = classes.softmax(-1)[..., :-1]
    return torch.einsum("bqk,bqhw->bkhw", votes, masks.sigmoid())


def check_class_number(classes: int, *, name: str) -> None:
    """Refuse a number of classes that labels cannot hold: they would wrap to other classes.

    Raises:
        ModelError: If there is none, or more than 32767.
    """
    if not 1 <= classes <= MOST_CLASSES:
        raise ModelError(
            f"model {name} has {classes} classes, and labels hold from 1 to {MOST_CLASSES}: join "
            "classes to groups, or leave out those that are never wanted"
        )


def whole_numbers(labels: Tensor, *, name: str) -> Tensor:
    """Labels of any type of integers as one that can be compared.

    Raises:
        ModelError: If they are complex.
    """
    if labels.is_complex():
        raise ModelError(f"model {name} returned {labels.dtype}, not scores or labels")
    return labels if labels.dtype in COMPARABLE else labels.to(torch.int64)


def check_labels(labels: Tensor, components: tuple[int, ...], *, classes: int, name: str) -> None:
    """Refuse labels of another shape than the components, or that are no class.

    Raises:
        ModelError: With the rule and what was returned.
    """
    check_class_number(classes, name=name)
    labels = whole_numbers(labels, name=name)
    if labels.shape[1:] != components:
        raise ModelError(
            f"model {name} returned labels of shape {tuple(labels.shape[1:])}; "
            f"the input has components {components}{way_out(labels, components)}"
        )
    if bool(((labels < 0) | (labels >= classes)).any()):
        raise ModelError(
            f"model {name} returned labels outside 0..{classes - 1}, the declared number of classes"
        )


def way_out(labels: Tensor, components: tuple[int, ...]) -> str:
    """Say how to mend integers of another shape than labels have."""
    if labels.shape[2:] == components:
        one = "labels[:, 0]" if labels.shape[1] == 1 else "scores.float(), if these are scores"
        return f": return {one}"
    if labels.shape[1:] == components[::-1]:
        return ": return labels.transpose(1, 2)"
    return ""


def check_denoised(images: object, batch: Tensor, *, name: str) -> None:
    """Refuse what is no denoised batch.

    Args:
        images: What the denoiser returned.
        batch: What it got.
        name: Of model and denoiser.

    Raises:
        ModelError: If shape or type differ.
    """
    if not isinstance(images, Tensor) or images.shape != batch.shape:
        got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ModelError(
            f"the denoiser of {name} must return images of the shape it gets, "
            f"{tuple(batch.shape)}, got {got}"
        )
    if images.dtype != batch.dtype:
        raise ModelError(
            f"the denoiser of {name} must return {batch.dtype}, as it gets, got {images.dtype}"
        )
