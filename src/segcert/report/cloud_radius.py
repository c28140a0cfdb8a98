"""The radius of a certified cloud in words, for every noise; never more than is true."""

import math

from segcert.certificates.result import Certificate
from segcert.certificates.words import share_of_diameter
from segcert.noise.pose import PoseNoise
from segcert.text import floor_text

DOWN = 1 - 2.0**-40  # more than the rounding of the products


def cloud_radius_line(certificate: Certificate, *, diameter: float) -> str:
    """Say what the radius of a certified cloud amounts to, in one line.

    Args:
        certificate: Of a cloud.
        diameter: Largest distance of two of its points, units of the file.
    """
    radius, noise = certificate.radius, certificate.counts.noise
    printed = floor_text(radius)
    if isinstance(noise, PoseNoise):
        yaw, shift, jitter = (
            floor_text(radius * scale * DOWN) for scale in (noise.yaw, noise.shift, noise.jitter)
        )
        return (
            f"{printed} standard deviations of the pose: alone, a yaw of {yaw} radians "
            f"({floor_text(math.degrees(radius * noise.yaw) * DOWN, 2)} degrees), a shift of "
            f"{shift}, or displacements of l2 norm {jitter} over all points (units of the file)"
        )
    if certificate.unit == "radians":
        degrees = floor_text(math.degrees(radius) * DOWN, 2)
        return f"rotation angle {printed} radians ({degrees} degrees)"
    share = floor_text(100 * share_of_diameter(radius, diameter) * DOWN, 2)
    each = floor_text(radius / math.sqrt(certificate.counts.components) * DOWN)
    return (
        f"l2 {printed} over the coordinates of all points, in units of the file ({share}% of the "
        f"diameter {floor_text(diameter)}): {printed} for a single point, or {each} for every one"
    )


def cloud_radius_cell(certificate: Certificate, *, diameter: float) -> str:
    """Print the radius in its unit, for a table: with the share of the diameter, or in degrees."""
    radius, printed = certificate.radius, floor_text(certificate.radius)
    if certificate.unit == "radians":
        return f"{printed} rad ({floor_text(math.degrees(radius) * DOWN, 2)} deg)"
    if certificate.norm != "l2":
        return printed
    share = floor_text(100 * share_of_diameter(radius, diameter) * DOWN, 2)
    return f"{printed} ({share}% of diameter)"
