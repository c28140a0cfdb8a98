"""``segcert certify``: images or point clouds in, certificates and pictures out."""

from collections.abc import Mapping
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
    from segcert.inputs.held import Inputs
    from segcert.inputs.kind import InputKind
    from segcert.plan import Plan
    from segcert.report.points_view import Up

AS_USUAL = PlanOptions()


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
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, say
    from segcert.cli.tables import SUMMARIES, warn_about_images
    from segcert.files import prepare_folder
    from segcert.inputs.finding import find_inputs, kind_of_files
    from segcert.inputs.held import Inputs
    from segcert.inputs.kind import CLOUD, IMAGE
    from segcert.models.reference import ModelReference
    from segcert.report.cloud_files import write_cloud_files
    from segcert.report.image_files import write_files, write_radius_map
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_request
    from segcert.runs.request import Request

    kind = kind_of_files(list(images))
    model = model or {IMAGE: "camvid", CLOUD: "ground"}[kind]
    refuse_other_noise(options.noise, kind)
    found = Inputs(find_inputs(list(images), kind))
    category = category or category_of(found, model)
    upwards: Up = up or ("z" if category is None else "y")
    axes: Mapping[InputKind, Up | None] = {IMAGE: None, CLOUD: upwards}
    plan = options.made(axis=axes[kind])
    if radius_map:
        check_radius_map(plan)
    reference = ModelReference(
        model, kind,
        scale=scale if kind.resizable else 1.0, denoiser=denoiser,
        category=category, normals=normals, votes=votes,
        backend=backend, precision=precision, calibration=calibration, int8_file=int8_file,
    )  # fmt: skip
    segmenter = reference.open_alone()
    request = Request(plan, segmenter.name, segmenter.weights_sha256, scale)
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
    if kind.resizable:
        new = [one for name, one in found.items() if overwrite or not (out / name).exists()]
        warn_about_images(
            model, segmenter, new, noise=options.noise, sigma=options.sigma, scale=scale
        )
    for one in found.values():
        for note in one.notes:
            say(f"note: {one.path}: {note}", to=messages)
    base = base_prediction(segmenter, device=device)
    told = category is not None
    write = {
        IMAGE: partial(write_files, radius_map=radius_map, base=base),
        CLOUD: partial(write_cloud_files, with_truth=told, up=upwards, base=base),
    }[kind]
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
    SUMMARIES[kind](done, found)


def refuse_other_noise(noise: str, kind: "InputKind") -> None:
    """Refuse a noise that is for inputs of another kind.

    Raises:
        InputError: With its name.
    """
    from segcert.errors import InputError
    from segcert.inputs.kind import KINDS
    from segcert.noise.registry import names

    if noise not in names(kind.word):
        other = next((one.nouns for one in KINDS if noise in names(one.word)), "nothing")
        raise InputError(
            f"--noise {noise} is for {other}, and these are {kind.nouns}: leave it out, or take "
            f"one of {', '.join(names(kind.word))}"
        )


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


def category_of(found: "Inputs", model: str) -> str | None:
    """The category of shapes, if their files say one and the model takes any; images have none.

    Raises:
        InputError: If the files are of several categories.
    """
    from segcert.errors import InputError
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
