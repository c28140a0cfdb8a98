"""``segcert verify``: does a certificate follow from its counts, and the counts from the seed?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    BackendName,
    CalibrationFolder,
    DenoiserName,
    Device,
    Int8File,
)
from segcert.cli.flat import Flat
from segcert.cli.run_options import INPUT_AS_USUAL, MODEL, RUN, InputOptions

if TYPE_CHECKING:
    from segcert.certificates.claim import Claim
    from segcert.inputs.input import Input
    from segcert.models.protocol import SegmentationModel


@dataclass(frozen=True)
class RecordedOptions(Flat):
    """The model of a certificate, and what it is told beyond what is recorded."""

    model: Annotated[
        str | None,
        Parameter(
            group=MODEL,
            help="The model: is the certificate about it? For --replay by default the recorded "
            "one.",
        ),
    ] = None
    denoiser: Annotated[DenoiserName, Parameter(group=MODEL)] = None
    backend: Annotated[BackendName, Parameter(group=MODEL)] = None
    calibration: Annotated[CalibrationFolder, Parameter(group=MODEL)] = None
    int8_file: Annotated[Int8File, Parameter(group=MODEL)] = None

    def opened(self, found: "Claim") -> "SegmentationModel":
        """Open it, run by the backend asked for, by default the recorded one.

        Raises:
            InputError: If it cannot be opened.
        """
        from segcert.certificates.writing import noise_record
        from segcert.inputs.kind import kind_of
        from segcert.models.identity.runtime import recorded_precision
        from segcert.models.reference import recorded

        source = found.provenance
        kind = kind_of(source.input_shape)
        asked = recorded(
            source.model, kind, scale=source.scale, given=self.model, denoiser=self.denoiser
        )
        if not kind.resizable:  # PyTorch alone runs models of such inputs, as they come
            return asked.open()
        precision = recorded_precision(source.precision)
        backend: str | None = self.backend
        if backend is None and source.backend != "torch":
            backend = source.backend
        height, width = source.input_shape[-2:]
        reference = replace(
            asked,
            backend=backend, precision="fp32" if precision == "int8" else precision,
            calibration=self.calibration, int8_file=self.int8_file, size=(height, width),
        )  # fmt: skip
        sigma = next(iter(noise_record(found.counts.noise).parameters.values()))
        return reference.open(sigma=sigma)


RECORDED = RecordedOptions()


def verify(
    certificate: Annotated[Path, Parameter(help="Folder that `segcert certify` wrote.")],
    *,
    replay: Annotated[
        bool, Parameter(negative=(), help="Also draw again, compare, and decide again.")
    ] = False,
    fresh: Annotated[
        bool,
        Parameter(
            negative=(),
            help="For --replay: other draws than the recorded ones, with a seed of this machine; "
            "what they certify holds whatever was chosen when.",
        ),
    ] = False,
    image: Annotated[
        Path | None,
        Parameter(
            name=["--image", "--input"],
            help="The image or point cloud: is the certificate about it?",
        ),
    ] = None,
    files: Annotated[InputOptions, Parameter(name="*")] = INPUT_AS_USUAL,
    told: Annotated[RecordedOptions, Parameter(name="*")] = RECORDED,
    ignore: Annotated[
        Path | None, Parameter(help="The mask of pixels that the certificate must have.")
    ] = None,
    device: Annotated[Device, Parameter(group=RUN)] = "auto",
) -> None:
    """Recompute a certificate from its counts; with --replay also the counts from the seed.

    Without --replay it is proved that the statement follows from the counts, and that the files
    contradict themselves nowhere, not that the counts were drawn. --image and --model compare
    hashes. Pictures beside the certificate are compared with it where that is possible.

    Exit status 0 if everything matches, 1 if not. A replay takes the recorded backend, and the
    recorded precision.
    """
    from segcert.certificates.claim_files import CERTIFICATE, read_claim
    from segcert.certificates.count import CountClaim
    from segcert.certificates.earlier_words import earlier_lines
    from segcert.certificates.result import Certificate
    from segcert.cli.replaying import check_mask, check_replayable, replay_and_print
    from segcert.cli.shell import say
    from segcert.inputs.cloud_columns import columns_of
    from segcert.inputs.input import read_path
    from segcert.report.beside import check_beside

    check_replayable(replay=replay, image=image)
    found = read_claim(certificate)
    say(f"{certificate}: follows from its counts")
    say(found.statement)
    for line in earlier_lines(found.provenance):
        say(line)
    folder = certificate.parent if certificate.name == CERTIFICATE else certificate
    segmenter = told.opened(found) if replay or told.model else None
    given = None
    if image is not None:
        given = read_path(image, columns_of(files.columns)).cut(found.provenance.input_shape)
    check_about(found, given, segmenter)
    mask = check_mask(found, ignore)
    if not isinstance(found, CountClaim):  # which has no pictures
        for line in check_beside(folder, Certificate.of(found), given):
            say(line)
    if replay and segmenter is not None and given is not None:
        replay_and_print(found, segmenter, given, device=device, fresh=fresh, ignore=mask)
    else:
        say("that the counts were drawn is not proved: --replay draws them again")


def check_about(
    found: "Claim", given: "Input | None", segmenter: "SegmentationModel | None"
) -> None:
    """Compare hashes of input and model with those of the certificate, and say so.

    Raises:
        VerificationError: If they are others.
    """
    from segcert.certificates.about import check_about_input, check_about_model
    from segcert.cli.shell import say

    if given is not None:
        check_about_input(found, given)
        say("input: it is the one that was certified, by its hash")
    if segmenter is not None:
        check_about_model(found, segmenter)
        called, here = found.provenance.model, segmenter.name
        other = "" if called == here else f"; the certificate calls it {called}, here it is {here}"
        say(f"model: it is the one that was certified, by its hash and settings{other}")
