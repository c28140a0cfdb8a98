"""Figures of evaluations: every dot where it belongs, its tau beside it."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from report.runs_to_report import SETTINGS, results_of

from segcert.errors import InputError
from segcert.report.comparison import Comparison, compare
from segcert.report.run_figures import figure3, holm_bonferroni
from segcert.runs.config import Setting, all_settings


def share(setting: Setting) -> int:
    return round(90 - 40 * (setting.tau - 0.7) / 0.25) + (5 if setting.correction == "holm" else 0)


@pytest.fixture
def found() -> Comparison:
    settings = all_settings(
        sigma=(0.25, 0.5), scale=("1",), tau=(0.75, 0.85, 0.95), n=(500,),
        correction=("holm", "bonferroni"),
    )  # fmt: skip
    return compare([results_of(share, settings=settings)], ["net"])


def dots_of(figure: Figure) -> set[tuple[float, float]]:
    return {
        (round(float(x), 6), round(float(y), 6))
        for axes in figure.axes
        for line in axes.lines
        for x, y in np.asarray(line.get_xydata())
    }


def test_figure3_shows_every_radius_and_tau(found: Comparison) -> None:
    figure = figure3(found)
    expected = {
        (round(entry.setting.radius, 6), round(share(entry.setting) / 100, 6))
        for entry in found.entries
    }
    assert dots_of(figure) == expected
    texts = [
        child.get_text() for axes in figure.axes for child in axes.get_children()
        if isinstance(child, Annotation) and child.get_text()
    ]  # fmt: skip
    assert set(texts) == {"0.75", "0.85", "0.95"}
    assert {axes.get_ylabel() for axes in figure.axes} == {"certified accuracy"}


def test_texts_cover_neither_each_other_nor_the_border(found: Comparison) -> None:
    figure = figure3(found)
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [
            child.get_window_extent() for child in axes.get_children()
            if isinstance(child, Annotation) and child.get_text()
        ]  # fmt: skip
        assert len(boxes) > 2
        for number, one in enumerate(boxes):
            assert axes.bbox.x0 <= one.x0
            assert one.x1 <= axes.bbox.x1
            assert not any(one.overlaps(other) for other in boxes[:number])


def test_holm_and_bonferroni_are_drawn_with_their_difference(found: Comparison) -> None:
    figure = holm_bonferroni(found)
    gains = [
        y for axes in figure.axes if "Holm gains" in axes.get_ylabel()
        for line in axes.lines for _, y in np.asarray(line.get_xydata())
    ]  # fmt: skip
    assert len(gains) == 6
    assert np.allclose(gains, 0.05)


def test_figures_say_what_they_need() -> None:
    one = tuple(s for s in SETTINGS if s.tau == 0.75 and s.correction == "holm")
    found = compare([results_of(lambda _: 50, settings=one)], ["net"])
    with pytest.raises(InputError, match="needs several tau at one n"):
        figure3(found)
    with pytest.raises(InputError, match="needs both corrections"):
        holm_bonferroni(found)
