"""The figure of a certificate: input, certified labels and legend, without the state of pyplot."""

from textwrap import shorten

import numpy as np
from jaxtyping import Num, Shaped, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from segcert.certificates.claim import Claim
from segcert.certificates.legend import certified_text, legend_rows, palette_of, radius_text
from segcert.certificates.pictures import labels_image
from segcert.certificates.slices import Flat, flat_views
from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.text import percent_text

INK, LINE = "#333333", "#BBBBBB"
DPI = 120  # points per inch of the PNG
WIDTH, LEGEND = 4.2, 2.2  # inches of a panel and of the legend
SHORTEST, TALLEST = 1.6, 6.0  # inches of a panel
MOST_ROWS = 16  # of the legend
NAME_WIDTH = 28  # characters


def figure_of(claim: Claim, image: Source | None = None) -> Figure:
    """Draw the certified labels, white where nothing is certified, beside the input if given.

    Args:
        claim: Of an image, or of a volume: then the middle slice along each axis is drawn.
        image: The input that was certified.

    Raises:
        InputError: If it is of a cloud, there are more than 255 classes, or the input is another.
    """
    views, palette = flat_views(claim), palette_of(claim)
    if not views:
        raise InputError(
            "a point cloud has no flat picture: segcert certify CLOUD writes a page that shows it "
            "from all sides"
        )
    if not palette:
        raise InputError(
            f"a picture shows at most 255 classes, the model has {claim.counts.classes}: "
            "cert.labels and cert.certified hold all of them"
        )
    pixels = None if image is None else certified_input(claim, image)
    rows = 1 if pixels is None else 2
    across = len(views) > 1  # a volume: slices side by side, the input above its labels
    grid = (rows, len(views)) if across else (1, rows)
    figure = Figure(figsize=size_of(views, grid), dpi=DPI, layout="constrained")
    panels = figure.subplots(*grid, squeeze=False)
    panels = panels if across else panels.T
    for column, view in enumerate(views):
        title = view.title or "certified labels"
        if pixels is not None:
            draw(panels[0, column], photograph(view.of(pixels)), f"input, {title}" if across
                 else "input")  # fmt: skip
        colours = np.asarray(labels_image(view.labels, view.certified, palette).convert("RGB"))
        draw(panels[-1, column], colours, title)
    headline = f"{certified_text(claim)} certified, {radius_text(claim)}"
    figure.suptitle(plain(headline), x=0.01, ha="left", fontsize=10.5, color=INK)
    add_legend(figure, claim)
    return figure


def certified_input(claim: Claim, image: Source) -> Num[np.ndarray, " c *components"]:
    """Read the input, and refuse another than the certified one.

    Raises:
        InputError: If it cannot be read, or is another.
    """
    given = read(image)
    if given.sha256 != claim.provenance.input_sha256:
        raise InputError("the image is not the one that was certified: its values hash differently")
    pixels: np.ndarray = given.tensor.cpu().numpy()
    return pixels


def photograph(pixels: Num[np.ndarray, " c h w"]) -> UInt8[np.ndarray, " h w 3"]:
    """Make colours of an input: of three channels as they are, of others the mean, in grey."""
    values = pixels.astype(np.float64) / (255 if pixels.dtype == np.uint8 else 1)
    if len(values) != 3:
        values = np.repeat(values.mean(0, keepdims=True), 3, axis=0)
    colours: np.ndarray = np.rint(255 * values.transpose(1, 2, 0)).astype(np.uint8)
    return colours


def size_of(views: tuple[Flat, ...], grid: tuple[int, int]) -> tuple[float, float]:
    """Width and height of the figure, inches, by the shape of the first view."""
    height, width = views[0].labels.shape
    panel = min(max(WIDTH * height / width, SHORTEST), TALLEST)
    return grid[1] * WIDTH + LEGEND, grid[0] * panel + 0.7


def draw(axes: Axes, colours: Shaped[np.ndarray, " h w 3"], title: str) -> None:
    """Draw colours as they are, in a thin frame."""
    axes.imshow(colours, interpolation="nearest")
    axes.set_title(title, loc="left", fontsize=9.5, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(LINE)


def add_legend(figure: Figure, claim: Claim) -> None:
    """List the classes, each with what share of all components is certified as it."""
    rows, whole = legend_rows(claim), claim.counts.components
    handles = []
    for row in rows[:MOST_ROWS]:
        red, green, blue = row.colour or (255, 255, 255)
        colour = red / 255, green / 255, blue / 255
        name = plain(shorten(row.name, NAME_WIDTH, placeholder="..."))
        label = f" {name}  {percent_text(row.certified, whole)}"
        handles.append(Patch(facecolor=colour, edgecolor=LINE, label=label))
    if len(rows) > MOST_ROWS:
        handles.append(Patch(alpha=0, label=f" and {len(rows) - MOST_ROWS} more"))
    left = whole - int(claim.certified.sum())
    label = f" not certified  {percent_text(left, whole)}"
    handles.append(Patch(facecolor="white", edgecolor=LINE, label=label))
    figure.legend(
        handles=handles, loc="outside right upper", frameon=False, fontsize=9, labelcolor=INK
    )


def plain(text: str) -> str:
    """Leave mathematics out: a dollar sign is a dollar sign."""
    return text.replace("$", r"\$")
