"""``segcert certify``: images or point clouds in, certificates and pictures out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import (
    BackendName,
    BatchSize,
    CalibrationFolder,
    CategoryName,
    DenoiserName,
    Device,
    Int8File,
    NormalsName,
    OptionalModelName,
    PrecisionName,
    Scale,
    Seed,
    UpAxis,
    Votes,
)  # fmt: skip
from segcert.cli.plan_options import PlanOptions

if TYPE_CHECKING:
    from segcert.plan import Plan
    from segcert.report.points_view import Up

AS_USUAL = PlanOptions()
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
    options: Annotated[PlanOptions, Parameter(name="*")] = AS_USUAL,
    category: CategoryName = None,
    normals: NormalsName = None,
    votes: Votes = 1,
    up: UpAxis = None,
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

    from segcert.cli.backends import as_before, remember
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
    from segcert.inputs.finding import find_inputs, kind_of_files
    from segcert.inputs.held import Inputs
    from segcert.inputs.kind import CLOUD
    from segcert.models.reference import ModelReference
    from segcert.report.image_files import write_files, write_radius_map
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_request
    from segcert.runs.request import Request

    if kind_of_files(list(images)) == CLOUD:
        model = model or DEFAULT_POINT_MODEL
        clouds = Inputs(find_inputs(list(images)))
        category = category or category_of(clouds, model)
        point_model = ModelReference(
            model, "cloud", category=category, normals=normals, votes=votes
        ).open()
        upwards: Up = up or ("z" if category is None else "y")
        plan = options.made(axis=upwards)
        asked = Request(plan, point_model.name, point_model.weights_sha256)
        certify_clouds(
            clouds, point_model, asked,
            Wishes(out, seed, device, batch_size, overwrite),
            up=upwards,
        )  # fmt: skip
        return
    model = model or DEFAULT_MODEL
    refuse_cloud_noise(options.noise)
    plan = options.made()
    if radius_map:
        check_radius_map(plan)
    reference = ModelReference(
        model, scale=scale, denoiser=denoiser,
        backend=backend, precision=precision, calibration=calibration, int8_file=int8_file,
    )  # fmt: skip
    segmenter = reference.open_alone()
    request = Request(plan, segmenter.name, segmenter.weights_sha256, scale)
    found = Inputs(find_inputs(list(images)))
    batch = "auto" if batch_size is None else batch_size
    check_request(request, found, segmenter, seed=seed, device=device, batch_size=batch)
    reference = as_before(reference, out)
    if not reference.runs(segmenter):
        height, width = next(iter(found.values())).components
        segmenter = replace(reference, size=(height, width)).run(segmenter, sigma=options.sigma)
    now, sha256 = segmenter.runtime, segmenter.weights_sha256
    request = Request(plan, segmenter.name, sha256, scale, now.backend, now.precision)
    prepare_folder(out)
    remember(backend, segmenter, out)
    new = [one for name, one in found.items() if overwrite or not (out / name).exists()]
    if new:
        warn_about_noise(model, segmenter.origin, options.noise, options.sigma)
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
            overwrite=overwrite, progress=progress,
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


def check_radius_map(plan: "Plan") -> None:
    """Refuse a map of radii where there can be none.

    Raises:
        InputError: With the way out.
    """
    from segcert.errors import InputError

    if plan.stop is not None and not plan.looks:
        raise InputError(
            "--radius-map needs numbers of draws planned beforehand, not --looks 0: "
            "use --looks 4, or leave out --stop-when"
        )
    if plan.tree is not None:
        raise InputError("--radius-map is of classes, not of groups: leave out --tree")
