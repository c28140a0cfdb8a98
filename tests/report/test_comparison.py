"""Runs side by side: the same inputs, or a refusal that says what differs."""

from pathlib import Path

import pytest
from report.runs_to_report import SETTINGS, results_of

from segcert.errors import InputError
from segcert.report.comparison import check_comparable, compare, open_runs

HALF, MOST = results_of(lambda _: 50), results_of(lambda _: 80, model="other")


def test_rows_are_ordered_as_in_the_paper_and_add_up() -> None:
    found = compare([HALF, MOST], ["plain", "robust"])
    assert [entry.label for entry in found.entries] == ["plain"] * 16 + ["robust"] * 16
    shown = [(e.setting.scale, e.setting.tau, e.setting.correction, e.setting.sigma)
             for e in found.entries[:16]]  # fmt: skip
    assert shown == sorted(shown)
    assert len(set(shown)) == 16
    assert {entry.totals.score.certified for entry in found.entries[:16]} == {100}
    assert {entry.totals.score.certified for entry in found.entries[16:]} == {160}
    assert found.complete


def test_only_images_that_all_runs_have_done_count() -> None:
    found = compare([HALF, results_of(lambda _: 80, done=1)], ["plain", "robust"])
    assert found.inputs == 1
    assert not found.complete
    assert {entry.totals.inputs for entry in found.entries} == {1}


def test_several_scales_come_after_single_ones() -> None:
    settings = tuple(
        SETTINGS[0].model_copy(update={"scale": scale}) for scale in ("multi", "1", "0.5", "10")
    )
    found = compare([results_of(lambda _: 9, settings=settings)], ["net"])
    assert [entry.setting.scale for entry in found.entries] == ["0.5", "1", "10", "multi"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": "toy test"}, "data toy val and toy test"),
        ({"alpha": 0.01}, r"alpha 0\.001 and 0\.01"),
        ({"n0": 4}, "n0 10 and 4"),
        ({"inputs_sha256": "00" * 32}, r"inputs \(hash abababab and 00000000\)"),
        ({"note": "resized"}, "differ in note"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(changed: dict[str, object], words: str) -> None:
    other = results_of(lambda _: 50, **changed)
    with pytest.raises(InputError, match=words):
        check_comparable(Path("a"), HALF.config, Path("b"), other.config)


def test_the_same_row_twice_is_refused() -> None:
    with pytest.raises(InputError, match="is there twice"):
        compare([HALF, HALF], ["net", "net"])


def test_labels_are_one_for_each_run() -> None:
    with pytest.raises(InputError, match="--label is there 1 times for 2 runs"):
        open_runs([Path("a"), Path("b")], ["one"])
    with pytest.raises(InputError, match="one line of text"):
        open_runs([Path("a")], ["one\ntwo"])
