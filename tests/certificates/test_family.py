"""Families: against a slow loop, on disk in every combination, and never wrong too often."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from certificate_files import arrays_of, get, put
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import segcert as sc
from segcert.certificates.family import Family, fewest_tests
from segcert.stats.correction import AbstractCorrection, Evidence
from segcert.stats.levels import levels
from segcert.stats.looks import even_looks
from segcert.stats.promise import promise_of_ratio

pytestmark = pytest.mark.repeats

ALPHA, TAU = 0.1, 0.6
reproducible = settings(derandomize=True, deadline=None)
SHAPE = (9, 14)
MASK = np.zeros(SHAPE, dtype=bool)
MASK[6:, :5] = True
STRIPES = (np.indices(SHAPE)[0] * 25 - 100).astype(np.int8)  # rows, numbers with gaps
CORRECTIONS = (sc.holm, sc.bonferroni, sc.KFwer(4), sc.Capped(40), sc.Capped(30, 3), sc.Ordered())


def soft(x: torch.Tensor) -> torch.Tensor:
    """Scores of two classes, exact in any batch; class 1 above grey level 127."""
    red = (x[:, 0] * 255).round()
    return torch.stack([(127.5 - red) / 64, (red - 127.5) / 64], 1)


@pytest.fixture(scope="module")
def draw() -> Callable[..., sc.Counts]:
    """Counts of a smooth image: all shades of probability."""
    image = np.linspace(20, 235, 126).astype(np.uint8).reshape(1, *SHAPE)
    known: dict[str, sc.Counts] = {}

    def drawn(**options: object) -> sc.Counts:
        given_options = {
            "noise": sc.LatticeGaussianNoise(0.25), "n0": 9, "n": 80, "seed": 4, "device": "cpu",
        } | options  # fmt: skip
        if repr(given_options) not in known:
            known[repr(given_options)] = sc.sample(soft, image, **given_options)  # type: ignore[arg-type]
        return known[repr(given_options)]

    return drawn


def loop(p: list[float], correction: AbstractCorrection, alpha: float) -> list[bool]:
    """Holm and k-FWER, one test at a time."""
    order, rejected = sorted(range(len(p)), key=lambda i: p[i]), [False] * len(p)
    k = min(correction.errors_allowed + 1, len(p))
    for rank, test in enumerate(order, 1):
        if p[test] > k * alpha / (len(p) + k - max(rank, k)):
            break
        rejected[test] = True
    return rejected


def slow(
    counts: sc.Counts, family: Family, correction: AbstractCorrection, *, tau: float, alpha: float
) -> list[bool]:
    """Drop, group, test the worst of each group, spread: component by component."""
    size = counts.components
    dropped = [False] * size if family.ignore is None else family.ignore.ravel().tolist()
    if family.drop_below is not None:
        assert counts.promise is not None
        limit = promise_of_ratio(family.drop_below)
        dropped = [
            a or int(b) < limit for a, b in zip(dropped, counts.promise.ravel(), strict=True)
        ]
    name: list[object] = list(range(size))
    if isinstance(family.regions, np.ndarray):
        name = family.regions.ravel().tolist()
    if isinstance(family.regions, sc.Blocks):
        side, (_, width) = family.regions.side, counts.labels.shape
        name = [(i // width // side, i % width // side) for i in range(size)]
        if counts.n0:
            assert counts.promise is not None
            steps = [sum(int(p) >= 2**15 + 2**11 * r for r in (0, 1, 2, 3, 4, 6)) for p in
                     counts.promise.ravel()]  # fmt: skip
            name = list(zip(name, counts.labels.ravel().tolist(), steps, strict=True))
    tested = [i for i in range(size) if not dropped[i]]
    given_levels = levels(
        len(tested), counts.n, tau=tau, alpha=alpha, pilot=counts.n0 > 0,
        sequential=counts.sequential,
    )  # fmt: skip
    groups = sorted({name[i] for i in tested}, key=repr)
    p = [
        max(
            float(given_levels.p_values[counts.hits.ravel()[i]]) for i in tested if name[i] == group
        )
        for group in groups
    ]
    rejected = dict(zip(groups, loop(p, correction, given_levels.alpha), strict=True))
    return [not dropped[i] and rejected[name[i]] for i in range(size)]


FAMILIES = {
    "whole": {},
    "ignore": {"ignore": MASK},
    "drop": {"drop_below": 1.5},
    "blocks": {"regions": sc.Blocks(3)},
    "numbers": {"regions": STRIPES},
    "ignore drop": {"ignore": MASK, "drop_below": 0.5},
    "ignore blocks": {"ignore": MASK, "regions": sc.Blocks(4)},
    "drop numbers": {"drop_below": 1.0, "regions": STRIPES},
    "all": {"ignore": MASK, "drop_below": 0.5, "regions": sc.Blocks(2)},
}


@pytest.mark.parametrize("correction", [sc.holm, sc.KFwer(4)], ids=str)
@pytest.mark.parametrize("n0", [0, 9])
@pytest.mark.parametrize("name", FAMILIES)
def test_certified_are_those_of_the_loop(
    draw: Callable[..., sc.Counts], name: str, n0: int, correction: AbstractCorrection
) -> None:
    options, counts = FAMILIES[name], draw(n0=n0)
    if "drop_below" in options and not n0:
        return
    for tau, alpha in ((0.5, 1e-3), (0.6, 0.1), (0.8, 0.3)):
        cert = sc.certify(counts, tau=tau, alpha=alpha, correction=correction, **options)
        expected = slow(counts, Family(**options), correction, tau=tau, alpha=alpha)
        assert cert.certified.ravel().tolist() == expected
        assert cert.certified.sum() < counts.components
    assert sc.certify(counts, tau=0.5, alpha=0.1, **options).certified.any()


@pytest.mark.parametrize("correction", CORRECTIONS, ids=str)
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "whole"])
def test_nothing_is_certified_but_what_is_tested(
    draw: Callable[..., sc.Counts], name: str, correction: AbstractCorrection
) -> None:
    counts, family = draw(), Family(**FAMILIES[name])
    cert = sc.certify(counts, tau=TAU, alpha=ALPHA, correction=correction, **FAMILIES[name])
    tested = family.tested(counts)
    assert not (cert.certified & ~tested).any()
    region = family.region(counts)
    if region is not None:
        for number in np.unique(region[tested]):
            assert len(set(cert.certified[(region == number) & tested].tolist())) == 1
    assert (cert.counts.hits[cert.certified] >= cert.threshold).all()
    assert cert.family.ignore is FAMILIES[name].get("ignore")
    assert cert.certified.any()


@pytest.mark.parametrize("budget", [1, 3, 8])
@pytest.mark.parametrize("name", ["drop", "numbers", "blocks", "all"])
def test_a_region_comes_when_its_least_promising_component_does(
    draw: Callable[..., sc.Counts], name: str, budget: int
) -> None:
    """Ordered testing of regions, against the same test of lists that are made one by one."""
    counts, family = draw(), Family(**FAMILIES[name])
    assert counts.promise is not None
    region = family.region(counts)
    numbers = np.arange(126).reshape(SHAPE) if region is None else region
    hits: dict[int, list[int]] = {}
    promise: dict[int, list[int]] = {}
    for place in np.argwhere(family.tested(counts)).tolist():
        number = int(numbers[tuple(place)])
        hits.setdefault(number, []).append(int(counts.hits[tuple(place)]))
        promise.setdefault(number, []).append(int(counts.promise[tuple(place)]))
    order = sorted(hits)
    least = np.array([min(hits[number]) for number in order])
    first = np.array([min(promise[number]) for number in order], dtype=np.uint16)
    given_levels = levels(len(order), counts.n, tau=TAU, alpha=ALPHA, pilot=True)
    histogram = np.bincount(least, minlength=counts.n + 1).astype(np.int64)
    some = Evidence(given_levels.p_values, histogram, least, first)
    correction = sc.Ordered(budget)
    expected = correction.decide(some, alpha=given_levels.alpha).mask(least)
    accepted = {number for number, yes in zip(order, expected, strict=True) if yes}
    cert = sc.certify(counts, tau=TAU, alpha=ALPHA, correction=correction, **FAMILIES[name])
    wanted = np.isin(numbers, list(accepted)) & family.tested(counts)
    assert (cert.certified == wanted).all()
    assert cert.certified.any()


@reproducible
@given(st.integers(0, 2**32 - 1))
def test_order_of_the_components_changes_nothing(draw: Callable[..., sc.Counts], seed: int) -> None:
    counts, order = draw(), np.random.default_rng(seed).permutation(126)

    def moved(array: np.ndarray) -> np.ndarray:
        return array.ravel()[order].reshape(SHAPE)

    assert counts.pilot_hits is not None
    assert counts.promise is not None
    shuffled = replace(
        counts, labels=moved(counts.labels), hits=moved(counts.hits),
        pilot_hits=moved(counts.pilot_hits), promise=moved(counts.promise),
    )  # fmt: skip
    for correction in (sc.holm, sc.Capped(50), sc.KFwer(3)):
        given_options = {"tau": TAU, "alpha": ALPHA, "correction": correction, "drop_below": 0.5}
        one = sc.certify(counts, **given_options, ignore=MASK, regions=STRIPES)
        other = sc.certify(shuffled, **given_options, ignore=moved(MASK), regions=moved(STRIPES))
        assert (moved(one.certified) == other.certified).all()


def test_fewer_tests_certify_no_less_of_them(draw: Callable[..., sc.Counts]) -> None:
    counts = draw()
    whole = sc.certify(counts, tau=TAU, alpha=ALPHA).certified
    less = sc.certify(counts, tau=TAU, alpha=ALPHA, ignore=MASK).certified
    assert not (whole & ~less & ~MASK).any()


def test_margins_order_drop_and_group_if_there_are_any(draw: Callable[..., sc.Counts]) -> None:
    """Without margins (a model that returns labels) plain agreement takes their place."""
    counts = draw()
    labels_only = replace(counts, promise=None)
    for options in ({"correction": sc.Ordered(20)}, {"drop_below": 2.0}):
        one = sc.certify(counts, tau=TAU, alpha=ALPHA, **options).certified
        other = sc.certify(labels_only, tau=TAU, alpha=ALPHA, **options).certified
        assert (one != other).any()
    agreement = sc.Ordered(20, "agreement")
    one = sc.certify(counts, tau=TAU, alpha=ALPHA, correction=agreement).certified
    other = sc.certify(labels_only, tau=TAU, alpha=ALPHA, correction=sc.Ordered(20)).certified
    assert (one == other).all()


def test_number_of_tests_before_sampling(draw: Callable[..., sc.Counts]) -> None:
    """Never more than there are in the end, so that no run is refused that could certify."""
    counts = draw()
    assert fewest_tests(Family(), SHAPE) == 126
    assert fewest_tests(Family(ignore=MASK), SHAPE) == 111
    assert fewest_tests(Family(regions=sc.Blocks(5)), SHAPE) == 6
    for options in FAMILIES.values():
        family = Family(**options)
        tested, region = family.tested(counts), family.region(counts)
        tests = int(tested.sum()) if region is None else len(np.unique(region[tested]))
        assert 1 <= fewest_tests(family, SHAPE) <= tests


@pytest.mark.parametrize(
    ("options", "n0", "message"),
    [
        ({"ignore": np.zeros((3, 3), bool)}, 9, r"ignore has shape \(3, 3\), the components have"),
        ({"regions": np.zeros((126,), int)}, 9, r"regions has shape \(126,\), the components have"),
        ({"ignore": np.ones(SHAPE, bool)}, 9, "ignore leaves no component to certify"),
        ({"drop_below": 1.0}, 0, "drop_below is a rule on the pilot draws: use n0 >= 1"),
        ({"drop_below": -17.0}, 9, r"drop_below must be in \[-16, 15.9995\], got -17"),
        ({"drop_below": 16.0}, 9, "drop_below must be in"),
        ({"drop_below": float("nan")}, 9, "drop_below must be in .*, got nan"),
        ({"correction": sc.Ordered()}, 0, "needs an order from the pilot draws: use n0 >= 1"),
    ],
)
def test_families_that_do_not_fit_are_refused(
    draw: Callable[..., sc.Counts], options: dict, n0: int, message: str
) -> None:
    with pytest.raises(sc.InputError, match=message) as caught:
        sc.certify(draw(n0=n0), tau=TAU, alpha=ALPHA, **options)
    assert "\n" not in str(caught.value)


def test_dropping_everything_certifies_nothing(draw: Callable[..., sc.Counts]) -> None:
    for options in ({}, {"regions": sc.Blocks(2)}):
        for correction in CORRECTIONS:
            cert = sc.certify(
                draw(), tau=TAU, alpha=ALPHA, drop_below=15.0, correction=correction, **options
            )
            assert not cert.certified.any()


def variants() -> Iterator[tuple[dict, dict]]:
    """Options of sampling and of certifying: every combination that is allowed."""
    sequentials = (80, even_looks(80, 3), sc.Anytime(80, 16))
    for n0, n in product((0, 9), sequentials):
        if isinstance(n, sc.Anytime) and not n0:
            continue
        for correction, (name, family) in product(CORRECTIONS, FAMILIES.items()):
            if not n0 and ("drop" in name or isinstance(correction, sc.Ordered) or name == "all"):
                continue
            yield {"n0": n0, "n": n}, {"correction": correction, **family}


def assert_equal(one: object, other: object, path: str = "certificate") -> None:
    """Equal in all fields, however deep; arrays in type, too."""
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray), path
        assert one.dtype == other.dtype, path
        assert one.shape == other.shape, path
        assert (one == other).all(), path
    elif isinstance(one, sc.Certificate | sc.Counts | Family):
        assert type(one) is type(other)
        for field in fields(one):
            name = f"{path}.{field.name}"
            assert_equal(getattr(one, field.name), getattr(other, field.name), name)
    else:
        assert one == other, path


def assert_round_trip(cert: sc.Certificate, folder: Path) -> None:
    """Save, load, save: equal in all fields, then in all bytes."""
    for part in ("one", "two"):
        shutil.rmtree(folder / part, ignore_errors=True)  # or it would be an earlier draw
    cert.save(folder / "one")
    again = sc.load_certificate(folder / "one")
    assert_equal(cert, again)
    again.save(folder / "two")
    for name in ("certificate.json", "counts.npz"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


@pytest.mark.repeats
def test_every_combination_survives_the_disk(
    draw: Callable[..., sc.Counts], tmp_path: Path
) -> None:
    certified = []
    for sampling, options in variants():
        cert = sc.certify(draw(**sampling), tau=TAU, alpha=0.3, **options)
        assert_round_trip(cert, tmp_path)
        certified.append(int(cert.certified.sum()))
    assert len(certified) > 200
    assert np.mean([some > 0 for some in certified]) > 0.9


@pytest.mark.parametrize("stop_at", [40, 80])
def test_stopped_runs_survive_the_disk(
    draw: Callable[..., sc.Counts], tmp_path: Path, stop_at: int
) -> None:
    for n in (even_looks(80, 4), sc.Anytime(80, 8)):
        counts = draw(n=n, stop=lambda some: some.n >= stop_at)
        assert counts.n == stop_at
        for correction in (sc.holm, sc.Ordered(5)):
            cert = sc.certify(counts, tau=TAU, alpha=0.3, correction=correction)
            assert_round_trip(cert, tmp_path)
            assert cert.provenance.stop_rule == "a function"


@pytest.mark.parametrize(
    "noise",
    [
        sc.GaussianNoise(0.2), sc.UniformNoise(0.4), sc.LaplaceNoise(0.2), sc.BrightnessNoise(0.2),
        sc.ContrastNoise(0.5), sc.LatticeGaussianNoise(0.2),
    ],
    ids=lambda noise: noise.kind,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_certificates_with_every_noise_survive_the_disk(
    noise: sc.AbstractNoise, dtype: type, tmp_path: Path
) -> None:
    if dtype is np.float32 and isinstance(noise, sc.LatticeGaussianNoise):
        return
    image = np.linspace(0, 255, 24).astype(dtype).reshape(1, 4, 6)
    image = image if dtype is np.uint8 else image / dtype(255)
    counts = sc.sample(soft, image, noise=noise, n0=5, n=40, seed=1, device="cpu")
    assert_round_trip(sc.certify(counts, tau=0.5, alpha=0.3, correction=sc.Ordered(3)), tmp_path)


def forged(record: dict, path: tuple[str, ...], value: object) -> dict:
    """Another value in a record."""
    copy = json.loads(json.dumps(record))
    branch = copy
    for name in path[:-1]:
        branch = branch[name]
    branch[path[-1]] = value
    return copy


FORGERIES = [
    (("parameters", "correction"), {"name": "bonferroni", "parameters": {}}),
    (("parameters", "correction"), {"name": "sidak", "parameters": {}}),
    (("parameters", "correction"), {"name": "k-fwer", "parameters": {"k": 100}}),
    (("parameters", "correction"), {"name": "k-fwer", "parameters": {"k": 0}}),
    (("parameters", "correction"), {"name": "k-fwer", "parameters": {}}),
    (("parameters", "correction"), {"name": "holm", "parameters": {"k": 3}}),
    (("parameters", "correction", "parameters", "budget"), 60),
    (("parameters", "correction", "parameters", "budget"), True),
    (("parameters", "correction", "parameters", "budget"), "4"),
    (("parameters", "correction", "parameters", "by"), "hits"),
    (("parameters", "correction", "parameters", "by"), "agreement"),
    (("parameters", "correction", "parameters", "reserve"), 1.5),
    (("parameters", "correction", "parameters", "reserve"), 0.5),
    (("parameters", "family", "drop_below"), None),
    (("parameters", "family", "drop_below"), 2.5),
    (("parameters", "family", "drop_below"), 99.0),
    (("parameters", "family", "block_side"), None),
    (("parameters", "family", "block_side"), 1),
    (("parameters", "family", "block_side"), 0),
    (("parameters", "family", "regions_given"), True),
    (("parameters", "family", "ignored"), 0),
    (("parameters", "sequential"), None),
    (("parameters", "sequential"), {"kind": "anytime", "at": [80, 10]}),
    (("parameters", "sequential"), {"kind": "anytime", "at": [80]}),
    (("parameters", "sequential"), {"kind": "anytime", "at": [80, 0]}),
    (("parameters", "sequential"), {"kind": "looks", "at": [80]}),
    (("parameters", "sequential"), {"kind": "looks", "at": [27, 54, 81]}),
    (("parameters", "sequential"), {"kind": "looks", "at": [54, 27, 80]}),
    (("parameters", "sequential"), {"kind": "never", "at": [80]}),
    (("model", "classes"), 1),
]


@pytest.mark.parametrize("path", FORGERIES, ids=lambda forgery: f"{forgery[0][-1]}={forgery[1]}")
def test_forged_options_are_refused(
    draw: Callable[..., sc.Counts], tmp_path: Path, path: tuple
) -> None:
    """Each changes what is certified, or is not possible: it is seen in spite of a good seal."""
    cert = sc.certify(
        draw(n=even_looks(80, 3), seed=2), tau=TAU, alpha=0.3, correction=sc.Ordered(4),
        ignore=MASK, drop_below=0.75, regions=sc.Blocks(2),
    )  # fmt: skip
    cert.save(tmp_path)
    record = get(tmp_path)
    put(tmp_path, record)
    sc.load_certificate(tmp_path)  # the forger can seal
    put(tmp_path, forged(record, *path))
    with pytest.raises(sc.VerificationError):
        sc.load_certificate(tmp_path)


IMPOSSIBLE = [
    ("promise", lambda promise: promise[:3]),
    ("promise", lambda promise: promise.ravel()),
    ("pilot_hits", lambda hits: hits + 200),
    ("pilot_hits", None),
    ("ignore", lambda ignore: ignore.astype(np.uint8)),
    ("ignore", lambda ignore: ~ignore),
    ("ignore", lambda ignore: ignore | True),
    ("ignore", None),
    ("regions", lambda regions: regions.astype(np.float32)),
    ("regions", lambda regions: regions[:, :2]),
    ("regions", None),
    ("labels", lambda labels: labels + 7),
    ("labels", lambda labels: labels[:2]),
    ("hits", lambda hits: hits + 60),
]
CHANGES = [
    ("promise", None),
    ("promise", lambda promise: promise ^ 1),
    ("promise", lambda promise: promise[::-1].copy()),
    ("regions", lambda regions: regions + 1),
]


def resave(folder: Path, name: str, change: Callable[[np.ndarray], np.ndarray] | None) -> dict:
    """Change or leave out one array on disk."""
    with np.load(folder / "counts.npz") as file:
        stored = dict(file)
    stored |= {} if change is None else {name: change(stored[name])}
    kept = {key: array for key, array in stored.items() if change or key != name}
    np.savez_compressed(folder / "counts.npz", allow_pickle=False, **kept)
    return kept


@pytest.mark.parametrize(("name", "change"), [*CHANGES, *IMPOSSIBLE])
def test_changed_arrays_are_refused(
    draw: Callable[..., sc.Counts],
    tmp_path: Path,
    name: str,
    change: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    options = {"correction": sc.Ordered(4), "ignore": MASK, "regions": STRIPES}
    sc.certify(draw(), tau=TAU, alpha=0.3, **options).save(tmp_path)
    resave(tmp_path, name, change)
    with pytest.raises(sc.VerificationError):
        sc.load_certificate(tmp_path)


@pytest.mark.parametrize(("name", "change"), IMPOSSIBLE)
def test_impossible_arrays_are_refused_even_with_a_good_hash(
    draw: Callable[..., sc.Counts],
    tmp_path: Path,
    name: str,
    change: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    """The forger writes down the hash of the arrays; it is computed again here, too."""
    options = {"correction": sc.Ordered(4), "ignore": MASK, "regions": STRIPES}
    sc.certify(draw(), tau=TAU, alpha=0.3, **options).save(tmp_path)
    put(tmp_path, get(tmp_path), arrays_of(tmp_path))
    sc.load_certificate(tmp_path)
    put(tmp_path, get(tmp_path), resave(tmp_path, name, change))
    with pytest.raises(sc.VerificationError):
        sc.load_certificate(tmp_path)


SIGMA, REPETITIONS, COMPONENTS, STEPS = 0.25, 400, 8, 43
TRUE_TAU = NormalDist().cdf((STEPS + 0.5) / (255 * SIGMA))  # 0.7525, exactly on the grid
FALSE_ALARM = 1e-6
MOST = int(binom.isf(FALSE_ALARM, REPETITIONS, ALPHA))


@pytest.fixture(scope="module")
def null_images() -> list[sc.Counts]:
    """Images of 8 components, all of which have exactly tau; half of them decide in pairs."""

    def model(x: torch.Tensor) -> torch.Tensor:
        labels = ((x[:, 0] * 255).round() <= 100 + STEPS).long()
        labels[..., 5:] = labels[..., 4:-1]  # 5 to 7 depend on their neighbours
        return labels

    image = np.full((1, REPETITIONS, COMPONENTS), 100, dtype=np.uint8)
    counts = sc.sample(
        sc.as_segmenter(model, classes=2), image, noise=sc.LatticeGaussianNoise(SIGMA), n0=5,
        n=72, seed=9, device="cpu",
    )  # fmt: skip
    assert counts.pilot_hits is not None
    return [
        replace(
            counts, labels=counts.labels[row : row + 1], hits=counts.hits[row : row + 1],
            pilot_hits=counts.pilot_hits[row : row + 1],
        )
        for row in range(REPETITIONS)
    ]  # fmt: skip


def errors(
    images: list[sc.Counts], change: Callable[[sc.Counts], dict] | None = None, **options: object
) -> int:
    """Images with more false components than are allowed; all certified ones are false."""
    wrong = 0
    for counts in images:
        given_options = options | (change(counts) if change else {})
        cert = sc.certify(counts, tau=TRUE_TAU, alpha=ALPHA, **given_options)  # type: ignore[arg-type]
        wrong += int(cert.certified.sum()) > cert.correction.errors_allowed
    return wrong


@pytest.mark.parametrize(
    "options",
    [
        {"correction": sc.KFwer(2)},
        {"correction": sc.Capped(6)},
        {"correction": sc.Capped(6, 2)},
        {"correction": sc.Ordered(1, "agreement", 0.0)},
        {"correction": sc.Ordered(4, "agreement", 0.3)},
        {"drop_below": 2.0},
        {"drop_below": 2.0, "correction": sc.Ordered(2, "agreement")},
        {"ignore": np.array([[True] * 3 + [False] * 5])},
        {"regions": np.array([[0, 0, 1, 1, 2, 3, 3, 3]])},
        {"regions": sc.Blocks(2), "correction": sc.Ordered(2, "agreement")},
    ],
    ids=lambda options: ", ".join(f"{key} {value}" for key, value in options.items()),
)
def test_false_certificates_are_rare(null_images: list[sc.Counts], options: dict) -> None:
    """Every component has exactly tau, some depend on each other: at most alpha of the images.

    Detected: see the next test, on the same images.
    """
    found = errors(null_images, **options)
    assert found <= MOST
    if "regions" not in options:  # these need two components of a region to err together
        assert found > 0


def with_promise(counts: sc.Counts) -> sc.Counts:
    """Counts whose promise is computed from the draws that are tested."""
    return replace(counts, promise=(counts.hits * 500).astype(np.uint16))


@pytest.mark.parametrize("broken", ["order", "drop", "ignore", "k"])
def test_data_used_twice_are_seen(null_images: list[sc.Counts], broken: str) -> None:
    """An order, a threshold or a mask from the tested draws: errors exceed alpha, so power."""
    cheating = [with_promise(counts) for counts in null_images]
    if broken == "order":
        found = errors(cheating, correction=sc.Ordered(1, reserve=0.0))
    elif broken == "drop":
        found = errors(cheating, drop_below=(60 * 500 - 2**15) / 2**11)
    elif broken == "ignore":
        found = errors(null_images, lambda counts: {"ignore": counts.hits < counts.hits.max()})
    else:  # k - 1 errors are allowed, not none
        found = sum(
            bool(sc.certify(c, tau=TRUE_TAU, alpha=ALPHA, correction=sc.KFwer(7)).certified.any())
            for c in null_images
        )
    assert found > MOST
