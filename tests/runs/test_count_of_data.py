"""A count over a data set: one statement, one alpha, however the inputs are divided."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_photographs import two_photographs
from scipy.stats import binom

import segcert as sc
from segcert.errors import InputError
from segcert.runs.count_figures import count_of
from segcert.runs.evaluate import load_results
from segcert.runs.setting import all_settings, counting

Command = Callable[..., Any]


@pytest.fixture
def run(
    command: Command, weights: Path, tmp_path: Path, draw_pixels: Callable[..., np.ndarray]
) -> Command:
    """Evaluate the tiny network on two tiny photographs."""
    data = [word for pair in two_photographs(tmp_path, draw_pixels).items() for word in pair]

    def call(*arguments: object) -> Any:
        return command(
            "evaluate", *data, "--model", weights, "--alpha", 0.1, "--n0", 4,
            "--out", tmp_path / "run", "--seed", 3, *arguments,
        )  # fmt: skip

    return call


def test_one_statement_is_made_about_all_images(run: Command, tmp_path: Path) -> None:
    done = run("--statement", "count", "--tau", 0.6, "--n", 30)
    assert done.status == 0, done.err
    said = " ".join(done.out.split())
    assert "Each row is one statement about all 2 inputs, with confidence 0.9:" in said
    assert "Which ones is not said." in said
    found = load_results(tmp_path / "run")
    (setting,), (totals,) = found.config.settings, found.totals
    k = int(str(setting.statement).partition("k=")[2])
    one = count_of(setting, totals, alpha=0.1)
    level, failed = binom.sf(k - 1, 30, 0.6), totals.score.components - one.passed
    most = int(np.ceil(failed * level / (0.1 - level))) - 1
    assert (one.k, one.wrong) == (k, min(most, one.passed))
    assert one.at_least == one.passed - one.wrong
    assert one.passed == sum(row.certified for row in found.rows)
    assert run("--statement", "count", "--tau", 0.6, "--n", 30).status == 0  # it goes on


def test_it_is_no_table_of_named_pixels(run: Command, command: Command, tmp_path: Path) -> None:
    assert run("--statement", "count", "--n", 30).status == 0
    refused = command("report", tmp_path / "run", "--out", tmp_path / "report")
    assert refused.status == 2
    assert "counts components and names none" in refused.err
    other = run("--n", 40, "--correction", "bonferroni", "--statement", "count")
    assert other.status == 2
    assert "--correction needs --statement labels" in other.err


def test_the_count_depends_on_n_tau_and_alpha_alone() -> None:
    settings = all_settings(sigma=[0.25, 0.5], tau=[0.75], n=[40, 100], correction=["holm"])
    found = counting(settings, n0=4, alpha=0.001)
    assert len({one.statement for one in found}) == 2
    assert {one.n for one in found} == {40, 100}
    assert found == counting(settings, n0=10, alpha=0.001)
    with pytest.raises(InputError, match="n0 >= 1"):
        counting(settings, n0=0, alpha=0.001)
    with pytest.raises(InputError, match="use more draws"):
        counting(settings, n0=4, alpha=1e-9)
    plan = found[0].plan(n0=4, alpha=0.001)
    assert isinstance(plan, sc.Plan)
    assert plan.statement == found[0].statement
