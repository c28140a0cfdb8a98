"""One repetition: what was drawn, the counts that follow, and what is right about an answer."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int16, Integer, UInt16

from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.counts import Counts, Provenance
from segcert.stats.sequential import Sequential

from .models import Truth

CLASSES = ("a", "b", "c", "d")
NOISE = GaussianNoise(0.25)
PROVENANCE = Provenance(
    input_sha256="", input_shape=(), input_dtype="", model="of known probabilities",
    weights_sha256="none", scale="1", seed=0, stop_rule="", streams="cpu", device="cpu",
    device_name="", precision="", pilot_runs=(), test_runs=(), versions=(),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a procedure said in one repetition.

    Args:
        wrong: Components of which it said something false.
        right: Components that it certified rightly.
    """

    wrong: int
    right: int


@dataclass(frozen=True, eq=False)
class Drawn:
    """The labels of one repetition.

    Args:
        labels: Of the pilot draws, then of the test draws.
        n0: Number of pilot draws.
        truth: Where they come from.
        tau: Probability threshold of the statement.
        alpha: Its allowed error.
        promise: What orders the components instead of the pilot's agreement; independent of the
            test draws, but chosen against the procedure.
    """

    labels: Int16[np.ndarray, "draws m"]
    n0: int
    truth: Truth
    tau: float
    alpha: float
    promise: UInt16[np.ndarray, " m"] | None = None

    @property
    def n(self) -> int:
        """Number of test draws."""
        return len(self.labels) - self.n0

    def of_label(self, labels: Integer[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """True probability of the class that was printed, at each component."""
        found: np.ndarray = self.truth.probabilities[labels, np.arange(self.truth.components)]
        return found

    def judge(self, certified: Bool[np.ndarray, " m"], labels: Integer[np.ndarray, " m"]) -> Answer:
        """Compare a certificate with the truth: certified classes must be above tau."""
        above = self.of_label(labels) > self.tau
        return Answer(int((certified & ~above).sum()), int((certified & above).sum()))

    def counts(self, n: int | None = None, sequential: Sequential | None = None) -> Counts:
        """Counts as `segcert.sample` returns them, of the first ``n`` test draws."""
        n = self.n if n is None else n
        per_class = self.per_class(self.labels[self.n0 : self.n0 + n])
        pilot = self.per_class(self.labels[: self.n0])
        chosen = pilot if self.n0 else per_class
        labels = chosen.argmax(0).astype(np.int16)
        at = labels, np.arange(len(labels))
        return Counts(
            labels=labels,
            hits=per_class[at].astype(np.int32),
            pilot_hits=pilot[at].astype(np.uint16) if self.n0 else None,
            promise=self.promise if self.n0 else None,
            class_counts=None if self.n0 else per_class.astype(np.int32),
            n0=self.n0,
            n=n,
            sequential=sequential,
            classes=self.truth.classes,
            class_names=CLASSES[: self.truth.classes],
            palette=(),
            noise=NOISE,
            invalid=0,
            pilot_fingerprints=np.arange(self.n0, dtype=np.uint64),
            test_fingerprints=np.arange(n, dtype=np.uint64) + np.uint64(self.n0),
            provenance=PROVENANCE,
        )

    def per_class(self, labels: Int16[np.ndarray, "d m"]) -> Integer[np.ndarray, "k m"]:
        """How often each component got each class."""
        return np.stack([(labels == c).sum(0) for c in range(self.truth.classes)])

    def with_labels(self, labels: Int16[np.ndarray, "d m"]) -> "Drawn":
        """The same with other labels; for defects."""
        return replace(self, labels=labels)
