"""The card of a certificate in a notebook: picture, legend, radius and statement, as HTML.

There are no scripts and no style sheets, which notebooks may drop: what it needs is in the tags.
"""

from base64 import b64encode
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from PIL import Image

from segcert.certificates.legend import (
    certified_text,
    legend_rows,
    palette_of,
    radius_text,
    word_of,
)
from segcert.certificates.pictures import ABSTAIN, labels_image, png_bytes
from segcert.certificates.result import Certificate
from segcert.certificates.slices import flat_views
from segcert.certificates.variation import variation
from segcert.text import confidence_text, percent_text, printable

LARGEST_SIDE = 640  # pixels of the picture in a card; larger ones lose pixels, not colours
SMALLEST_SIDE = 240  # pixels on the screen; smaller pictures are enlarged
MOST_ROWS = 16  # of the legend


def card(certificate: Certificate) -> str:
    """Show a certificate as HTML; names and statement are escaped."""
    rows, whole = legend_rows(certificate), certificate.counts.components
    certified = int(certificate.certified.sum())
    views = flat_views(certificate)
    picture = picture_of(certificate)
    return template().render(
        picture="" if picture is None else b64encode(png_bytes(picture)).decode(),
        width=0 if picture is None else shown_width(picture),
        where=views[0].title if views else "",
        certified=certified_text(certificate),
        radius=radius_text(certificate),
        confidence=confidence_text(certificate.alpha, variation(certificate.counts)),
        model=printable(certificate.provenance.model),
        word=word_of(certificate),
        rows=[
            (row.name, row.colour, percent_text(row.certified, whole),
             percent_text(row.certified, row.components))
            for row in rows[:MOST_ROWS]
        ],
        left_out=max(0, len(rows) - MOST_ROWS),
        abstained=percent_text(whole - certified, whole),
        statement=printable(certificate.statement),
    )  # fmt: skip


def picture_of(certificate: Certificate) -> Image.Image | None:
    """Draw the certified labels, of a volume its middle slice; None without plane or colours."""
    views, palette = flat_views(certificate), palette_of(certificate)
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
