"""The certificate, a frozen value: labels, mask, radius, and the statement in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int16

from segcert.certificates.family import Family
from segcert.certificates.hierarchies.colours import Colour, node_palette
from segcert.errors import InputError
from segcert.sampling.counts import Counts, Provenance
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.sequential import Anytime

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segcert.sampling.inputs import Input

FORMAT = 3  # version of the files that are written
UP = 1 + 2.0**-40  # more than undoes the rounding down of a radius


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is certified about one input, and why.

    With confidence ``1 - alpha`` (one probability for the whole statement), at every certified
    component the smoothed model's class is the printed one for every perturbation of norm at
    most ``radius``. What is certified by a class tree is a group of classes, and a correction may
    allow a number of errors: ``statement`` says it all.

    Args:
        counts: The counts that it follows from.
        labels: Class of each component, or node of ``tree``; guaranteed only where ``certified``.
        certified: Which components are certified.
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong.
        correction: The correction for many tests.
        family: What was tested.
        tree: Classes and groups of classes, if groups may be certified.
        threshold: Smallest count that can be certified; n + 1 if none.
        radius: Of the certified ball, in ``unit``; never rounded up.
        statement: The guarantee in words.
        version: Format of its files; older than today's if it was read from such files.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2; the statement is that of
        docs/guarantees.md, not the paper's Theorem 5.1, which claims more than it proves.
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

    def save(self, folder: str | Path) -> None:
        """Write ``certificate.json`` and ``counts.npz`` into a folder, each atomically."""
        from segcert.certificates.files import save_certificate  # which reads certificates, too

        save_certificate(self, Path(folder))

    def plot(self, image: "Input | None" = None) -> "Figure":
        """Draw the certified labels, white where nothing is certified, with a legend.

        Of a volume, the middle slice along each axis is drawn. Nothing is shown or written: in a
        notebook the figure shows itself, elsewhere call its ``savefig``.

        Args:
            image: The input that was certified, to be drawn beside them.

        Returns:
            A matplotlib figure, free of the state of pyplot.

        Raises:
            InputError: If it is a certificate of a cloud, there are more than 255 classes, or the
                image is another one.
        """
        from segcert.certificates.plots import figure_of  # which takes 0.3 s to load

        return figure_of(self, image)

    def _repr_html_(self) -> str:
        """Show picture, legend, radius and statement in a notebook."""
        from segcert.certificates.card import card  # which shows certificates

        return card(self)

    def __repr__(self) -> str:
        """Say in one line what is certified."""
        from segcert.certificates.legend import certified_text, radius_text

        certified, radius = certified_text(self), radius_text(self)
        return f"<Certificate: {certified} certified, {radius}, alpha = {self.alpha:g}>"
