"""``segcert certify``: images or point clouds in, certificates and pictures out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    Alpha,
    AnyNoiseName,
    AxisName,
    BackendName,
    BatchSize,
    BlockSide,
    CalibrationFolder,
    CategoryName,
    CorrectionName,
    DenoiserName,
    Device,
    Draws,
    DropBelow,
    Int8File,
    JitterSigma,
    NormalsName,
    NumberOfLooks,
    OptionalModelName,
    OptionalPilotDraws,
    PrecisionName,
    Scale,
    Seed,
    ShiftSigma,
    Sigma,
    StopRuleName,
    Tau,
    TreeName,
    UpAxis,
    Votes,
)  # fmt: skip

if TYPE_CHECKING:
    from segcert.report.points_view import Up

DEFAULT_MODEL, DEFAULT_POINT_MODEL = "camvid", "ground"


def certify(
    *images: Annotated[
        str,
        Parameter(
            help="PNG, JPEG or TIFF files, or point clouds (.ply, .npz, .xyz, .txt, .pts, .bin), "
            "folders of them, or globs."
        ),
    ],
    model: OptionalModelName = None,
    noise: AnyNoiseName = "gaussian",
    sigma: Sigma = 0.25,
    shift_sigma: ShiftSigma = None,
    jitter_sigma: JitterSigma = None,
    axis: AxisName = None,
    category: CategoryName = None,
    normals: NormalsName = None,
    votes: Votes = 1,
    up: UpAxis = None,
    tau: Tau = 0.75,
    alpha: Alpha = 0.001,
    n0: OptionalPilotDraws = None,
    n: Draws = 100,
    correction: CorrectionName = None,
    blocks: BlockSide = None,
    drop_below: DropBelow = None,
    ignore: Annotated[
        Path | None,
        Parameter(help="Mask image: pixels that are not 0 are not tested (the own car, a frame)."),
    ] = None,
    tree: TreeName = None,
    stop_when: StopRuleName = None,
    looks: NumberOfLooks = 4,
    radius_map: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Also write radius.npy and radius.png: the largest radius proved at each pixel, "
            "with an alpha of its own.",
        ),
    ] = False,
    scale: Scale = "1",
    denoiser: DenoiserName = None,
    backend: BackendName = None,
    precision: PrecisionName = "fp32",
    calibration: CalibrationFolder = None,
    int8_file: Int8File = None,
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
            help="Replace results. The new certificate keeps seeds and shares of those that it "
            "replaced: drawing again because a result disappointed voids its confidence.",
        ),
    ] = False,
) -> None:
    """Certify the segmentation of images, or of point clouds.

    For each image, `OUT/NAME/` gets `certificate.json` (the statement, every parameter, seed and
    hashes), `counts.npz` (what proves it), `labels.png` (class numbers, 255 = abstain),
    `overlay.png` and `report.html` (open it in a browser). Interrupted with Ctrl-C, the same
    command goes on where it stopped.

    A point cloud gets `labels.npz`, `labels.ply` and `cloud.png` in place of the pictures, and a
    page with a view to turn. `--category`, `--normals`, `--votes`, `--up`, `--axis` and the noises
    rotation, yaw, axis-angle and pose are for clouds. An option that has no effect is refused.
    """
    from dataclasses import replace
    from functools import partial

    from segcert.cli.backends import as_before, remember, runtime_settings
    from segcert.cli.clouds import Wishes, category_of, certify_clouds
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages
    from segcert.cli.tables import (
        print_summary,
        warn_about_input,
        warn_about_noise,
        warn_about_size,
    )
    from segcert.files import prepare_folder
    from segcert.inputs.finding import find_inputs, find_mask, kind_of_files
    from segcert.inputs.held import Inputs
    from segcert.inputs.kind import CLOUD
    from segcert.models.reference import ModelReference
    from segcert.noise.registry import names_with
    from segcert.report.image_files import write_files, write_radius_map
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_request
    from segcert.runs.cloud_request import CloudRequest
    from segcert.runs.request import Request

    n0 = (0 if tree else 10) if n0 is None else n0
    correction = correction or ("bonferroni" if tree else "holm")
    if kind_of_files(list(images)) == CLOUD:
        model = model or DEFAULT_POINT_MODEL
        clouds = Inputs(find_inputs(list(images)))
        category = category or category_of(clouds, model)
        point_model = ModelReference(
            model, "cloud", category=category, normals=normals, votes=votes
        ).open()
        upwards: Up = up or ("z" if category is None else "y")
        asked = CloudRequest(
            noise=noise, sigma=sigma, shift_sigma=shift_sigma, jitter_sigma=jitter_sigma,
            axis=axis or (upwards if noise in names_with("axis") else None),
            tau=tau, alpha=alpha, n0=n0, n=n, correction=correction, drop_below=drop_below,
            stop_when=stop_when, looks=looks,
            model=point_model.name, weights_sha256=point_model.weights_sha256,
        )  # fmt: skip
        certify_clouds(
            clouds, point_model, asked,
            Wishes(out, seed, device, batch_size, overwrite),
            up=upwards,
        )  # fmt: skip
        return
    model = model or DEFAULT_MODEL
    refuse_cloud_noise(noise)
    reference = ModelReference(
        model, scale=scale, denoiser=denoiser,
        backend=backend, precision=precision, calibration=calibration, int8_file=int8_file,
    )  # fmt: skip
    segmenter = reference.open_alone()
    request = Request(
        noise=noise, sigma=sigma, tau=tau, alpha=alpha, n0=n0, n=n, correction=correction,
        blocks=blocks, drop_below=drop_below, tree=tree, stop_when=stop_when, looks=looks,
        model=segmenter.name, weights_sha256=segmenter.weights_sha256, scale=scale,
    )  # fmt: skip
    request.check()
    if radius_map:
        request.check_radius_map()
    found = Inputs(find_inputs(list(images)))
    mask = None if ignore is None else find_mask(ignore)
    batch = "auto" if batch_size is None else batch_size
    check_request(
        request, found, segmenter, seed=seed, device=device, batch_size=batch, ignore=mask
    )
    reference = as_before(reference, out)
    if not reference.runs(segmenter):
        height, width = next(iter(found.values())).components
        segmenter = replace(reference, size=(height, width)).run(segmenter, sigma=sigma)
    request = request.model_copy(update=runtime_settings(segmenter))
    prepare_folder(out)
    remember(backend, segmenter, out)
    new = [one for name, one in found.items() if overwrite or not (out / name).exists()]
    if new:
        warn_about_noise(model, segmenter.origin, noise, sigma)
        warn_about_input(model)
        heights = [one.components[0] for one in new]
        warn_about_size(model, segmenter.origin, heights, scale)
    base = base_prediction(segmenter, device=device)
    write = partial(write_files, radius_map=radius_map, base=base)
    done = []
    with DrawProgress(messages) as progress:
        for item in certify_inputs(
            segmenter, found, request,
            out=out, write=write, seed=seed, device=device, batch_size=batch,
            ignore=mask, overwrite=overwrite, progress=progress,
        ):  # fmt: skip
            done.append(item)
            if radius_map and item.resumed and not (item.folder / "radius.npy").exists():
                write_radius_map(item.folder, item.certificate)
    print_summary(done)


def refuse_cloud_noise(noise: str) -> None:
    """Refuse a noise of point clouds where the files are images.

    Raises:
        InputError: With its name.
    """
    from segcert.errors import InputError
    from segcert.noise.registry import IMAGE, names

    if noise not in names(IMAGE):
        raise InputError(f"--noise {noise} is for point clouds, and these are images: leave it out")
