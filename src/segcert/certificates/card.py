"""The card of a certificate in a notebook: picture, legend, radius and statement, as HTML.

There are no scripts and no style sheets, which notebooks may drop: what it needs is in the tags.
"""

from base64 import b64encode
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from PIL import Image

from segcert.certificates.claim import Claim
from segcert.certificates.legend import (
    certified_text,
    legend_rows,
    palette_of,
    radius_text,
    word_of,
)
from segcert.certificates.pictures import ABSTAIN, labels_image, png_bytes
from segcert.certificates.slices import flat_views
from segcert.certificates.variation import variation
from segcert.text import confidence_text, percent_text, printable

LARGEST_SIDE = 640  # pixels of the picture in a card; larger ones lose pixels, not colours
SMALLEST_SIDE = 240  # pixels on the screen; smaller pictures are enlarged
MOST_ROWS = 16  # of the legend


def card(claim: Claim) -> str:
    """Show a certificate as HTML; names and statement are escaped."""
    rows, whole = legend_rows(claim), claim.counts.components
    certified = int(claim.certified.sum())
    views = flat_views(claim)
    picture = picture_of(claim)
    return template().render(
        picture="" if picture is None else b64encode(png_bytes(picture)).decode(),
        width=0 if picture is None else shown_width(picture),
        where=views[0].title if views else "",
        certified=certified_text(claim),
        radius=radius_text(claim),
        confidence=confidence_text(claim.alpha, variation(claim.counts)),
        model=printable(claim.provenance.model),
        word=word_of(claim),
        rows=[
            (row.name, row.colour, percent_text(row.certified, whole),
             percent_text(row.certified, row.components))
            for row in rows[:MOST_ROWS]
        ],
        left_out=max(0, len(rows) - MOST_ROWS),
        abstained=percent_text(whole - certified, whole),
        statement=printable(claim.statement),
    )  # fmt: skip


def picture_of(claim: Claim) -> Image.Image | None:
    """Draw the certified labels, of a volume its middle slice; None without plane or colours."""
    views, palette = flat_views(claim), palette_of(claim)
    if not views or not 1 <= len(palette) <= ABSTAIN:
        return None
    image = labels_image(views[0].labels, views[0].certified, palette)
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.NEAREST)
    return image


def shown_width(picture: Image.Image) -> int:
    """Width on the screen, pixels: small pictures are enlarged by a whole factor."""
    return picture.width * max(1, SMALLEST_SIDE // max(picture.size))


@cache
def template() -> Template:
    """The template, with every value escaped."""
    text = files("segcert.certificates").joinpath("card.html.jinja").read_text("utf-8")
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(text)
