"""Figures of evaluations: every dot where it belongs, its tau beside it."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from report.runs_to_report import SETTINGS, results_of

from segcert.errors import InputError
from segcert.report.comparison import Comparison, compare
from segcert.report.plots import COLOURS
from segcert.report.run_figures import figure3, holm_bonferroni
from segcert.report.run_panels import ink_of
from segcert.runs.config import Setting
from segcert.runs.setting import all_settings


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


def test_figure3_leaves_out_what_has_one_tau(found: Comparison) -> None:
    """A dot alone is no line: its panel would be empty but for it."""
    alone = all_settings(sigma=(0.25,), scale=("1",), tau=(0.75,), n=(100,), correction=("holm",))
    more = compare([results_of(share, settings=alone)], ["net"])
    both = replace(found, entries=(*found.entries, *more.entries))
    assert dots_of(figure3(both)) == dots_of(figure3(found))
    assert len(figure3(both).axes) == len(figure3(found).axes)


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


def test_a_line_and_its_numbers_have_one_colour_in_all_panels(found: Comparison) -> None:
    """12 lines would be too many for a panel: shared out by correction."""
    entries = [
        replace(entry, setting=entry.setting.model_copy(update={"scale": scale}))
        for entry in found.entries for scale in ("0.25", "0.5", "1")
    ]  # fmt: skip
    figure = figure3(replace(found, entries=tuple(entries)))
    assert [axes.get_title("left") for axes in figure.axes] == ["bonferroni", "holm"]
    one, other = ([line.get_color() for line in axes.lines] for axes in figure.axes)
    assert one == other
    assert len(set(one)) == 6
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][:2] == [
        "sigma = 0.25, scale = 0.25", "sigma = 0.25, scale = 0.5",
    ]  # fmt: skip
    inks = {ink_of(k) for k in range(6)}
    for axes in figure.axes:
        notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
        assert {note.get_color() for note in notes if note.get_text()} <= inks


def test_texts_can_be_read_on_white() -> None:
    """Contrast of 4.5 to 1 by the formula of WCAG 2.1; the yellow line itself has 2.3."""

    def contrast(colour: str) -> float:
        rgb = np.array(to_rgb(colour))
        light = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(1.05 / (light @ [0.2126, 0.7152, 0.0722] + 0.05))

    assert contrast(COLOURS[1]) < 3
    assert min(contrast(ink_of(k)) for k in range(7)) >= 4.5


def test_names_are_taken_literally(found: Comparison) -> None:
    """Dollars would start a formula, and a leading underscore would hide a line."""
    entries = [replace(e, label="_net $a$ & co" if e.setting.sigma < 0.3 else "net")
               for e in found.entries]  # fmt: skip
    figure = figure3(replace(found, entries=tuple(entries)))
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {
        r"_net \$a\$ & co, sigma = 0.25, bonferroni", r"_net \$a\$ & co, sigma = 0.25, holm",
        "net, sigma = 0.5, bonferroni", "net, sigma = 0.5, holm",
    }  # fmt: skip


def test_with_one_tau_the_corrections_are_drawn_against_n() -> None:
    settings = all_settings(
        sigma=(0.25,), scale=("1",), tau=(0.75,), n=(100, 1000), correction=("holm", "bonferroni")
    )
    results = results_of(
        lambda s: 60 + s.n // 100 + 3 * (s.correction == "holm"), settings=settings
    )
    figure = holm_bonferroni(compare([results], ["net"]))
    above, below = figure.axes
    assert [line.get_ydata().tolist() for line in above.lines] == [[0.61, 0.7], [0.64, 0.73]]
    assert np.allclose(below.lines[0].get_xydata(), [[100, 0.03], [1000, 0.03]])
    assert below.get_xlabel() == "draws n"
    assert "against n" in figure.get_suptitle()
    with pytest.raises(InputError, match="needs several tau or several n"):
        holm_bonferroni(compare([results_of(lambda _: 50, settings=settings[:2])], ["net"]))
