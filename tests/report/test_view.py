"""What the page says of each kind of certificate, against the counts."""

import base64
import json
import re
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from segcert.certificates.hierarchical import certify_tree
from segcert.certificates.result import Certificate
from segcert.certificates.segcertify import certify
from segcert.certificates.stopping import StopWhen
from segcert.models.wrapping import as_segmenter
from segcert.noise.base import AbstractNoise
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.laplace import LaplaceNoise
from segcert.noise.uniform import UniformNoise
from segcert.report.facts import facts
from segcert.report.page import render_page
from segcert.report.page_tables import class_rows, outcome_key
from segcert.report.view import make_view
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.sequential import Anytime, Sequential
from segcert.stats.stop_rules import Target

SHAPE = (20, 24)
NAMES = ("dark", "dim", "light", "bright")
TREE = ClassTree((*NAMES, "night", "day", "any"), (4, 4, 5, 5, 6, 6, 6))


def picture() -> np.ndarray:
    """A ramp of grey: classes are surest in the middle of their band."""
    ramp = np.linspace(20, 235, SHAPE[1])
    return np.broadcast_to(ramp[None, :, None], (*SHAPE, 3)).astype(np.uint8)


def bands(batch: torch.Tensor) -> torch.Tensor:
    """Four bands of brightness."""
    return (4 * batch[:, 0]).clamp(0, 3.99).long()


def draw(
    *, n0: int = 5, n: int | Sequential = 60, noise: AbstractNoise | None = None, goal: float = 0
) -> Counts:
    """Sample the bands."""
    model = as_segmenter(bands, classes=4, class_names=NAMES)
    stop = StopWhen(Target(goal), lambda c: certify(c, tau=0.6, alpha=0.1)) if goal else None
    return sample(
        model, picture(), noise=noise or GaussianNoise(0.1), n0=n0, n=n, seed=1, stop=stop
    )


def text_of(certificate: Certificate) -> str:
    """The words of the page."""
    html = render_page(make_view(certificate, picture(), title="bands"))
    body = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def truth() -> np.ndarray:
    """The bands, some pixels not labelled."""
    true = (picture()[..., 0] // 64).astype(np.uint8)
    true[:3] = 255
    return true


@pytest.fixture(scope="module")
def piloted() -> Counts:
    return draw()


@pytest.fixture(scope="module")
def tree() -> Certificate:
    return certify_tree(draw(n0=0), TREE, tau=0.6, alpha=0.1)


@pytest.mark.parametrize("correction", [holm, bonferroni, KFwer(4), Capped(300)])
def test_a_mere_threshold_is_said_to_be_one(
    piloted: Counts, correction: AbstractCorrection
) -> None:
    found = certify(piloted, tau=0.6, alpha=0.1, correction=correction)
    view, text = make_view(found, picture(), title="bands"), text_of(found)
    assert view.count_decides
    assert f"a pixel is certified if at least {found.threshold} agreed" in text
    assert f"certified from {found.threshold}" in text
    assert not view.shortfall
    errors = correction.errors_allowed
    assert (f"all of them but at most {errors}" in text) == (errors > 0)


def test_an_order_needs_more_after_its_budget(piloted: Counts) -> None:
    found = certify(piloted, tau=0.6, alpha=0.1, correction=Ordered(budget=1, by="agreement"))
    view, text = make_view(found, picture(), title="bands"), text_of(found)
    assert (found.certified <= (piloted.hits >= found.threshold)).all()
    assert not view.count_decides
    assert "a pixel is certified if" not in text
    assert f"certified from {found.threshold}" not in text
    assert f"at least {found.threshold} must agree, and more in what is tested after" in text
    assert f"at least {found.threshold} needed" in text
    assert "white in “Certified”: tested after the budget of failures was spent" in text
    assert view.shortfall == "tested after the budget of failures was spent"


def test_regions_and_untested_pixels_are_said(piloted: Counts) -> None:
    ignore = np.zeros(SHAPE, bool)
    ignore[15:] = True
    found = certify(piloted, tau=0.6, alpha=0.1, ignore=ignore, drop_below=0.5, regions=Blocks(4))
    view, said, text = make_view(found, picture(), title="b"), dict(facts(found)), text_of(found)
    dropped = int((~view.tested).sum()) - int(ignore.sum())
    assert dropped > 0
    assert said["ignored"].startswith(f"{ignore.sum()} pixels")
    assert said["dropped"].startswith(f"{dropped} pixels")
    region = found.family.region(piloted)
    assert region is not None
    assert said["regions"].startswith(f"{len({*region[view.tested].tolist()})} are tested")
    assert f"certified as a whole if at least {found.threshold} agreed at each tested" in text
    assert "White: abstained or not tested" in text
    assert not view.count_decides
    for number in {*region[view.tested].tolist()}:
        here = view.tested & (region == number)
        assert (found.certified[here] == (piloted.hits[here].min() >= found.threshold)).all()


def test_the_mask_of_untested_pixels_is_in_the_page(piloted: Counts) -> None:
    ignore = np.zeros(SHAPE, bool)
    ignore[3, 4:9] = True
    html = render_page(
        make_view(certify(piloted, tau=0.6, ignore=ignore), picture(), title="bands")
    )
    link = re.findall(r'id="untested">data:image/png;base64,(.*?)</script>', html)[0]
    stored = np.asarray(Image.open(BytesIO(base64.b64decode(link))))
    assert np.array_equal(stored, np.where(ignore, 255, 0))
    plain = render_page(make_view(certify(piloted, tau=0.6), picture(), title="bands"))
    assert 'id="untested"' not in plain
    assert "not tested" not in re.sub(r"<script.*?</script>", "", plain, flags=re.DOTALL)


def test_the_count_of_a_node_is_the_sum_of_its_classes(tree: Certificate) -> None:
    """By brute force; at the root it is the count of its most frequent member."""
    view = make_view(tree, picture(), title="bands")
    counts = tree.counts.class_counts
    assert counts is not None
    leaves = {n: [n] for n in range(4)} | {4: [0, 1], 5: [2, 3]}
    for y, x in np.ndindex(*SHAPE):
        node = int(view.labels[y, x])
        inside = [leaves[node]] if node != 6 else [leaves[4], leaves[5]]
        assert view.hits[y, x] == max(sum(int(counts[c, y, x]) for c in group) for group in inside)
    assert {4, 5} & {*view.labels[view.certified].tolist()}
    assert 6 in view.labels
    assert view.count_decides


def test_a_page_of_a_tree_names_what_occurs(tree: Certificate) -> None:
    view = make_view(tree, picture(), title="bands")
    html, text = render_page(view), text_of(tree)
    keys = [int(k) for k in re.findall(r'data-class="(\d+)"', html)]
    assert {*keys} == {*np.unique(view.labels).tolist()}
    assert "Not predicted anywhere" not in text
    assert "Class or group" in text
    assert "where that is “any”, its most frequent member" in text
    assert f"a class or group is certified if at least {tree.threshold} gave it" in text
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html)[0])
    assert (data["root"], data["names"]) == (6, list(TREE.names))
    assert dict(facts(tree))["class tree"] == "3 groups of 4 classes, with the root"


def test_a_group_is_right_if_it_holds_the_true_class(tree: Certificate) -> None:
    true = truth()
    view = make_view(tree, picture(), title="bands", truth=true)
    assert view.right is not None
    leaves = {n: {n} for n in range(4)} | {4: {0, 1}, 5: {2, 3}}
    for y, x in np.ndindex(*SHAPE):
        node, most = int(view.labels[y, x]), int(tree.counts.labels[y, x])
        assert view.right[y, x] == (int(true[y, x]) in leaves.get(node, {most}))
    labelled, said = true != 255, {name: value for name, value, _ in view.metrics}
    share = (view.right & view.certified & labelled).sum() / labelled.sum()
    assert float(said["certified accuracy"].rstrip("%")) == pytest.approx(100 * share, abs=0.1)
    assert sum(float(part.rstrip("%").lstrip("<")) for _, _, part in outcome_key(view)) > 99
    row = next(row for row in class_rows(view) if row.index in (4, 5) and row.certified)
    here = view.certified & labelled & (view.labels == row.index)
    assert float(row.right_text.rstrip("%")) == pytest.approx(
        100 * view.right[here].mean(), abs=0.1
    )


@pytest.mark.parametrize(
    ("plan", "looks"),
    [(Looks((30, 45, 60)), "3, after 30, 45, 60 draws, each with alpha / 3"),
     (Anytime(60, 15), "by an e-process, after every 15 draws"),
     (Anytime(60, 1), "by an e-process, after each draw")],
)  # fmt: skip
@pytest.mark.parametrize("goal", [0.1, 1])
def test_draws_that_stopped_early_are_said(plan: Sequential, looks: str, goal: float) -> None:
    found = certify(draw(n=plan, goal=goal), tau=0.6, alpha=0.1)
    said, text = dict(facts(found)), text_of(found)
    n = found.counts.n
    assert (n < 60) == (goal < 1)
    ending = f"stopped: target={goal!r}" if goal < 1 else "not stopped"
    assert said["draws"] == f"5 choose the class, {n} of 60 are counted, {ending}"
    assert said["looks"] == looks
    assert (f"{n} of 60" if goal < 1 else "all 60") in text


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (GaussianNoise(0.1), ["l2 norm", "grey levels RMS", "changes of bounded l2 norm"]),
        (UniformNoise(0.2), ["l1 norm", "grey levels on average", "changes of bounded l1 norm"]),
        (LaplaceNoise(0.1), ["l1 norm", "sum of the sizes", "changes of bounded l1 norm"]),
        (BrightnessNoise(0.1), ["±0.0253", "±6.4 grey levels", "changes of brightness alone"]),
        (ContrastNoise(0.1), ["×0.9750", "×1.0256", "±0.0253", "changes of contrast alone"]),
    ],
)
def test_the_radius_is_explained_for_every_noise(noise: AbstractNoise, words: list[str]) -> None:
    """0.1 Phi^-1(0.6) = 0.025335; exp of it 1.025658, and 0.974984 of its opposite."""
    found = certify(draw(noise=noise), tau=0.6, alpha=0.1)
    text = text_of(found)
    for word in words:
        assert word in text
    if noise.norm != "l2":
        assert "l2" not in text
        assert "RMS" not in text
    assert found.counts.noise.assumption in text
