"""What a run was asked for: fixed before the first draw, compared when work is resumed."""

import math
from typing import Annotated

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from segcert.certificates.again import claim_as_chosen
from segcert.certificates.chosen import Chosen
from segcert.certificates.family import Family, fewest_tests
from segcert.certificates.hierarchies import open_hierarchy
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.models.identity.runtime import Precision
from segcert.models.resizing.scale import resizing_record, resizing_text
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import name_of, named_noise
from segcert.sampling.counts import Counts
from segcert.sampling.setup import check_draw_numbers
from segcert.stats.bonferroni import bonferroni
from segcert.stats.class_tree import ClassTree, tree_threshold
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import parse_correction
from segcert.stats.levels import MOST_DRAWS, check_enough_draws, check_tau_alpha, smallest_n
from segcert.stats.looks import Looks, even_looks
from segcert.stats.ordered import Ordered
from segcert.stats.promise import LARGEST_RATIO, SMALLEST_RATIO
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential
from segcert.stats.stop_rules import StopRule, parse_stop

Mask = Bool[np.ndarray, " *components"]
Scale = Annotated[  # text, but one factor is a number in files, as before there was more
    str, BeforeValidator(resizing_text), PlainSerializer(resizing_record, return_type=str | float)
]


class Request(BaseModel):
    """Every choice that a certificate depends on, besides image and seed.

    Args:
        noise: "gaussian", "uniform", "laplace", "brightness" or "contrast"; of clouds see
            `segcert.runs.cloud_request`.
        sigma: Scale of the noise, in units of [0, 1].
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the statement about one image is wrong, in (0, 1).
        n0: Draws that choose the class; 0 for the test without pilot.
        n: Draws that are counted, at most.
        correction: Name and parameters; see `parse_correction`.
        blocks: Side of the blocks of which regions are made, pixels; None tests pixels.
        drop_below: Pixels whose pilot promises less are not tested; None tests them all.
        tree: Name or file of a class hierarchy; None certifies classes.
        ignore_sha256: Hash of the mask of pixels that are not tested; None if there is no mask.
        stop_when: Rule to stop before n draws; see `parse_stop`. None draws them all.
        looks: Number of planned looks; 0 for the e-process, which may stop
            after every 10 draws.
        model: Name of the model.
        weights_sha256: Hash of its weights.
        scale: Resizing inside the base model; see `parse_resizing`.
        backend: What runs the model.
        precision: Arithmetic of the model: "fp32", "bf16", "fp16" or "int8".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise: str = "gaussian"
    sigma: float = 0.25
    tau: float = 0.75
    alpha: float = 1e-3
    n0: int = 10
    n: int = 100
    correction: str = "holm"
    blocks: int | None = None
    drop_below: float | None = None
    tree: str | None = None
    ignore_sha256: str | None = None
    stop_when: str | None = None
    looks: int = 4
    model: str
    weights_sha256: str
    scale: Scale = "1"
    backend: str = "torch"
    precision: Precision = "fp32"

    def check(self, *, components: tuple[int, ...] = (), ignore: Mask | None = None) -> None:
        """Refuse values out of range; with the shape of an image, also too few draws.

        Raises:
            InputError: With the rule, the value and the way out.
        """
        self.check_noise()
        check_tau_alpha(tau=self.tau, alpha=self.alpha)
        check_draw_numbers(self.n0, self.n)
        if self.n > MOST_DRAWS:
            raise InputError(f"n must be at most {MOST_DRAWS}, got {self.n}")
        self.check_combination()
        if components:
            self.check_draws(components, ignore)

    def check_noise(self) -> None:
        """Refuse a noise that cannot have this scale, in the words of the command line.

        Raises:
            InputError: With the rule of the noise.
        """
        try:
            _ = self.fitted_noise
        except InputError as error:
            if self.noise == "gaussian":
                raise
            raise InputError(
                f"--sigma {self.sigma:g} is not for {self.noise} noise: {error}"
            ) from (error)

    def check_draws(self, components: tuple[int, ...], ignore: Mask | None) -> None:
        """Refuse too few draws for an image, or a mask that leaves nothing to certify.

        Raises:
            InputError: With the smallest n that works.
        """
        tested = math.prod(components) - (0 if ignore is None else int(ignore.sum()))
        if not tested:
            raise InputError("the mask of --ignore covers every pixel: nothing is left to certify")
        plan = self.planned(components, ignore)
        level = plan.level(alpha=self.alpha) if isinstance(plan, Looks) else self.alpha
        if self.tree and tree_threshold(tested, self.n, tau=self.tau, alpha=level) <= self.n:
            return  # trees need no reserve
        check_enough_draws(
            tested, self.n, tau=self.tau, alpha=self.alpha, pilot=self.n0 > 0,
            correction=self.correct, sequential=plan,
            tests=fewest_tests(self.family(ignore), components),
        )  # fmt: skip

    def check_combination(self) -> None:
        """Refuse choices that exclude each other.

        Raises:
            InputError: With the two choices and the way out.
        """
        self.check_family()
        if isinstance(self.correct, Ordered) and not self.n0:
            raise InputError("ordered testing takes its order from a pilot: use --n0 1 or more")
        if self.looks < 0:
            raise InputError(f"--looks must be 0 (at any time) or more, got {self.looks}")
        if self.stop is not None and not self.looks and not self.n0:
            raise InputError(
                "--looks 0, to stop at any time, needs a pilot: use --n0 1 or more, or --looks 4"
            )
        if self.hierarchy is None:
            return
        if self.n0:
            raise InputError(
                f"--tree needs the counts of all classes, which a pilot leaves out: use --n0 0, "
                f"got {self.n0}"
            )
        if self.blocks is not None or self.correct != bonferroni:
            raise InputError("--tree goes with --correction bonferroni and without --blocks")

    def check_family(self) -> None:
        """Refuse regions or a rule to drop pixels that cannot be.

        Raises:
            InputError: With the rule and the value.
        """
        self.family()
        if self.drop_below is None:
            return
        if not self.n0:
            raise InputError("--drop-below is a rule on the pilot draws: use --n0 1 or more")
        if not SMALLEST_RATIO <= self.drop_below <= LARGEST_RATIO:
            raise InputError(
                f"--drop-below must be in [{SMALLEST_RATIO:g}, {LARGEST_RATIO:g}], "
                f"got {self.drop_below}"
            )

    def check_radius_map(self) -> None:
        """Refuse a map of radii where there can be none.

        Raises:
            InputError: With the way out.
        """
        if self.stop_when is not None and not self.looks:
            raise InputError(
                "--radius-map needs numbers of draws planned beforehand, not --looks 0: "
                "use --looks 4, or leave out --stop-when"
            )
        if self.tree is not None:
            raise InputError("--radius-map is of classes, not of groups: leave out --tree")

    @property
    def drawn_noise(self) -> AbstractNoise:
        """The noise as it is named; images from files are uint8 and get it on their grid."""
        return named_noise(self.noise, self.sigma)

    @property
    def fitted_noise(self) -> AbstractNoise:
        """The noise that files of this kind get."""
        return self.drawn_noise.on_grid()

    @property
    def noise_fields(self) -> set[str]:
        """Names of the fields that say which noise."""
        return {"noise", "sigma"}

    def said(self, noise: AbstractNoise) -> dict[str, object]:
        """Say a noise, which was recorded, in these fields."""
        return {"noise": name_of(noise), **noise.options()}

    @property
    def correct(self) -> AbstractCorrection:
        """The correction."""
        return parse_correction(self.correction)

    @property
    def hierarchy(self) -> ClassTree | None:
        """The class tree."""
        return None if self.tree is None else open_hierarchy(self.tree)

    @property
    def stop(self) -> StopRule | None:
        """The rule to stop early."""
        return None if self.stop_when is None else parse_stop(self.stop_when)

    def family(self, ignore: Mask | None = None) -> Family:
        """What is tested."""
        blocks = None if self.blocks is None else Blocks(self.blocks)
        return Family(ignore, self.drop_below, blocks)

    def planned(self, components: tuple[int, ...], ignore: Mask | None = None) -> Sequential | None:
        """How sampling may stop: none, looks from the first n that can certify on, or anytime."""
        if self.stop is None:
            return None
        if not self.looks:
            return Anytime(self.n)
        if self.looks > self.n:
            raise InputError(f"--looks must be at most --n {self.n}, got {self.looks}")
        level = Looks(tuple(range(1, self.looks + 1))).level(alpha=self.alpha)
        first = smallest_n(
            math.prod(components), tau=self.tau, alpha=level, pilot=self.n0 > 0,
            correction=self.correct, tests=fewest_tests(self.family(ignore), components),
        )  # fmt: skip
        if first + self.looks > self.n:
            raise InputError(
                f"{self.looks} looks do not fit between {first} draws, before which nothing can "
                f"be certified, and n = {self.n}: use a larger --n or fewer --looks"
            )
        return even_looks(self.n, self.looks, first=first if self.looks > 1 else None)

    def certify(self, counts: Counts, ignore: Mask | None = None) -> Certificate:
        """Certify counts as asked."""
        chosen = Chosen(self.tau, self.alpha, self.correct, self.family(ignore), self.hierarchy)
        return Certificate.of(claim_as_chosen(counts, chosen))

    def differences(self, other: "Request") -> str:
        """Say in words what differs from another request; empty if nothing."""
        mine, theirs = self.model_dump(), other.model_dump()
        return ", ".join(
            f"{key} {theirs[key]} -> {mine[key]}" for key in mine if mine[key] != theirs[key]
        )
