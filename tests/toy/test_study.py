"""The figures of the study: their settings, their seeds, their files."""

import csv
import io
import json
from dataclasses import replace

import pytest

from segcert.toy.draws import Draws
from segcert.toy.methods import METHODS, Share, share
from segcert.toy.model import Toy
from segcert.toy.study import STUDY, Point, Sweep, points
from segcert.toy.study_tables import setting_json, study_csv, study_json

SWEEPS = {sweep.name: sweep for sweep in STUDY}
TINY = (
    Sweep("one", "One", (Toy(gamma=0.0), Toy(gamma=0.06)), ("segcertify_holm", "ordered"), True),
    Sweep("two", "Two", (Toy(components=9), Toy(components=99)), ("segcertify_holm",)),
)


def found(seed: int = 0) -> list[Point]:
    return list(points(TINY, repetitions=4, seed=seed, progress=lambda *_: None))


@pytest.mark.parametrize(("name", "draws"), [("figure2a", 100), ("figure2b", 1000)])
def test_figures_over_gamma_have_the_settings_of_the_paper(name: str, draws: int) -> None:
    sweep = SWEEPS[name]
    assert {(t.components, t.bad, t.n0, t.n, t.tau, t.alpha) for t in sweep.settings} == {
        (100, 1, draws, draws, 0.75, 0.001)
    }
    gammas = [sweep.place(toy) for toy in sweep.settings]
    assert gammas == sorted(set(gammas))
    assert (gammas[0], gammas[-1]) == (0.0, 0.1)
    assert sweep.methods[:4] == (
        "joint_class", "indiv_class", "segcertify_holm", "segcertify_bonferroni",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "alpha"),
    [("figure2c", 0.1), ("k_fwer_alpha_0.1", 0.1), ("k_fwer_alpha_0.001", 0.001)],
)
def test_figures_over_components_have_the_settings_of_the_paper(name: str, alpha: float) -> None:
    sweep = SWEEPS[name]
    assert {(t.gamma, t.bad, t.n0, t.n, t.tau, t.alpha) for t in sweep.settings} == {
        (0.05, 1, 1000, 1000, 0.9, alpha)
    }
    sizes = [sweep.place(toy) for toy in sweep.settings]
    assert sizes == [100, 1000, 10**4, 10**5, 10**6, 10**7]


def test_every_method_is_drawn_and_known() -> None:
    assert {key for sweep in STUDY for key in sweep.methods} == set(METHODS)
    assert {key for key, method in METHODS.items() if method.new} == {"no_pilot_holm", "ordered"}


def test_points_are_what_their_setting_and_seed_give() -> None:
    """Every setting has its own seed, and can be drawn again by itself."""
    all_points = found(seed=3)
    assert [(p.figure, p.method) for p in all_points] == [
        ("one", "segcertify_holm"), ("one", "ordered"), ("one", "segcertify_holm"),
        ("one", "ordered"), ("two", "segcertify_holm"), ("two", "segcertify_holm"),
    ]  # fmt: skip
    assert [p.toy.seed for p in all_points] == [30000, 30000, 30001, 30001, 30002, 30003]
    for point in all_points:
        assert point.toy.repetitions == 4
        assert share(METHODS[point.method], Draws(point.toy)) == point.share


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    list(points(TINY, repetitions=2, seed=0, progress=lambda *one: told.append(one)))
    assert told == [("one", 1, 2), ("one", 2, 2), ("two", 1, 2), ("two", 2, 2)]


def test_csv_has_a_row_for_each_point() -> None:
    all_points = found()
    rows = list(csv.DictReader(io.StringIO(study_csv(all_points))))
    assert len(rows) == len(all_points)
    for row, point in zip(rows, all_points, strict=True):
        assert (row["figure"], row["method"]) == (point.figure, point.method)
        for name in ("gamma", "components", "bad", "n0", "n", "tau", "alpha", "seed"):
            assert float(row[name]) == getattr(point.toy, name)
        assert float(row["certified_share"]) == point.share.certified
        assert float(row["standard_error"]) == point.share.standard_error
        assert int(row["repetitions"]) == 4


def test_json_has_the_lists_of_each_line() -> None:
    all_points = found()
    figures = json.loads(study_json(TINY, all_points))["figures"]
    assert list(figures) == ["one", "two"]
    one, two = figures["one"], figures["two"]
    assert one["title"] == "One"
    assert one["settings"] == {
        "components": 100, "bad": 1, "n0": 100, "n": 100, "tau": 0.75, "alpha": 0.001,
    }  # fmt: skip
    assert two["settings"]["gamma"] == 0.05
    assert two["methods"]["segcertify_holm"]["components"] == [9, 99]
    line = one["methods"]["ordered"]
    ordered = [p for p in all_points if p.method == "ordered"]
    assert line["gamma"] == [0.0, 0.06]
    assert line["certified_share"] == [p.share.certified for p in ordered]
    assert line["standard_error"] == [p.share.standard_error for p in ordered]
    assert line["repetitions"] == [4, 4]
    assert (line["label"], line["new"]) == (METHODS["ordered"].label, True)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert study_csv(found(1)) == study_csv(found(1)) != study_csv(found(2))
    assert study_json(TINY, found(1)) == study_json(TINY, found(1))


def test_one_setting_as_json() -> None:
    toy = replace(Toy(), gamma=0.01, repetitions=1)
    text = setting_json(toy, {"joint_class": Share(0.5, None, 1)})
    assert json.loads(text) == {
        "settings": {
            "gamma": 0.01, "components": 100, "bad": 1, "n0": 100, "n": 100, "tau": 0.75,
            "alpha": 0.001, "repetitions": 1, "seed": 0,
        },
        "joint_class": {
            "label": "JointClass", "certified_share": 0.5, "standard_error": None,
            "repetitions": 1,
        },
    }  # fmt: skip
