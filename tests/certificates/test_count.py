"""Count certificates: what they say, on disk and back, and never too often wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from certificate_files import arrays_of, get, put
from scipy.stats import binom

import segcert as sc
from segcert.certificates.claim_files import read_claim
from segcert.certificates.count import CountClaim
from segcert.errors import InputError

SHAPE = (9, 14)
TAU, ALPHA = 0.75, 0.01
IMAGE = np.linspace(20, 235, 126).astype(np.uint8).reshape(1, *SHAPE)
Draw = Callable[..., sc.Counts]


def soft(x: torch.Tensor) -> torch.Tensor:
    """Scores of two classes, exact in any batch; class 1 above grey level 127."""
    red = (x[:, 0] * 255).round()
    return torch.stack([(127.5 - red) / 64, (red - 127.5) / 64], 1)


@pytest.fixture(scope="module")
def draw() -> Draw:
    known: dict[str, sc.Counts] = {}

    def drawn(**options: object) -> sc.Counts:
        given = {"noise": sc.LatticeGaussianNoise(0.25), "n0": 9, "n": 60, "seed": 4,
                 "device": "cpu"} | options  # fmt: skip
        if repr(given) not in known:
            known[repr(given)] = sc.sample(soft, IMAGE, **given)  # type: ignore[arg-type]
        return known[repr(given)]

    return drawn


def test_the_number_is_that_of_plain_counting(draw: Draw) -> None:
    counts = draw()
    found = sc.certify_count(counts, tau=TAU, alpha=ALPHA, k=56)
    level = binom.sf(55, 60, TAU)
    passed = int((counts.hits >= 56).sum())
    wrong = int(np.ceil((126 - passed) * level / (ALPHA - level))) - 1
    assert found.at_least() == passed - wrong
    assert 0 < wrong < passed
    (part,) = found.parts
    assert (part.label, part.tested, part.passed, part.wrong) == (None, 126, passed, wrong)
    assert found.share == found.at_least() / 126
    assert found.radius == counts.noise.radius(TAU)


def test_regions_may_be_asked_for_afterwards(draw: Draw) -> None:
    found = sc.certify_count(draw(), tau=TAU, alpha=ALPHA, k=56)
    (part,), passed = found.parts, draw().hits >= 56
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random(SHAPE) < rng.random()
        assert found.at_least(mask) == max(0, int((passed & mask).sum()) - part.wrong)
    assert found.at_least(np.ones(SHAPE, bool)) == found.at_least()
    assert found.at_least(np.zeros(SHAPE, bool)) == 0
    for mask in (np.ones((9, 13), bool), np.ones(SHAPE)):
        with pytest.raises(InputError, match="mask must be booleans of shape"):
            found.at_least(mask)


def test_classes_share_alpha_and_each_has_its_count(draw: Draw) -> None:
    counts = draw()
    found = sc.certify_count(counts, tau=TAU, alpha=ALPHA, parts="classes")
    assert [part.label for part in found.parts] == [0, 1]
    for part in found.parts:
        own = counts.hits[counts.labels == part.label]
        assert part.bound.alpha * 2 <= ALPHA
        assert (part.tested, part.passed) == (len(own), int((own >= part.bound.k).sum()))
        mask = counts.labels == part.label
        assert found.at_least(mask) == part.at_least
    assert found.at_least() == sum(part.at_least for part in found.parts)
    assert "of class 0" in found.statement


def test_the_pilot_chooses_k_and_the_tested_draws_do_not(draw: Draw) -> None:
    from dataclasses import replace

    counts = draw()
    assert counts.pilot_hits is not None
    chosen = sc.certify_count(counts, tau=TAU, alpha=ALPHA).parts[0].bound.k
    for hits in (np.zeros_like(counts.hits), np.full_like(counts.hits, 60)):
        other = sc.certify_count(replace(counts, hits=hits), tau=TAU, alpha=ALPHA)
        assert other.parts[0].bound.k == chosen
    sure = np.full_like(counts.pilot_hits, 9)
    unsure = (np.arange(sure.size).reshape(SHAPE) % 9).astype(np.uint16)
    ks = {
        sc.certify_count(replace(counts, pilot_hits=pilot), tau=TAU, alpha=ALPHA).parts[0].bound.k
        for pilot in (sure, unsure)
    }
    assert len(ks) == 2


def test_without_pilot_nothing_but_the_whole_is_counted(draw: Draw) -> None:
    counts = draw(n0=0)
    found = sc.certify_count(counts, tau=TAU, alpha=ALPHA)
    assert 0 < found.at_least() < 126
    assert "most of the draws" in found.statement
    with pytest.raises(InputError, match=r"takes the classes from a pilot.*n0 >= 1"):
        sc.certify_count(counts, tau=TAU, alpha=ALPHA, parts="classes")


def test_components_that_are_not_tested_do_not_count(draw: Draw) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[:4] = True
    found = sc.certify_count(draw(), tau=TAU, alpha=ALPHA, ignore=mask)
    assert found.parts[0].tested == 126 - 56
    assert found.at_least(mask) == 0
    assert "came from outside" in found.statement


def test_the_statement_says_how_many_and_never_which(draw: Draw) -> None:
    found = sc.certify_count(draw(), tau=TAU, alpha=ALPHA)
    said = found.statement
    assert said.startswith("With confidence 0.99 - ")
    assert f"at least {found.at_least()} of the 126 components that are tested keep" in said
    assert "Which components these are is not said." in said
    (part,) = found.parts
    assert f"with {part.bound.k} hits of 60 or more, less {part.wrong}." in said
    assert "CountCertificate: at least" in repr(found)
    for name in ("certified", "labels", "plot", "_repr_html_"):
        assert not hasattr(found, name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 44}, "k = 44 hits of 60 are no rarer than alpha"),
        ({"k": 61}, "use k >= "),
        ({"k": -1}, "k must be a whole number of hits"),
        ({"parts": "images"}, "parts must be one of"),
        ({"alpha": 1e-9}, "n = 60 draws can count nothing at tau = 0.75.*use n >= 73"),
        ({"tau": 0.3}, "tau must be in"),
        ({"ignore": np.ones(SHAPE, bool)}, "leaves no component"),
    ],
)
def test_what_cannot_be_is_refused(draw: Draw, options: dict, words: str) -> None:
    given = {"tau": TAU, "alpha": ALPHA} | options
    with pytest.raises(InputError, match=words):
        sc.certify_count(draw(), **given)


def test_draws_that_might_have_stopped_are_refused(draw: Draw) -> None:
    counts = draw(n=sc.Looks((40, 60)))
    with pytest.raises(InputError, match="a number of draws that is fixed"):
        sc.certify_count(counts, tau=TAU, alpha=ALPHA)


OPTIONS = (
    {}, {"k": 57}, {"parts": "classes"}, {"ignore": np.eye(9, 14, dtype=bool)},
)  # fmt: skip


@pytest.mark.parametrize("n0", [9, 0])
@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_what_is_saved_is_read_back(draw: Draw, tmp_path: Path, n0: int, number: int) -> None:
    options = OPTIONS[number]
    if not n0 and options.get("parts"):
        pytest.skip("classes need a pilot")
    made = sc.certify_count(draw(n0=n0), tau=TAU, alpha=ALPHA, **options)  # type: ignore[arg-type]
    made.save(tmp_path / "a")
    found = sc.load_count(tmp_path / "a")
    assert (found.statement, found.at_least(), found.parts) == (
        made.statement, made.at_least(), made.parts
    )  # fmt: skip
    found.save(tmp_path / "b")
    for name in ("certificate.json", "counts.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    record = get(tmp_path / "a")
    assert (record["version"], record["result"]["at_least"]) == (4, made.at_least())


def test_a_count_is_no_certificate_of_named_components(draw: Draw, tmp_path: Path) -> None:
    sc.certify_count(draw(), tau=TAU, alpha=ALPHA).save(tmp_path / "count")
    sc.certify(draw(), tau=TAU, alpha=ALPHA).save(tmp_path / "named")
    with pytest.raises(InputError, match=r"counts components and names none.*load_count"):
        sc.load_certificate(tmp_path / "count")
    with pytest.raises(InputError, match=r"names components.*load_certificate"):
        sc.load_count(tmp_path / "named")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("parameters", "k", 58), ("parameters", "alpha", 0.02), ("parameters", "parts", "classes"),
        ("result", "at_least", 126), ("result", "tested", 125), ("result", "method", "count"),
        ("parameters", "tau", 0.8),
    ],
)  # fmt: skip
def test_a_changed_file_is_refused(
    draw: Draw, tmp_path: Path, part: str, key: str, value: object
) -> None:
    sc.certify_count(draw(), tau=TAU, alpha=ALPHA, k=57).save(tmp_path)
    record = get(tmp_path)
    record[part][key] = value
    put(tmp_path, record)
    with pytest.raises(sc.VerificationError, match=r"was changed|cannot hold"):
        sc.load_count(tmp_path)


def test_invented_hits_are_seen_in_the_number(draw: Draw, tmp_path: Path) -> None:
    sc.certify_count(draw(), tau=TAU, alpha=ALPHA).save(tmp_path)
    arrays = arrays_of(tmp_path)
    arrays["hits"][0, 0] = 3
    put(tmp_path, get(tmp_path), arrays)
    with pytest.raises(sc.VerificationError, match="was changed"):
        sc.load_count(tmp_path)


def test_it_is_replayed_and_what_it_replaces_leaves_a_trace(draw: Draw, tmp_path: Path) -> None:
    made = sc.certify_count(draw(), tau=TAU, alpha=ALPHA)
    again = sc.replay(made, sc.as_segmenter(soft, classes=2), IMAGE)
    assert again.identical
    assert again.certified == made.parts[0].passed
    made.save(tmp_path)
    sc.certify_count(draw(seed=5), tau=TAU, alpha=ALPHA).save(tmp_path)
    (earlier,) = sc.load_count(tmp_path).provenance.earlier
    assert earlier.draw is not None
    assert (earlier.draw.seed, earlier.draw.certified) == (4, made.at_least())
    assert "replaced an earlier certificate" in sc.load_count(tmp_path).statement
    shutil.rmtree(tmp_path)


def test_a_plan_states_it_as_the_function_does(draw: Draw) -> None:
    plan = sc.Plan(noise=sc.GaussianNoise(0.25), n0=9, n=60, tau=TAU, alpha=ALPHA,
                   statement="count:parts=classes")  # fmt: skip
    assert sc.Plan.from_json(plan.to_json()) == plan
    assert sc.Plan(statement="labels").sha256 == sc.Plan().sha256 != plan.sha256
    direct = sc.certify_count(draw(), tau=TAU, alpha=ALPHA, parts="classes")
    assert plan.count(draw()).statement == direct.statement
    with pytest.raises(InputError, match="names none"):
        plan.decide(draw())
    with pytest.raises(InputError, match="certify names components"):
        plan.certify(soft, IMAGE)
    plan.check_components(SHAPE)
    with pytest.raises(InputError, match="use n >= 25"):
        sc.Plan(n=24, statement="count").check_components((10**6,))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"statement": "number"}, "statement must be labels, count"),
        ({"statement": "count:k=x"}, "must be a whole number"),
        ({"statement": "count:m=3"}, "statement must be labels"),
        ({"statement": "count", "blocks": 2}, "leave out blocks=None|leave out <?blocks"),
        ({"statement": "count", "correction": "bonferroni"}, "leave out"),
        ({"statement": "count", "stop_when": "target=0.8"}, "leave out"),
        ({"statement": "count:parts=classes", "n0": 0}, "takes the classes from a pilot"),
    ],
)
def test_plans_that_cannot_count_are_refused(fields: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sc.Plan(**fields)


def test_the_claim_that_files_are_made_of_is_a_count(draw: Draw, tmp_path: Path) -> None:
    sc.certify_count(draw(), tau=TAU, alpha=ALPHA, k=57).save(tmp_path)
    claim = read_claim(tmp_path)
    assert isinstance(claim, CountClaim)
    assert claim.chosen.count is not None
    assert claim.chosen.count.k == 57
