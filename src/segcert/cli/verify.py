"""``segcert verify``: does a certificate follow from its counts, and the counts from the seed?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    BackendName,
    CalibrationFolder,
    DenoiserName,
    Device,
    Int8File,
)  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor

    from segcert.certificates.result import Certificate
    from segcert.models.adapter import Segmenter
    from segcert.models.base import BaseModel


def verify(
    certificate: Annotated[Path, Parameter(help="Folder that `segcert certify` wrote.")],
    *,
    replay: Annotated[
        bool, Parameter(negative=(), help="Also draw again with the recorded seed and compare.")
    ] = False,
    image: Annotated[
        Path | None,
        Parameter(name=["--image", "--input"], help="For --replay: the image or point cloud."),
    ] = None,
    model: Annotated[
        str | None, Parameter(help="For --replay: the model, by default the recorded name.")
    ] = None,
    denoiser: DenoiserName = None,
    backend: BackendName = None,
    calibration: CalibrationFolder = None,
    int8_file: Int8File = None,
    device: Device = "auto",
) -> None:
    """Recompute a certificate from its counts; with --replay also the counts from the seed.

    Exit status 0 if everything matches, 1 if not. A replay takes the recorded backend, and the
    recorded precision.
    """
    from segcert.certificates.earlier_words import earlier_lines
    from segcert.certificates.files import load_certificate
    from segcert.cli.clouds import CLOUD_AXES, kind_for, refuse_options, reopen_point_model
    from segcert.cli.shell import results
    from segcert.errors import InputError
    from segcert.models.shipped import open_model, recorded_model

    found = load_certificate(certificate)
    results.print(f"{certificate}: follows from its counts", markup=False)
    results.print(found.statement, markup=False)
    for line in earlier_lines(found.provenance):
        results.print(line, markup=False)
    if not replay:
        return
    if image is None:
        raise InputError("--replay needs the image or cloud: add --image FILE")
    if len(found.provenance.input_shape) == CLOUD_AXES:
        given = {"--denoiser": denoiser, "--backend": backend, "--calibration": calibration}
        refuse_options(given | {"--int8-file": int8_file})
        point_model = reopen_point_model(found, model)
        replay_and_print(found, point_model, kind_for(point_model).read(image), device)
        return
    name = model or recorded_model(found.provenance.model, denoiser)
    segmenter = open_model(name, scale=found.provenance.scale, denoiser=denoiser)
    segmenter = as_recorded(segmenter, found, backend, calibration, int8_file)
    replay_and_print(found, segmenter, image, device)


def as_recorded(
    segmenter: "Segmenter",
    found: "Certificate",
    backend: str | None,
    calibration: Path | None,
    int8_file: Path | None,
) -> "Segmenter":
    """The model with the backend asked for, by default the recorded one, in that precision."""
    from segcert.certificates.writing import noise_record
    from segcert.cli.backends import Choice
    from segcert.models.runtime import recorded_precision

    source = found.provenance
    precision = recorded_precision(source.precision)
    if backend is None and source.backend != "torch":
        backend = source.backend
    choice = Choice(backend, "fp32" if precision == "int8" else precision, calibration, int8_file)
    sigma = next(iter(noise_record(found.counts.noise).parameters.values()))
    return choice.apply(segmenter, sigma=sigma, size=lambda: source.input_shape[1:])


def replay_and_print(
    found: "Certificate", segmenter: "BaseModel", given: "Tensor | Path", device: str
) -> None:
    """Draw the counts again and print how they compare."""
    from segcert.certificates.replay import replay
    from segcert.cli.shell import messages, results
    from segcert.errors import VerificationError
    from segcert.report.progress import DrawProgress

    with DrawProgress(messages) as bar:
        again = replay(
            found, segmenter, given, device=device,
            progress=lambda done, total: bar("replay", done, total),
        )  # fmt: skip
    results.print("replay: the noise of every draw matches bit for bit")
    if again.identical:
        results.print("replay: every count matches")
        return
    line = (
        f"{again.labels_differ} of {again.components} components get another class, "
        f"{again.hits_differ} another count, {again.pilot_differs} another promise of the pilot"
    )
    if again.same_device and again.same_backend:
        raise VerificationError(f"replay: {line}, on the recorded type of device")
    other = "backend" if again.same_device else "type of device"
    results.print(f"replay: {line}; expected, on another {other} than the recorded one")
