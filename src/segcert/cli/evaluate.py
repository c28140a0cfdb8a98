"""``segcert evaluate``: a data set with truth, at many settings, into a folder that resumes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from segcert.cli.arguments import (
    BatchSize,
    DenoiserName,
    Device,
    ModelName,
    PilotDraws,
    Seed,
    whole,
)
from segcert.cli.engines import Address, EngineName, Workers

if TYPE_CHECKING:
    from segcert.runs.evaluate import Results

Whole = Annotated[int, Parameter(converter=whole)]


def evaluate(
    *,
    data: Annotated[
        Literal["camvid", "cityscapes", "pascal_context", "folder", "synthetic"],
        Parameter(help="Data set."),
    ],
    out: Annotated[Path, Parameter(help="The run folder; the same command goes on in it.")],
    model: ModelName = "camvid",
    sigma: Annotated[
        list[float] | None,
        Parameter(help="Standard deviations of the noise; by default 0.25. Repeat for several."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        Parameter(help="Resizing of noisy images, as of `segcert certify`; 1."),
    ] = None,
    denoiser: DenoiserName = None,
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
    split: Annotated[str | None, Parameter(help="train, val or test; by default val.")] = None,
    label_order: Annotated[str | None, Parameter(help="Of Pascal Context: its numbers.")] = None,
    resize: Annotated[
        str | None, Parameter(help="Of Pascal Context: 'before noise' or 'inside the model'.")
    ] = None,
    images: Annotated[Path | None, Parameter(help="Of --data folder: the images.")] = None,
    masks: Annotated[Path | None, Parameter(help="Of --data folder: the masks.")] = None,
    classes: Annotated[Path | None, Parameter(help="Of --data folder: names, one a line.")] = None,
    scenes: Annotated[
        int | None, Parameter(converter=whole, help="Of --data synthetic: how many.")
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
    from segcert.cli.engines import open_engine
    from segcert.cli.shell import messages
    from segcert.cli.tables import warn_about_input
    from segcert.data.evaluation_sets import Arguments, open_evaluation_set
    from segcert.models.shipped import open_model
    from segcert.report.progress import DrawProgress
    from segcert.runs.config import EvaluationConfig, all_settings
    from segcert.runs.engines.units import NamedModel
    from segcert.runs.evaluate import evaluate as run
    from segcert.runs.inventory import take_inventory
    from segcert.sampling.setup import check_batch_size
    from segcert.sampling.streams import fresh_seed

    given = Arguments(
        root=root, split=split, label_order=label_order, resize=resize, images=images,
        masks=masks, classes=classes, scenes=scenes,
    )  # fmt: skip
    settings = all_settings(
        sigma=tuple(sigma or [0.25]), scale=scales_of(data, resize, scale),
        tau=tuple(tau or [0.75]), n=tuple(n or [100]), correction=tuple(correction or ["holm"]),
    )  # fmt: skip
    batch = "auto" if batch_size is None else batch_size
    check_batch_size(batch)
    segmenter = open_model(model, denoiser=denoiser)
    found = open_evaluation_set(data, given, subset=subset)
    source = NamedModel(model, denoiser)
    with open_engine(
        engine, segmenter, source, device=device, workers=workers, address=address
    ) as chosen:
        asked = EvaluationConfig(
            data=found.name, note=found.note, images=len(found.images), inputs_sha256="",
            classes=found.classes, model=segmenter.name,
            weights_sha256=segmenter.weights_sha256, settings=settings, n0=n0, alpha=alpha,
            seed=str(fresh_seed() if seed is None else seed), device=chosen.device_type,
        )  # fmt: skip
        asked.check(segmenter)
        inventory = take_inventory(found)
        config = asked.possible(inventory).model_copy(update={"inputs_sha256": inventory.sha256})
        warn_about_input(model)
        left_out = len(settings) - len(config.settings)
        with DrawProgress(messages) as progress:
            results = run(
                segmenter, found, inventory, config,
                out=out, any_seed=seed is None, batch_size=batch, progress=progress,
                engine=chosen,
            )  # fmt: skip
    if left_out:
        messages.print(
            f"[yellow]note:[/] {left_out} of {len(settings)} settings are left out: so few draws "
            "cannot certify anything at such a tau"
        )
    print_results(results, out)


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
    from segcert.report.run_tables import aligned, caption

    console.print(aligned(results), markup=False)
    console.print()
    console.print(caption(results), markup=False)
    then = f"Figures: {out / 'summary.json'}"
    console.print(f"Seed {results.config.seed}. {then}", markup=False)
