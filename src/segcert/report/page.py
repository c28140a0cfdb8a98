"""The page of one certified image: one self-contained HTML file."""

import base64
import hashlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer, UInt8
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from PIL import Image

from segcert.errors import InputError
from segcert.report.pictures import (
    OUTCOME_COLOURS,
    OUTCOMES,
    Colour,
    colour_labels,
    count_map,
    jpeg_bytes,
    labels_image,
    level_starts,
    outcomes,
    png_bytes,
    rest_image,
)
from segcert.text import floor_text, percent_text

HERE = Path(__file__).parent
PATCH = 16  # side of the patch that makes a radius concrete, in pixels


@dataclass(frozen=True, eq=False)
class ReportView:
    """What the page of one image shows, as plain data.

    Args:
        title: Heading.
        image: The image that was certified.
        labels: Class of each pixel.
        certified: Where it is certified.
        hits: Draws that gave the class, of ``n``.
        n: Draws counted.
        n0: Draws that chose the class; 0 if there was no pilot.
        threshold: Smallest certified count; n + 1 if none.
        class_names: One per class.
        palette: One colour per class.
        truth: True classes, 255 = not labelled.
        statement: The guarantee in words.
        radius: Of the certified l2 ball, in units of [0, 1].
        radius_rms: The same as root mean square change per value.
        radius_grey_levels: The same spent on a single value, in grey levels of 255.
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
    hits: Integer[np.ndarray, " h w"]
    n: int
    n0: int
    threshold: int
    class_names: tuple[str, ...]
    palette: tuple[Colour, ...]
    truth: UInt8[np.ndarray, " h w"] | None
    statement: str
    radius: float
    radius_rms: float
    radius_grey_levels: float
    facts: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, str, str], ...]
    certificate_json: str

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        arrays = {"labels": self.labels, "certified": self.certified, "hits": self.hits}
        if self.truth is not None:
            arrays["truth"] = self.truth
        for name, array in arrays.items():
            if array.shape != self.image.shape[:2]:
                raise InputError(
                    f"{name} must have the shape of the image, {self.image.shape[:2]}, "
                    f"got {array.shape}"
                )
        if len(self.class_names) != len(self.palette):
            raise InputError(
                f"each of the {len(self.class_names)} classes needs one colour, "
                f"got {len(self.palette)}"
            )


@dataclass(frozen=True)
class Figure:
    """One picture with what is said about it."""

    key: str
    title: str
    source: str  # data: link
    alt: str


@dataclass(frozen=True)
class ClassRow:
    """One line of the class table; shares are printed, and in [0, 1] for the bars."""

    index: int
    name: str
    colour: str
    pixels: int
    share: float
    share_text: str
    certified: float
    certified_text: str
    right_text: str


def render_page(view: ReportView) -> str:
    """Render the page of one certified image.

    The page needs no other file and makes no request; its security policy forbids both, and any
    script but its own.

    Args:
        view: What to show.

    Returns:
        HTML.

    Raises:
        InputError: If there are more than 255 classes, or labels or counts out of range.
    """
    rows = class_rows(view)
    rest = rest_image(view.hits, view.n, view.threshold) if view.n > 255 else None
    style, script = ((HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    return _template().render(
        view=view,
        figures=figures(view),
        rows=[row for row in rows if row.pixels],
        absent=[row.name for row in rows if not row.pixels],
        share=percent_text(int(view.certified.sum()), view.certified.size),
        radii=radii(view),
        outcome_key=outcome_key(view),
        scale=_link("image/png", png_bytes(_scale(view))),
        data=script_data(view, rest_bytes=len(rest.getbands()) if rest else 0),
        rest=_link("image/png", png_bytes(rest)) if rest else "",
        certificate=_link("application/json", view.certificate_json.encode()),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def figures(view: ReportView) -> list[Figure]:
    """Draw the pictures, in the order of the page."""
    labels, certified, palette = view.labels, view.certified, view.palette
    share = percent_text(int(certified.sum()), certified.size)
    shown = [
        _figure("predicted", "Predicted", png_bytes(colour_labels(labels, palette)),
                "Class of every pixel, by colour, certified or not."),
        _figure("certified", "Certified", png_bytes(labels_image(labels, certified, palette)),
                f"The certified pixels, {share}, in the colour of their class; the rest is white."),
        _figure("counts", "Counts", png_bytes(count_map(view.hits, view.n, view.threshold)),
                f"How many of {view.n} draws agreed: grey below {view.threshold}, else coloured."),
    ]  # fmt: skip
    if view.truth is not None:
        found = colour_labels(outcomes(labels, certified, view.truth), OUTCOME_COLOURS)
        truth = png_bytes(colour_labels(view.truth, palette, ignore=True))
        shown += [
            _figure("truth", "Truth", truth, "True class of every pixel; grey: not labelled."),
            _figure("outcomes", "Errors", png_bytes(found), "Where the labels are right or wrong."),
        ]
    photograph = _link("image/jpeg", jpeg_bytes(view.image))
    return [Figure("input", "Input", photograph, "The image that was certified."), *shown]


def class_rows(view: ReportView) -> list[ClassRow]:
    """Count the pixels of each class, the most frequent class first."""
    classes = len(view.class_names)

    def count(where: Bool[np.ndarray, " h w"]) -> list[int]:
        found: list[int] = np.bincount(view.labels[where], minlength=classes).tolist()
        return found

    truth = np.full(view.labels.shape, 255, np.uint8) if view.truth is None else view.truth
    pixels, certified = count(np.ones_like(view.certified)), count(view.certified)
    judged, right = (
        count(view.certified & (truth != 255)),
        count(view.certified & (truth == view.labels)),
    )
    rows = [
        ClassRow(
            index=i,
            name=view.class_names[i],
            colour="#{:02x}{:02x}{:02x}".format(*view.palette[i]),
            pixels=pixels[i],
            share=pixels[i] / view.labels.size,
            share_text=percent_text(pixels[i], view.labels.size),
            certified=certified[i] / max(pixels[i], 1),
            certified_text=percent_text(certified[i], pixels[i]),
            right_text=percent_text(right[i], judged[i]),
        )
        for i in range(classes)
    ]
    return sorted(rows, key=lambda row: -row.pixels)


def radii(view: ReportView) -> tuple[tuple[str, str, str], ...]:
    """Say what the radius amounts to: value, unit, how it is spent; every number rounded down."""
    values = view.image.size
    patch = PATCH * PATCH * view.image.shape[2]
    on_patch = view.radius_grey_levels / math.sqrt(patch)
    everywhere = f"{floor_text(view.radius_rms)} in units of [0, 1]"
    return (
        (floor_text(view.radius), "l2 norm", f"over all {values:,} values, in units of [0, 1]"),
        (floor_text(view.radius_grey_levels / math.sqrt(values)), "grey levels RMS",
         f"spread evenly over every value ({everywhere})"),
        (floor_text(on_patch, 2), "grey levels", f"on each value of one {PATCH}×{PATCH} patch"),
        (floor_text(view.radius_grey_levels, 1), "grey levels", "on one single value of 0 to 255"),
    )  # fmt: skip


def outcome_key(view: ReportView) -> list[tuple[str, str, str]]:
    """Count right and wrong, certified and not: colour, name, share; empty without a truth."""
    if view.truth is None:
        return []
    found = outcomes(view.labels, view.certified, view.truth)
    pixels = np.bincount(found.ravel(), minlength=len(OUTCOMES)).tolist()
    return [
        ("#{:02x}{:02x}{:02x}".format(*colour), name, percent_text(part, found.size))
        for colour, name, part in zip(OUTCOME_COLOURS, OUTCOMES, pixels, strict=True)
    ]


def script_data(view: ReportView, *, rest_bytes: int) -> dict[str, object]:
    """Collect what the script of the page needs beside the pictures."""
    return {
        "width": view.image.shape[1],
        "height": view.image.shape[0],
        "n": view.n,
        "threshold": view.threshold,
        "names": list(view.class_names),
        "starts": level_starts(view.n, view.threshold),
        "restBytes": rest_bytes,
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")


def _figure(key: str, title: str, png: bytes, alt: str) -> Figure:
    return Figure(key, title, _link("image/png", png), alt)


def _scale(view: ReportView) -> Image.Image:
    """Draw the colours of the counts 0 to n from left to right."""
    steps = np.linspace(0, view.n, min(view.n + 1, 512)).astype(int)
    return count_map(steps[None], view.n, view.threshold)


def _link(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _hash(text: str) -> str:
    """Name an inline style or script in a policy. Source: W3C, CSP Level 3, hash-source."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
