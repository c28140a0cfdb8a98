"""``segcert verify``: does a certificate follow from its counts, and the counts from the seed?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import DenoiserName, Device

if TYPE_CHECKING:
    from torch import Tensor

    from segcert.certificates.result import Certificate
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
    device: Device = "auto",
) -> None:
    """Recompute a certificate from its counts; with --replay also the counts from the seed.

    Exit status 0 if everything matches, 1 if not.
    """
    from segcert.certificates.files import load_certificate
    from segcert.cli.shell import results
    from segcert.errors import InputError

    found = load_certificate(certificate)
    results.print(f"{certificate}: follows from its counts", markup=False)
    results.print(found.statement, markup=False)
    if not replay:
        return
    if image is None:
        raise InputError("--replay needs the image or cloud: add --image FILE")
    replay_and_print(found, image, model, denoiser, device)


def replay_and_print(
    found: "Certificate", image: Path, model: str | None, denoiser: str | None, device: str
) -> None:
    """Draw the counts again and print how they compare."""
    from segcert.certificates.replay import replay
    from segcert.cli.clouds import CLOUD_AXES, kind_for, reopen_point_model
    from segcert.cli.shell import messages, results
    from segcert.errors import InputError, VerificationError
    from segcert.models.shipped import open_model, recorded_model
    from segcert.report.progress import DrawProgress

    segmenter: BaseModel
    given: Tensor | Path = image
    if len(found.provenance.input_shape) == CLOUD_AXES:
        if denoiser is not None:
            raise InputError("--denoiser is for images: leave it out for point clouds")
        point_model = reopen_point_model(found, model)
        segmenter, given = point_model, kind_for(point_model).read(image)
    else:
        name = model or recorded_model(found.provenance.model, denoiser)
        segmenter = open_model(name, scale=found.provenance.scale, denoiser=denoiser)
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
    if again.same_device:
        raise VerificationError(f"replay: {line}, on the recorded type of device")
    results.print(f"replay: {line}; expected, on another type of device than the recorded one")
