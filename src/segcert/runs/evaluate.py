"""Evaluate a model on a data set: the only loop over a data set."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from segcert.data.clouds import Cloud
from segcert.data.evaluation_sets import EvaluationSet
from segcert.data.labelled import LabelledImage
from segcert.errors import InputError
from segcert.files import atomic_write
from segcert.metrics.worst_case import WorstCase
from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.shipped_points import of_category
from segcert.runs.config import EvaluationConfig
from segcert.runs.inventory import Inventory, tensor_of, truth_of
from segcert.runs.records import (
    RECORDS,
    add,
    finished,
    locked,
    opened,
    start,
    stored_config,
    stored_rows,
)
from segcert.runs.rows import Row, Totals, add_up, row_of
from segcert.runs.setting import Setting
from segcert.sampling.counts import Counts
from segcert.sampling.several import sample_several
from segcert.stats.corrections import parse_correction

SUMMARY = "summary.json"
Progress = Callable[[str, int, int], None]


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
        numbers = range(len(self.config.settings))
        clouds = self.config.of_clouds
        return tuple(
            add_up((row for row in self.rows if row.setting == k), of_clouds=clouds)
            for k in numbers
        )


def load_results(folder: Path) -> Results:
    """Read a run folder, be the run finished or not.

    Raises:
        InputError: If it holds no run, no result yet, or is damaged.
    """
    if not (folder / RECORDS).is_file():
        raise InputError(f"{folder} holds no {RECORDS}: name the --out of segcert evaluate")
    with opened(folder) as store:
        config = stored_config(store, folder)
        rows = tuple(stored_rows(store)) if config else ()
    if config is None or not rows:
        raise InputError(f"{folder} has no result yet: let segcert evaluate finish an input")
    return Results(config, rows)


def evaluate(
    segmenter: Segmenter | PointSegmenter,
    data: EvaluationSet,
    inventory: Inventory,
    config: EvaluationConfig,
    *,
    out: Path,
    any_seed: bool = False,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Progress | None = None,
) -> Results:
    """Certify all inputs at all settings into ``out/records.sqlite``; sum up in ``summary.json``.

    Each input is stored in one transaction when it is done. Stopped at any point, by whatever
    means, the same call goes on with the next input; the noise depends on seed, input and draw
    alone, so the result is that of a run that was never stopped.

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

    Returns:
        The results, complete.

    Raises:
        InputError: If the folder is in use, damaged, or holds a run of another configuration.
    """
    config.check(segmenter)
    with locked(out), opened(out, write=True) as store:
        known = stored_config(store, out)
        if known and any_seed:
            config = config.model_copy(update={"seed": known.seed})
        check_same(config, known, out)
        if known is None:
            start(store, config)
        done = finished(store)
        for number, item in enumerate(inventory.items):
            if number in done:
                continue
            image = data.images.item(number)
            label = f"{number + 1}/{config.images} {item.name}"
            add(
                store,
                certify_input(
                    segmenter, image, config,
                    number=number, label=label, device=device, batch_size=batch_size,
                    progress=progress,
                ),
            )  # fmt: skip
        results = Results(config, tuple(stored_rows(store)))
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


def certify_input(
    segmenter: Segmenter | PointSegmenter,
    image: LabelledImage | Cloud,
    config: EvaluationConfig,
    *,
    number: int,
    label: str,
    device: str,
    batch_size: int | str,
    progress: Progress | None,
) -> list[Row]:
    """Certify one input at all settings, one group of shared draws after the other."""
    rows = []
    total, before = draws_per_input(config), 0
    for group in config.groups:

        def report(done: int, _: int, before: int = before) -> None:
            if progress:
                progress(label, before + done, total)

        drawn = draw_group(
            segmenter, image, config, group, device=device, batch_size=batch_size, progress=report
        )
        before += config.n0 + max(drawn)
        for k in group:
            setting = config.settings[k]
            counts, spent = drawn[setting.n]
            began = time.perf_counter()
            certificate = config.request(setting).certify(counts)
            spent += time.perf_counter() - began
            row = row_of(
                certificate,
                truth_of(image),
                number=number,
                name=image.name,
                setting=k,
                seconds=spent,
            )
            rows.append(row)
    return sorted(rows, key=lambda row: row.setting)


def draw_group(
    segmenter: Segmenter | PointSegmenter,
    image: LabelledImage | Cloud,
    config: EvaluationConfig,
    group: tuple[int, ...],
    *,
    device: str,
    batch_size: int | str,
    progress: Callable[[int, int], None],
) -> dict[int, tuple[Counts, float]]:
    """Make the draws that settings share.

    Returns:
        By number of draws: the counts, and the seconds until they were there.
    """
    first = config.settings[group[0]]
    began = time.perf_counter()
    seconds: list[float] = []
    model, x = prepared(segmenter, image, first)
    found = sample_several(
        model, x, noise=first.drawn_noise, n0=config.n0,
        n=tuple(sorted({config.settings[k].n for k in group})),
        seed=int(config.seed), device=device, batch_size=batch_size, progress=progress,
        at=lambda _: seconds.append(time.perf_counter() - began),
    )  # fmt: skip
    seconds.append(time.perf_counter() - began)
    return {counts.n: (counts, spent) for counts, spent in zip(found, seconds, strict=True)}


def prepared(
    segmenter: Segmenter | PointSegmenter, item: LabelledImage | Cloud, setting: Setting
) -> tuple[Segmenter | PointSegmenter, Tensor]:
    """Tell the model what it must know of an input, and read the input as the model takes it.

    Normals that a model does not trust are left out.
    """
    if isinstance(segmenter, Segmenter):
        return replace(segmenter, scale=setting.scale), tensor_of(item)
    if not isinstance(item, Cloud) or item.category is None:
        raise InputError(f"model {segmenter.name} labels clouds of a category, got {item.name}")
    trusts = segmenter.columns == 6 and not segmenter.normal_neighbours
    return of_category(segmenter, item.category), tensor_of(item, normals=trusts)


def draws_per_input(config: EvaluationConfig) -> int:
    """Draws that one input takes."""
    largest = [max(config.settings[k].n for k in group) for group in config.groups]
    return sum(config.n0 + n for n in largest)


def write_summary(results: Results, path: Path) -> None:
    """Write configuration and figures; nothing in it depends on clocks or interruptions."""
    content = {
        "config": results.config.model_dump(),
        "config_sha256": results.config.sha256,
        "alpha_is": "per input and setting",
        "results": [
            figures(setting, totals)
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
