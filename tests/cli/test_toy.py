"""``segcert toy``: one setting as table or JSON, the study as files."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segcert.toy import study
from segcert.toy.draws import Draws
from segcert.toy.methods import METHODS, share
from segcert.toy.model import Toy

Command = Callable[..., Any]
FAST = ("--repetitions", 20, "--seed", 3)


def test_json_has_the_share_and_error_of_every_method(command: Command) -> None:
    done = command(
        "toy", "--gamma", 0.06, "--n", 90, "--n0", 30, "--components", 50, "--bad", 2,
        "--tau", 0.7, "--alpha", 0.01, *FAST, "--json",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    toy = Toy(
        gamma=0.06, n=90, n0=30, components=50, bad=2, tau=0.7, alpha=0.01, repetitions=20, seed=3
    )
    assert set(found) == {"settings", *METHODS}
    assert found["settings"]["bad"] == 2
    draws = Draws(toy)
    for key, method in METHODS.items():
        expected = share(method, draws)
        assert found[key]["certified_share"] == expected.certified
        assert found[key]["standard_error"] == expected.standard_error
    for key in ("joint_class", "indiv_class", "segcertify_holm", "segcertify_bonferroni"):
        assert 0 <= found[key]["certified_share"] <= 1


def test_the_table_has_every_method(command: Command) -> None:
    done = command("toy", "--gamma", 0.0, *FAST)
    assert (done.status, done.err) == (0, "")
    for method in METHODS.values():
        assert method.label in done.out
    assert done.out.count("100.00%") == len(METHODS)


def test_one_repetition_has_no_standard_error(command: Command) -> None:
    done = command("toy", "--repetitions", 1)
    assert done.status == 0
    assert "–" in done.out
    single = json.loads(command("toy", "--repetitions", 1, "--json").out)
    assert single["segcertify_holm"]["standard_error"] is None


def test_many_components_leave_out_what_needs_single_ones(command: Command) -> None:
    done = command("toy", "--components", 10**7, *FAST, "--json")
    assert done.status == 0
    assert set(METHODS) - set(json.loads(done.out)) == {"ordered"}


def test_the_seed_decides(command: Command) -> None:
    same = [command("toy", "--gamma", 0.06, *FAST, "--json").out for _ in range(2)]
    assert same[0] == same[1]
    assert (
        command("toy", "--gamma", 0.06, "--repetitions", 20, "--seed", 4, "--json").out != same[0]
    )


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--gamma", 0.3, ["gamma must be in [0, 0.2]", "0.3"]),
        ("--n", 0, ["n must be 1 to", "0"]),
        ("--n0", 1.5, ["--n0", "1.5"]),
        ("--components", 0, ["components must be 1 to", "0"]),
        ("--bad", 101, ["bad must be 0 to components = 100", "101"]),
        ("--tau", 1, ["tau must be in [1/2, 1)"]),
        ("--alpha", 0, ["alpha must be in (0, 1)"]),
        ("--repetitions", 0, ["repetitions must be >= 1", "0"]),
        ("--seed", -1, ["seed must be >= 0", "-1"]),
    ],
)
def test_refusals(command: Command, option: str, value: object, words: list[str]) -> None:
    command("toy", option, value).refuses(*words)


@pytest.fixture
def short_study(monkeypatch: pytest.MonkeyPatch) -> tuple[study.Sweep, ...]:
    """The study at two settings a figure, up to a thousand components."""
    short = tuple(
        replace(sweep, settings=(sweep.settings[0], sweep.settings[1])) for sweep in study.STUDY
    )
    monkeypatch.setattr(study, "STUDY", short)
    return short


def test_figures_are_drawn_with_their_numbers(
    command: Command, tmp_path: Path, short_study: tuple[study.Sweep, ...]
) -> None:
    out = tmp_path / "new" / "toy"
    done = command("toy", "--figures", out, "--repetitions", 2)
    assert (done.status, done.err) == (0, "")
    assert str(out) in done.out
    names = {f"{sweep.name}.{kind}" for sweep in short_study for kind in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == names | {"toy.csv", "summary.json"}
    with (out / "toy.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(2 * len(sweep.methods) for sweep in short_study)
    assert {row["repetitions"] for row in rows} == {"2"}
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["figures"]) == [sweep.name for sweep in short_study]


@pytest.mark.parametrize("option", [("--gamma", 0.01), ("--n", 7), ("--json",)])
def test_figures_take_no_other_settings(
    command: Command, tmp_path: Path, option: tuple[object, ...]
) -> None:
    done = command("toy", "--figures", tmp_path / "out", *option)
    done.refuses("has no effect with --figures", "leave out --")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_refused_before_the_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def points(*_: object, **__: object) -> None:
        raise AssertionError("drawn in vain")

    monkeypatch.setattr(study, "points", points)
    (tmp_path / "file").write_text("keep")
    command("toy", "--figures", tmp_path / "file").refuses(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "keep"
