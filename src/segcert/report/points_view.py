"""What the page of a certified point cloud shows, as plain data."""

import base64
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Integer, UInt8, UInt16
from matplotlib import colormaps

from segcert.certificates.claim_files import to_json
from segcert.certificates.legend import names_of, palette_of
from segcert.certificates.pictures import Colour
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.inputs.clouds import diameter
from segcert.report.cloud_radius import cloud_radius_in_words
from segcert.report.evidence import CountEvidence, evidence_data, make_evidence, radius_colours
from segcert.report.facts import Fact, base_fact, facts, rule_in_words, shortfall_in_words
from segcert.report.page_view import Metric
from segcert.report.radius import RadiusWords
from segcert.report.view import base_labels, headline, radius_text

NO_TRUTH = 255
GREYS = (0.86, 0.62)  # of no hit, and of a count just below the threshold, on white
COLOURS = (0.25, 1.0)  # stretch of reversed viridis from the threshold to n hits
Up = Literal["y", "z"]


@dataclass(frozen=True, eq=False)
class PointsView:
    """What the page and the still picture of one cloud show.

    Args:
        title: Heading.
        points: Coordinates of the cloud that was certified, in the units of its file.
        labels: Part of each point.
        certified: Where it is certified; this decides, not the count.
        tested: Where it was tested.
        hits: Draws that gave the label, of ``n``.
        n: Draws counted.
        threshold: Smallest count that can be certified; n + 1 if none.
        rule: When a point is certified, in words.
        shortfall: Why a point with enough draws may not be certified, in words; or empty.
        class_names: One per part.
        palette: One colour per part.
        base: Parts that the model gives the cloud without noise, 255 = none; or None.
        truth: True parts, 255 = not labelled.
        statement: The guarantee in words.
        radius: What the radius amounts to.
        radius_text: The radius with its norm.
        evidence: What the counts prove.
        facts: Parameters and provenance: name, value.
        metrics: Headline figures: name, value, hint.
        certificate_json: Offered as a download.
        up: Axis that points up: "y" for shapes, "z" for scans.

    Raises:
        InputError: If arrays differ in length, coordinates are not finite, labels have no name
            or colour, counts are out of range, or there are more than 255 parts.
    """

    title: str
    points: Float[np.ndarray, " p 3"]
    labels: Integer[np.ndarray, " p"]
    certified: Bool[np.ndarray, " p"]
    tested: Bool[np.ndarray, " p"]
    hits: Integer[np.ndarray, " p"]
    n: int
    threshold: int
    rule: str
    shortfall: str
    class_names: tuple[str, ...]
    palette: tuple[Colour, ...]
    base: UInt8[np.ndarray, " p"] | None
    truth: UInt8[np.ndarray, " p"] | None
    statement: str
    radius: RadiusWords
    radius_text: str
    evidence: CountEvidence
    facts: tuple[Fact, ...]
    metrics: tuple[Metric, ...]
    certificate_json: str
    up: Up = "y"

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        if self.up not in ("y", "z"):
            raise InputError(f'up must be "y" or "z", got {self.up!r}')
        if not len(self.points) or not np.isfinite(self.points).all():
            raise InputError("a cloud needs points with finite coordinates: remove the others")
        classes = len(self.class_names)
        if not 1 <= classes <= 255 or classes != len(self.palette):
            raise InputError(
                f"a page takes 1 to 255 parts with one colour each, got {classes} names and "
                f"{len(self.palette)} colours"
            )
        for name, array, most in (
            ("labels", self.labels, classes - 1), ("hits", self.hits, self.n),
            ("certified", self.certified, 1), ("tested", self.tested, 1),
            ("base", self.base, 255), ("truth", self.truth, 255),
        ):  # fmt: skip
            if array is None:
                continue
            if len(array) != len(self.points):
                raise InputError(
                    f"{name} must have one value per point, {len(self.points)}, got {len(array)}"
                )
            if array.min() < 0 or array.max() > most:
                raise InputError(
                    f"{name} must lie in 0, ..., {most}, got {array.min()} to {array.max()}"
                )

    @property
    def right(self) -> Bool[np.ndarray, " p"] | None:
        """Where the label is that of the truth."""
        return None if self.truth is None else self.labels == self.truth

    @property
    def count_decides(self) -> bool:
        """Whether exactly the points with a count from the threshold on are certified."""
        return bool((self.certified == (self.hits >= self.threshold)).all())


def make_points_view(
    certificate: Certificate,
    points: Float[np.ndarray, " p 3"],
    *,
    title: str,
    truth: UInt8[np.ndarray, " p"] | None = None,
    base: Int16[np.ndarray, " p"] | str | None = None,
    up: Up = "y",
) -> PointsView:
    """Turn the certificate of a cloud into what its page shows.

    Args:
        certificate: The certificate; its components are the points, in their order.
        points: Coordinates of the cloud that was certified.
        title: Heading of the page.
        truth: True parts, 255 = not labelled.
        base: Parts that the model gives the cloud without noise, -1 = none; or why there are
            none, in words.
        up: Axis that points up.

    Raises:
        InputError: If the certificate is of another number of points, or is one of a class tree.
    """
    if certificate.tree is not None:
        raise InputError("the page of a cloud shows no class trees: certify without one")
    counts = certificate.counts
    radius = cloud_radius_in_words(certificate, diameter=diameter(points))
    return PointsView(
        title=title,
        points=points,
        labels=certificate.labels.ravel(),
        certified=certificate.certified.ravel(),
        tested=certificate.family.tested(counts).ravel(),
        hits=counts.hits.ravel(),
        n=counts.n,
        threshold=certificate.threshold,
        rule=rule_in_words(certificate),
        shortfall=shortfall_in_words(certificate),
        class_names=names_of(certificate),
        palette=palette_of(certificate),
        base=base_labels(base),
        truth=truth,
        statement=certificate.statement,
        radius=radius,
        radius_text=radius_text(certificate),
        evidence=make_evidence(certificate, counts.hits),
        facts=(*facts(certificate), *base_fact(certificate, base)),
        metrics=headline(certificate, truth, radius),
        certificate_json=to_json(certificate),
        up=up,
    )


def quantise(
    points: Float[np.ndarray, " p 3"],
) -> tuple[UInt16[np.ndarray, " p 3"], list[float], list[float]]:
    """Round each axis to 65536 steps: ``points ~ low + step * numbers``, within half a step.

    Returns:
        Numbers, and ``low`` and ``step`` of each axis.
    """
    exact = points.astype(np.float64)
    low, high = exact.min(axis=0), exact.max(axis=0)
    step = (high - low) / 65535
    numbers = np.rint((exact - low) / np.where(step > 0, step, 1)).astype(np.uint16)
    return numbers, low.tolist(), step.tolist()


def upright(points: Float[np.ndarray, " p 3"], up: Up) -> Float32[np.ndarray, " p 3"]:
    """Turn a cloud so that y points up, centre its box, and scale it into the unit ball."""
    turned = points.astype(np.float64)
    if up == "z":
        turned = turned[:, [0, 2, 1]] * (1, 1, -1)
    centred = turned - (turned.min(axis=0) + turned.max(axis=0)) / 2
    reach = np.sqrt((centred**2).sum(axis=1).max())
    scaled: np.ndarray = (centred / (reach if reach > 0 else 1)).astype(np.float32)
    return scaled


def count_colours(n: int, threshold: int) -> UInt8[np.ndarray, " counts 3"]:
    """Give each count 0, ..., n a colour: grey below the threshold, viridis from there on."""
    greys = np.linspace(*GREYS, threshold)[:, None].repeat(3, axis=1)
    at = np.linspace(*COLOURS, n + 2 - threshold)[1:]
    both = np.concatenate([greys, colormaps["viridis_r"](at)[:, :3]])
    table: np.ndarray = np.rint(255 * both).astype(np.uint8)
    return table


def point_data(view: PointsView) -> dict[str, object]:
    """Collect what the script of the page needs; arrays in base64, little endian."""
    numbers, low, step = quantise(view.points)
    wide = view.n > 65535
    state = np.where(view.tested, view.certified, 2)  # 0 abstained, 1 certified, 2 not tested
    return {
        "n": view.n,
        "threshold": view.threshold,
        "shortfall": view.shortfall,
        "up": view.up,
        "names": list(view.class_names),
        "palette": [list(colour) for colour in view.palette],
        "low": low,
        "step": step,
        "points": _packed(numbers, "<u2"),
        "labels": _packed(view.labels, "u1"),
        "state": _packed(state, "u1"),
        "hits": _packed(view.hits, "<u4" if wide else "<u2"),
        "wide": wide,
        "counts": _packed(count_colours(view.n, view.threshold), "u1"),
        "base": None if view.base is None else _packed(view.base, "u1"),
        "truth": None if view.truth is None else _packed(view.truth, "u1"),
        "radius": view.radius_text,
        "evidence": evidence_data(view.evidence),
        "radiusColours": _packed(radius_colours(view.evidence, view.evidence.counts), "u1"),
    }


def _packed(array: np.ndarray, kind: str) -> str:
    return base64.b64encode(array.astype(kind).tobytes()).decode()
