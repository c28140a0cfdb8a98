"""The short version of `make validate`, and that it can fail.

The false alarm of the whole run is 1e-6 if every procedure keeps alpha; what it detects is
asserted.
"""

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # experiments are no part of the package

from experiments.validate import __main__ as command  # noqa: E402
from experiments.validate.adversaries import EXCLUDE, FEW, against, one_by_one  # noqa: E402
from experiments.validate.cases import EACH, GRID, TRUTHS, M, grid, procedures, sharp, size  # noqa: E402
from experiments.validate.controls import BATCH, CONTROLS, controls  # noqa: E402
from experiments.validate.end_to_end import TAU, N, repeats_are_refused  # noqa: E402
from experiments.validate.harness import FALSE_ALARM, Case, Tally, find  # noqa: E402
from experiments.validate.models import LAWS, TOGETHER, Law, in_part  # noqa: E402
from experiments.validate.pairs import all_pairs, refusals  # noqa: E402
from experiments.validate.procedures import Procedure, segcertify  # noqa: E402
from experiments.validate.table import markdown, write_between_markers  # noqa: E402
from segcert.stats.bonferroni import Bonferroni  # noqa: E402
from segcert.stats.correction import AbstractCorrection  # noqa: E402
from segcert.stats.correction_names import corrections  # noqa: E402
from segcert.stats.sequential import Sequential  # noqa: E402

MISSED = 1e-6
PUBLISHED = (
    "one noise through each batch of 4",
    "one noise through each batch of 4, real sampler",
    "liberal k-FWER, k = 32",
    "hits in n tested as out of n - n0",
)


@dataclass(frozen=True)
class Row:
    """One case of the short run, as the command writes it."""

    table: str
    row: str
    column: str
    truth: str
    alpha: float
    defect: bool
    flagged: bool
    errors: int
    repetitions: int
    right: int
    possible: int


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The command itself, in a process of its own: checks of shapes would make it slow."""
    file = tmp_path_factory.mktemp("validate") / "numbers.json"
    command_line = [sys.executable, "-m", "experiments.validate", "--short", "--numbers", str(file)]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "**refuses** a noise" in done.stdout
    return [Row(**row) for row in json.loads(file.read_text())]


def by_name(rows: list[Row], table: str, row: str, column: str = "") -> Row:
    return next(
        one for one in rows if (one.table, one.row) == (table, row) and column in one.column
    )


def limit(row: Row, cases: int) -> int:
    """Fewest errors that are flagged."""
    errors = np.arange(row.repetitions + 1)
    return int(np.argmax(binom.sf(errors - 1, row.repetitions, row.alpha) <= FALSE_ALARM / cases))


def family(error: float, size: int) -> float:
    return 1 - (1 - error) ** size


def test_every_guarantee_is_kept(rows: list[Row]) -> None:
    claims = [row for row in rows if not row.defect]
    assert len(claims) > 90
    assert [row for row in claims if row.errors >= limit(row, len(rows))] == []
    assert not any(row.flagged for row in claims)


def test_every_defect_is_flagged(rows: list[Row]) -> None:
    defects = [row for row in rows if row.defect]
    assert {row.row for row in defects} >= set(PUBLISHED)
    assert [row for row in defects if row.errors < limit(row, len(rows))] == []
    assert all(row.flagged for row in defects)


def test_a_repeated_noise_is_refused() -> None:
    assert repeats_are_refused()


@pytest.mark.parametrize(
    ("row", "error"),
    [
        # 12 pilot draws choose class 0 in at least 0.9 of the cases
        (PUBLISHED[0], lambda: family(repeats(EACH, 0.75), M)),
        (PUBLISHED[1], lambda: family(repeats(N, TAU), 8)),
        (PUBLISHED[2], lambda: 0.33),  # below the interval of the full run
        (PUBLISHED[3], lambda: family(0.9 * too_few_trials(), M)),
    ],
)
def test_the_published_defects_are_hardly_ever_missed(
    rows: list[Row], row: str, error: Callable[[], float]
) -> None:
    one = by_name(rows, CONTROLS, row)
    assert binom.cdf(limit(one, len(rows)) - 1, one.repetitions, error()) <= MISSED


def repeats(n: int, tau: float) -> float:
    """At least the error of a component at tau if each noise is used four times."""
    n -= n % BATCH
    level = 0.1 / (M if tau == 0.75 else 8)
    k = int(np.flatnonzero(binom.sf(np.arange(n + 1) - 1, n, tau) <= level)[0])
    return 0.9 * float(binom.sf(math.ceil(k / BATCH) - 1, n // BATCH, tau))


def too_few_trials() -> float:
    """Error of a component at tau with 100 draws counted and 90 tested, by Bonferroni."""
    k = int(np.flatnonzero(binom.sf(np.arange(91) - 1, 90, 0.75) <= 0.1 / M)[0])
    return float(binom.sf(k - 1, 100, 0.75))


def test_what_the_short_version_detects(rows: list[Row]) -> None:
    """Three times alpha of each procedure against its adversary, 2.5 times of the real sampler.

    Four times where an adversary stops, eight times where each repetition takes an image.
    """
    for row in rows:
        if row.table in ("grid", "pairs", "counts") or row.defect or row.alpha != 0.1:
            continue
        stopped = row.row.startswith(("4 looks", "e-process"))
        times = 4 if stopped else 2.5 if row.table == "end to end" else 3
        times = 8 if row.repetitions <= 50 else times
        most = limit(row, len(rows)) - 1
        assert binom.cdf(most, row.repetitions, times * row.alpha) <= MISSED


@pytest.mark.parametrize(
    ("table", "row", "column", "error"),
    [
        ("adversaries", "Bonferroni", "one of 2", lambda: 2 * size(0.05, sharp(0.05, 0.5), 0.5)),
        ("end to end", "sample and certify, Holm", "independent", lambda: pixels(8)),
        ("end to end", "sample and certify, Holm", "together", lambda: pixels(1)),
        (CONTROLS, "Sidak's level", "one of 2", lambda: 2 * size(1 - 0.5**0.5, 84, 0.5)),
    ],
)
def test_errors_are_those_of_the_closed_form(
    rows: list[Row], table: str, row: str, column: str, error: Callable[[], float]
) -> None:
    """The pilot may choose another class, which can only lower the error: by 5% at most here."""
    one = by_name(rows, table, row, column)
    assert one.errors <= binom.isf(MISSED, one.repetitions, error())
    assert one.errors >= binom.ppf(MISSED, one.repetitions, 0.95 * error())


def pixels(independent: int) -> float:
    """Family-wise error of the threshold model: some of so many independent pixels certified."""
    return family(size(0.1 / 8, N, TAU), independent)


@pytest.mark.parametrize("law", [*LAWS, EXCLUDE, in_part(0.5)], ids=lambda law: law.name)
def test_every_law_has_the_class_probabilities_that_it_says(law: Law) -> None:
    """At each component, and for two draws in a row: draws are independent."""
    repetitions = 30_000
    labels = TRUTHS[0].draw(law, np.random.default_rng(1), repetitions, 2)
    low, high = binom.interval(1 - 1e-6 / 100, repetitions, 0.75)
    assert binom.cdf(high, repetitions, 0.78) <= MISSED  # a deviation by 0.03 is seen
    hits = (labels == 0).sum(0)
    assert ((low <= hits) & (hits <= high)).all()
    low, high = binom.interval(1 - 1e-6 / 100, repetitions, 0.75**2)
    both = (labels == 0).all(1).sum(0)
    assert ((low <= both) & (both <= high)).all()


def test_laws_tie_components_as_they_say() -> None:
    rng = np.random.default_rng(2)
    together = TRUTHS[0].draw(TOGETHER, rng, 50, 3)
    assert (together == together[..., :1]).all()
    in_blocks = TRUTHS[0].draw(LAWS[1], rng, 50, 3).reshape(50, 3, M // 4, 4)
    assert (in_blocks == in_blocks[..., :1]).all()
    assert (in_blocks[..., 0, 0] != in_blocks[..., 1, 0]).any()
    excluding = TRUTHS[0].draw(EXCLUDE, rng, 50, 3).reshape(50, 3, M // 4, 4)
    assert ((excluding != 0).sum(-1) == 1).all()


@pytest.mark.parametrize("procedure", procedures(), ids=lambda procedure: procedure.name)
def test_no_procedure_is_idle(rows: list[Row], procedure: Procedure) -> None:
    """Each certifies some of what it may; a procedure that never does keeps any alpha."""
    cells = [row for row in rows if (row.table, row.row) == (GRID, procedure.name)]
    assert len(cells) == len(TRUTHS)
    assert sum(row.right for row in cells) > 0.1 * sum(row.possible for row in cells)


def test_no_pair_is_left_out(rows: list[Row]) -> None:
    """Every correction x every way of stopping x pilot or not is measured or refused, and known."""
    every = all_pairs()
    wanted = set(product(corrections(), (None, *get_args(Sequential)), (True, False)))
    assert {(pair.name, pair.way, pair.pilot) for pair in every} == wanted
    measured_rows = {row.row for row in rows if row.table == "pairs"}
    refused = {str(pair) for pair, _ in refusals()}
    assert not measured_rows & refused
    assert {str(pair) for pair in every} <= measured_rows | refused
    needless = {pair for pair in every if str(pair) in refused and pair.pilot}
    assert not needless  # with a pilot nothing is refused


def test_no_pair_is_idle(rows: list[Row]) -> None:
    of_pairs = [row for row in rows if row.table == "pairs" and row.possible]
    assert len(of_pairs) > 35
    assert [row for row in of_pairs if row.right <= 0.5 * row.possible] == []


def test_a_correction_or_way_of_stopping_without_parameters_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(corrections(), "new", Bonferroni)
        with pytest.raises(AssertionError, match="give each correction its parameters"):
            all_pairs()
    with monkeypatch.context() as patched:
        patched.setattr(
            "experiments.validate.pairs.get_args", lambda _: (*get_args(Sequential), int)
        )
        with pytest.raises(AssertionError, match="give each way of stopping its draws"):
            all_pairs()


def test_the_old_order_at_any_time_is_flagged(rows: list[Row]) -> None:
    """The level of the final count: an error of a third, seen in 99 of 100 such runs."""
    one = by_name(rows, CONTROLS, "ordered, level of the final count, e-process at every draw")
    assert binom.cdf(limit(one, len(rows)) - 1, one.repetitions, 0.33) <= 0.01
    assert one.flagged


class WithoutDivision(Bonferroni):
    """Bonferroni's correction that forgets to divide."""

    def first_level(self, tests: int, *, alpha: float) -> float:  # noqa: ARG002
        return alpha


def test_a_wrong_correction_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    refuses = "segcert.certificates.components.check_correction"
    monkeypatch.setattr(refuses, lambda _: None)
    broken: AbstractCorrection = WithoutDivision()
    case = against(Procedure("broken", segcertify(broken), sharp(0.025)), EXCLUDE, FEW, 400)
    (one,) = find([case], 0, lambda *_: None)
    assert one.flagged
    assert not one.as_it_should_be


def test_seeds_give_the_same_numbers_again() -> None:
    case = replace(one_by_one(60)[1], repetitions=60)
    alone, among = case.run(3), find([*one_by_one(60)], 3, lambda *_: None)[1].tally
    assert alone == among
    assert len({case.run(seed).errors for seed in range(8)}) > 1


@pytest.mark.parametrize("errors", [0, 1, 57, 100])
def test_intervals_are_those_of_clopper_and_pearson(errors: int) -> None:
    low, high = Tally(errors, 100).interval
    if errors:
        assert binom.sf(errors - 1, 100, low) == pytest.approx(0.005, rel=1e-6)
    if errors < 100:
        assert binom.cdf(errors, 100, high) == pytest.approx(0.005, rel=1e-6)
    assert (low == 0, high == 1) == (errors == 0, errors == 100)


def run_with(monkeypatch: pytest.MonkeyPatch, *cases: Case) -> int:
    monkeypatch.setattr(command, "cases", lambda **_: list(cases))
    with pytest.raises(SystemExit) as stop:
        command.validate(short=True)
    return int(stop.value.code)


def test_the_status_tells_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, defect = one_by_one(100)[1], controls(100)[0]
    assert run_with(monkeypatch, fine, defect) == 0
    assert run_with(monkeypatch, fine, replace(defect, defect=False)) == 1
    assert run_with(monkeypatch, replace(fine, defect=True), defect) == 1
    monkeypatch.setattr(command, "repeats_are_refused", lambda: False)
    assert run_with(monkeypatch, fine, defect) == 1
    assert "ACCEPTS" in capsys.readouterr().out


def test_tables_are_written_between_the_markers(tmp_path: Path) -> None:
    cases = [*grid(2)[:8], *one_by_one(2), *controls(1)[:1]]
    text = markdown(find(cases, 0, lambda *_: None), seed=0, refused=True)
    assert text.count("\n## ") == 3
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: begin -->\nold\n<!-- table: end -->\nafter\n")
    write_between_markers(page, text)
    write_between_markers(page, text)
    assert page.read_text().startswith("before\n<!-- table: begin -->\n\n" + text)
    assert page.read_text().endswith("<!-- table: end -->\nafter\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="needs the lines"):
        write_between_markers(page, text)


def test_the_page_shows_a_full_run_in_which_all_is_as_it_should_be() -> None:
    page = (ROOT / "docs" / "validation.md").read_text()
    kept, claims = re.search(r"\*\*(\d+) of (\d+)\*\* measurements", page).groups()
    flagged, defects = re.search(r"\*\*(\d+) of (\d+)\*\* defects", page).groups()
    assert (kept, flagged) == (claims, defects)
    full = command.cases(short=False)
    assert int(claims) == sum(not case.defect for case in full)
    assert all(f"| {case.row} |" in page for case in full)
    assert page.count("**FLAGGED**") == int(defects)
