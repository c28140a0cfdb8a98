"""The page of one certified point cloud: one self-contained HTML file."""

import numpy as np
from PIL import Image

from segcert.certificates.pictures import png_bytes
from segcert.report.evidence import radius_range
from segcert.report.page_tables import class_rows
from segcert.report.pages import data_link, hex_colour, render
from segcert.report.pictures import OUTCOME_COLOURS, OUTCOMES, radius_image
from segcert.report.points_view import PointsView, count_colours, point_data
from segcert.text import floor_text

STEPS = 512  # of a scale of colours


def layers(view: PointsView) -> list[tuple[str, str]]:
    """What the points can be coloured by: key, title."""
    shown = [
        ("base", "Base", view.base is not None),
        ("parts", "Smoothed", True),
        ("certified", "Certified", True),
        ("counts", "Counts", True),
        ("radii", "Radii", view.evidence.radii is not None),
        ("truth", "Truth", view.truth is not None),
        ("errors", "Errors", view.truth is not None),
    ]
    return [(key, title) for key, title, there in shown if there]


def render_points_page(view: PointsView) -> str:
    """Render the page of one certified cloud.

    The page needs no other file and makes no request; its security policy forbids both, and any
    script but its own.

    Args:
        view: What to show.

    Returns:
        HTML.
    """
    rows = class_rows(view)
    smallest, largest = radius_range(view.evidence)
    radii = radius_image(np.linspace(smallest, largest, STEPS)[None])
    return render(
        "points_page.html.jinja", "points_page.js",
        view=view,
        choices=layers(view),
        rows=[row for row in rows if row.pixels],
        absent=[row.name for row in rows if not row.pixels],
        untested=not view.tested.all(),
        outcome_key=[
            (hex_colour(colour), name)
            for colour, name in zip(OUTCOME_COLOURS, OUTCOMES, strict=True)
        ],
        scale=data_link("image/png", png_bytes(_scale(view))),
        radius_scale=data_link("image/png", png_bytes(radii)),
        radius_ends=[floor_text(smallest), floor_text(largest)],
        data=point_data(view),
        certificate=data_link("application/json", view.certificate_json.encode()),
    )  # fmt: skip


def _scale(view: PointsView) -> Image.Image:
    """Draw the colours of the counts 0 to n from left to right."""
    steps = np.linspace(0, view.n, min(view.n + 1, STEPS)).astype(int)
    return Image.fromarray(count_colours(view.n, view.threshold)[steps][None])
