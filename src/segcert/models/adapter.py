"""Make a segmenter of anything that scores or labels components."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError, ModelError
from segcert.models.base import BaseModel
from segcert.models.upsample import labels_of_upsampled, margins_of_upsampled

INVALID = -1  # label of a component whose scores are not all finite
OUTPUT_KEYS = ("logits", "out")  # Hugging Face, torchvision
LARGEST_LABEL = 2**15 - 1

Model = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A base model: everything that happens after the noise.

    Args:
        model: From a float batch (b, c, h, w) to scores (b, k, h', w') or labels (b, h, w).
        name: How certificates call it.
        mean: Subtracted per channel after the noise; input units.
        std: Divided by per channel after the noise; input units.
        scale: Factor by which the noisy image is resized before the model.
        smallest_side: Smallest height and width, in pixels, that the model can label.
        class_names: Names of the classes, or empty.
        palette: One RGB colour per class, or empty.
        classes: Number of classes; needed if the model returns labels.
        weights_sha256: Hash of the weights, or "none" for a plain function.
        stochastic: Whether the model draws fresh randomness of its own in each call.
    """

    model: Model
    name: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float = 1.0
    smallest_side: int = 1
    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    classes: int | None = None
    weights_sha256: str = "none"
    stochastic: bool = False

    def output(self, batch: Float[Tensor, " b *shape"]) -> Tensor:
        """Run the model on noisy inputs: normalise, resize, call; scores or labels as they come.

        Raises:
            ModelError: If the output has another batch size or is no tensor.
        """
        with torch.inference_mode():
            return self._called(batch)

    def scores(self, batch: Float[Tensor, " b *shape"]) -> Float[Tensor, " b k *components"]:
        """Run the model as `output` does, but so that gradients reach the inputs.

        Returns:
            Class scores, resized to the components.

        Raises:
            ModelError: If the model returns labels, which have no gradient, or scores of another
                shape than the components can have.
        """
        scores, components = self._called(batch), component_shape(batch.shape[1:])
        if not scores.is_floating_point() or scores.ndim != len(components) + 2:
            raise ModelError(
                f"model {self.name} returned {scores.dtype} of shape {tuple(scores.shape)}: a "
                f"gradient needs floating-point scores of classes and {components}"
            )
        if scores.shape[2:] == components:
            return scores
        return functional.interpolate(scores, size=components, mode="bilinear", align_corners=False)

    def _called(self, batch: Tensor) -> Tensor:
        """Normalise, resize, call, and take the tensor out of what the model returns."""
        output = self.model(self._prepared(batch))
        if isinstance(output, Mapping):
            output = next((output[key] for key in OUTPUT_KEYS if key in output), None)
        if not isinstance(output, Tensor):
            raise ModelError(
                f"model {self.name} must return a tensor of scores (b, k, h, w) or labels "
                f"(b, h, w), or a mapping with 'logits' or 'out'; got {type(output).__name__}"
            )
        if output.ndim < 2 or len(output) != len(batch):
            raise ModelError(
                f"model {self.name} returned shape {tuple(output.shape)} for a batch of "
                f"{len(batch)}: the first axis must be the batch"
            )
        return output

    def labels(self, batch: Float[Tensor, " b *shape"]) -> Int16[Tensor, " b *components"]:
        """Label each component of noisy inputs; INVALID where a score is NaN or infinite."""
        return self.to_labels(self.output(batch), component_shape(batch.shape[1:]))

    def to_labels(
        self, output: Tensor, components: tuple[int, ...]
    ) -> Int16[Tensor, " b *components"]:
        """Turn scores into the label of the largest, resized to the input; check labels.

        Raises:
            ModelError: If shapes or labels do not fit.
        """
        if not output.is_floating_point():
            return self._checked_labels(output, components)
        scores = output
        if scores.ndim != len(components) + 2:
            raise ModelError(
                f"model {self.name} returned scores of shape {tuple(scores.shape)}; for this input "
                f"they must have {len(components) + 2} axes: batch, classes and {components}"
            )
        if self.classes is not None and scores.shape[1] != self.classes:
            raise ModelError(
                f"model {self.name} scores {scores.shape[1]} classes, {self.classes} were declared"
            )
        finite = bool(torch.isfinite(scores).all())
        if scores.shape[2:] != components:
            if finite:
                return labels_of_upsampled(scores.contiguous(), (components[0], components[1]))
            scores = functional.interpolate(
                scores, size=components, mode="bilinear", align_corners=False
            )
        labels = scores.max(1).indices.to(torch.int16)
        return labels if finite else labels.masked_fill_(~torch.isfinite(scores).all(1), INVALID)

    def to_margins(
        self, output: Tensor, components: tuple[int, ...]
    ) -> Float32[Tensor, " b *components"] | None:
        """Turn scores into softmax margins in [0, 1], 0 where a score is NaN or infinite.

        Returns:
            The best class's softmax minus the second's; None if the model returns labels.
        """
        if not output.is_floating_point():
            return None
        finite = torch.isfinite(output).all(1, keepdim=True)
        if not finite.all():  # softmax would take -inf for a score
            output = output.masked_fill(~finite, torch.nan)
        if len(components) == 2:
            margins = margins_of_upsampled(output.contiguous(), (components[0], components[1]))
        elif output.shape[1] > 1:
            best = output.float().softmax(1).topk(2, dim=1).values
            margins = best[:, 0] - best[:, 1]
        else:
            margins = torch.ones((len(output), *components), device=output.device)
        return margins.nan_to_num_(nan=0.0)

    def count_classes(self, output: Tensor) -> int:
        """Count the classes, from the scores or as declared.

        Raises:
            ModelError: If the model returns labels and ``classes`` was not declared.
        """
        if output.is_floating_point():
            return int(output.shape[1])
        if self.classes is None:
            raise ModelError(
                f"model {self.name} returns labels, so the number of classes must be declared: "
                "as_segmenter(model, classes=...)"
            )
        return self.classes

    def _prepared(self, batch: Tensor) -> Tensor:
        """Normalise and resize, after the noise."""
        if self.mean:
            shape = (1, -1, *(1 for _ in batch.shape[2:]))
            mean = torch.tensor(self.mean, device=batch.device).view(shape)
            std = torch.tensor(self.std, device=batch.device).view(shape)
            batch = (batch - mean).div_(std)
        if self.scale != 1:
            batch = functional.interpolate(
                batch, scale_factor=self.scale, mode="bilinear", align_corners=False,
                antialias=self.scale < 1,
            )  # fmt: skip
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        return batch

    def _checked_labels(self, labels: Tensor, components: tuple[int, ...]) -> Tensor:
        if labels.shape[1:] != components:
            raise ModelError(
                f"model {self.name} returned labels of shape {tuple(labels.shape[1:])}; "
                f"the input has components {components}"
            )
        classes = self.classes or 0
        if bool(((labels < 0) | (labels >= classes)).any()):
            raise ModelError(
                f"model {self.name} returned labels outside 0..{classes - 1}, "
                "the declared number of classes"
            )
        return labels.to(torch.int16)


def component_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the components: pixels of an image (c, h, w), points of a cloud (points, c)."""
    return tuple(shape[:1] if len(shape) == 2 else shape[1:])


def as_segmenter(
    model: Model | Segmenter,
    *,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    scale: float = 1.0,
    smallest_side: int = 1,
    class_names: tuple[str, ...] = (),
    palette: tuple[tuple[int, int, int], ...] = (),
    classes: int | None = None,
    name: str | None = None,
    stochastic: bool = False,
) -> Segmenter:
    """Wrap a model so that it can be certified.

    The certificate is about the whole of it: normalisation and resizing come after the noise.

    Args:
        model: Any callable or ``nn.Module`` from a float batch (b, c, h, w) in [0, 1] (plus
            noise, not clipped) to class scores (b, k, h', w') or labels (b, h, w). Scores of
            another size are resized to the input. A segmenter is returned as it is.
        mean: Subtracted per channel, input units.
        std: Divided by per channel, input units.
        scale: Resize the noisy image by this factor first; scores are resized back.
        smallest_side: Smallest height and width, pixels, that the model can label.
        class_names: Names of the classes, in the order of the scores.
        palette: One RGB colour per class.
        classes: Number of classes; needed if the model returns labels.
        name: How certificates call it.
        stochastic: Whether the model draws fresh randomness of its own in each call.

    Returns:
        The segmenter.

    Raises:
        InputError: If an option breaks its rule.
        ModelError: If ``model`` cannot be called, or is in train mode.
    """
    if isinstance(model, Segmenter):
        return model
    if not callable(model):
        raise ModelError(f"a model must be callable, got {type(model).__name__}")
    if len(mean) != len(std) or any(not value > 0 for value in std):
        raise InputError(f"mean and std need one entry per channel, std > 0; got {mean} and {std}")
    if not 0 < scale <= 16:
        raise InputError(f"scale must be in (0, 16], got {scale}")
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
        weights_sha256=hash_weights(model) if isinstance(model, nn.Module) else "none",
        stochastic=stochastic,
    )
    check_eval_mode(segmenter)
    return segmenter


def check_eval_mode(segmenter: BaseModel) -> None:
    """Refuse a module in train mode: batch norm would mix the draws of a batch.

    Raises:
        ModelError: If any part of the module is in train mode.
    """
    if not isinstance(segmenter.model, nn.Module):
        return
    training = [
        name or "the whole" for name, part in segmenter.model.named_modules() if part.training
    ]
    if training:
        raise ModelError(
            f"model {segmenter.name} is in train mode ({training[0]}): batch norm would mix the "
            "draws of a batch and the certificate would be void; call model.eval() first"
        )


def model_name(model: Model) -> str:
    """Name a model after its function or class."""
    return getattr(model, "__qualname__", type(model).__qualname__)


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
