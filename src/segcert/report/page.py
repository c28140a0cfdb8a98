"""The page of one certified image: one self-contained HTML file."""

import base64
from dataclasses import dataclass
from math import isqrt

import numpy as np
from PIL import Image

from segcert.certificates.pictures import labels_image, png_bytes
from segcert.report.evidence import evidence_data, radius_colours, radius_range
from segcert.report.page_tables import class_rows, found_outcomes, outcome_key
from segcert.report.page_view import ReportView, thinned
from segcert.report.pages import data_link, render
from segcert.report.pictures import (
    OUTCOME_COLOURS,
    colour_labels,
    count_map,
    level_starts,
    photograph,
    radius_image,
    rest_image,
)
from segcert.text import floor_text, percent_text

MOST_BYTES = 2_950_000  # of a page
MOST_PIXELS = 4_000_000  # that are worth a try in so many bytes
STEPS = 512  # of a scale of colours


@dataclass(frozen=True)
class Figure:
    """One picture with what is said about it."""

    key: str
    title: str
    source: str  # data: link
    alt: str


def render_page(view: ReportView) -> str:
    """Render the page of one certified image, of less than 3 MB.

    The page needs no other file and makes no request; its security policy forbids both, and any
    script but its own. If it would be too large, its pictures have only every second pixel in both
    directions, or every third and so on, and it says so; its figures are always of all pixels.

    Args:
        view: What to show.

    Returns:
        HTML.

    Raises:
        InputError: If there are more than 255 classes, or labels or counts out of range.
    """
    step = max(1, isqrt(view.labels.size // MOST_PIXELS))
    while True:
        html = render_thinned(view, step)
        if len(html.encode()) <= MOST_BYTES or step >= max(view.labels.shape):
            return html
        step += 1


def render_thinned(view: ReportView, step: int) -> str:
    """Render the page with pictures of every ``step``-th pixel."""
    rows, small = class_rows(view), thinned(view, step)
    rest = rest_image(small.hits, view.n, view.threshold) if view.n > 255 else None
    untested = None if small.tested.all() else Image.fromarray(np.uint8(255) * ~small.tested)
    return render(
        "page.html.jinja", "page.js",
        view=view,
        step=step,
        size=small.labels.shape,
        figures=figures(small, share_of(view)),
        rows=[row for row in rows if row.pixels],
        absent=[row.name for row in rows if not row.pixels],
        share=share_of(view),
        untested=data_link("image/png", png_bytes(untested)) if untested else "",
        outcome_key=outcome_key(view),
        scale=data_link("image/png", png_bytes(_scale(view))),
        radius_scale=data_link("image/png", png_bytes(_radius_scale(view))),
        radius_ends=[floor_text(radius) for radius in radius_range(view.evidence)],
        data=script_data(view, step, rest_bytes=len(rest.getbands()) if rest else 0),
        rest=data_link("image/png", png_bytes(rest)) if rest else "",
        certificate=data_link("application/json", view.certificate_json.encode()),
    )  # fmt: skip


def share_of(view: ReportView) -> str:
    """The certified share in percent."""
    return percent_text(int(view.certified.sum()), view.certified.size)


def figures(view: ReportView, share: str) -> list[Figure]:
    """Draw the pictures, in the order of the page.

    Args:
        view: What to draw, thinned out or not.
        share: The certified share of all pixels, printed.
    """
    labels, certified, palette = view.labels, view.certified, view.palette
    kind = "class" if view.root < 0 else "class or group"
    shown = [Figure(
        "input", "Input", data_link("image/jpeg", photograph(view.image)),
        "The image that was certified.",
    )]  # fmt: skip
    if view.base is not None:
        shown.append(_figure(
            "base", "Base", colour_labels(view.base, palette, ignore=True),
            "Class that the model gives every pixel of the image without noise, by colour.",
        ))  # fmt: skip
    shown += [
        _figure("predicted", "Smoothed", colour_labels(labels, palette),
                f"The {kind} of every pixel under noise, by colour, certified or not."),
        _figure("certified", "Certified", labels_image(labels, certified, palette),
                f"The certified pixels, {share}, in their colour; the rest is white."),
        _figure("counts", "Counts", count_map(view.hits, view.n, view.threshold),
                f"How many of {view.n} draws agreed: grey below {view.threshold}, else coloured."),
    ]  # fmt: skip
    if view.truth is not None:
        found = colour_labels(found_outcomes(view), OUTCOME_COLOURS)
        truth = colour_labels(view.truth, palette, ignore=True)
        shown += [
            _figure("truth", "Truth", truth, "True class of every pixel; grey: not labelled."),
            _figure("outcomes", "Errors", found, "Where the labels are right or wrong."),
        ]
    return shown


def script_data(view: ReportView, step: int, *, rest_bytes: int) -> dict[str, object]:
    """Collect what the script of the page needs beside the pictures.

    Args:
        view: What the page shows, of all pixels.
        step: Of the pictures.
        rest_bytes: Of each pixel of the picture that completes the counts.
    """
    height, width = view.labels[::step, ::step].shape
    starts = level_starts(view.n, view.threshold)
    colours = radius_colours(view.evidence, starts)
    return {
        "width": width,
        "height": height,
        "step": step,
        "n": view.n,
        "threshold": view.threshold,
        "shortfall": view.shortfall,
        "root": view.root,
        "names": list(view.class_names),
        "radius": view.radius_text,
        "evidence": evidence_data(view.evidence),
        "radiusColours": base64.b64encode(colours.tobytes()).decode(),
        "starts": starts,
        "restBytes": rest_bytes,
    }


def _figure(key: str, title: str, picture: Image.Image, alt: str) -> Figure:
    return Figure(key, title, data_link("image/png", png_bytes(picture)), alt)


def _scale(view: ReportView) -> Image.Image:
    """Draw the colours of the counts 0 to n from left to right."""
    steps = np.linspace(0, view.n, min(view.n + 1, STEPS)).astype(int)
    return count_map(steps[None], view.n, view.threshold)


def _radius_scale(view: ReportView) -> Image.Image:
    """Draw the colours of the radii from the smallest to the largest, from left to right."""
    smallest, largest = radius_range(view.evidence)
    return radius_image(np.linspace(smallest, largest, STEPS)[None])
