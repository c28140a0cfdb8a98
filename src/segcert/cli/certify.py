"""``segcert certify``: images or point clouds in, certificates and pictures out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.arguments import OptionalModelName, UpAxis
from segcert.cli.flat import Flat
from segcert.cli.network_options import NETWORK_AS_USUAL, NetworkOptions
from segcert.cli.plan_options import PLAN_AS_USUAL, PlanOptions
from segcert.cli.run_options import (
    INPUT_AS_USUAL,
    MODEL,
    MODEL_AS_USUAL,
    OUTPUT,
    SAMPLING_AS_USUAL,
    InputOptions,
    ModelOptions,
    SamplingOptions,
)
from segcert.cli.truth import TRUTH_AS_USUAL, TruthOptions, check_reduced

if TYPE_CHECKING:
    from segcert.inputs.held import Inputs
    from segcert.inputs.input import Input
    from segcert.inputs.kind import InputKind
    from segcert.plan import Plan
    from segcert.report.points_view import Up

OUTPUT_OF_CLOUDS = Group("Output, of point clouds", sort_key=10)


@dataclass(frozen=True)
class OutputOptions(Flat):
    """What is written, and where."""

    out: Annotated[
        Path, Parameter(group=OUTPUT, help="Folder of the results, one folder per image.")
    ] = Path("certified")
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT,
            negative=(),
            help="Replace results. The new certificate keeps seeds and shares of those that it "
            "replaced: drawing again because a result disappointed voids its confidence.",
        ),
    ] = False
    radius_map: Annotated[
        bool,
        Parameter(
            group=OUTPUT,
            negative=(),
            help="Also write radius.npy and radius.png: the largest radius proved at each pixel, "
            "with an alpha of its own.",
        ),
    ] = False
    up: Annotated[UpAxis, Parameter(group=OUTPUT_OF_CLOUDS)] = None


OUTPUT_AS_USUAL = OutputOptions()


def certify(
    *images: Annotated[
        str,
        Parameter(
            help="Pictures (PNG, JPEG, TIFF, WebP, BMP, PPM, GIF; stack.tif#3 is a page), or point "
            "clouds (.ply, .npz, .pcd, .las, .laz, .xyz, .txt, .pts, .asc, .csv, .bin), folders of "
            "them, or globs."
        ),
    ],
    files: Annotated[InputOptions, Parameter(name="*")] = INPUT_AS_USUAL,
    model: Annotated[OptionalModelName, Parameter(group=MODEL)] = None,
    told: Annotated[ModelOptions, Parameter(name="*")] = MODEL_AS_USUAL,
    network: Annotated[NetworkOptions, Parameter(name="*")] = NETWORK_AS_USUAL,
    options: Annotated[PlanOptions, Parameter(name="*")] = PLAN_AS_USUAL,
    sampling: Annotated[SamplingOptions, Parameter(name="*")] = SAMPLING_AS_USUAL,
    output: Annotated[OutputOptions, Parameter(name="*")] = OUTPUT_AS_USUAL,
    compared: Annotated[TruthOptions, Parameter(name="*")] = TRUTH_AS_USUAL,
) -> None:
    """Certify the segmentation of images, or of point clouds.

    For each image, `OUT/NAME/` gets `certificate.json` (the statement, every parameter, seed and
    hashes), `counts.npz` (what proves it), `labels.png` (class numbers, 255 = abstain),
    `overlay.png` and `report.html` (open it in a browser). With `--truth` the table and the page
    say how much is certified and true. Interrupted with Ctrl-C, the same
    command goes on where it stopped.

    With `--statement count` an image or cloud gets `certificate.json`, `counts.npz` and
    `statement.txt`, and no picture: a count names no component.

    A point cloud gets `labels.npz`, `labels.ply` and `cloud.png` in place of the pictures, and a
    page with a view to turn. `--columns`, `--category`, `--normals`, `--votes`, `--up`, `--axis`
    and the noises rotation, yaw, axis-angle and pose are for clouds. An option that has no effect
    is refused.
    """
    from dataclasses import replace
    from functools import partial

    from segcert.cli.backends import as_before, remember
    from segcert.cli.count_table import print_counts
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, say
    from segcert.cli.tables import SUMMARIES, warn_about_grey_levels, warn_about_images
    from segcert.files import prepare_folder
    from segcert.inputs.cloud_columns import columns_of
    from segcert.inputs.finding import find_inputs, kind_of_files, skipped_in
    from segcert.inputs.held import Inputs
    from segcert.inputs.kind import CLOUD, IMAGE
    from segcert.noise.registry import name_of
    from segcert.report.count_files import write_count
    from segcert.report.image_files import write_files, write_page, write_radius_map
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_request
    from segcert.runs.request import Request

    kind = kind_of_files(list(images))
    model = model or {IMAGE: "camvid", CLOUD: "ground"}[kind]
    if options.plan is None:
        refuse_other_noise(options.noise, kind)
    paths, out = find_inputs(list(images), kind), output.out
    found = Inputs(paths, columns=columns_of(files.columns))
    category = told.category or category_of(found, model)
    upwards: Up = output.up or ("z" if category is None else "y")
    axes: Mapping[InputKind, Up | None] = {IMAGE: None, CLOUD: upwards}
    plan, seed, device = options.made(axis=axes[kind]), sampling.seed, sampling.device
    if plan.counted is not None and (output.radius_map or compared.truth is not None):
        refuse_with_count(plan)
    if not kind.resizable:
        refuse_of_images(plan)
    if output.radius_map:
        check_radius_map(plan)
    scale = network.padded(told.scale)
    reference = told.reference(model, kind, category, network)
    segmenter = reference.open_alone()
    if compared.truth is not None:
        check_reduced(model, compared.told)
    truths = compared.read(found, segmenter)
    request = Request(plan, segmenter.name, segmenter.weights_sha256, scale)
    check_request(request, found, segmenter, seed=seed, device=device, batch_size=sampling.batch)
    reference = as_before(reference, out)
    if not reference.runs(segmenter):
        height, width = next(iter(found.values())).components
        segmenter = replace(reference, size=(height, width)).run(segmenter, sigma=plan.sigma)
    now, sha256 = segmenter.runtime, segmenter.weights_sha256
    request = Request(plan, segmenter.name, sha256, scale, now.backend, now.precision)
    prepare_folder(out)
    remember(told.backend, segmenter, out)
    if kind.resizable:
        again = output.overwrite
        new = [one for name, one in found.items() if again or not (out / name).exists()]
        noise = name_of(plan.noise)
        warn_about_grey_levels(plan.noise)
        warn_about_images(reference, segmenter, new, noise=noise, sigma=plan.sigma)
    for line in skipped_in(list(images), paths.values()):
        say(f"note: {line}", to=messages)
    for one in found.values():
        for note in (*one.notes, *note_on_mask(one, plan)):
            say(f"note: {one.path}: {note}", to=messages)
    base = base_prediction(segmenter, device=device)
    writers: Mapping[InputKind, Callable[[], Callable[..., None]]] = {
        IMAGE: lambda: partial(write_files, truths=truths, radius_map=output.radius_map, base=base),
        CLOUD: lambda: partial(
            cloud_writer(), with_truth=category is not None, up=upwards, base=base
        ),
    }
    done = []
    write = writers[kind]() if plan.counted is None else write_count
    with DrawProgress(messages) as progress:
        for item in certify_inputs(
            segmenter, found, request,
            out=out, write=write, seed=seed, device=device, batch_size=sampling.batch,
            overwrite=output.overwrite, progress=progress,
        ):  # fmt: skip
            done.append(item)
            if output.radius_map and item.resumed and not (item.folder / "radius.npy").exists():
                write_radius_map(item.folder, item.certificate)
            if item.resumed and item.name in truths:
                write_page(
                    item.folder, found[item.name], item.certificate,
                    truth=truths[item.name], base=base,
                )  # fmt: skip
    if plan.counted is not None:
        print_counts(done)
        return
    SUMMARIES[kind](done, found, truths)


def note_on_mask(given: "Input", plan: "Plan") -> tuple[str, ...]:
    """Say how a mask of pixels that are not tested lies over a photograph that was turned."""
    from segcert.inputs.pictures import UPRIGHT

    if plan.ignore is None or given.orientation == UPRIGHT:
        return ()
    return (
        f"it is turned by its EXIF orientation ({given.orientation}), and --ignore is laid over it "
        "as it is seen",
    )


def cloud_writer() -> Callable[..., None]:
    """What writes the files of a cloud; its plots look for fonts, which images do not need."""
    from segcert.report.cloud_files import write_cloud_files

    return write_cloud_files


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


def refuse_of_images(plan: "Plan") -> None:
    """Refuse, for point clouds, what is for images.

    Raises:
        InputError: With the choice.
    """
    from segcert.errors import InputError

    for name, given in (("blocks", plan.blocks), ("tree", plan.tree), ("ignore", plan.ignore)):
        if given is not None:
            raise InputError(f"--{name} is for images: leave it out for point clouds")


def refuse_with_count(plan: "Plan") -> None:
    """Refuse what compares or draws components, where a plan in a file counts them.

    Raises:
        InputError: Always.
    """
    from segcert.errors import InputError

    raise InputError(
        f"the plan states a {plan.statement}, which names no component: leave out --radius-map and "
        "--truth"
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
