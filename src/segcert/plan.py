"""A plan: everything that must be fixed before the first draw."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from segcert.certificates.again import claim_as_chosen
from segcert.certificates.chosen import Chosen
from segcert.certificates.claim import Claim
from segcert.certificates.count import check_draws_to_count
from segcert.certificates.count_chosen import (
    LABELS,
    CountChosen,
    parse_statement,
    statement_text,
)
from segcert.certificates.counted import CountCertificate
from segcert.certificates.family import Family, fewest_tests
from segcert.certificates.hierarchies import check_class_names
from segcert.certificates.masks import Mask
from segcert.certificates.result import Certificate
from segcert.certificates.stopping import StopWhen
from segcert.certificates.variation import check_variation
from segcert.errors import ArgumentError, InputError
from segcert.inputs.input import Source, read
from segcert.inputs.kind import components_of, fitted_noise
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise, scale_of
from segcert.noise.gaussian import GaussianNoise
from segcert.plan_fields import Ignored, Number, Whole, number, whole
from segcert.plan_record import PlanRecord, json_text, parse_record, read_record, write_record
from segcert.plan_texts import correction_text, fields_of, noise_texts, tree_text
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.sampling.setup import as_base_model, check_draw_numbers
from segcert.stats.bonferroni import bonferroni
from segcert.stats.class_tree import ClassTree, tree_threshold
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import as_correction, check_correction
from segcert.stats.holm import holm
from segcert.stats.levels import MOST_DRAWS, check_enough_draws, check_tau_alpha, smallest_n
from segcert.stats.looks import Looks, even_looks
from segcert.stats.promise import LARGEST_RATIO, SMALLEST_RATIO
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential
from segcert.stats.stop_rules import Open, StopRule, parse_stop

PILOT_DRAWS = 10
TYPES: Mapping[Callable[[str, object], object], tuple[str, ...]] = {
    number: ("tau", "alpha", "drop_below"), whole: ("n0", "n", "looks", "blocks"),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Everything that a statement needs to be fixed before the first draw.

    A plan is a value: plans with the same content are equal and have the same `sha256`, which can
    be published before anything is drawn. Its fields are the options of the command line.

    Args:
        noise: What is added; the type of the input chooses its grid, if it has none.
        n0: Pilot draws that choose the class; 0 for the test without pilot.
        n: Draws that are counted, at most.
        tau: Probability threshold, in [1/2, 1); the radius grows with it.
        alpha: Allowed probability that the whole statement about one input is wrong, in (0, 1).
        correction: `holm`, `bonferroni`, `Ordered`, `Capped` or `KFwer`, one of your own (see
            `AbstractCorrection`), or a text as on the command line, such as "ordered".
        tree: Classes and their groups: groups are certified where no class can be. None certifies
            classes. Goes with ``n0=0`` and `bonferroni`.
        blocks: Side of the blocks of which regions are made; None tests each component.
        drop_below: Components whose pilot promises less are not tested; None tests them all.
        ignore: Mask of components that are not tested, an array of booleans or a `Mask`.
        stop_when: Rule to stop before ``n`` draws, `Stalls`, `Target`, `TimeLimit` or `Open` of
            `segcert.stats.stop_rules`, or their text. None draws them all.
        looks: How often the rule is asked, each time at its share of ``alpha``; 0 for an e-process,
            which may stop after every 10 draws.
        statement: "labels" names components; "count" says how many there are at least, and none by
            name (see `certify_count`); "count:parts=classes" says it of each class.

    Raises:
        InputError: If a value is out of range, or two choices exclude each other.
    """

    noise: AbstractNoise = GaussianNoise(0.25)  # noqa: RUF009  # it is frozen
    n0: Whole = PILOT_DRAWS
    n: Whole = 100
    tau: Number = 0.75
    alpha: Number = 1e-3
    correction: AbstractCorrection | str = holm
    tree: ClassTree | None = None
    blocks: Whole | None = None
    drop_below: Number | None = None
    ignore: Ignored | None = None
    stop_when: StopRule | str | None = None
    looks: Whole = 4
    statement: str = LABELS

    def __post_init__(self) -> None:
        """Give each value its type, and check the values and what excludes what."""
        for kind, names in TYPES.items():
            for name in names:
                if getattr(self, name) is not None:
                    object.__setattr__(self, name, kind(name, getattr(self, name)))
        object.__setattr__(self, "correction", as_correction(self.correction))
        if self.ignore is not None and not isinstance(self.ignore, Mask):
            object.__setattr__(self, "ignore", Mask(self.ignore))
        if self.stop_when is not None:
            object.__setattr__(self, "stop_when", parse_stop(str(self.stop_when)))
        object.__setattr__(self, "statement", statement_text(self.statement))
        self._check()

    def _check(self) -> None:
        """Refuse what cannot be, whatever the input."""
        if not isinstance(self.noise, AbstractNoise):
            raise InputError(
                f"noise must be a noise, such as sc.GaussianNoise(0.25), got {self.noise!r}"
            )
        check_tau_alpha(tau=self.tau, alpha=self.alpha)
        check_draw_numbers(self.n0, self.n)
        check_correction(self.correction)
        if self.n > MOST_DRAWS:
            raise InputError(f"n must be at most {MOST_DRAWS}, got {self.n}")
        self._check_family()
        self._check_early_end()
        self._check_tree()
        self._check_count()

    def _check_family(self) -> None:
        """Refuse regions, an order, or a rule to drop components that cannot be."""
        _ = self.family
        if self.corrected_by.needs_pilot and not self.n0:
            raise ArgumentError(
                f"{self.corrected_by.name} testing takes its order from a pilot: use <n0=1> or more"
            )
        if self.drop_below is None:
            return
        if not self.n0:
            raise ArgumentError("<drop_below> is a rule on the pilot draws: use <n0=1> or more")
        if not SMALLEST_RATIO <= self.drop_below <= LARGEST_RATIO:
            raise ArgumentError(
                f"<drop_below> must be in [{SMALLEST_RATIO:g}, {LARGEST_RATIO:g}], "
                f"got {self.drop_below}"
            )

    def _check_early_end(self) -> None:
        """Refuse looks that cannot be."""
        if self.looks < 0:
            raise ArgumentError(f"<looks> must be 0 (at any time) or more, got {self.looks}")
        if self.stop is not None and not self.looks and not self.n0:
            raise ArgumentError(
                "<looks=0>, to stop at any time, needs a pilot: use <n0=1> or more, or <looks=4>"
            )

    def _check_tree(self) -> None:
        """Refuse what a class tree excludes."""
        if self.tree is None:
            return
        if self.n0:
            raise ArgumentError(
                f"<tree> needs the counts of all classes, which a pilot leaves out: use <n0=0>, "
                f"got {self.n0}"
            )
        if isinstance(self.stop, Open):
            raise ArgumentError(f"<stop_when={self.stop}> is of classes, not groups: drop <tree>")
        if self.blocks is not None or self.correction != bonferroni:
            raise ArgumentError("<tree> goes with <correction=bonferroni> and without <blocks>")

    def _check_count(self) -> None:
        """Refuse what a count excludes."""
        if self.counted is None:
            return
        excluded = {
            "tree": self.tree is not None, "blocks": self.blocks is not None,
            "drop_below": self.drop_below is not None, "stop_when": self.stop_when is not None,
            "correction": self.corrected_by != holm,
        }  # fmt: skip
        for name, given in excluded.items():
            if given:
                raise ArgumentError(
                    f"<statement={self.statement}> counts all components after all draws, with one "
                    f"test: leave out <{name}>"
                )
        if self.counted.parts == "classes" and not self.n0:
            raise ArgumentError(
                f"<statement={self.statement}> takes the classes from a pilot: use <n0=1> or more"
            )

    @property
    def counted(self) -> CountChosen | None:
        """What a count needs; None if components are named."""
        return parse_statement(self.statement)

    @property
    def corrected_by(self) -> AbstractCorrection:
        """The correction for many tests."""
        return as_correction(self.correction)

    @property
    def stop(self) -> StopRule | None:
        """The rule to stop early."""
        return parse_stop(self.stop_when) if isinstance(self.stop_when, str) else self.stop_when

    @property
    def mask(self) -> Mask | None:
        """The mask of components that are not tested."""
        return Mask(self.ignore) if isinstance(self.ignore, np.ndarray) else self.ignore

    @cached_property
    def family(self) -> Family:
        """What is tested."""
        blocks = None if self.blocks is None else Blocks(self.blocks)
        return Family(None if self.mask is None else self.mask.array, self.drop_below, blocks)

    @property
    def radius(self) -> float:
        """Radius of the certified set, in the unit of the noise; never rounded up."""
        return self.noise.radius(self.tau)

    @property
    def sigma(self) -> float:
        """Scale of the noise: that of the yaw, of a pose."""
        return scale_of(self.noise.options(), "sigma")

    @cached_property
    def record(self) -> PlanRecord:
        """The plan as flat text and numbers.

        Raises:
            InputError: If noise or correction is none of ours, or the noise has a grid.
        """
        said = noise_texts(self.noise) | {
            "tau": self.tau, "alpha": self.alpha, "n0": self.n0, "n": self.n,
            "correction": correction_text(self.corrected_by), "tree": tree_text(self.tree),
            "blocks": self.blocks, "drop_below": self.drop_below,
            "ignore": None if self.mask is None else str(self.mask),
            "stop_when": None if self.stop is None else str(self.stop), "looks": self.looks,
            "statement": None if self.counted is None else self.statement,
        }  # fmt: skip
        return PlanRecord.model_validate(said)

    @property
    def sha256(self) -> str:
        """Hash of all that it says, by which it can be committed to."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The canonical text: JSON with sorted keys, without spaces and what is not set."""
        return json_text(self.record)

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read the text of a plan.

        Raises:
            InputError: If it is none.
        """
        return cls(**fields_of(parse_record(text, toml=False)))

    def write(self, path: str | Path) -> None:
        """Write the plan to a ``.toml`` or ``.json`` file, which `read` reads.

        Raises:
            InputError: If the file is of another kind, or noise or correction is none of ours.
        """
        write_record(self.record, Path(path))

    @classmethod
    def read(cls, path: str | Path) -> "Plan":
        """Read a ``.toml`` or ``.json`` file; what it leaves out has its default.

        Raises:
            InputError: If it is no plan.
        """
        record = read_record(Path(path))
        try:
            return cls(**fields_of(record))
        except InputError as error:
            raise InputError(f"plan {path}: {error}") from error

    def sequential(self, components: tuple[int, ...]) -> Sequential | None:
        """How sampling may stop: none, looks from the first n that can certify on, or anytime.

        Raises:
            InputError: If the looks do not fit.
        """
        if self.stop is None:
            return None
        if not self.looks:
            return Anytime(self.n)
        if self.looks > self.n:
            raise ArgumentError(f"<looks> must be at most <n={self.n}>, got {self.looks}")
        level = Looks(tuple(range(1, self.looks + 1))).level(alpha=self.alpha)
        first = smallest_n(
            math.prod(components), tau=self.tau, alpha=level, pilot=self.n0 > 0,
            correction=self.corrected_by, tests=fewest_tests(self.family, components),
        )  # fmt: skip
        if first + self.looks > self.n:
            raise ArgumentError(
                f"{self.looks} looks do not fit between {first} draws, before which nothing can "
                f"be certified, and n = {self.n}: use a larger <n> or fewer <looks>"
            )
        return even_looks(self.n, self.looks, first=first if self.looks > 1 else None)

    def check_components(self, components: tuple[int, ...]) -> None:
        """Refuse too few draws for an input, or a mask that does not fit it.

        Args:
            components: Shape of what gets labels.

        Raises:
            InputError: With the smallest n that works.
        """
        ignored = 0
        if self.mask is not None:
            if self.mask.array.shape != components:
                raise InputError(
                    f"ignore has shape {self.mask.array.shape}, the components have {components}: "
                    "it needs one value for each of them"
                )
            ignored = int(self.mask.array.sum())
        tested = math.prod(components) - ignored
        if self.counted is not None:
            check_draws_to_count(tested, self.n, tau=self.tau, alpha=self.alpha, pilot=self.n0 > 0)
            return
        plan = self.sequential(components)
        level = plan.level(alpha=self.alpha) if isinstance(plan, Looks) else self.alpha
        if self.tree and tree_threshold(tested, self.n, tau=self.tau, alpha=level) <= self.n:
            return  # trees need no reserve
        check_enough_draws(
            tested, self.n, tau=self.tau, alpha=self.alpha, pilot=self.n0 > 0,
            correction=self.corrected_by, sequential=plan,
            tests=fewest_tests(self.family, components),
        )  # fmt: skip

    def check_input(self, x: Shaped[Tensor, " *shape"]) -> None:
        """Refuse, before the first draw, an input that this plan cannot certify.

        Raises:
            InputError: If there are too few draws for it, or the noise is not for it.
        """
        shape = tuple(x.shape)
        self.check_components(components_of(shape))
        check_variation(fitted_noise(self.noise, x), shape, self.n0 + self.n, alpha=self.alpha)

    def decide(self, counts: Counts) -> Certificate:
        """Certify counts as planned.

        Raises:
            InputError: If the plan cannot certify them, or states a count; see `count`.
        """
        return Certificate.of(self.claim(counts))

    def count(self, counts: Counts) -> CountCertificate:
        """Count as planned.

        Raises:
            InputError: If the plan cannot count them, or names components; see `decide`.
        """
        return CountCertificate.of(self.claim(counts))

    def claim(self, counts: Counts) -> Claim:
        """What follows from counts, whatever the statement.

        Raises:
            InputError: If nothing can.
        """
        chosen = Chosen(
            self.tau, self.alpha, self.corrected_by, self.family, self.tree, self.counted
        )
        return claim_as_chosen(counts, chosen)

    def certify(
        self,
        model: Model | SegmentationModel,
        input: Source,  # as the field calls it
        *,
        seed: int | None = None,
        device: str = "auto",
        batch_size: int | str = "auto",
        progress: Callable[[int, int], None] | None = None,
    ) -> Certificate:
        """Sample a model on an input, and certify its labels: `sample`, then `decide`.

        With confidence ``1 - alpha``, for the whole statement, no change of the input within the
        radius changes a certified label of the smoothed model.

        Args:
            model: Any callable or module from a float batch (b, c, h, w) in [0, 1] to scores or
                labels, or a model of points (see `as_point_segmenter`).
            input: As for `sample`.
            seed: In [0, 2^128); None takes a fresh one, which the certificate records.
            device: "auto" (where the model is) or a torch device.
            batch_size: Draws that go through the model together, or "auto".
            progress: Called after each batch with draws done and draws in all.

        Returns:
            The certificate.

        Raises:
            InputError: If an argument or the input breaks a rule, or ``n`` is too small to certify
                anything; before the first draw.
            ModelError: If the model cannot be certified.
            SamplingError: If memory does not suffice for one draw.

        Source:
            Fischer, Baader, Vechev (2021), Algorithm 2; what it guarantees: docs/guarantees.md.
        """
        if self.counted is not None:
            raise InputError(
                f"statement is {self.statement}, and certify names components: sample, then "
                "Plan.count(counts)"
            )
        segmenter, given = as_base_model(model), read(input)
        self.check_input(given.tensor)
        if self.tree is not None:
            check_class_names(self.tree, segmenter.class_names)
        stop = None if self.stop is None else StopWhen(self.stop, self.decide)
        counts = sample(
            segmenter, given,
            noise=self.noise, n0=self.n0,
            n=self.sequential(given.components) or self.n, stop=stop,
            seed=seed, device=device, batch_size=batch_size, progress=progress,
        )  # fmt: skip
        return self.decide(counts)
