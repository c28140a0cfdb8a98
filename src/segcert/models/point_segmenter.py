"""The base model of point clouds: everything that happens after the noise."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Float32, Int16, Shaped
from torch import Generator, Tensor, nn

from segcert.data.part_numbers import (
    CATEGORIES,
    PARTS,
    category_number,
    check_category,
    check_parts,
)
from segcert.errors import InputError, ModelError
from segcert.inputs.input import Input
from segcert.inputs.kind import CLOUD, InputKind
from segcert.models.adapter import INVALID
from segcert.models.files.checkpoints import Origin
from segcert.models.identity.configuration import identity_hash
from segcert.models.identity.runtime import TORCH, Runtime
from segcert.models.nets.point_frame import restricted, rounded, unit_sphere
from segcert.models.nets.point_normals import estimate_normals
from segcert.models.nets.point_smoothing import smoothed_over_points
from segcert.models.resizing.averaging import Output
from segcert.models.resizing.layout import WAY_OUT_OF_ONE
from segcert.models.resizing.outputs import MOST_CLASSES, check_class_number, whole_numbers

COLUMNS = (3, 6)  # x y z, and the normal beside them
APART = {  # from what a certificate identifies a model by
    "model": "hashed by weights_sha256 and configuration",
    "name": "what it is called changes no label",
    "palette": "colours change no label",
    "smallest_size": "it refuses inputs, and changes no label",
    "classes": "the number is in every certificate; that it was declared changes no label",
    "stochastic": "it turns a check off, and changes no label",
    "origin": "how it was made changes no label",
}

CLASSES = sum(map(len, PARTS))  # parts of all categories

PointModel = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class PointSegmenter:
    """A base model of point clouds.

    In this order, all of it after the noise and so part of what is certified: the columns are
    rounded to ``grid``; normals are computed from the noisy points, if asked for; the cloud is
    centred at the mean of its points and scaled to the unit sphere, if asked for; the network
    runs, several times if it votes; only ``parts`` are answered; and their probabilities are
    averaged over the closest points, if asked for. Classes keep the numbers that
    they have over all categories.

    Args:
        model: From points (b, n, c) to scores (b, k, n) or labels (b, n). It is also given the
            categories (b,) if ``category`` is set, and a generator ``rng`` if it votes.
        name: How certificates call it.
        columns: Columns that the model takes: 3 for x y z, 6 with normals.
        category: Number of the category of all clouds, or None.
        parts: Labels that can be answered, the parts of the category; empty: all.
        grid: Step to which coordinates and normals are rounded, units of the file; 0: not at all.
            A power of two is exact.
        normal_neighbours: Points from which each normal is computed; 0: those of the input are
            used, as they are.
        normalise: Whether the cloud is centred and scaled to the unit sphere.
        votes: Runs whose softmax is averaged. One is deterministic: sampling starts at the first
            point. More start at random points, others for each cloud of a batch and in each call;
            a network that is given ``rng`` must draw from it for each cloud.
        smallest_size: Smallest number of points that the model can label.
        class_names: Names of the classes, over all categories, or empty.
        palette: One RGB colour per class, or empty.
        classes: Number of classes; needed if the model returns labels.
        weights_sha256: Hash of the weights, or "none" for a plain function.
        configuration: What the model is besides its weights: a hash (see `configuration_of`), or
            empty where ``weights_sha256`` covers it, or nothing can.
        stochastic: Whether randomness is drawn, fresh for each cloud of a batch; votes do.
        origin: What its weight file says about how it was made; None if it does not.
        smooth_neighbours: Closest noisy points whose probabilities are averaged, each point itself
            among them; 1 leaves scores as they are.
    """

    model: PointModel
    name: str
    columns: int = 3
    category: int | None = None
    parts: tuple[int, ...] = ()
    grid: float = 0.0
    normal_neighbours: int = 0
    normalise: bool = True
    votes: int = 1
    smallest_size: int = 1
    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    classes: int | None = None
    weights_sha256: str = "none"
    configuration: str = ""
    stochastic: bool = False
    origin: Origin | None = None
    smooth_neighbours: int = 1

    kind: ClassVar[InputKind] = CLOUD
    denoiser: ClassVar[None] = None
    scale_text: ClassVar[str] = "1"  # clouds are not resized

    @property
    def takes(self) -> dict[str, str]:
        """How many columns clouds have, and how few points."""
        return {"columns": str(self.columns), "fewest points": str(self.smallest_size)}

    @property
    def fewest_points(self) -> int:
        """Points that the model, normals and averages need."""
        return max(self.smallest_size, self.normal_neighbours, self.smooth_neighbours)

    @property
    def trusts_normals(self) -> bool:
        """Whether it is given the normals of the input, as they are."""
        return self.columns == COLUMNS[1] and not self.normal_neighbours

    @property
    def runtime(self) -> Runtime:
        """Models of clouds are run by PyTorch."""
        return TORCH

    @property
    def identity_sha256(self) -> str:
        """Hash of the weights and of all else that changes a label; see `identity_hash`."""
        return identity_hash(self, apart=APART)

    def __post_init__(self) -> None:
        """Check the options; votes make it stochastic."""
        check_options(self)
        if self.votes > 1:
            object.__setattr__(self, "stochastic", True)

    def to(self, device: torch.device) -> None:
        """Move the weights to a device."""
        if isinstance(self.model, nn.Module):
            self.model.to(device)

    def check_input(self, x: Shaped[Tensor, " n c"]) -> None:
        """Refuse clouds of fewer points than the model needs.

        Raises:
            InputError: If so.
        """
        if len(x) < self.fewest_points:
            raise InputError(
                f"model {self.name} needs clouds of at least {self.fewest_points} points, got "
                f"{len(x)}: sample the surface more densely"
            )

    def given(self, whole: Input) -> Input:
        """A cloud without its normals, unless the model trusts them.

        Raises:
            InputError: If it does and there are none.
        """
        columns = COLUMNS[self.trusts_normals]
        if whole.shape[1] < columns:
            raise InputError(
                f"{whole.where} has no normals, which the model takes: add --normals recomputed to "
                "compute them from the noisy points, or take a model without normals"
            )
        return whole.cut((whole.shape[0], columns))

    def check_truth(self, given: Input) -> None:
        """Refuse labels that are no parts of the category.

        Raises:
            InputError: With the first of them.
        """
        if self.category is not None and given.truth is not None:
            check_parts(str(given.path or given.name), given.truth, self.category)

    def told(self, *, scale: str, category: int | None) -> "PointSegmenter":  # noqa: ARG002
        """The model for a category; clouds are not resized.

        Raises:
            InputError: If there is none.
        """
        if category is None:
            raise InputError(f"model {self.name} labels clouds of a category, got none")
        return of_category(self, category)

    def output(self, batch: Float[Tensor, " b n c"]) -> Tensor:
        """Run the model on noisy clouds; labels, or log-probabilities among the parts.

        Raises:
            InputError: If the columns or the number of points are not those of the model.
            ModelError: If what the model returns does not fit.
        """
        with torch.inference_mode():
            return self._called(batch)

    def scores(self, batch: Float[Tensor, " b n c"]) -> Float[Tensor, " b k n"]:
        """Run the model as ``output`` does, but so that gradients reach the coordinates.

        Rounding passes the gradient as if it were not there; normals that are computed pass none.

        Raises:
            ModelError: If the model returns labels, which have no gradient.
        """
        scores = self._called(batch)
        if not scores.is_floating_point():
            raise ModelError(
                f"model {self.name} returned {scores.dtype}: a gradient needs floating-point scores"
            )
        return scores

    def labels(self, batch: Float[Tensor, " b n c"]) -> Int16[Tensor, " b n"]:
        """Label each point of noisy clouds; INVALID where a score is NaN or infinite."""
        return self.to_labels(self.output(batch), (batch.shape[1],))

    def to_labels(self, output: Tensor, components: tuple[int, ...]) -> Int16[Tensor, " b n"]:
        """Turn an output into the label of the best class, numbered over all categories.

        Raises:
            ModelError: If the shape does not fit.
        """
        if output.shape[-1:] != components:
            raise ModelError(
                f"model {self.name} returned {tuple(output.shape)}; the cloud has {components}"
            )
        if not output.is_floating_point():
            return output.to(torch.int16)
        classes = sorted(self.parts) or range(output.shape[1])  # others are never answered
        numbers = torch.tensor(classes, device=output.device)
        scores = output.index_select(1, numbers) if self.parts else output
        labels = numbers.to(torch.int16)[scores.max(1).indices]
        return labels.masked_fill_(~torch.isfinite(scores).all(1), INVALID)

    def to_margins(
        self,
        output: Tensor,
        components: tuple[int, ...],  # noqa: ARG002 - as of segmenters of images
    ) -> Float32[Tensor, " b n"] | None:
        """Turn scores into softmax margins in [0, 1], 0 where a score is NaN or infinite.

        Returns:
            The best class's softmax minus the second's; None if the model returns labels.
        """
        if not output.is_floating_point():
            return None
        best = output.float().softmax(1).topk(2, dim=1).values
        margins = (best[:, 0] - best[:, 1]).nan_to_num(nan=0.0)
        return margins.masked_fill(~torch.isfinite(output).all(1), 0)

    def check_order(self, draw: Float[Tensor, " 1 n c"], output: Output) -> None:
        """Refuse scores (b, points, k) of as many points as classes.

        The model is then asked once more, for the same cloud with every point twice; only the
        shape of its answer is looked at.

        Args:
            draw: One noisy cloud.
            output: What `output` returned for it.

        Raises:
            ModelError: If the axes are in another order, or the model cannot tell.
        """
        assert isinstance(output, Tensor)
        if not output.is_floating_point() or output.shape[1] != output.shape[2]:
            return
        try:
            self.output(
                torch.cat([draw, draw], 1)
            )  # refused there if classes and points are turned
        except ModelError:
            raise
        except Exception as error:  # networks refuse sizes in every way
            raise ModelError(
                f"model {self.name} returned {tuple(output.shape)} for a cloud of as many points "
                "as classes and takes no other number, which would tell them apart: certify a "
                "cloud of another number of points, or return labels, scores.argmax(1)"
            ) from error

    def count_classes(self, output: Tensor) -> int:
        """Count the classes over all categories, from the scores or as declared."""
        if output.is_floating_point() or self.classes is None:
            return int(output.shape[1])
        return self.classes

    def _called(self, batch: Tensor) -> Tensor:
        """Prepare, run, vote, restrict."""
        points = self._prepared(batch)
        told: tuple[Tensor, ...] = ()
        if self.category is not None:
            told = (torch.full((len(points),), self.category, device=points.device),)
        if self.votes == 1:
            output = self._checked(self.model(points, *told), batch)
        else:
            rng = fresh_generator(points.device)
            runs = [
                self._checked(self.model(points, *told, rng=rng), batch).log_softmax(1)
                for _ in range(self.votes)
            ]
            output = torch.stack(runs).logsumexp(0) - torch.tensor(float(self.votes)).log()
        if output.is_floating_point():
            return self._smoothed(restricted(output, self.parts), points)
        if self.smooth_neighbours > 1:
            raise ModelError(
                f"model {self.name} returned labels: smooth_neighbours (--smooth-neighbours) needs "
                "scores of classes; leave it out"
            )
        return output

    def _smoothed(self, scores: Tensor, points: Tensor) -> Tensor:
        """Average probabilities over the closest of the noisy points, if asked."""
        if self.smooth_neighbours == 1:
            return scores
        return smoothed_over_points(scores, points[..., :3], self.smooth_neighbours)

    def _prepared(self, batch: Tensor) -> Tensor:
        """Round, compute normals, centre and scale, after the noise."""
        self._check_batch(batch)
        if self.grid:
            batch = rounded(batch, self.grid)
        points, normals = batch[..., :3], batch[..., 3:]
        if self.columns == 3:
            normals = batch[..., :0]
        elif self.normal_neighbours:
            normals = estimate_normals(points.detach(), self.normal_neighbours)
        if self.normalise:
            points = unit_sphere(points)
        return torch.cat([points, normals], 2)

    def _check_batch(self, batch: Tensor) -> None:
        """Refuse what the model cannot label.

        Raises:
            InputError: If columns or number of points are wrong.
        """
        if batch.ndim != 3 or batch.shape[2] not in COLUMNS:
            raise InputError(
                f"a batch of clouds must be (b, n, 3) or (b, n, 6), got {tuple(batch.shape)}"
            )
        if self.columns == 6 and batch.shape[2] == 3 and not self.normal_neighbours:
            raise InputError(
                f"model {self.name} takes normals and the cloud has none: compute them with "
                "normal_neighbours=16, or use a model without normals"
            )
        if batch.shape[1] < self.fewest_points:
            raise InputError(
                f"model {self.name} needs clouds of at least {self.fewest_points} points, got "
                f"{batch.shape[1]}"
            )

    def _checked(self, output: object, batch: Tensor) -> Tensor:
        """Refuse an output that does not fit the cloud, or labels that cannot be.

        Raises:
            ModelError: If so.
        """
        clouds, points = batch.shape[:2]
        said = f"model {self.name} returned"
        if not isinstance(output, Tensor):
            raise ModelError(f"{said} {type(output).__name__}, not a tensor of scores or labels")
        if output.is_floating_point():
            shape = tuple(output.shape)
            fits = len(shape) == 3 and shape[::2] == (clouds, points)
            if not fits or self.classes not in (None, shape[1]):
                turned = len(shape) == 3 and shape[:2] == (clouds, points)
                raise ModelError(
                    f"{said} scores of shape {shape}; for these clouds they must "
                    f"be ({clouds}, {self.classes or 'classes'}, {points})"
                    + ("; these fit (b, points, k): return scores.transpose(1, 2)" * turned)
                )
            check_class_number(output.shape[1], name=self.name)
            if shape[1] == 1:
                raise ModelError(f"{said} scores of one class, {shape}: {WAY_OUT_OF_ONE}")
            if self.parts and max(self.parts) >= output.shape[1]:
                raise ModelError(f"{said} {output.shape[1]} classes, without part {self.parts[-1]}")
            return output
        if self.classes is None or self.votes > 1:
            raise ModelError(f"{said} labels: declare classes=..., and let it not vote")
        if output.shape != (clouds, points):
            raise ModelError(f"{said} labels of shape {tuple(output.shape)} for {points} points")
        allowed = torch.tensor(self.parts or range(self.classes), device=output.device)
        if not bool(torch.isin(whole_numbers(output, name=self.name), allowed).all()):
            raise ModelError(f"{said} labels outside its parts, {allowed.tolist()}")
        return output


def check_options(segmenter: PointSegmenter) -> None:
    """Refuse options that break their rule.

    Raises:
        InputError: If so.
    """
    rules = {
        "columns must be 3 or 6": segmenter.columns in COLUMNS,
        "grid must be 0 or positive": 0 <= segmenter.grid < float("inf"),
        "normal_neighbours must be 0, or 3 or more": segmenter.normal_neighbours in (0,)
        or segmenter.normal_neighbours >= 3,
        "votes must be 1 or more": segmenter.votes >= 1,
        "smooth_neighbours must be 1 or more": segmenter.smooth_neighbours >= 1,
        "category must be 0 or more": segmenter.category is None or segmenter.category >= 0,
        f"classes must be in 2..{MOST_CLASSES}": segmenter.classes is None
        or 2 <= segmenter.classes <= MOST_CLASSES,
        "parts must be none or two and more": len(segmenter.parts) != 1,
        "parts must be different class numbers": len(set(segmenter.parts)) == len(segmenter.parts)
        and all(
            0 <= part < (segmenter.classes or MOST_CLASSES) for part in segmenter.parts
        ),
    }  # fmt: skip
    for rule, kept in rules.items():
        if not kept:
            argument = rule.split()[0]
            raise InputError(f"{rule}, got {getattr(segmenter, argument)}")


def of_category(segmenter: PointSegmenter, category: str | int) -> PointSegmenter:
    """Tell a model the category: it answers the parts of this category only, in global numbers.

    Args:
        segmenter: A model of the 50 parts of the 16 categories.
        category: Name or number.

    Raises:
        InputError: If there is no such category, or the model has other classes than the parts.
    """
    number = category_number(category) if isinstance(category, str) else category
    check_category(number)
    if segmenter.classes not in (None, CLASSES):
        raise InputError(
            f"model {segmenter.name} has {segmenter.classes} classes, not the {CLASSES} parts of "
            f"the {len(CATEGORIES)} categories"
        )
    return replace(segmenter, category=number, parts=PARTS[number])


def fresh_generator(device: torch.device) -> Generator:
    """Make a generator with a seed of the operating system, another one each time."""
    return torch.Generator(device).manual_seed(secrets.randbits(63))
