"""Make a segmenter of anything that scores or labels components."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError, ModelError
from segcert.models.averaging import (
    Looks,
    Output,
    gathered,
    labels_of_looks,
    log_mean,
    look_at,
    margins_of_looks,
    probabilities,
)
from segcert.models.base import BaseModel
from segcert.models.label_cells import largest
from segcert.models.outputs import OUTPUT_KEYS as OUTPUT_KEYS
from segcert.models.outputs import check_denoised, check_labels, tensor_of
from segcert.models.resizing import Resizing, parse_resizing, resized
from segcert.models.runtime import TORCH, Runtime
from segcert.models.upsample import (
    labels_of_upsampled,
    labels_with_invalid,
    lead,
    margins_of_upsampled,
)

INVALID = -1  # label of a component whose scores are not all finite
LARGEST_LABEL = 2**15 - 1

Model = Callable[..., Any]
Denoiser = Callable[[Tensor], Any]


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A base model: everything that happens after the noise.

    Args:
        model: From a float batch (b, c, h, w) to scores (b, k, h', w') or labels (b, h, w); of
            volumes from (b, c, d, h, w) to scores (b, k, d, h, w) or labels (b, d, h, w).
        name: How certificates call it.
        mean: Subtracted per channel after the noise; input units.
        std: Divided by per channel after the noise; input units.
        scale: How the noisy image is resized before the model; see `parse_resizing`.
        smallest_side: Smallest height and width, in pixels, that the model can label.
        class_names: Names of the classes, or empty.
        palette: One RGB colour per class, or empty.
        classes: Number of classes; needed if the model returns labels.
        weights_sha256: Hash of the weights, or "none" for a plain function.
        stochastic: Whether the model draws fresh randomness of its own in each call.
        denoiser: From noisy images (b, c, h, w), not clipped, to images; called first. None for
            none.
        runtime: What runs the model, and in which arithmetic; see `with_backend`.
    """

    model: Model
    name: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float | str | Resizing = 1.0
    smallest_side: int = 1
    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    classes: int | None = None
    weights_sha256: str = "none"
    stochastic: bool = False
    denoiser: Denoiser | None = None
    runtime: Runtime = TORCH

    @property
    def resizing(self) -> Resizing:
        """How the noisy image is resized."""
        return parse_resizing(self.scale)

    def output(self, batch: Float[Tensor, " b *shape"]) -> Output:
        """Run the model on noisy inputs: denoise, normalise, resize, call.

        Returns:
            Scores or labels as they come; where looks are averaged, the probabilities of each.

        Raises:
            ModelError: If the output has another batch size or is no tensor.
        """
        with torch.inference_mode():
            return self._called(batch)

    def scores(self, batch: Float[Tensor, " b *shape"]) -> Float[Tensor, " b k *components"]:
        """Run the model as `output` does, but so that gradients reach the inputs.

        Returns:
            Class scores, resized to the components; where looks are averaged, the logarithm of
            the mean probabilities.

        Raises:
            ModelError: If the model returns labels, which have no gradient, or scores of another
                shape than the components can have.
        """
        scores, components = self._called(batch), component_shape(batch.shape[1:])
        if isinstance(scores, Looks):
            return log_mean(scores, (components[0], components[1]))
        if not scores.is_floating_point() or scores.ndim != len(components) + 2:
            raise ModelError(
                f"model {self.name} returned {scores.dtype} of shape {tuple(scores.shape)}: a "
                f"gradient needs floating-point scores of classes and {components}"
            )
        if scores.shape[2:] == components:
            return scores
        self._check_resizable(scores, components)
        return functional.interpolate(scores, size=components, mode="bilinear", align_corners=False)

    def _called(self, batch: Tensor) -> Output:
        """Denoise, normalise, resize, call; what comes between is not kept while the model runs."""
        if self.resizing.averages:
            return self._looks(self._prepared(batch))
        return self._seen(self._resized(self._prepared(batch)))

    def _prepared(self, batch: Tensor) -> Tensor:
        """Denoise and normalise."""
        return self._normalised(self._denoised(batch))

    def _looks(self, batch: Tensor) -> Looks:
        """Call the model on each size of the images, through windows, mirrored too if asked."""
        if batch.ndim != 4:
            raise ModelError(
                f"scale {self.resizing} averages looks at images (b, c, h, w), not inputs of shape "
                f"{tuple(batch.shape)}: use scale 1"
            )
        size, resizing = (batch.shape[2], batch.shape[3]), self.resizing
        looks = [
            look_at(resized(batch, shape), rows, columns, size, self._probabilities)
            for shape, (rows, columns) in zip(
                resizing.sizes(*size), resizing.windows(*size), strict=True
            )
        ]
        return gathered(looks, size)

    def _probabilities(self, window: Tensor) -> Tensor:
        """Probabilities of a window; the mean with those of its mirror image, if asked."""
        found = self._softmax(window)
        if not self.resizing.flip:
            return found
        return (found + self._softmax(window.flip(3)).flip(3)) / 2

    def _softmax(self, window: Tensor) -> Tensor:
        """Probabilities of one window.

        Raises:
            ModelError: If the model returns no scores of images.
        """
        scores = self._seen(window.contiguous(memory_format=torch.channels_last))
        if not scores.is_floating_point() or scores.ndim != 4:
            raise ModelError(
                f"model {self.name} returned {scores.dtype} of shape {tuple(scores.shape)}: scale "
                f"{self.resizing} averages probabilities, so it needs scores (b, k, h, w); use "
                "one factor"
            )
        self._check_classes(scores.shape[1])
        return probabilities(scores)

    def _seen(self, batch: Tensor) -> Tensor:
        """Call, and take the tensor out of what the model returns."""
        return tensor_of(self.model(batch), batch=len(batch), name=self.name)

    def labels(self, batch: Float[Tensor, " b *shape"]) -> Int16[Tensor, " b *components"]:
        """Label each component of noisy inputs; INVALID where a score is NaN or infinite."""
        return self.to_labels(self.output(batch), component_shape(batch.shape[1:]))

    def to_labels(
        self, output: Output, components: tuple[int, ...]
    ) -> Int16[Tensor, " b *components"]:
        """Turn scores into the label of the largest, resized to the input; check labels.

        Raises:
            ModelError: If shapes or labels do not fit.
        """
        if isinstance(output, Looks):
            size = components[0], components[1]
            return labels_of_looks(output, size, invalid=INVALID)
        if not output.is_floating_point():
            check_labels(output, components, classes=self.classes or 0, name=self.name)
            return output.to(torch.int16)
        scores = output
        if scores.ndim != len(components) + 2:
            raise ModelError(
                f"model {self.name} returned scores of shape {tuple(scores.shape)}; for this input "
                f"they must have {len(components) + 2} axes: batch, classes and {components}"
            )
        self._check_classes(scores.shape[1])
        self._check_resizable(scores, components)
        if scores.device.type != "cpu":
            return labels_on_device(scores, components)
        finite = all_finite(scores)
        if scores.shape[2:] != components:
            if finite:
                return labels_of_upsampled(scores.contiguous(), (components[0], components[1]))
            scores = functional.interpolate(
                scores, size=components, mode="bilinear", align_corners=False
            )
        labels = torch.stack([largest(one) for one in scores])
        return labels if finite else labels.masked_fill_(~torch.isfinite(scores).all(1), INVALID)

    def to_margins(
        self, output: Output, components: tuple[int, ...]
    ) -> Float32[Tensor, " b *components"] | None:
        """Turn scores into softmax margins in [0, 1], 0 where a score is NaN or infinite.

        Returns:
            The best class's softmax minus the second's; None if the model returns labels.
        """
        if isinstance(output, Looks):
            return margins_of_looks(output, (components[0], components[1])).nan_to_num_(nan=0.0)
        if not output.is_floating_point():
            return None
        finite = torch.isfinite(output).all(1, keepdim=True)
        # softmax would take -inf for a score; other devices are not asked, as it takes waiting
        if output.device.type != "cpu" or not finite.all():
            output = output.masked_fill(~finite, torch.nan)
        if len(components) == 2:
            margins = margins_of_upsampled(output.contiguous(), (components[0], components[1]))
        elif output.shape[1] > 1:
            margins = lead(output.float().softmax(1).transpose(0, 1))
        else:
            margins = torch.ones((len(output), *components), device=output.device)
        return margins.nan_to_num_(nan=0.0)

    def count_classes(self, output: Output) -> int:
        """Count the classes, from the scores or as declared.

        Raises:
            ModelError: If the model returns labels and ``classes`` was not declared.
        """
        if isinstance(output, Looks):
            return int(output.tensors[0].shape[1])
        if output.is_floating_point():
            return int(output.shape[1])
        if self.classes is None:
            raise ModelError(
                f"model {self.name} returns labels, so the number of classes must be declared: "
                "as_segmenter(model, classes=...)"
            )
        return self.classes

    def to(self, device: torch.device) -> None:
        """Move the weights of model and denoiser to a device."""
        for part in (self.model, self.denoiser):
            if isinstance(part, nn.Module):
                part.to(device)

    def _denoised(self, batch: Tensor) -> Tensor:
        """Call the denoiser, if there is one."""
        if self.denoiser is None:
            return batch
        images = self.denoiser(batch)
        check_denoised(images, batch, name=self.name)
        return images  # type: ignore[no-any-return]

    def _normalised(self, batch: Tensor) -> Tensor:
        """Subtract the mean and divide by the deviation."""
        if not self.mean:
            return batch
        shape = (1, -1, *(1 for _ in batch.shape[2:]))
        mean, std = constant(self.mean, batch.device), constant(self.std, batch.device)
        return (batch - mean.view(shape)).div_(std.view(shape))

    def _resized(self, batch: Tensor) -> Tensor:
        """Resize by one factor, or to a fixed size."""
        resizing = self.resizing
        if resizing.size is not None:
            batch = resized(batch, resizing.size)
        elif resizing.factors[0] != 1:
            batch = functional.interpolate(
                batch, scale_factor=resizing.factors[0], mode="bilinear", align_corners=False,
                antialias=resizing.factors[0] < 1,
            )  # fmt: skip
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        return batch

    def _check_resizable(self, scores: Tensor, components: tuple[int, ...]) -> None:
        if scores.shape[2:] != components and len(components) != 2:
            raise ModelError(
                f"model {self.name} returned scores of shape {tuple(scores.shape)}; scores of a "
                f"volume are not resized, so they must end in {components}"
            )

    def _check_classes(self, found: int) -> None:
        if self.classes is not None and found != self.classes:
            raise ModelError(
                f"model {self.name} scores {found} classes, {self.classes} were declared"
            )


@lru_cache(maxsize=32)
def constant(values: tuple[float, ...], device: torch.device) -> Float32[Tensor, " values"]:
    """Numbers on a device; fetched there once, as each time takes waiting for the device."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)


def all_finite(scores: Float[Tensor, " b k *shape"]) -> bool:
    """Tell whether no score is NaN or infinite, in one pass: both show in the extremes."""
    return bool(torch.isfinite(torch.stack(torch.aminmax(scores))).all())


def labels_on_device(
    scores: Float[Tensor, " b k *shape"], components: tuple[int, ...]
) -> Int16[Tensor, " b *components"]:
    """Label as `Segmenter.to_labels` does, without making the host wait for the device."""
    if scores.shape[2:] != components:
        size = components[0], components[1]
        return labels_with_invalid(scores.contiguous(), size, invalid=INVALID)
    labels = scores.max(1).indices.to(torch.int16)
    return labels.masked_fill_(~torch.isfinite(scores).all(1), INVALID)


def component_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the components: pixels of an image (c, h, w), points of a cloud (points, c)."""
    return tuple(shape[:1] if len(shape) == 2 else shape[1:])


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
        stochastic: Whether model or denoiser draw fresh randomness of their own in each call.
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
        return model if denoiser is None else with_denoiser(model, denoiser, name=denoiser_name)
    if not callable(model):
        raise ModelError(f"a model must be callable, got {type(model).__name__}")
    if len(mean) != len(std) or any(not value > 0 for value in std):
        raise InputError(f"mean and std need one entry per channel, std > 0; got {mean} and {std}")
    parse_resizing(scale)
    if classes is not None and not 1 <= classes <= LARGEST_LABEL:
        raise InputError(f"classes must be in 1..{LARGEST_LABEL}, got {classes}")
    classes = classes or len(class_names) or len(palette) or None
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
        stochastic=stochastic,
    )
    check_eval_mode(segmenter)
    return as_segmenter(segmenter, denoiser=denoiser, denoiser_name=denoiser_name)


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
    segmenter: Segmenter, denoiser: Denoiser, *, name: str | None = None
) -> Segmenter:
    """Put a denoiser before all else that a segmenter does.

    The name becomes ``model+denoiser``, the hash one of both hashes.

    Args:
        segmenter: Without denoiser.
        denoiser: From noisy images, not clipped, to images of the same shape.
        name: How certificates call it.

    Raises:
        InputError: If the segmenter has one already.
        ModelError: If ``denoiser`` cannot be called, or is in train mode.
    """
    if segmenter.denoiser is not None:
        raise InputError(f"model {segmenter.name} has a denoiser already")
    if not callable(denoiser):
        raise ModelError(f"a denoiser must be callable, got {type(denoiser).__name__}")
    hashes = segmenter.weights_sha256, weights_hash(denoiser)
    if set(hashes) == {"none"}:
        joint = "none"
    else:
        joint = hashlib.sha256("|".join(hashes).encode()).hexdigest()
    both = replace(
        segmenter,
        name=f"{segmenter.name}+{(name or model_name(denoiser)).replace('+', '-')}",
        weights_sha256=joint,
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


def weights_hash(model: Model) -> str:
    """Hash the weights of a module; "none" for a plain function."""
    return hash_weights(model) if isinstance(model, nn.Module) else "none"


def hash_weights(module: nn.Module) -> str:
    """Hash names, types, shapes and values of all weights and buffers, saved ones or not."""
    digest = hashlib.sha256()
    tensors = module.state_dict() | dict(module.named_buffers())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(
            tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()
