"""The radius of a certified cloud in words, for every noise; never more than is true."""

import math

from segcert.certificates.result import Certificate
from segcert.certificates.words import share_of_diameter
from segcert.noise.pose import PoseNoise
from segcert.report.radius import Example, RadiusWords
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


def cloud_radius_in_words(certificate: Certificate, *, diameter: float) -> RadiusWords:
    """Say what the radius of a certified cloud amounts to, for its page.

    Args:
        certificate: Of a cloud.
        diameter: Largest distance of two of its points, units of the file.
    """
    return RadiusWords(
        short=f"{certificate.norm}, {certificate.unit}",
        covered=f"changes of bounded {certificate.norm}",
        introduction="Any such change up to this one is covered, however it is spent; for example:",
        examples=cloud_examples(certificate, diameter),
        line=cloud_radius_line(certificate, diameter=diameter),
    )


def cloud_examples(certificate: Certificate, diameter: float) -> tuple[Example, ...]:
    """Value, unit, how it is spent; each value rounded towards no change."""
    radius, noise = certificate.radius, certificate.counts.noise
    printed = floor_text(radius)
    if isinstance(noise, PoseNoise):
        degrees = floor_text(math.degrees(radius * noise.yaw) * DOWN, 2)
        shift, jitter = (floor_text(radius * scale * DOWN) for scale in (noise.shift, noise.jitter))
        return (
            (printed, "standard deviations", "of turn, shift and displacements together"),
            (f"{degrees}°", "of yaw", "if there is no other change"),
            (shift, "of shift", "units of the file, if there is no other change"),
            (jitter, "l2 norm", "of the displacements of all points, if there is no other change"),
        )
    if certificate.unit == "radians":
        degrees = floor_text(math.degrees(radius) * DOWN, 2)
        return (
            (printed, "radians", certificate.norm),
            (f"{degrees}°", "of rotation", "the same in degrees"),
        )
    if certificate.norm != "l2":
        return ((printed, certificate.norm, f"in {certificate.unit}"),)
    share = floor_text(100 * share_of_diameter(radius, diameter) * DOWN, 2)
    each = floor_text(radius / math.sqrt(certificate.counts.components) * DOWN)
    return (
        (printed, "l2 norm", "over the coordinates of all points, in units of the file"),
        (printed, "for one point", "if no other point moves"),
        (each, "for every point", "if all move as far"),
        (f"{share}%", "of the diameter", f"of the cloud, which is {floor_text(diameter)}"),
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
