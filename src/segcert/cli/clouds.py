"""What ``segcert certify`` does with point clouds, and what it prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segcert.errors import InputError

if TYPE_CHECKING:
    from segcert.inputs.held import Inputs
    from segcert.models.reference import AnyModel
    from segcert.report.points_view import Up
    from segcert.runs.certify_inputs import CertifiedInput
    from segcert.runs.request import Request


@dataclass(frozen=True)
class Wishes:
    """Options of ``certify`` that do not depend on what the files hold.

    Args: as of `certify`.
    """

    out: Path
    seed: int | None = None
    device: str = "auto"
    batch_size: int | None = None
    overwrite: bool = False


def category_of(found: "Inputs", model: str) -> str | None:
    """The category of the clouds, if their files say one and the model takes any.

    Raises:
        InputError: If the files are of several categories.
    """
    from segcert.models.opening_points import BUILT_IN

    if model in BUILT_IN:
        return None
    numbers = {one.category for one in found.values() if one.category is not None}
    if len(numbers) > 1:
        raise InputError(
            f"the clouds are of the categories {', '.join(map(str, sorted(numbers)))}: certify "
            "them one category at a time"
        )
    return str(numbers.pop()) if numbers else None


def certify_clouds(
    found: "Inputs",
    segmenter: "AnyModel",
    request: "Request",
    wishes: Wishes,
    *,
    up: "Up",
) -> "list[CertifiedInput]":
    """Certify cloud files, print the table and where the pages are."""
    from functools import partial

    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, say
    from segcert.files import prepare_folder
    from segcert.report.cloud_files import write_cloud_files
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_request

    batch = "auto" if wishes.batch_size is None else wishes.batch_size
    check_request(
        request, found, segmenter,
        seed=wishes.seed, device=wishes.device, batch_size=batch,
    )  # fmt: skip
    prepare_folder(wishes.out)
    for one in found.values():
        for note in one.notes:
            say(f"note: {one.path}: {note}", to=messages)
    base = base_prediction(segmenter, device=wishes.device)
    write = partial(write_cloud_files, with_truth=segmenter.category is not None, up=up, base=base)
    with DrawProgress(messages) as progress:
        done = list(certify_inputs(
            segmenter, found, request,
            out=wishes.out, write=write, seed=wishes.seed, device=wishes.device, batch_size=batch,
            overwrite=wishes.overwrite, progress=progress,
        ))  # fmt: skip
    print_clouds(done, found)
    return done


def print_clouds(done: "list[CertifiedInput]", found: "Inputs") -> None:
    """Print one row per cloud, the statements, and where the pages are."""
    from rich.table import Table

    from segcert.cli.shell import cell, note, results, say
    from segcert.cli.tables import time_of
    from segcert.inputs.clouds import diameter
    from segcert.inputs.input import as_cloud
    from segcert.report.cloud_radius import cloud_radius_cell, cloud_radius_line
    from segcert.text import percent_text

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
