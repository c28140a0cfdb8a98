"""Pictures for a README or a slide: panels of a certificate, and of an attack, in a row."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from segcert.certificates.legend import palette_of
from segcert.certificates.pictures import Colour, labels_image
from segcert.certificates.result import Certificate
from segcert.report.pictures import colour_labels, overlay

GAP = 8  # white pixels between panels


def strip(certificate: Certificate, image: UInt8[np.ndarray, " h w 3"]) -> Image.Image:
    """Put side by side the input, the labels, and the certified labels with abstentions in white.

    Args:
        certificate: The certificate.
        image: The image that was certified.
    """
    palette = palette_of(certificate)
    labels = certificate.labels
    panels = (
        Image.fromarray(image),
        overlay(image, labels, np.ones(labels.shape, dtype=bool), palette),
        overlay(image, labels, certificate.certified, palette),
    )
    return side_by_side(panels)


def attack_figure(
    certificate: Certificate,
    attacked: UInt8[np.ndarray, " h w 3"],
    plain: Integer[np.ndarray, " h w"],
    *,
    truth: Integer[np.ndarray, " h w"] | None = None,
    palette: Sequence[Colour] = (),
) -> Image.Image:
    """Put side by side an attacked image, the truth, its plain labels, and the certified ones.

    Args:
        certificate: Of the image before the attack: its labels hold for all images in its ball.
        attacked: The attacked image, rounded for the eye.
        plain: Labels that a model without smoothing gives the attacked image.
        truth: True classes, 255 = ignored; left out if None.
        palette: Colours of ``plain``; by default those of the certificate.

    Source:
        Fischer et al. (2021), Figure 1.
    """
    colours = palette_of(certificate)
    panels = [Image.fromarray(attacked)]
    if truth is not None:
        panels.append(colour_labels(truth, colours, ignore=True).convert("RGB"))
    panels.append(colour_labels(plain, palette or colours).convert("RGB"))
    panels.append(labels_image(certificate.labels, certificate.certified, colours).convert("RGB"))
    return side_by_side(panels)


def side_by_side(panels: Sequence[Image.Image]) -> Image.Image:
    """Put pictures of one size in a row, with white gaps."""
    width, height = panels[0].size
    whole = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height), "white")
    for number, panel in enumerate(panels):
        whole.paste(panel, (number * (width + GAP), 0))
    return whole
