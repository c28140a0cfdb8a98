"""Tables and notes that commands print."""

from collections.abc import Mapping

import numpy as np
from rich.table import Table

from segcert.certificates.components import largest_n
from segcert.certificates.result import Certificate
from segcert.cli.shell import cell, note, results, say
from segcert.inputs.clouds import diameter
from segcert.inputs.held import Inputs
from segcert.inputs.input import Input, as_cloud
from segcert.inputs.kind import CLOUD, IMAGE
from segcert.inputs.labels import IGNORE
from segcert.models.files.checkpoints import Origin
from segcert.models.files.sidecar import Told
from segcert.models.opening import notes_on_folder, where_to_normalise
from segcert.models.protocol import WrappedModel
from segcert.models.reference import ModelReference
from segcert.models.resizing.scale import parse_resizing
from segcert.models.shipped import foreign_path
from segcert.noise.base import AbstractNoise
from segcert.report.cloud_radius import cloud_radius_cell, cloud_radius_line
from segcert.report.facts import stopped
from segcert.report.view import against_truth
from segcert.runs.certify_inputs import CertifiedInput
from segcert.text import floor_text, percent_text

UNIT, GREY_LEVELS = "input units", 255
FAR = 1.7  # factor between sizes from which a note is due


def print_images(
    done: list[CertifiedInput],
    found: Inputs,  # noqa: ARG001 - as of clouds
    truths: Mapping[str, np.ndarray],
) -> None:
    """Print one row per image, and where their pages are; figures of those that have a truth."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("image", overflow="fold")
    radius = f"{done[0].certificate.norm} radius"  # one noise for all
    for name in ("size", "certified", "abstain", radius, "needed", "draws", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in done:
        table.add_row(cell(item.name), *cells(item.certificate), time_of(item))
    results.print(table)
    if truths:
        results.print()
        results.print(truth_table(done, truths))
    for rule in sorted({stop_rule(item.certificate) for item in done} - {""}):
        say(f"Draws were stopped early: {rule}")
    results.print()
    for item in done:
        say(f"Open {item.folder / 'report.html'}")
    invalid = sum(item.certificate.counts.invalid for item in done)
    if invalid:
        note(
            f"{invalid} labels were lost to NaN or infinite scores; they count against every class"
        )


def truth_table(done: list[CertifiedInput], truths: Mapping[str, np.ndarray]) -> Table:
    """Compare the certified images with their true classes, as their pages do."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("image", overflow="fold")
    for name in ("labelled", "accuracy", "certified accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in done:
        truth = truths[item.name]
        accuracy, certified = against_truth(item.certificate, truth)
        labelled = percent_text(int((truth != IGNORE).sum()), truth.size)
        table.add_row(cell(item.name), labelled, accuracy[1], certified[1])
    return table


def print_clouds(
    done: list[CertifiedInput],
    found: Inputs,
    truths: Mapping[str, np.ndarray],  # noqa: ARG001 - as of images
) -> None:
    """Print one row per cloud, the statements, and where the pages are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cloud", overflow="fold")
    for name in ("points", "certified", "abstain", "radius", "needed", "draws", "seconds"):
        table.add_column(name, justify="right", overflow="fold")
    lines = []
    for item in done:
        certificate = item.certificate
        counts, certified = certificate.counts, int(certificate.certified.sum())
        size = diameter(as_cloud(found[item.name]).points)
        table.add_row(
            cell(item.name),
            str(counts.components),
            percent_text(certified, counts.components),
            percent_text(counts.components - certified, counts.components),
            cloud_radius_cell(certificate, diameter=size),
            str(certificate.threshold) if certificate.threshold <= counts.n else "–",
            str(counts.n),
            time_of(item),
        )
        lines += [
            "",
            f"{item.name}: radius {cloud_radius_line(certificate, diameter=size)}; "
            f"seed {counts.provenance.seed}",
            certificate.statement,
            f"Open {item.folder / 'report.html'}",
        ]
    results.print(table)
    for line in lines:
        say(line)
    invalid = sum(item.certificate.counts.invalid for item in done)
    if invalid:
        note(f"{invalid} labels were lost to NaN or infinite scores; they count against every part")


def cells(certificate: Certificate) -> tuple[str, ...]:
    """Print the row of one certificate, without name and time."""
    counts = certificate.counts
    height, width = certificate.provenance.input_shape[1:]
    whole, certified = counts.components, int(certificate.certified.sum())
    return (
        f"{width}x{height}",
        percent_text(certified, whole),
        percent_text(whole - certified, whole),
        floor_text(certificate.radius),
        str(certificate.threshold) if certificate.threshold <= counts.n else "–",
        f"{counts.n} of {largest_n(counts)}" if stopped(counts) else str(counts.n),
    )


def time_of(item: CertifiedInput) -> str:
    """Print what an image took."""
    return "was there" if item.resumed else f"{item.seconds:.1f}"


def stop_rule(certificate: Certificate) -> str:
    """The rule that stopped the draws early, or nothing."""
    return certificate.provenance.stop_rule if stopped(certificate.counts) else ""


def warn_about_images(
    reference: ModelReference,
    segmenter: WrappedModel,
    images: list[Input],
    *,
    noise: str,
    sigma: float,
) -> None:
    """Say what a user may not know about a model and the images that are new."""
    if images:
        model = reference.name
        warn_about_noise(model, segmenter.origin, noise, sigma)
        warn_about_input(model, reference.told)
        heights = [one.components[0] for one in images]
        warn_about_size(model, segmenter.origin, heights, segmenter.scale_text)


def warn_about_size(
    model: str, origin: Origin | None, heights: list[int], scale: str | float
) -> None:
    """Say when objects are far larger or smaller than in the images of the training."""
    if origin is None:
        return  # files of other programs do not say on which images they were trained
    factor, trained = parse_resizing(scale).factor, origin.image_height
    if not factor or not trained:
        return
    factors = [height * factor / trained for height in heights]
    if not (min(factors) > 1 / FAR and max(factors) < FAR):
        worst = max(factors, key=lambda one: max(one, 1 / one))
        note(
            f"model {model} was trained on images {trained} pixels high; "
            f"here one is {worst * trained:.0f} pixels high for the network: "
            f"--scale {factor / worst:.2g} may certify more, and truer classes"
        )


def warn_about_noise(model: str, origin: Origin | None, noise: str, sigma: float) -> None:
    """Say when the noise is not that of the training: the certificate holds, but covers less."""
    if origin is None:
        return  # files of other programs do not say with which noise they were trained
    trained = origin.sigma
    if noise != "gaussian":
        note(
            f"model {model} was trained with Gaussian noise "
            f"(sigma = {trained:g}), not with {noise} noise: the certificate holds, but may cover "
            "less"
        )
    elif trained != sigma:
        note(
            f"model {model} was trained with sigma = {trained:g}, "
            f"not {sigma:g}: the certificate holds, but will cover less"
        )


def warn_about_grey_levels(noise: AbstractNoise) -> None:
    """Say when noise is larger than the range of images, as if it were told in grey levels."""
    sigma = noise.options().get("sigma")
    if noise.unit == UNIT and isinstance(sigma, float) and sigma > 1:
        note(
            f"sigma = {sigma:g} is larger than the whole range of an image, [0, 1]: {sigma:g} grey "
            f"levels of 255 are {sigma / GREY_LEVELS:.3g}"
        )


def warn_about_input(model: str, told: Told = ()) -> None:
    """Say when images go into a model of another program as they are, or not as its file says.

    Args:
        model: Its name or path.
        told: What the command line says of it.
    """
    path = foreign_path(model)
    for line in notes_on_folder(path) if path else ():
        note(line)
    said = {"mean", "input_range"} & {name for name, _ in told}
    missing = where_to_normalise(path) if path and not said else ""
    if missing:
        note(
            f"there is no {missing}: images go into model "
            f"{model} as they are, in [0, 1] plus noise; if it wants mean and std, name "
            "them there"
        )


SUMMARIES = {IMAGE: print_images, CLOUD: print_clouds}
