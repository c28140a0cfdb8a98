"""Run folders of ``segcert evaluate`` side by side: refused unless they can be compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segcert.errors import InputError
from segcert.models.resizing.scale import parse_resizing
from segcert.runs.config import EvaluationConfig, words
from segcert.runs.evaluate import Results, load_results
from segcert.runs.rows import Row, Totals, add_up
from segcert.runs.setting import Setting

SAME = ("data", "note", "images", "inputs_sha256", "classes", "n0", "alpha")
SHOWN = ("data", "images", "n0", "alpha")  # short enough for a line
DIGITS = 8  # of a hash in a message


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One row of the table.

    Args:
        label: Name of the model.
        setting: The setting.
        totals: Sums over the inputs that all runs have done.
        rows: What was added up, by the number of the input.
    """

    label: str
    setting: Setting
    totals: Totals
    rows: tuple[Row, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs on the same inputs, at the same alpha and n0.

    Args:
        configs: One for each run.
        labels: Names of the models, one for each run.
        inputs: Number of inputs that all runs have done: the figures are of these.
        entries: Rows of the table: by label, scale, tau, n, correction and sigma.
    """

    configs: tuple[EvaluationConfig, ...]
    labels: tuple[str, ...]
    inputs: int
    entries: tuple[ComparedRun, ...]

    @property
    def complete(self) -> bool:
        """Whether all inputs are done."""
        return self.inputs == self.configs[0].images


def open_runs(folders: Sequence[Path], labels: Sequence[str] = ()) -> Comparison:
    """Read run folders, be the runs finished or not.

    Args:
        folders: One or more folders that ``segcert evaluate`` wrote.
        labels: Names of the rows, one for each folder; by default the names of the models.

    Raises:
        InputError: If a folder holds no result or is damaged, or the runs cannot be compared.
        VerificationError: If a folder was changed.
    """
    if labels and len(labels) != len(folders):
        raise InputError(f"--label is there {len(labels)} times for {len(folders)} runs: one each")
    for label in labels:
        if not label.strip() or not label.isprintable():
            raise InputError(f"--label must be one line of text, got {label!r}")
    loaded = [load_results(folder) for folder in folders]
    for folder, results in zip(folders, loaded, strict=True):
        if results.config.counts:
            raise InputError(
                f"{folder} counts components and names none, so there is nothing to draw: its "
                "figures are in summary.json"
            )
    for folder, results in zip(folders, loaded, strict=True):
        check_comparable(folders[0], loaded[0].config, folder, results.config)
    if not labels:
        check_names(folders, loaded)
    return compare(loaded, labels or [results.config.model for results in loaded])


def check_comparable(
    first: Path, one: EvaluationConfig, second: Path, other: EvaluationConfig
) -> None:
    """Refuse runs on other inputs, or with statements of another kind.

    Raises:
        InputError: With what differs.
    """
    found = []
    for key in SAME:
        left, right = getattr(one, key), getattr(other, key)
        if left != right and key in SHOWN:
            found.append(f"{key} {left} and {right}")
        elif left != right and key == "inputs_sha256":
            found.append(f"inputs (hash {left[:DIGITS]} and {right[:DIGITS]})")
        elif left != right:
            found.append(key)
    if found:
        raise InputError(
            f"runs {first} and {second} cannot be compared, they differ in {', '.join(found)}: "
            "report each by itself"
        )


def check_names(folders: Sequence[Path], loaded: Sequence[Results]) -> None:
    """Refuse two models of one name, unless it is the same model.

    Raises:
        InputError: With the way out.
    """
    seen: dict[str, tuple[Path, str]] = {}
    for folder, results in zip(folders, loaded, strict=True):
        name, weights = results.config.model, results.config.weights_sha256
        known, before = seen.setdefault(name, (folder, weights))
        if weights != before:
            raise InputError(
                f"runs {known} and {folder} are of different models named {name}: tell them apart "
                "with one --label for each run"
            )


def compare(loaded: Sequence[Results], labels: Sequence[str]) -> Comparison:
    """Put comparable runs side by side, over the inputs that all of them have done.

    Raises:
        InputError: If a row would be there twice, or the runs have no input in common.
    """
    common = set.intersection(*({row.number for row in one.rows} for one in loaded))
    if not common:
        raise InputError("the runs have no image in common yet: let segcert evaluate go on")
    entries: list[ComparedRun] = []
    for label, results in zip(labels, loaded, strict=True):
        for number, setting in enumerate(results.config.settings):
            if any((label, setting) == (entry.label, entry.setting) for entry in entries):
                raise InputError(
                    f"{label} at {words(setting)} is there twice: name each run once, or tell runs "
                    "apart with one --label for each"
                )
            rows = tuple(r for r in results.rows if r.setting == number and r.number in common)
            entries.append(ComparedRun(label, setting, add_up(rows, results.config.kind), rows))
    names = list(dict.fromkeys(labels))
    entries.sort(key=lambda entry: (names.index(entry.label), *order(entry.setting)))
    configs = tuple(results.config for results in loaded)
    return Comparison(configs, tuple(labels), len(common), tuple(entries))


def order(setting: Setting) -> tuple[float, str, float, int, str, float]:
    """Where the row of a setting stands, as in the tables of the paper; several scales last."""
    factor = parse_resizing(setting.scale).factor or math.inf
    scale = "" if math.isfinite(factor) else setting.scale
    return factor, scale, setting.tau, setting.n, setting.correction, setting.sigma
