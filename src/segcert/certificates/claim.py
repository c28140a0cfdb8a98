"""What is claimed about an input, a frozen value: labels, mask, radius, the statement in words."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int16

from segcert.certificates.chosen import Chosen
from segcert.certificates.family import Family
from segcert.certificates.hierarchies.colours import Colour, node_palette
from segcert.errors import InputError
from segcert.sampling.counts import Counts, Provenance
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.sequential import Anytime

FORMAT = 3  # version of the files that are written
UP = 1 + 2.0**-40  # more than undoes the rounding down of a radius


@dataclass(frozen=True, eq=False)
class Claim:
    """What is certified about one input, and why; a `Certificate` is one that is saved and shown.

    Its fields and its guarantee are those of `segcert.certificates.result.Certificate`; all that
    decides, writes, reads and draws works on it, and so lies below what users hold.
    """

    counts: Counts
    labels: Int16[np.ndarray, " *components"]
    certified: Bool[np.ndarray, " *components"]
    tau: float
    alpha: float
    correction: AbstractCorrection
    family: Family
    tree: ClassTree | None
    threshold: int
    radius: float
    statement: str
    version: int = FORMAT

    @property
    def chosen(self) -> Chosen:
        """What was chosen before the counts were seen."""
        return Chosen(self.tau, self.alpha, self.correction, self.family, self.tree)

    @property
    def number(self) -> int:
        """How many components the statement is about."""
        return int(self.certified.sum())

    @property
    def abstain_rate(self) -> float:
        """Share of the components that are not certified."""
        return 1 - float(self.certified.mean())

    @property
    def method(self) -> str:
        """Name of the procedure."""
        parts = ["class tree" if self.tree else "segcertify"]
        parts.append("pilot" if self.counts.n0 else "no pilot")
        if self.family.regions is not None:
            parts.append("regions")
        if self.counts.sequential is not None:
            stops = isinstance(self.counts.sequential, Anytime)
            parts.append("e-process" if stops else f"{len(self.counts.sequential.at)} looks")
        return ", ".join(parts)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, and of the groups if there are any; empty if unknown."""
        return self.tree.names if self.tree else self.counts.class_names

    @property
    def palette(self) -> tuple[Colour, ...]:
        """Colours of the classes, and of the groups if there are any; empty if unknown."""
        if self.tree and self.counts.palette:
            return node_palette(self.tree, self.counts.palette)
        return self.counts.palette

    @property
    def norm(self) -> str:
        """Norm of the certified ball."""
        return self.counts.noise.norm

    @property
    def unit(self) -> str:
        """Unit of the radius."""
        return self.counts.noise.unit

    @property
    def provenance(self) -> Provenance:
        """Where the counts come from."""
        return self.counts.provenance

    def radius_no_abstain(self, deployed_tau: float) -> float:
        """Radius in which a deployment with a lower threshold does not even abstain.

        Args:
            deployed_tau: Threshold of the deployment, in [1/2, tau].

        Returns:
            The radius at tau less that at ``deployed_tau``, for Gaussian noise
            ``sigma (Phi^-1(tau) - Phi^-1(deployed_tau))``; never rounded up.

        Raises:
            InputError: If ``deployed_tau`` is above ``tau``.

        Source:
            docs/guarantees.md, section 1; Cohen et al. (2019), proof of Theorem 1; other noises:
            docs/decisions/0007.
        """
        if not 0.5 <= deployed_tau <= self.tau:
            raise InputError(
                f"deployed_tau must lie in [1/2, tau = {self.tau}], got {deployed_tau}"
            )
        return max(0.0, self.radius - self.counts.noise.radius(deployed_tau) * UP)
