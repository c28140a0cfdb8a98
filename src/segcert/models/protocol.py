"""What sampling asks of a base model, whatever its inputs are; and what runs ask besides."""

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32, Int16, Shaped
from torch import Tensor

from segcert.inputs.input import Input
from segcert.inputs.kind import InputKind
from segcert.models.files.checkpoints import Origin
from segcert.models.identity.runtime import Runtime


@runtime_checkable
class SegmentationModel(Protocol):
    """Everything that happens after the noise: from noisy inputs to labels of components.

    Its batches are (b, c, h, w) for images, (b, points, columns) for clouds.
    """

    @property
    def kind(self) -> InputKind:
        """What it takes: `IMAGE`, whose components are pixels, or `CLOUD`, with points."""
        ...

    @property
    def name(self) -> str:
        """How certificates call it."""
        ...

    @property
    def model(self) -> Any:
        """The module or function inside; a module is moved to the device."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, or empty."""
        ...

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB colour per class, or empty."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights, or "none"."""
        ...

    @property
    def identity_sha256(self) -> str:
        """Hash of the weights and of all else that changes a label; see `identity_hash`.

        The same in every process and on every machine.
        """
        ...

    @property
    def stochastic(self) -> bool:
        """Whether it draws randomness of its own, fresh for each draw of a batch."""
        ...

    def to(self, device: torch.device) -> None:
        """Move the weights to a device."""
        ...

    def check_input(self, x: Shaped[Tensor, " *shape"]) -> None:
        """Refuse an input of its kind that it cannot label, such as a too small one.

        Raises:
            InputError: If so.
        """
        ...

    def output(self, batch: Float[Tensor, " b *shape"]) -> Any:
        """Run on noisy inputs: scores or labels, or whatever the other methods take."""
        ...

    def to_labels(
        self, output: Any, components: tuple[int, ...]
    ) -> Int16[Tensor, " b *components"]:
        """Turn output into one label per component, -1 where it is not finite."""
        ...

    def to_margins(
        self, output: Any, components: tuple[int, ...]
    ) -> Float32[Tensor, " b *components"] | None:
        """Turn scores into softmax margins in [0, 1]; None if the output is labels."""
        ...

    def count_classes(self, output: Any) -> int:
        """Count the classes."""
        ...


@runtime_checkable
class WrappedModel(SegmentationModel, Protocol):
    """A base model as `as_segmenter` and `as_point_segmenter` make it: runs and attacks need more.

    Its output is scores (b, k, cells), labels, or what is averaged over several sizes.
    """

    @property
    def classes(self) -> int | None:
        """Number of classes, if it is known before the model runs."""
        ...

    @property
    def takes(self) -> dict[str, str]:
        """What it takes and does with it first, in words by their names."""
        ...

    @property
    def denoiser(self) -> Any:
        """What is called on noisy inputs before the model, or None."""
        ...

    @property
    def origin(self) -> Origin | None:
        """What its weight file says about how it was made; None if it does not."""
        ...

    @property
    def category(self) -> int | None:
        """Number of the category of shapes that it was told; None if it was told none."""
        ...

    @property
    def runtime(self) -> Runtime:
        """What runs it, and in which arithmetic."""
        ...

    @property
    def scale_text(self) -> str:
        """How noisy inputs are resized, as records have it; "1" is not at all."""
        ...

    def scores(self, batch: Float[Tensor, " b *shape"]) -> Float[Tensor, " b k *components"]:
        """Run on inputs so that gradients reach them.

        Raises:
            ModelError: If the model returns labels, which have no gradient.
        """
        ...

    def check_order(self, draw: Float[Tensor, " 1 *shape"], output: Any) -> None:
        """Refuse an order of axes that the size of the input hides.

        Args:
            draw: One noisy input.
            output: What `output` returned for it.

        Raises:
            ModelError: If the axes are in another order, or nothing tells.
        """
        ...

    def given(self, whole: Input) -> Input:
        """What it is given of an input: without normals, if it does not trust those of files.

        Raises:
            InputError: If it needs what the input does not have.
        """
        ...

    def check_truth(self, given: Input) -> None:
        """Refuse true classes that it cannot give.

        Raises:
            InputError: With the first of them.
        """
        ...

    def told(self, *, scale: str, category: int | None) -> "WrappedModel":
        """The model, told what differs between the inputs of a run.

        Args:
            scale: How noisy images are resized.
            category: Number of the category of a shape.

        Raises:
            InputError: If it needs a category and there is none.
        """
        ...


@runtime_checkable
class ManyAtATime(Protocol):
    """A network in another program that knows how several threads may call it at a time."""

    def apart(self, number: int) -> tuple[Any, ...]:
        """So many of it, each of which runs in one thread; none where that is not known."""
        ...
