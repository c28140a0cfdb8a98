"""What the page of one image shows, as plain data."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from segcert.certificates.pictures import Colour
from segcert.errors import InputError
from segcert.report.evidence import CountEvidence
from segcert.report.radius import RadiusWords

Metric = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class ReportView:
    """What the page of one image shows, as plain data.

    Args:
        title: Heading.
        image: The image that was certified.
        labels: Class of each pixel; of a class tree the class or group.
        certified: Where it is certified; this decides, not the count.
        tested: Where it was tested.
        hits: Draws that gave the label, of ``n``; for the root of a class tree, which all draws
            give, those of its most frequent member.
        n: Draws counted.
        n0: Draws that chose the class; 0 if there was no pilot.
        threshold: Smallest count that can be certified; n + 1 if none.
        rule: When a pixel is certified, in words.
        shortfall: Why a pixel with enough draws may not be certified, in words; or empty.
        root: Number of the root of a class tree, or -1.
        class_names: One per class or group.
        palette: One colour per class or group.
        base: Classes that the model gives the image without noise, 255 = none; or None.
        truth: True classes, 255 = not labelled.
        right: Where the label is that of the truth, or a group that holds it.
        statement: The guarantee in words.
        radius: What the radius amounts to.
        radius_text: The radius with its norm.
        evidence: What the counts prove.
        facts: Parameters and provenance: name, value.
        metrics: Headline figures: name, value, hint.
        certificate_json: Offered as a download.

    Raises:
        InputError: If arrays differ in shape, or classes lack a name or a colour.
    """

    title: str
    image: UInt8[np.ndarray, " h w 3"]
    labels: Integer[np.ndarray, " h w"]
    certified: Bool[np.ndarray, " h w"]
    tested: Bool[np.ndarray, " h w"]
    hits: Integer[np.ndarray, " h w"]
    n: int
    n0: int
    threshold: int
    rule: str
    shortfall: str
    root: int
    class_names: tuple[str, ...]
    palette: tuple[Colour, ...]
    base: UInt8[np.ndarray, " h w"] | None
    truth: UInt8[np.ndarray, " h w"] | None
    right: Bool[np.ndarray, " h w"] | None
    statement: str
    radius: RadiusWords
    radius_text: str
    evidence: CountEvidence
    facts: tuple[tuple[str, str], ...]
    metrics: tuple[Metric, ...]
    certificate_json: str

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        for name, array in self.arrays.items():
            if array is not None and array.shape[:2] != self.image.shape[:2]:
                raise InputError(
                    f"{name} must have the shape of the image, {self.image.shape[:2]}, "
                    f"got {array.shape}"
                )
        if len(self.class_names) != len(self.palette):
            raise InputError(
                f"each of the {len(self.class_names)} classes needs one colour, "
                f"got {len(self.palette)}"
            )
        if (self.truth is None) != (self.right is None):
            raise InputError("truth and right belong together: give both, or neither")

    @property
    def arrays(self) -> dict[str, np.ndarray | None]:
        """What has one value, or one colour, per pixel."""
        return {
            "image": self.image, "labels": self.labels, "certified": self.certified,
            "tested": self.tested, "hits": self.hits, "base": self.base, "truth": self.truth,
            "right": self.right,
        }  # fmt: skip

    @property
    def count_decides(self) -> bool:
        """Whether exactly the pixels with a count from the threshold on are certified."""
        return bool((self.certified == (self.hits >= self.threshold)).all())


def thinned(view: ReportView, step: int) -> ReportView:
    """Keep every ``step``-th pixel in both directions."""
    if step == 1:
        return view
    kept = {
        name: None if array is None else array[::step, ::step]
        for name, array in view.arrays.items()
    }
    return replace(view, **kept)  # type: ignore[arg-type]
