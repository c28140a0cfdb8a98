"""The page of one certified image: one self-contained HTML file."""

import base64
import hashlib
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
from segcert.report.radius import RadiusWords
from segcert.text import percent_text

HERE = Path(__file__).parent
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
        truth: True classes, 255 = not labelled.
        right: Where the label is that of the truth, or a group that holds it.
        statement: The guarantee in words.
        radius: What the radius amounts to.
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
    truth: UInt8[np.ndarray, " h w"] | None
    right: Bool[np.ndarray, " h w"] | None
    statement: str
    radius: RadiusWords
    facts: tuple[tuple[str, str], ...]
    metrics: tuple[Metric, ...]
    certificate_json: str

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        arrays = {
            "labels": self.labels, "certified": self.certified, "tested": self.tested,
            "hits": self.hits, "truth": self.truth, "right": self.right,
        }  # fmt: skip
        for name, array in arrays.items():
            if array is not None and array.shape != self.image.shape[:2]:
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
    def count_decides(self) -> bool:
        """Whether exactly the pixels with a count from the threshold on are certified."""
        return bool((self.certified == (self.hits >= self.threshold)).all())


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
    untested = None if view.tested.all() else Image.fromarray(np.uint8(255) * ~view.tested)
    style, script = ((HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    return load_template("page.html.jinja").render(
        view=view,
        figures=figures(view),
        rows=[row for row in rows if row.pixels],
        absent=[row.name for row in rows if not row.pixels],
        share=percent_text(int(view.certified.sum()), view.certified.size),
        untested=data_link("image/png", png_bytes(untested)) if untested else "",
        outcome_key=outcome_key(view),
        scale=data_link("image/png", png_bytes(_scale(view))),
        data=script_data(view, rest_bytes=len(rest.getbands()) if rest else 0),
        rest=data_link("image/png", png_bytes(rest)) if rest else "",
        certificate=data_link("application/json", view.certificate_json.encode()),
        style=Markup(style),
        script=Markup(script),
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )


def figures(view: ReportView) -> list[Figure]:
    """Draw the pictures, in the order of the page."""
    labels, certified, palette = view.labels, view.certified, view.palette
    share = percent_text(int(certified.sum()), certified.size)
    kind = "Class" if view.root < 0 else "Class or group"
    shown = [
        _figure("predicted", "Predicted", png_bytes(colour_labels(labels, palette)),
                f"{kind} of every pixel, by colour, certified or not."),
        _figure("certified", "Certified", png_bytes(labels_image(labels, certified, palette)),
                f"The certified pixels, {share}, in their colour; the rest is white."),
        _figure("counts", "Counts", png_bytes(count_map(view.hits, view.n, view.threshold)),
                f"How many of {view.n} draws agreed: grey below {view.threshold}, else coloured."),
    ]  # fmt: skip
    if view.truth is not None:
        found = colour_labels(found_outcomes(view), OUTCOME_COLOURS)
        truth = png_bytes(colour_labels(view.truth, palette, ignore=True))
        shown += [
            _figure("truth", "Truth", truth, "True class of every pixel; grey: not labelled."),
            _figure("outcomes", "Errors", png_bytes(found), "Where the labels are right or wrong."),
        ]
    photograph = data_link("image/jpeg", jpeg_bytes(view.image))
    return [Figure("input", "Input", photograph, "The image that was certified."), *shown]


def class_rows(view: ReportView) -> list[ClassRow]:
    """Count the pixels of each class, the most frequent class first."""
    classes = len(view.class_names)

    def count(where: Bool[np.ndarray, " h w"]) -> list[int]:
        found: list[int] = np.bincount(view.labels[where], minlength=classes).tolist()
        return found

    nowhere = np.zeros_like(view.certified)
    labelled = nowhere if view.truth is None else view.truth != 255
    true = nowhere if view.right is None else view.right
    pixels, certified = count(np.ones_like(view.certified)), count(view.certified)
    judged, right = count(view.certified & labelled), count(view.certified & labelled & true)
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


def found_outcomes(view: ReportView) -> UInt8[np.ndarray, " h w"]:
    """Compare with the truth, which there must be."""
    assert view.truth is not None
    assert view.right is not None
    return outcomes(view.right, view.certified, view.truth)


def outcome_key(view: ReportView) -> list[tuple[str, str, str]]:
    """Count right and wrong, certified and not: colour, name, share; empty without a truth."""
    if view.truth is None:
        return []
    found = found_outcomes(view)
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
        "shortfall": view.shortfall,
        "root": view.root,
        "names": list(view.class_names),
        "starts": level_starts(view.n, view.threshold),
        "restBytes": rest_bytes,
    }


@cache
def load_template(name: str) -> Template:
    """Load a template of this folder, which escapes what it is given."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _figure(key: str, title: str, png: bytes, alt: str) -> Figure:
    return Figure(key, title, data_link("image/png", png), alt)


def _scale(view: ReportView) -> Image.Image:
    """Draw the colours of the counts 0 to n from left to right."""
    steps = np.linspace(0, view.n, min(view.n + 1, 512)).astype(int)
    return count_map(steps[None], view.n, view.threshold)


def data_link(kind: str, content: bytes) -> str:
    """Put content into a link that needs no request."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def policy_hash(text: str) -> str:
    """Name an inline style or script in a policy. Source: W3C, CSP Level 3, hash-source."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
