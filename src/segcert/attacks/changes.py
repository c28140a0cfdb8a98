"""Changes of a point cloud that noise can certify: search over them, and the noise after one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer, Shaped
from torch import Tensor

from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.models.fits import check_fits
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise, RandomSource
from segcert.sampling.setup import choose_device, stream_kind_of
from segcert.sampling.streams import Stage, Streams, check_seed

IGNORED = 255


class AbstractChange(ABC):
    """A change of a cloud as a whole."""

    @abstractmethod
    def applied(self, x: Float[Tensor, " points columns"]) -> Float64[Tensor, " points columns"]:
        """Change a cloud, in float64, normals with the points."""


Change = TypeVar("Change", bound=AbstractChange)


@dataclass(frozen=True)
class ChangedNoise(AbstractNoise):
    """A noise at the changed cloud, as it is certified: no rounding between change and noise.

    The cloud is changed in float64 and handed to the noise as it comes out. A turned cloud in
    float32 is another input, of which a certificate of rotations says nothing
    (docs/decisions/0013).

    Args:
        noise: That of the certificate.
        change: What comes before it.
    """

    noise: AbstractNoise
    change: AbstractChange

    kind: ClassVar[str] = "changed"
    norm: ClassVar[str] = "that of the noise"
    unit: ClassVar[str] = "that of the noise"

    @property
    def description(self) -> str:
        """The noise in words."""
        return f"{self.noise.description}, after a change of the cloud"

    def ball(self, radius: str) -> str:
        """The certified set in words."""
        return self.noise.ball(radius)

    def sample(
        self, x: Shaped[Tensor, " *shape"], n: int, *, rng: RandomSource
    ) -> Float[Tensor, " n *shape"]:
        """Draw ``n`` noisy copies of the changed cloud."""
        return self.noise.sample(self.change.applied(x), n, rng=rng)

    def radius(self, p: float) -> float:
        """Certified radius around the changed cloud."""
        return self.noise.radius(p)

    def repeat_probability(self, x: Shaped[Tensor, " *shape"]) -> float:
        """Bound the probability of a repeated draw: that at the changed cloud."""
        return self.noise.repeat_probability(self.change.applied(x))


def search_changes(
    model: SegmentationModel,
    cloud: Source,
    labels: Integer[np.ndarray, " points"],
    changes: Sequence[Change],
    *,
    noise: AbstractNoise | None = None,
    draws: int = 8,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Change, float]:
    """Find the change after which most labels differ.

    Args:
        model: Of clouds; needs no gradient.
        cloud: What is changed.
        labels: What the labels are compared with; 255 is ignored.
        changes: To be tried, at least one.
        noise: Look at the model under this noise, by several draws; None looks without noise.
        draws: Of the noise at each change.
        seed: Of these draws.
        device: Where.
        progress: Called with changes tried and changes in all.

    Returns:
        The change and the share of labels that differ (the mean over the draws).

    Raises:
        InputError: If the input is no cloud, labels do not fit or all are ignored, or a number is
            out of range.
    """
    check_seed(seed)
    given = read(cloud)
    check_fits(given, model)
    x = given.tensor
    if not given.kind.turns or labels.shape != given.components or not (labels != IGNORED).any():
        raise InputError("a search over changes needs a cloud with labels that are not all 255")
    where = choose_device(device, model)
    model.to(where)
    wanted = torch.from_numpy(labels.astype(np.int16)).to(where)
    streams = Streams(seed, given.sha256, where, stream_kind_of(where))
    best, most = changes[0], -1.0
    for place, change in enumerate(changes):
        if noise is None:
            batch = change.applied(x).float()[None].to(where)
        else:
            around = ChangedNoise(noise, change)
            first = place * draws
            batch = torch.cat([
                around.sample(x.to(where), 1, rng=streams.of_draw(Stage.ATTACK, draw))
                for draw in range(first, first + draws)
            ])  # fmt: skip
        seen = model.to_labels(model.output(batch), (len(x),))
        counts = wanted != IGNORED
        share = float(((seen != wanted) & counts).float().mean(0).sum() / counts.sum())
        if share > most:
            best, most = change, share
        if progress:
            progress(place + 1, len(changes))
    return best, most


def shares(tries: int, rng: np.random.Generator) -> Float64[np.ndarray, " tries"]:
    """Sizes to try, as shares of the radius: three of four at its edge, the others anywhere."""
    found: np.ndarray = np.where(np.arange(tries) % 4 < 3, 1.0, rng.uniform(0, 1, tries))
    return found * (1 - 1e-8)
