"""``segcert evaluate``: a data set with truth, at many settings, into a folder that resumes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from segcert.cli.arguments import (
    BackendName,
    CalibrationFolder,
    DenoiserName,
    Int8File,
    ModelName,
    PilotDraws,
    PrecisionName,
    SmoothNeighbours,
    SmoothScores,
    whole,
)
from segcert.cli.engines import Address, EngineName, Workers
from segcert.cli.flat import Flat
from segcert.cli.folder_options import DATA, FolderOptions
from segcert.cli.network_options import NETWORK_AS_USUAL, NetworkOptions
from segcert.cli.plan_options import OF_CLOUDS, PLAN
from segcert.cli.run_options import (
    MODEL,
    MODEL_OF_CLOUDS,
    OUTPUT,
    RUN,
    SAMPLING_AS_USUAL,
    SamplingOptions,
)
from segcert.errors import InputError

if TYPE_CHECKING:
    from segcert.data.sets import LabelledSet
    from segcert.inputs.kind import InputKind
    from segcert.models.protocol import WrappedModel
    from segcert.models.reference import ModelReference
    from segcert.plan import Plan
    from segcert.runs.evaluate import Results
    from segcert.runs.setting import Setting

UP_OF_SHAPES = "y"
Whole = Annotated[int, Parameter(converter=whole)]


@dataclass(frozen=True, kw_only=True)
class DataOptions(FolderOptions):
    """The data set."""

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
        Parameter(group=DATA, help="Data set."),
    ]
    subset: Annotated[
        int | None,
        Parameter(group=DATA, converter=whole, help="Take so many evenly spaced images."),
    ] = None
    root: Annotated[Path | None, Parameter(group=DATA, help="Folder of a known data set.")] = None
    split: Annotated[
        str | None,
        Parameter(group=DATA, help="train, val or test; by default val, of shapes test."),
    ] = None
    category: Annotated[
        list[str] | None,
        Parameter(
            group=DATA,
            help="Of --data shapenet_part: a category. Repeat for several; all. Of cloud_folder: "
            "that of all files; by default each file's own.",
        ),
    ] = None
    label_order: Annotated[
        str | None, Parameter(group=DATA, help="Of Pascal Context: its numbers.")
    ] = None
    resize: Annotated[
        str | None,
        Parameter(group=DATA, help="Of Pascal Context: 'before noise' or 'inside the model'."),
    ] = None
    scenes: Annotated[
        int | None,
        Parameter(group=DATA, converter=whole, help="Of --data synthetic and shapes: how many."),
    ] = None
    class_map: Annotated[
        str | None,
        Parameter(
            group=DATA,
            help="Classes of the data set as those of a model that has others: 0..18=1..19, "
            "road=1, void=ignore; or a file of such lines.",
        ),
    ] = None

    @property
    def kind(self) -> "InputKind":
        """What its inputs are."""
        from segcert.data.sets import RULES

        return RULES[self.data].kind

    def opened(self) -> "LabelledSet":
        """Open it."""
        from dataclasses import replace

        from segcert.data.sets import open_evaluation_set

        given = replace(
            self.own, root=self.root, split=self.split, label_order=self.label_order,
            resize=self.resize, scenes=self.scenes,
            category=None if self.category is None else tuple(self.category),
        )  # fmt: skip
        return open_evaluation_set(self.data, given, subset=self.subset)

    def compared_with(self, segmenter: "WrappedModel", model: str) -> "LabelledSet":
        """Open it, in the classes of a model.

        Args:
            segmenter: The model.
            model: Its name or path.
        """
        from segcert.cli.truth import check_reduced
        from segcert.data.class_map import with_class_map
        from segcert.inputs.mask_options import MaskOptions

        if self.masks is not None:
            check_reduced(model, MaskOptions(self.mask_values))
        found = self.opened()
        if self.class_map is None:
            return found
        return with_class_map(
            found, self.class_map,
            names=segmenter.class_names, classes=segmenter.classes, palette=segmenter.palette,
        )  # fmt: skip


@dataclass(frozen=True)
class ToldOptions(Flat):
    """What the model is told before it sees an input."""

    normals: Annotated[
        Literal["trusted", "recomputed"] | None,
        Parameter(
            group=MODEL_OF_CLOUDS,
            help="Of clouds: recomputed computes the normals from the noisy points, for networks "
            "that take normals; trusted, the default, takes those of the file as they are.",
        ),
    ] = None
    votes: Annotated[
        int,
        Parameter(
            group=MODEL_OF_CLOUDS,
            converter=whole,
            help="Of clouds: runs of the network that are averaged.",
        ),
    ] = 1
    scale: Annotated[
        list[str] | None,
        Parameter(group=MODEL, help="Resizing of noisy images, as of `segcert certify`; 1."),
    ] = None
    denoiser: Annotated[DenoiserName, Parameter(group=MODEL)] = None
    backend: Annotated[BackendName, Parameter(group=MODEL)] = None
    precision: Annotated[PrecisionName, Parameter(group=MODEL)] = "fp32"
    calibration: Annotated[CalibrationFolder, Parameter(group=MODEL)] = None
    int8_file: Annotated[Int8File, Parameter(group=MODEL)] = None
    smooth_scores: Annotated[SmoothScores, Parameter(group=MODEL)] = 0.0
    smooth_neighbours: Annotated[SmoothNeighbours, Parameter(group=MODEL_OF_CLOUDS)] = 1

    def reference(self, name: str, kind: "InputKind", network: NetworkOptions) -> "ModelReference":
        """The model that is told so; its scale is that of each setting."""
        from segcert.models.reference import ModelReference

        return ModelReference(
            name, kind,
            denoiser=self.denoiser, told=network.told, normals=self.normals, votes=self.votes,
            each_category=kind.has_categories, backend=self.backend, precision=self.precision,
            calibration=self.calibration, int8_file=self.int8_file,
            smooth_scores=self.smooth_scores, smooth_neighbours=self.smooth_neighbours,
        )  # fmt: skip


@dataclass(frozen=True)
class GridOptions(Flat):
    """The plans, every combination of the values, or a file that has one."""

    plan: Annotated[
        Path | None,
        Parameter(
            group=PLAN,
            help="File of a plan (.toml, .json), in place of all options of the plan.",
        ),
    ] = None
    sigma: Annotated[
        list[float] | None,
        Parameter(
            group=PLAN,
            help="Standard deviations of the noise; by default 0.25. Repeat for several.",
        ),
    ] = None
    noise: Annotated[
        list[str] | None,
        Parameter(
            group=OF_CLOUDS,
            help="Of clouds: gaussian (coordinates), rotation, yaw, axis-angle or pose; gaussian.",
        ),
    ] = None
    shift_sigma: Annotated[
        float | None,
        Parameter(group=OF_CLOUDS, help="Of --noise pose: of the shift, units of the file."),
    ] = None
    jitter_sigma: Annotated[
        float | None,
        Parameter(group=OF_CLOUDS, help="Of --noise pose: of each point, units of the file."),
    ] = None
    axis: Annotated[
        Literal["x", "y", "z"] | None,
        Parameter(
            group=OF_CLOUDS,
            help="Of --noise yaw and pose: axis of the rotation; by default y, which points up in "
            "shapes.",
        ),
    ] = None
    tau: Annotated[
        list[float] | None, Parameter(group=PLAN, help="Probability thresholds; 0.75.")
    ] = None
    n: Annotated[
        list[Whole] | None,
        Parameter(group=PLAN, help="Numbers of draws; 100. The smaller share the larger's."),
    ] = None
    correction: Annotated[
        list[str] | None, Parameter(group=PLAN, help="Corrections, as of `segcert certify`; holm.")
    ] = None
    n0: Annotated[PilotDraws, Parameter(group=PLAN)] = 10
    alpha: Annotated[
        float,
        Parameter(
            group=PLAN,
            help="Allowed probability that a statement is wrong: per image and setting; with "
            "--statement count for all images of a setting together.",
        ),
    ] = 0.001
    statement: Annotated[
        Literal["labels", "count"],
        Parameter(
            group=PLAN,
            help="labels: which components of each image are certified. count: at least how many "
            "of all images are, without saying which, with one alpha for all of them.",
        ),
    ] = "labels"

    def fixed(self, kind: "InputKind") -> "GridOptions":
        """The same, or what the file of a plan says.

        Raises:
            InputError: If it has what an evaluation does not do.
        """
        from segcert.noise.registry import name_of, names
        from segcert.plan import Plan
        from segcert.plan_texts import correction_text

        if self.plan is None:
            return self
        found = Plan.read(self.plan)
        refuse_more(self.plan, found)
        name, noise = name_of(found.noise), found.noise.options()
        allowed = names(kind.word)[:1] if kind.resizable else names(kind.word)
        if name not in allowed or isinstance(noise.get("axis"), tuple):
            raise InputError(
                f"plan {self.plan} has noise {name}, and this data set is evaluated with "
                f"{', '.join(allowed)}, about x, y or z"
            )
        given: dict[str, Any] = {key: one for key, one in noise.items() if key != "sigma"}
        return GridOptions(
            noise=None if kind.resizable else [name], sigma=[found.sigma], tau=[found.tau],
            n=[found.n], n0=found.n0, alpha=found.alpha,
            correction=[correction_text(found.corrected_by)], **given,
        )  # fmt: skip

    def settings(self, kind: "InputKind", scales: tuple[str, ...]) -> "tuple[Setting, ...]":
        """Every combination."""
        from segcert.runs.setting import all_settings, counting

        noise = [] if kind.resizable else self.noise or ["gaussian"]
        found = all_settings(
            noise=noise, shift_sigma=self.shift_sigma, jitter_sigma=self.jitter_sigma,
            axis=axis_of(noise, self.axis), scale=scales if kind.resizable else ("1",),
            sigma=self.sigma or [0.25], tau=self.tau or [0.75], n=self.n or [100],
            correction=self.correction or ["holm"],
        )  # fmt: skip
        if self.statement == "labels":
            return found
        return counting(found, n0=self.n0, alpha=self.alpha)


def refuse_more(path: Path, plan: "Plan") -> None:
    """Refuse what an evaluation does not do: it tests every component, after all draws.

    Raises:
        InputError: With the first of it.
    """
    if plan.counted is not None:
        raise InputError(
            f"plan {path} states a {plan.statement} of one input: say --statement count here, "
            "without --plan"
        )
    for name in ("tree", "blocks", "drop_below", "ignore", "stop_when"):
        if getattr(plan, name) is not None:
            raise InputError(
                f"plan {path} has {name}, which an evaluation does not do: leave it out, or take "
                "segcert certify"
            )


GRID_AS_USUAL, TOLD_AS_USUAL = GridOptions(), ToldOptions()


def evaluate(
    *,
    source: Annotated[DataOptions, Parameter(name="*")],
    out: Annotated[
        Path, Parameter(group=OUTPUT, help="The run folder; the same command goes on in it.")
    ],
    model: Annotated[ModelName, Parameter(group=MODEL)] = "camvid",
    told: Annotated[ToldOptions, Parameter(name="*")] = TOLD_AS_USUAL,
    network: Annotated[NetworkOptions, Parameter(name="*")] = NETWORK_AS_USUAL,
    grid: Annotated[GridOptions, Parameter(name="*")] = GRID_AS_USUAL,
    sampling: Annotated[SamplingOptions, Parameter(name="*")] = SAMPLING_AS_USUAL,
    engine: Annotated[EngineName, Parameter(group=RUN)] = "local",
    workers: Annotated[Workers, Parameter(group=RUN)] = None,
    address: Annotated[Address, Parameter(group=RUN)] = None,
) -> None:
    """Certify a data set at all combinations of settings, and compare with the truth.

    `OUT/records.sqlite` gets one row per image and setting, `OUT/summary.json` the figures.
    Stopped at any point, the same command goes on.
    """
    from segcert.cli.backends import as_before, one_calibration, remember, runtime_settings
    from segcert.cli.engines import EngineChoice
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, note
    from segcert.cli.tables import warn_about_grey_levels, warn_about_input
    from segcert.runs.config import EvaluationConfig
    from segcert.runs.evaluate import evaluate as run
    from segcert.runs.inventory import take_inventory
    from segcert.sampling.setup import check_batch_size
    from segcert.sampling.streams import fresh_seed

    kind, seed, device = source.kind, sampling.seed, sampling.device
    grid = grid.fixed(kind)
    scales = scales_of(source.data, source.resize, told.scale)
    settings = grid.settings(kind, tuple(map(network.padded, scales)))
    check_batch_size(sampling.batch)
    where = EngineChoice(engine, workers, address)
    reference = told.reference(model, kind, network)
    segmenter = reference.open_alone()
    where.check(segmenter, reference, device)
    found = source.compared_with(segmenter, model)
    asked = EvaluationConfig(
        data=found.name, note=found.note, images=len(found.items), inputs_sha256="",
        classes=found.classes, model=segmenter.name, weights_sha256=segmenter.weights_sha256,
        settings=settings, n0=grid.n0, alpha=grid.alpha, device="",
        seed=str(fresh_seed() if seed is None else seed),
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
        remember(told.backend, segmenter, out)
        if kind.resizable:
            warn_about_input(model, network.told)
            for noise in dict.fromkeys(config.plan(one).noise for one in config.settings):
                warn_about_grey_levels(noise)
        for line in (*found.said, *inventory.notes):
            note(line)
        with DrawProgress(messages) as progress:
            results = run(
                segmenter, found, inventory, config,
                out=out, any_seed=seed is None, batch_size=sampling.batch, progress=progress,
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
    from segcert.cli.count_table import print_data_counts
    from segcert.cli.shell import results as console
    from segcert.cli.shell import say
    from segcert.report.comparison import compare
    from segcert.report.run_tables import plain

    if results.config.counts:
        print_data_counts(results)
        say(f"Seed {results.config.seed}. Figures: {out / 'summary.json'}")
        return
    found = compare([results], [results.config.model])
    console.print(plain(found), markup=False, end="")
    then = f"Figures: {out / 'summary.json'}; tables and plots: segcert report {out} --out DIR"
    say(f"Seed {results.config.seed}. {then}")
