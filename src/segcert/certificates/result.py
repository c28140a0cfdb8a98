"""The certificate, a frozen value that can be saved and loaded, printed and drawn."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from segcert.certificates.claim import Claim
from segcert.certificates.claim_files import read_claim, save_claim
from segcert.certificates.count import CountClaim
from segcert.certificates.legend import certified_text, radius_text
from segcert.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segcert.inputs.input import Source


@dataclass(frozen=True, eq=False)
class Certificate(Claim):
    """What is certified about one input, and why: a claim that can be saved and shown.

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

    @classmethod
    def of(cls, claim: Claim) -> "Certificate":
        """Make a certificate of a claim.

        Raises:
            InputError: If the claim is a count, which names no component.
        """
        if isinstance(claim, CountClaim):
            raise InputError(
                "this certificate counts components and names none: use load_count, or Plan.count"
            )
        return cls(**{field.name: getattr(claim, field.name) for field in fields(claim)})

    def save(self, folder: str | Path) -> None:
        """Write ``certificate.json`` and ``counts.npz`` into a folder, each atomically."""
        save_claim(self, Path(folder))

    def plot(self, image: "Source | None" = None) -> "Figure":
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
        from segcert.certificates.figure import figure_of  # which takes 0.3 s to load

        return figure_of(self, image)

    def _repr_html_(self) -> str:
        """Show picture, legend, radius and statement in a notebook."""
        from segcert.certificates.card import card  # which takes Jinja

        return card(self)

    def __repr__(self) -> str:
        """Say in one line what is certified."""
        certified, radius = certified_text(self), radius_text(self)
        return f"<Certificate: {certified} certified, {radius}, alpha = {self.alpha:g}>"


def load_certificate(path: str | Path) -> Certificate:
    """Read a certificate and compute again that it follows from its counts.

    What this proves: that the file is whole, that what it claims follows from its counts by a valid
    procedure, and that it contradicts itself nowhere. That the counts were drawn it does not prove:
    see `segcert.certificates.replay`.

    Args:
        path: The folder with ``certificate.json`` and ``counts.npz``, or the former.

    Raises:
        InputError: If a file is missing or cannot be read.
        VerificationError: If anything in it does not follow from the counts, or cannot be.
    """
    return Certificate.of(read_claim(Path(path)))
