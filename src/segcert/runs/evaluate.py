"""Evaluate a model on a data set: the only loop over a data set."""

import json
from dataclasses import dataclass
from pathlib import Path

from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.files import atomic_write, prepare_folder
from segcert.locks import held, seen
from segcert.metrics.worst_case import WorstCase
from segcert.models.protocol import WrappedModel
from segcert.runs.block_files import BLOCKS, BlockFiles
from segcert.runs.config import EvaluationConfig
from segcert.runs.count_figures import count_figures
from segcert.runs.engines.abstract import AbstractEngine
from segcert.runs.engines.local import LocalEngine
from segcert.runs.inventory import Inventory
from segcert.runs.record_store import (
    RECORDS,
    add,
    check_sealed,
    finished,
    opened,
    start,
    stored_config,
    stored_rows,
)
from segcert.runs.rows import Row, Totals, add_up
from segcert.runs.setting import Setting
from segcert.runs.spread import spread
from segcert.runs.underway import Progress, Underway
from segcert.sampling.streams import NEWEST
from segcert.stats.correction_names import parse_correction

SUMMARY = "summary.json"


@dataclass(frozen=True, eq=False)
class Results:
    """What is in a run folder.

    Args:
        config: What was asked for.
        rows: One for each input and setting that is done.
    """

    config: EvaluationConfig
    rows: tuple[Row, ...]

    @property
    def complete(self) -> bool:
        """Whether all inputs are done."""
        return len(self.rows) == self.config.images * len(self.config.settings)

    @property
    def totals(self) -> tuple[Totals, ...]:
        """The sums over the inputs, for each setting; there must be an input."""
        return tuple(
            add_up((row for row in self.rows if row.setting == k), self.config.kind)
            for k in range(len(self.config.settings))
        )


def load_results(folder: Path) -> Results:
    """Read a run folder, be the run finished or not.

    Raises:
        InputError: If it holds no run, no result yet, or is damaged.
        VerificationError: If its configuration or a row was changed, or a row is missing.
    """
    if not (folder / RECORDS).is_file():
        raise InputError(f"{folder} holds no {RECORDS}: name the --out of segcert evaluate")
    with opened(folder) as store:
        config = stored_config(store, folder)
        rows = stored_rows(store, config, folder) if config else ()
    if config is None or not rows:
        raise InputError(f"{folder} has no result yet: let segcert evaluate finish an input")
    return Results(config, rows)


def evaluate(
    segmenter: WrappedModel,
    data: LabelledSet,
    inventory: Inventory,
    config: EvaluationConfig,
    *,
    out: Path,
    any_seed: bool = False,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Progress | None = None,
    engine: AbstractEngine | None = None,
) -> Results:
    """Certify all inputs at all settings into ``out/records.sqlite``; sum up in ``summary.json``.

    Each input is stored in one transaction when it is done, and its blocks of draws in
    ``out/blocks`` until then. Stopped at any point, by whatever means, the same call goes on and
    draws at most the blocks again that were in flight; the noise depends on seed, input and draw
    alone, so the result is that of a run that was never stopped. A run that was begun with streams
    of an older version goes on with these.

    Args:
        segmenter: The base model; its scale is that of the setting, and its category and parts
            are those of the cloud.
        data: The data set.
        inventory: Of the data set.
        config: What is asked for.
        out: The run folder.
        any_seed: Go on with the seed of the run folder, if it has one.
        device: Where to sample.
        batch_size: Draws that go through the model together.
        progress: Called with a name, draws done and draws in all.
        engine: Where draws are counted, of this model; None for this process and ``device``.

    Returns:
        The results, complete.

    Raises:
        InputError: If the folder is in use, damaged, holds a run of another configuration, or is
            deleted meanwhile, or the devices of the engine are of another type.
        VerificationError: If the configuration or a row of the folder was changed.
    """
    config.check(segmenter)
    prepare_folder(out)
    with held(out) as place, opened(out, write=True) as store:
        known = stored_config(store, out)
        if known and any_seed:
            config = config.model_copy(update={"seed": known.seed})
        streams = known.stream_version if known else NEWEST[config.device]
        config = config.model_copy(update={"stream_version": streams})
        check_same(config, known, out)
        if known is None:
            start(store, config)
        records = seen(out / RECORDS)
        check_sealed(store, out)
        done = finished(stored_rows(store, config, out))
        left = [number for number in range(len(inventory.items)) if number not in done]
        files = BlockFiles(out / BLOCKS, config.sha256, place)
        files.keep_only(set(left))
        engine = engine or LocalEngine(segmenter, device=device)
        check_device(config, engine)
        inputs = Underway(
            segmenter,
            data,
            inventory,
            config,
            engine=engine,
            batch_size=batch_size,
            progress=progress,
        )
        if isinstance(engine, LocalEngine):
            engine.after_batch = inputs.report
        for job in spread(engine, inputs.jobs(left), files, inputs.report):
            rows = inputs.close(job)
            if rows:
                records.check()
                add(store, rows, config)
                files.remove(rows[0].number)
        files.keep_only(set())
        records.check()
        results = Results(config, stored_rows(store, config, out))
        write_summary(results, out / SUMMARY)
    return results


def check_same(config: EvaluationConfig, known: EvaluationConfig | None, out: Path) -> None:
    """Refuse to go on with another configuration.

    Raises:
        InputError: With what differs.
    """
    if known is not None and known != config:
        raise InputError(
            f"{out} holds a run of another configuration ({config.differences(known)}): "
            "choose another --out, or go on with the old one"
        )


def check_device(config: EvaluationConfig, engine: AbstractEngine) -> None:
    """Refuse an engine whose streams would be others.

    Raises:
        InputError: With both types.
    """
    if engine.device_type != config.device:
        raise InputError(
            f"the run is one of device {config.device}, engine {engine.name} has "
            f"{engine.device_type}: the noise would be another; choose --device {config.device}"
        )


def write_summary(results: Results, path: Path) -> None:
    """Write configuration and figures; nothing in it depends on clocks or interruptions."""
    content = {
        "config": results.config.model_dump(),
        "config_sha256": results.config.sha256,
        "alpha_is": "per setting" if results.config.counts else "per input and setting",
        "results": [
            count_figures(setting, totals, alpha=results.config.alpha)
            if setting.statement
            else figures(setting, totals)
            for setting, totals in zip(results.config.settings, results.totals, strict=True)
        ],
    }
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def figures(setting: Setting, totals: Totals) -> dict[str, object]:
    """All figures of one setting; None where there can be none."""
    score, worst = totals.score, worst_case_of(setting, totals)
    return {
        **setting.model_dump(),
        "radius": setting.radius,
        "inputs": totals.inputs,
        "components": score.components,
        "certified": score.certified,
        "labelled": score.labelled,
        "certified_labelled": score.certified_labelled,
        "certified_correct": score.certified_correct,
        "accuracy": score.accuracy,
        "certified_accuracy": score.certified_accuracy,
        "abstention_labelled": score.abstention,
        "abstention_all": score.abstention_all,
        "mean_iou": score.mean_iou,
        "worst_case_mean_iou": worst.mean_iou if worst else None,
        "invalid": totals.invalid,
    } | part_figures(totals)


def part_figures(totals: Totals) -> dict[str, object]:
    """The figures that only clouds with parts have."""
    if totals.parts is None:
        return {}
    return {
        "instance_iou": totals.parts.instance,
        "category_mean_iou": totals.parts.category_mean,
        "category_iou": totals.parts.category,
    }


def worst_case_of(setting: Setting, totals: Totals) -> WorstCase | None:
    """What attacks can change; None if the correction allows errors, which have no such bound."""
    allowed = parse_correction(setting.correction).errors_allowed
    return None if allowed else totals.worst_case
