"""Make a segmenter of anything that scores or labels components."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Float32, Int16, Shaped
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import ModelError
from segcert.inputs.input import Input
from segcert.inputs.kind import IMAGE, InputKind, components_of
from segcert.models.files.checkpoints import Origin
from segcert.models.files.sidecar import shown
from segcert.models.identity.configuration import identity_hash
from segcert.models.identity.runtime import TORCH, Runtime
from segcert.models.resizing.averaging import (
    AveragedViews,
    Output,
    gathered,
    labels_of_views,
    log_mean,
    margins_of_views,
    probabilities,
    view_of,
)
from segcert.models.resizing.bands import check_bands, check_logits
from segcert.models.resizing.conventions import PLAIN, Convention, word_of
from segcert.models.resizing.label_cells import largest
from segcert.models.resizing.layout import check_order, check_scores
from segcert.models.resizing.normalisation import check_channels, check_normalisation
from segcert.models.resizing.outputs import OUTPUT_KEYS as OUTPUT_KEYS
from segcert.models.resizing.outputs import (
    check_class_number,
    check_denoised,
    check_labels,
    labels_alone,
    tensor_of,
)
from segcert.models.resizing.padding import cropped, padded
from segcert.models.resizing.scale import Resizing, parse_resizing, resized, resizing_text
from segcert.models.resizing.sizes import check_size
from segcert.models.resizing.smoothing import check_scores_are_classes, check_width, smoothed
from segcert.models.resizing.upsample import (
    labels_of_upsampled,
    labels_with_invalid,
    lead,
    margins_of_upsampled,
)

INVALID = -1  # label of a component whose scores are not all finite
APART = {  # from what a certificate identifies a model by
    "model": "hashed by weights_sha256 and configuration",
    "denoiser": "likewise",
    "name": "what it is called changes no label",
    "palette": "colours change no label",
    "smallest_side": "it refuses inputs, and changes no label",
    "classes": "the number is in every certificate; that it was declared changes no label",
    "stochastic": "it turns a check off, and changes no label",
    "origin": "how it was made changes no label",
    "convention": "part of the model, hashed by weights_sha256 and configuration",
    "assumed": "it adds a check, and changes no label",
    "sizes": "words about inputs that are refused",
}

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
        configuration: What model and denoiser are besides their weights: a hash (see
            `configuration_of`), or empty where ``weights_sha256`` covers it, or nothing can.
        stochastic: Whether model or denoiser draw randomness of their own, fresh for each draw of a
            batch and in each call.
        denoiser: From noisy images (b, c, h, w), not clipped, to images; called first. None for
            none.
        runtime: What runs the model, and in which arithmetic; see `with_backend`.
        origin: What its weight file says about how it was made; None if it does not.
        convention: What the network takes and returns, which ``model`` brings along.
        assumed: Whether it is binary, and nobody said its threshold.
        sizes: Of images that it takes, in words; empty if that is not known.
        smooth_scores: Standard deviation, pixels of the input, of the Gaussian that probabilities
            of classes are blurred by; 0 leaves scores as they are. See `smoothing`.
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
    configuration: str = ""
    stochastic: bool = False
    denoiser: Denoiser | None = None
    runtime: Runtime = TORCH
    origin: Origin | None = None
    convention: Convention = PLAIN
    assumed: bool = False
    sizes: str = ""
    smooth_scores: float = 0.0

    kind: ClassVar[InputKind] = IMAGE
    category: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        """Check mean and std, and the width of the blur."""
        check_normalisation(self.mean, self.std)
        check_width(self.smooth_scores)

    @property
    def resizing(self) -> Resizing:
        """How the noisy image is resized."""
        return parse_resizing(self.scale)

    @property
    def takes(self) -> dict[str, str]:
        """What is done with images first, and how small they may be."""
        return {
            "mean": shown(self.mean),
            "std": shown(self.std),
            "smallest side": f"{self.smallest_side} pixels",
            **({"takes": self.sizes} if self.sizes else {}),
            **{
                name.replace("_", " "): word_of(name, value).partition("=")[2] or "yes"
                for name, value in self.convention.said().items()
            },
        }

    @property
    def scale_text(self) -> str:
        """How the noisy image is resized, as records have it."""
        return resizing_text(self.scale)

    @property
    def identity_sha256(self) -> str:
        """Hash of the weights and of all else that changes a label; see `identity_hash`."""
        return identity_hash(
            self, apart=APART,
            scale=None if self.resizing == Resizing() else str(self.resizing),
            runtime=None if self.runtime.exact else self.runtime.precision,
        )  # fmt: skip

    def check_input(self, x: Shaped[Tensor, " c *shape"]) -> None:
        """Refuse images smaller than the network's stride, and volumes that would be resized.

        Raises:
            InputError: If a side, after scaling, is too small, or a volume has a scale.
        """
        check_size(tuple(x.shape), self.resizing, self.smallest_side, name=self.name)
        check_bands(self.convention, x.shape[0], name=self.name)

    def given(self, whole: Input) -> Input:
        """All of an image."""
        return whole

    def check_truth(self, given: Input) -> None:
        """True classes of images are those of their data set."""

    # images have no category
    def told(self, *, scale: str, category: int | None) -> "Segmenter":  # noqa: ARG002
        """The model at a scale; images have no category."""
        return replace(self, scale=scale)

    def output(self, batch: Float[Tensor, " b *shape"]) -> Output:
        """Run the model on noisy inputs: denoise, normalise, resize, call.

        Returns:
            Scores or labels as they come; where views are averaged, the probabilities of each.

        Raises:
            ModelError: If the output has another batch size or is no tensor.
        """
        with torch.inference_mode():
            return self._called(batch)

    def output_of_own(self, batches: list[Tensor]) -> Output:
        """Run the model as `output` does, on the last batch of a list, which is taken out of it.

        If nobody else holds that batch, it is freed before the network runs.
        """
        with torch.inference_mode():
            if self.resizing.averages:
                return self._called(batches.pop())
            return self._seen(self._resized(self._prepared(batches.pop())))

    def scores(self, batch: Float[Tensor, " b *shape"]) -> Float[Tensor, " b k *components"]:
        """Run the model as `output` does, but so that gradients reach the inputs.

        Returns:
            Class scores, resized to the components; where views are averaged, the logarithm of
            the mean probabilities.

        Raises:
            ModelError: If the model returns labels, which have no gradient, or scores of another
                shape than the components can have.
        """
        scores, components = self._called(batch), components_of(batch.shape[1:])
        if isinstance(scores, AveragedViews):
            return log_mean(scores, (components[0], components[1]))
        if not scores.is_floating_point():
            raise ModelError(
                f"model {self.name} returned {scores.dtype} of shape {tuple(scores.shape)}: a "
                f"gradient needs floating-point scores of classes and {components}"
            )
        if scores.shape[2:] == components:
            return scores
        return functional.interpolate(scores, size=components, mode="bilinear", align_corners=False)

    def _called(self, batch: Tensor) -> Output:
        """Denoise, normalise, resize, call; what comes between is not kept while the model runs."""
        if self.resizing.averages:
            return self._views(self._prepared(batch))
        sides = tuple(map(float, batch.shape[2:]))
        return self._smoothed(self._seen(self._resized(self._prepared(batch))), sides)

    def _smoothed(self, scores: Tensor, sides: tuple[float, ...]) -> Tensor:
        """Blur probabilities, if asked; scores cover so many pixels of the input along each side.

        Raises:
            ModelError: If there are none.
        """
        if not self.smooth_scores:
            return scores
        check_scores_are_classes(scores, self.convention, name=self.name)
        return smoothed(scores, self.smooth_scores, sides)

    def _prepared(self, batch: Tensor) -> Tensor:
        """Denoise and normalise."""
        return self._normalised(self._denoised(batch))

    def _views(self, batch: Tensor) -> AveragedViews:
        """Call the model on each size of the images, through windows, mirrored too if asked."""
        if batch.ndim != 4:
            raise ModelError(
                f"scale {self.resizing} averages views of images (b, c, h, w), not inputs of shape "
                f"{tuple(batch.shape)}: use scale 1"
            )
        size, resizing = (batch.shape[2], batch.shape[3]), self.resizing
        views = []
        for shape, windows in zip(resizing.sizes(*size), resizing.windows(*size), strict=True):
            pixels = size[0] / shape[0], size[1] / shape[1]  # of the input, in one of the resized
            see = partial(self._probabilities, pixels=pixels)
            views.append(view_of(resized(batch, shape), *windows, size, see))
        return gathered(views, size)

    def _probabilities(self, window: Tensor, pixels: tuple[float, float]) -> Tensor:
        """Probabilities of a window; the mean with those of its mirror image, if asked."""
        found = self._softmax(window, pixels)
        if not self.resizing.flip:
            return found
        return (found + self._softmax(window.flip(3), pixels).flip(3)) / 2

    def _softmax(self, window: Tensor, pixels: tuple[float, float]) -> Tensor:
        """Probabilities of one window.

        Raises:
            ModelError: If the model returns no scores of images.
        """
        if self.convention.head:
            raise ModelError(
                f"model {self.name} compares its scores with thresholds, and scale "
                f"{self.resizing} averages probabilities of classes: use one factor"
            )
        scores = self._seen(window.contiguous(memory_format=torch.channels_last))
        if not scores.is_floating_point():
            raise ModelError(
                f"model {self.name} returned {scores.dtype} of shape {tuple(scores.shape)}: scale "
                f"{self.resizing} averages probabilities, so it needs scores (b, k, h, w); use "
                "one factor"
            )
        sides = (window.shape[2] * pixels[0], window.shape[3] * pixels[1])
        return probabilities(self._smoothed(scores, sides))

    def _seen(self, batch: Tensor) -> Tensor:
        """Call, take the tensor out of what the model returns, and check the axes of scores."""
        whole = self._padded(batch)
        found = labels_alone(self._tensor(whole), whole)
        if found.is_floating_point():
            check_scores(found, whole.shape[2:], classes=self.classes, name=self.name)
        return cropped(found, whole.shape[2:], batch.shape[2:])

    def _padded(self, batch: Tensor) -> Tensor:
        """Pad to multiples, if asked."""
        whole = padded(batch, self.resizing)
        if whole is batch or batch.ndim != 4:
            return whole
        return whole.contiguous(memory_format=torch.channels_last)

    def _tensor(self, batch: Tensor) -> Tensor:
        """Call the network, and take the tensor out of what it returns."""
        found = tensor_of(self.model(batch), batch=len(batch), name=self.name)
        return found.float() if found.dtype in (torch.float16, torch.bfloat16) else found

    def check_order(self, draw: Float[Tensor, " 1 *shape"], output: Output) -> None:
        """Refuse an order of axes that the size of the input hides; see `layout.check_order`.

        Args:
            draw: One noisy input.
            output: What `output` returned for it.

        Raises:
            ModelError: If the axes are in another order, or nothing tells.
        """
        with torch.inference_mode():
            seen = self._padded(self._first_view(self._prepared(draw)))
            changed = self.smooth_scores > 0 or self.resizing.pad > 1
            if isinstance(output, AveragedViews) or changed:
                output = labels_alone(self._tensor(seen), seen)
            if self.assumed:
                check_logits(output, name=self.name)
            shape = output.shape
            check_order(self._tensor, seen, shape, classes=self.classes, name=self.name)

    def _first_view(self, batch: Tensor) -> Tensor:
        """What the network sees of normalised inputs, or sees first."""
        if not self.resizing.averages:
            return self._resized(batch)
        size = (batch.shape[2], batch.shape[3])
        rows, columns = self.resizing.windows(*size)[0]
        return resized(batch, self.resizing.sizes(*size)[0])[..., : rows.length, : columns.length]

    def labels(self, batch: Float[Tensor, " b *shape"]) -> Int16[Tensor, " b *components"]:
        """Label each component of noisy inputs; INVALID where a score is NaN or infinite."""
        return self.to_labels(self.output(batch), components_of(batch.shape[1:]))

    def to_labels(
        self, output: Output, components: tuple[int, ...]
    ) -> Int16[Tensor, " b *components"]:
        """Turn scores into the label of the largest, resized to the input; check labels.

        Raises:
            ModelError: If shapes or labels do not fit.
        """
        if isinstance(output, AveragedViews):
            size = components[0], components[1]
            return labels_of_views(output, size, invalid=INVALID)
        if not output.is_floating_point():
            check_labels(output, components, classes=self.count_classes(output), name=self.name)
            return output.to(torch.int16)
        scores = output
        check_class_number(scores.shape[1], name=self.name)
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
        if isinstance(output, AveragedViews):
            return margins_of_views(output, (components[0], components[1])).nan_to_num_(nan=0.0)
        if not output.is_floating_point():
            return None
        finite = torch.isfinite(output).all(1, keepdim=True)
        # softmax would take -inf for a score; other devices are not asked, as it takes waiting
        if output.device.type != "cpu" or not finite.all():
            output = output.masked_fill(~finite, torch.nan)
        if len(components) == 2:
            margins = margins_of_upsampled(output.contiguous(), (components[0], components[1]))
        else:
            margins = lead(output.float().softmax(1).transpose(0, 1))
        return margins.nan_to_num_(nan=0.0)

    def count_classes(self, output: Output) -> int:
        """Count the classes, from the scores or as declared.

        Raises:
            ModelError: If the model returns labels and ``classes`` was not declared.
        """
        if isinstance(output, AveragedViews):
            return int(output.tensors[0].shape[1])
        if output.is_floating_point():
            return int(output.shape[1])
        if self.classes is None:
            raise ModelError(
                f"model {self.name} returns labels, so the number of classes must be declared: "
                "as_segmenter(model, classes=...), or of a file the names, "
                f'classes = ["one", "two"], in its sidecar ({self.name.partition("[")[0]}.toml)'
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
        if self.convention.channels != "grey":  # whose one value is that of all three
            check_channels(self.mean, batch.shape[1], name=self.name)
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
