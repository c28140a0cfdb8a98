"""``segcert evaluate``: a data set with truth, at many settings, into a folder that resumes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from segcert.cli.arguments import (
    BackendName,
    BatchSize,
    CalibrationFolder,
    DenoiserName,
    Device,
    Int8File,
    ModelName,
    PilotDraws,
    PrecisionName,
    Seed,
    whole,
)
from segcert.cli.engines import Address, EngineName, Workers

if TYPE_CHECKING:
    from segcert.inputs.kind import InputKind
    from segcert.runs.evaluate import Results

UP_OF_SHAPES = "y"
Whole = Annotated[int, Parameter(converter=whole)]


def evaluate(
    *,
    data: Annotated[
        Literal[
            "camvid",
            "cityscapes",
            "pascal_context",
            "folder",
            "synthetic",
            "shapes",
            "shapenet_part",
            "shapenet_part_cap",
            "cloud_folder",
        ],
        Parameter(help="Data set."),
    ],
    out: Annotated[Path, Parameter(help="The run folder; the same command goes on in it.")],
    model: ModelName = "camvid",
    sigma: Annotated[
        list[float] | None,
        Parameter(help="Standard deviations of the noise; by default 0.25. Repeat for several."),
    ] = None,
    noise: Annotated[
        list[str] | None,
        Parameter(
            help="Of clouds: gaussian (coordinates), rotation, yaw, axis-angle or pose; gaussian."
        ),
    ] = None,
    shift_sigma: Annotated[
        float | None, Parameter(help="Of --noise pose: of the shift, units of the file.")
    ] = None,
    jitter_sigma: Annotated[
        float | None, Parameter(help="Of --noise pose: of each point, units of the file.")
    ] = None,
    axis: Annotated[
        Literal["x", "y", "z"] | None,
        Parameter(
            help="Of --noise yaw and pose: axis of the rotation; by default y, which points up in "
            "shapes."
        ),
    ] = None,
    normals: Annotated[
        Literal["trusted", "recomputed"] | None,
        Parameter(
            help="Of clouds: recomputed computes the normals from the noisy points, for networks "
            "that take normals; trusted, the default, takes those of the file as they are."
        ),
    ] = None,
    votes: Annotated[
        int, Parameter(converter=whole, help="Of clouds: runs of the network that are averaged.")
    ] = 1,
    scale: Annotated[
        list[str] | None,
        Parameter(help="Resizing of noisy images, as of `segcert certify`; 1."),
    ] = None,
    denoiser: DenoiserName = None,
    backend: BackendName = None,
    precision: PrecisionName = "fp32",
    calibration: CalibrationFolder = None,
    int8_file: Int8File = None,
    tau: Annotated[list[float] | None, Parameter(help="Probability thresholds; 0.75.")] = None,
    n: Annotated[
        list[Whole] | None,
        Parameter(help="Numbers of draws; 100. The smaller share the larger's."),
    ] = None,
    correction: Annotated[
        list[str] | None, Parameter(help="Corrections, as of `segcert certify`; holm.")
    ] = None,
    n0: PilotDraws = 10,
    alpha: Annotated[
        float,
        Parameter(help="Allowed probability that a statement is wrong: per image and setting."),
    ] = 0.001,
    seed: Seed = None,
    subset: Annotated[
        int | None, Parameter(converter=whole, help="Take so many evenly spaced images.")
    ] = None,
    root: Annotated[Path | None, Parameter(help="Folder of a known data set.")] = None,
    split: Annotated[
        str | None, Parameter(help="train, val or test; by default val, of shapes test.")
    ] = None,
    category: Annotated[
        list[str] | None,
        Parameter(
            help="Of --data shapenet_part: a category. Repeat for several; all. Of cloud_folder: "
            "that of all files; by default each file's own."
        ),
    ] = None,
    label_order: Annotated[str | None, Parameter(help="Of Pascal Context: its numbers.")] = None,
    resize: Annotated[
        str | None, Parameter(help="Of Pascal Context: 'before noise' or 'inside the model'.")
    ] = None,
    images: Annotated[Path | None, Parameter(help="Of --data folder: the images.")] = None,
    masks: Annotated[Path | None, Parameter(help="Of --data folder: the masks.")] = None,
    classes: Annotated[Path | None, Parameter(help="Of --data folder: names, one a line.")] = None,
    scenes: Annotated[
        int | None, Parameter(converter=whole, help="Of --data synthetic and shapes: how many.")
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    engine: EngineName = "local",
    workers: Workers = None,
    address: Address = None,
) -> None:
    """Certify a data set at all combinations of settings, and compare with the truth.

    `OUT/records.sqlite` gets one row per image and setting, `OUT/summary.json` the figures.
    Stopped at any point, the same command goes on.
    """
    from segcert.cli.backends import as_before, one_calibration, remember, runtime_settings
    from segcert.cli.engines import EngineChoice
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, note
    from segcert.cli.tables import warn_about_input
    from segcert.data.sets import RULES, Arguments, open_evaluation_set
    from segcert.inputs.kind import CLOUD, IMAGE
    from segcert.models.reference import ModelReference
    from segcert.runs.config import EvaluationConfig
    from segcert.runs.evaluate import evaluate as run
    from segcert.runs.inventory import take_inventory
    from segcert.runs.setting import all_settings
    from segcert.sampling.setup import check_batch_size
    from segcert.sampling.streams import fresh_seed

    given = Arguments(
        root=root, split=split, label_order=label_order, resize=resize, images=images,
        masks=masks, classes=classes, scenes=scenes,
        category=None if category is None else tuple(category),
    )  # fmt: skip
    sigmas, taus = tuple(sigma or [0.25]), tuple(tau or [0.75])
    draws, corrections = tuple(n or [100]), tuple(correction or ["holm"])
    kind = RULES[data].kind
    own: Mapping[InputKind, Mapping[str, Any]] = {
        IMAGE: {"noise": (), "scale": scales_of(data, resize, scale)},
        CLOUD: {"noise": noise or ["gaussian"], "scale": ("1",)},
    }
    settings = all_settings(
        **own[kind],
        shift_sigma=shift_sigma, jitter_sigma=jitter_sigma, axis=axis_of(noise or [], axis),
        sigma=sigmas, tau=taus, n=draws, correction=corrections,
    )  # fmt: skip
    batch = "auto" if batch_size is None else batch_size
    check_batch_size(batch)
    where = EngineChoice(engine, workers, address)
    reference = ModelReference(
        model, kind,
        denoiser=denoiser, normals=normals, votes=votes, each_category=kind.has_categories,
        backend=backend, precision=precision, calibration=calibration, int8_file=int8_file,
    )  # fmt: skip
    segmenter = reference.open_alone()
    where.check(segmenter, reference, device)
    found = open_evaluation_set(data, given, subset=subset)
    asked = EvaluationConfig(
        data=found.name, note=found.note, images=len(found.items), inputs_sha256="",
        classes=found.classes, model=segmenter.name, weights_sha256=segmenter.weights_sha256,
        settings=settings, n0=n0, alpha=alpha, seed=str(fresh_seed() if seed is None else seed),
        device="",
    )  # fmt: skip
    asked.check(segmenter)
    inventory = take_inventory(found)
    config = asked.possible(inventory).model_copy(update={"inputs_sha256": inventory.sha256})
    if reference.calibrates:
        one_calibration(config)
        reference = replace(reference, scale=config.settings[0].scale)
    if kind.resizable:
        height, width = inventory.items[0].shape
        reference = replace(as_before(reference, out), size=(height, width))
    segmenter = reference.run(segmenter, sigma=config.settings[0].sigma)
    config = config.model_copy(update=runtime_settings(segmenter))
    left_out = len(settings) - len(config.settings)
    with where.open(segmenter, reference, device=device) as workplace:
        config = config.model_copy(update={"device": workplace.device_type})
        remember(backend, segmenter, out)
        if kind.resizable:
            warn_about_input(model)
        with DrawProgress(messages) as progress:
            results = run(
                segmenter, found, inventory, config,
                out=out, any_seed=seed is None, batch_size=batch, progress=progress,
                engine=workplace,
            )  # fmt: skip
    if left_out:
        note(
            f"{left_out} of {len(settings)} settings are left out: so few draws "
            "cannot certify anything at such a tau"
        )
    print_results(results, out)


def axis_of(noise: list[str], axis: str | None) -> str | None:
    """The axis of rotations about one axis; None if no noise is one."""
    from segcert.noise.registry import names_with

    return axis or UP_OF_SHAPES if set(noise) & set(names_with("axis")) else None


def scales_of(data: str, resize: str | None, scale: list[str] | None) -> tuple[str, ...]:
    """The scales to certify at; Pascal Context that is resized inside the model has one.

    Raises:
        InputError: If another one is asked for there.
    """
    from segcert.data.pascal_context import SIDE
    from segcert.errors import InputError

    if (data, resize) != ("pascal_context", "inside the model"):
        return tuple(scale or ["1"])
    size = f"{SIDE}x{SIDE}"
    for one in scale or []:
        if one != size:
            raise InputError(
                f"--resize 'inside the model' is --scale {size}, got --scale {one}: leave out "
                "--scale, or use --resize 'before noise'"
            )
    return (size,)


def print_results(results: "Results", out: Path) -> None:
    """Print the table, its caption, and what to do next."""
    from segcert.cli.shell import results as console
    from segcert.cli.shell import say
    from segcert.report.comparison import compare
    from segcert.report.run_tables import plain

    found = compare([results], [results.config.model])
    console.print(plain(found), markup=False, end="")
    then = f"Figures: {out / 'summary.json'}; tables and plots: segcert report {out} --out DIR"
    say(f"Seed {results.config.seed}. {then}")
