"""``segcert certify``: images in, certificates and pictures out."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    Alpha,
    BatchSize,
    CorrectionName,
    Device,
    Draws,
    ModelName,
    PilotDraws,
    Scale,
    Seed,
    Sigma,
    Tau,
)  # fmt: skip


def certify(
    *images: Annotated[str, Parameter(help="PNG, JPEG or TIFF files, folders of them, or globs.")],
    model: ModelName = "camvid",
    sigma: Sigma = 0.25,
    tau: Tau = 0.75,
    alpha: Alpha = 0.001,
    n0: PilotDraws = 10,
    n: Draws = 100,
    correction: CorrectionName = "holm",
    scale: Scale = 1.0,
    seed: Seed = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    out: Annotated[Path, Parameter(help="Folder of the results, one folder per image.")] = Path(
        "certified"
    ),
    overwrite: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Replace results of other settings. (Drawing again because a result "
            "disappointed voids its confidence.)",
        ),
    ] = False,
) -> None:
    """Certify the segmentation of images.

    For each image, `OUT/NAME/` gets `certificate.json` (the statement, every parameter, seed and
    hashes), `counts.npz` (what proves it), `labels.png` (class numbers, 255 = abstain),
    `overlay.png` and `report.html` (open it in a browser). Interrupted with Ctrl-C, the same
    command goes on where it stopped.
    """
    from segcert.cli.shell import messages
    from segcert.cli.tables import print_summary, warn_about_sigma, warn_about_size
    from segcert.data.images import read_file
    from segcert.models.shipped import open_model
    from segcert.report.files import write_files
    from segcert.report.progress import DrawProgress
    from segcert.runs.certify_images import certify_images, check_request, prepare_folder
    from segcert.runs.inputs import find_images
    from segcert.runs.request import Request

    segmenter = open_model(model, scale=scale)
    request = Request(
        sigma=sigma, tau=tau, alpha=alpha, n0=n0, n=n, correction=correction,
        model=segmenter.name, weights_sha256=segmenter.weights_sha256, scale=scale,
    )  # fmt: skip
    request.check()
    found = find_images(list(images))
    batch = "auto" if batch_size is None else batch_size
    check_request(request, found, segmenter, seed=seed, device=device, batch_size=batch)
    prepare_folder(out)
    warn_about_sigma(model, sigma)
    warn_about_size(model, [read_file(path).shape[1] for path in found.values()], scale)
    done = []
    with DrawProgress(messages) as progress:
        for item in certify_images(
            segmenter, found, request,
            out=out, write=write_files, seed=seed, device=device, batch_size=batch,
            overwrite=overwrite, progress=progress,
        ):  # fmt: skip
            done.append(item)
    print_summary(done)
