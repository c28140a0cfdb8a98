"""The page of one certified point cloud: one self-contained HTML file."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from segcert.report.page import HERE, ClassRow, data_link, load_template, policy_hash
from segcert.report.pictures import OUTCOME_COLOURS, OUTCOMES, png_bytes
from segcert.report.points_view import NO_TRUTH, PointsView, count_colours, point_data
from segcert.text import percent_text

LAYERS = (("parts", "Parts"), ("certified", "Certified"), ("counts", "Counts"))
LAYERS_OF_TRUTH = (("truth", "Truth"), ("errors", "Errors"))


def render_points_page(view: PointsView) -> str:
    """Render the page of one certified cloud.

    The page needs no other file and makes no request; its security policy forbids both, and any
    script but its own.

    Args:
        view: What to show.

    Returns:
        HTML.
    """
    style = "".join((HERE / name).read_text("utf-8") for name in ("page.css", "points_page.css"))
    script = (HERE / "points_page.js").read_text("utf-8")
    rows = point_rows(view)
    return load_template("points_page.html.jinja").render(
        view=view,
        layers=LAYERS if view.truth is None else LAYERS + LAYERS_OF_TRUTH,
        rows=[row for row in rows if row.pixels],
        absent=[row.name for row in rows if not row.pixels],
        untested=not view.tested.all(),
        outcome_key=[
            ("#{:02x}{:02x}{:02x}".format(*colour), name)
            for colour, name in zip(OUTCOME_COLOURS, OUTCOMES, strict=True)
        ],
        scale=data_link("image/png", png_bytes(_scale(view))),
        data=point_data(view),
        certificate=data_link("application/json", view.certificate_json.encode()),
        style=Markup(style),
        script=Markup(script),
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )


def point_rows(view: PointsView) -> list[ClassRow]:
    """Count the points of each part, the most frequent part first."""
    judged = np.zeros_like(view.certified)
    if view.truth is not None:
        judged = view.certified & (view.truth != NO_TRUTH)
    right = judged if view.truth is None else judged & (view.truth == view.labels)
    everywhere = np.ones_like(view.certified)
    points, sure, asked, true = (
        np.bincount(view.labels[where], minlength=len(view.class_names)).tolist()
        for where in (everywhere, view.certified, judged, right)
    )
    rows = [
        ClassRow(
            index=i,
            name=name,
            colour="#{:02x}{:02x}{:02x}".format(*view.palette[i]),
            pixels=points[i],
            share=points[i] / view.labels.size,
            share_text=percent_text(points[i], view.labels.size),
            certified=sure[i] / max(points[i], 1),
            certified_text=percent_text(sure[i], points[i]),
            right_text=percent_text(true[i], asked[i]),
        )
        for i, name in enumerate(view.class_names)
    ]
    return sorted(rows, key=lambda row: -row.pixels)


def _scale(view: PointsView) -> Image.Image:
    """Draw the colours of the counts 0 to n from left to right."""
    steps = np.linspace(0, view.n, min(view.n + 1, 512)).astype(int)
    return Image.fromarray(count_colours(view.n, view.threshold)[steps][None])
