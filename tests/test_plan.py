"""Plans: what is fixed before the draws is one value, which files and digests hold whole."""

import json
import pickle
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import segcert as sc
from segcert.certificates.masks import Mask, parse_mask
from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import CLOUD, IMAGE, families
from segcert.plan_fields import PlanFields
from segcert.plan_record import PlanRecord, check_names, parse_record, to_toml
from segcert.plan_texts import fields_of
from segcert.stats.correction import AbstractCorrection
from segcert.stats.stop_rules import Stalls, Target, TimeLimit

SCALES = st.floats(0.01, 1.5)
FAMILIES = (*families(IMAGE), *families(CLOUD))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@st.composite
def noises(draw: st.DrawFn) -> AbstractNoise:
    """Any noise of ours, about any axis."""
    family: Any = draw(st.sampled_from(FAMILIES))
    scales = [draw(SCALES) for _ in range(3 if family is sc.PoseNoise else 1)]
    if family in (sc.PoseNoise, sc.AxisRotationNoise):
        named = st.sampled_from([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, -0.0, 0.0)])
        scales += draw(named | st.tuples(SCALES, SCALES, st.sampled_from([0.0, -1.0])))
    noise: AbstractNoise = family(*scales)
    return noise


masks = st.builds(
    lambda height, width, seed: (
        np.random.default_rng(seed).random((height, width)) < 0.3 * (np.arange(width) > 0)
    ),
    st.integers(1, 9), st.integers(2, 30), st.integers(0, 99),
)  # fmt: skip
corrections: st.SearchStrategy[AbstractCorrection] = st.one_of(
    st.just(sc.holm), st.just(sc.bonferroni), st.builds(sc.KFwer, st.integers(1, 10**6)),
    st.builds(sc.Capped, st.integers(0, 10**6), st.integers(1, 9), st.floats(0, 0.9)),
    st.builds(sc.Ordered, st.none() | st.integers(1, 99), reserve=st.just(0) | st.floats(0, 0.9)),
)  # fmt: skip
rules = st.builds(Stalls, SCALES.filter(lambda share: share <= 1)) | st.sampled_from(
    [Target(1), Target(0.9), TimeLimit(60), Stalls()]
)


trees = st.sampled_from(["camvid", "cityscapes"]) | st.lists(
    TEXTS, min_size=3, max_size=3, unique=True
)


def tree_of(drawn: str | list[str]) -> sc.ClassTree:
    """A tree that comes with segcert, or one of two classes with any names."""
    if isinstance(drawn, str):
        return sc.open_hierarchy(drawn)
    return sc.ClassTree(tuple(drawn), (2, 2, 2))


@st.composite
def plans(draw: st.DrawFn) -> Callable[[], sc.Plan]:
    """Any plan, to be made outside of the strategy, as checks of types draw random numbers."""
    shared: dict[str, Any] = {
        "noise": draw(noises()), "n": draw(st.integers(1, 9999)), "tau": draw(st.floats(0.5, 0.99)),
        "alpha": draw(st.floats(1e-9, 0.5)), "ignore": draw(st.none() | masks),
        "stop_when": draw(st.none() | rules), "looks": draw(st.integers(1, 9)),
    }  # fmt: skip
    if draw(st.booleans()):
        drawn = draw(trees)
        return lambda: sc.Plan(n0=0, tree=tree_of(drawn), correction=sc.bonferroni, **shared)
    shared |= {
        "n0": draw(st.integers(1, 99)), "correction": draw(corrections),
        "blocks": draw(st.none() | st.integers(1, 99)),
        "drop_below": draw(st.none() | st.floats(-16, 15)),
    }  # fmt: skip
    return lambda: sc.Plan(**shared)


@settings(deadline=None, max_examples=200)
@given(plans())
def test_a_plan_is_what_its_files_say(make: Callable[[], sc.Plan]) -> None:
    """Through TOML, JSON and pickle it comes back equal, with its hash and its digest."""
    plan = make()
    toml = parse_record(to_toml(plan.record), toml=True)
    assert tomllib.loads(to_toml(plan.record)) == plan.record.written
    for again in (
        sc.Plan(**fields_of(toml)),
        sc.Plan.from_json(plan.to_json()),
        pickle.loads(pickle.dumps(plan)),
    ):
        assert again == plan
        assert hash(again) == hash(plan)
        assert again.sha256 == plan.sha256


@settings(deadline=None)
@given(plans(), plans())
def test_digests_are_as_different_as_plans(
    make: Callable[[], sc.Plan], make_other: Callable[[], sc.Plan]
) -> None:
    one, other = make(), make_other()
    assert (one == other) == (one.sha256 == other.sha256)


@pytest.mark.parametrize(
    "changed",
    [
        {"noise": sc.GaussianNoise(0.5)}, {"noise": sc.LatticeGaussianNoise(0.25)},
        {"noise": sc.PointNoise(0.25)}, {"n0": 4}, {"n": 99}, {"tau": 0.8}, {"alpha": 0.01},
        {"correction": sc.bonferroni}, {"blocks": 4}, {"drop_below": 0.0},
        {"ignore": np.array([[True, False]])}, {"ignore": np.array([[False, True]])},
        {"ignore": np.array([True, False])}, {"stop_when": "target=0.9"}, {"looks": 3},
    ],
    ids=str,
)  # fmt: skip
def test_the_digest_is_of_every_field(changed: dict[str, Any]) -> None:
    plan = sc.Plan()
    assert replace(plan, **changed).sha256 != plan.sha256
    assert replace(plan, **changed) != plan


def test_the_digest_of_a_plan_never_changes() -> None:
    """Who published one wants to show the plan later."""
    assert sc.Plan().to_json() == (
        '{"alpha":0.001,"correction":"holm","looks":4,"n":100,"n0":10,"noise":"gaussian",'
        '"sigma":0.25,"tau":0.75,"version":1}'
    )
    assert sc.Plan().sha256 == "d57e7c261d8dfc90caf061d46b9db2ae3f843dba990bc79bdecc8a228ce09187"


def test_equal_plans_are_written_alike() -> None:
    """However a number was written."""
    one = sc.Plan(noise=sc.GaussianNoise(1), correction=sc.Ordered(reserve=0), stop_when=Target(1))
    other = sc.Plan(
        noise=sc.GaussianNoise(1.0), correction=sc.Ordered(reserve=-0.0), stop_when="target=1.0"
    )
    assert one == other
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_files_are_written_and_read(tmp_path: Path, suffix: str) -> None:
    plan = sc.Plan(n0=4, n=96, correction=sc.Ordered(), ignore=np.eye(5, dtype=bool))
    path = tmp_path / f"plan.{suffix}"
    plan.write(path)
    assert sc.Plan.read(path) == plan
    with pytest.raises(InputError, match=r"a plan is a file .toml or .json, got .*plan.yaml"):
        plan.write(tmp_path / "plan.yaml")


def test_what_a_file_leaves_out_has_its_default() -> None:
    assert sc.Plan.from_json("{}") == sc.Plan()
    treed = sc.Plan.from_json('{"tree": "camvid"}')
    assert (treed.n0, treed.correction) == (0, sc.bonferroni)
    assert treed.tree == sc.open_hierarchy("camvid")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "a plan is a table of names and values"),
        ("{", "it cannot be read"),
        ('{"tau": 0.6, "tau": 0.9}', "the key 'tau' is there twice"),
        ('{"TAU": 0.6}', "a plan has no 'TAU', but version, noise, sigma, "),
        ('{"version": 2}', "it has version 2, this segcert reads plans of version 1"),
        ('{"version": true}', "it has version True"),
        ('{"n": 1.5}', "n: Input should be a valid integer, got 1.5"),
        ('{"n": "100"}', "n: Input should be a valid integer, got '100'"),
        ('{"sigma": NaN}', "sigma: Input should be a finite number"),
        ('{"tau": 1}', r"tau must be in \[1/2, 1\), got 1"),
        ('{"noise": "white"}', "noise must be one of gaussian, uniform, .*, got 'white'"),
        ('{"noise": "rotation", "axis": "x"}', "axis goes with noise yaw and pose only"),
        ('{"noise": "yaw", "axis": [0, 0, 0]}', "an axis must be a vector of a length"),
        ('{"noise": "yaw", "axis": [1, 2]}', "axis must be one of x, y, z"),
        ('{"correction": "sidak"}', "correction 'sidak' is refused"),
        ('{"tree": "/etc/passwd"}', "tree must be one of camvid, cityscapes, pascal_context, or a"),
        ('{"tree": "camvid", "n0": 4}', "^tree needs the counts of all classes"),
        ('{"ignore": "mask.png"}', "ignore must be the text of a mask"),
        ('{"stop_when": "now"}', "unknown rule to stop"),
        ('{"n": ' + "9" * 30 + "}", "n must be at most"),
        ("[" * 100_000, "it cannot be read|too deeply"),
    ],
)  # fmt: skip
def test_other_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sc.Plan.from_json(text)


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    for content, words in (
        ("tau = 2", "tau must be"),
        ("tau = ", "cannot be read"),
        ("a = 1", "no 'a'"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=f"^plan {path}: .*{words}"):
            sc.Plan.read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="is no text"):
        sc.Plan.read(path)
    with pytest.raises(InputError, match="does not exist"):
        sc.Plan.read(tmp_path / "none.toml")


def test_records_name_what_a_plan_has() -> None:
    """The fields of the file are those of the plan, with the noise said in options."""
    noise = {"noise", "sigma", "shift_sigma", "jitter_sigma", "axis"}
    assert set(PlanRecord.model_fields) == {"version"} | noise | set(sc.Plan.__dataclass_fields__)
    check_names(dict.fromkeys(set(PlanRecord.model_fields) - {"version"}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tau": 1.0}, r"tau must be in \[1/2, 1\)"), ({"alpha": 0.0}, "alpha must be in"),
        ({"tau": "0.75"}, "tau must be a number, got '0.75'"), ({"alpha": True}, "alpha must be a"),
        ({"n": 0}, "n must be >= 1"), ({"n": 10.0}, "n must be a whole number, got 10.0"),
        ({"n": True}, "n must be a whole number, got True"),
        ({"n0": -1}, "n0 must be >= 0"), ({"n": 10**9}, "n must be at most"),
        ({"noise": 0.25}, "noise must be a noise, such as"),
        ({"correction": "holmes"}, "correction must be one of holm"),
        ({"correction": "fdr"}, "correction 'fdr' is refused"), ({"blocks": 0}, "side of blocks"),
        ({"correction": sc.Ordered(), "n0": 0}, "ordered testing takes its order from a pilot"),
        ({"drop_below": 2.0, "n0": 0}, "^drop_below is a rule on the pilot"),
        ({"drop_below": 17.0}, "^drop_below must be in"),
        ({"looks": -1}, "^looks must be 0"),
        ({"looks": 0, "stop_when": "target=0.9", "n0": 0}, "^looks=0, to stop at any time"),
        ({"tree": sc.open_hierarchy("camvid")}, "^tree needs the counts of all classes"),
        (
            {"tree": sc.open_hierarchy("camvid"), "n0": 0, "stop_when": "open=0.01"},
            "^stop_when=open=0.01 is of classes, not groups: drop tree",
        ),
        ({"tree": sc.open_hierarchy("camvid"), "n0": 0}, "^tree goes with correction=bonf"),
        ({"ignore": np.ones((3, 3), dtype=bool)}, "ignore leaves no component"),
        ({"ignore": np.zeros((3, 3))}, "ignore must be a mask of booleans, got float64"),
        ({"stop_when": "soon"}, "unknown rule to stop"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        sc.Plan(**given)


def test_masks_are_values() -> None:
    array = np.eye(4, 7, dtype=bool)
    mask = Mask(array)
    array[0, 0] = False
    assert mask.array[0, 0]  # it is its own
    assert parse_mask(str(mask)) == mask != Mask(array)
    with pytest.raises(ValueError, match="read-only"):
        mask.array[0, 0] = False


@pytest.mark.parametrize(
    "text", ["", "4x7", "4x7:", "4x7:!!", "0x7:eJwDAAAAAAE=", "4x7:eJwDAAAAAAE=", "9999999999:eJw="]
)
def test_texts_that_are_no_mask_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"ignore must be the text of a mask|is read up to"):
        parse_mask(text)


def test_a_mask_has_one_text() -> None:
    """Nothing may follow the bits, in the last byte or after it."""
    import base64
    import zlib

    for bits in (b"\x80", b"\x88\x00", b"\x88\x01"):
        data = base64.b64encode(zlib.compress(bits)).decode()
        if bits == b"\x80":
            assert parse_mask(f"1x4:{data}").array.tolist() == [[True, False, False, False]]
            continue
        with pytest.raises(InputError, match="its data"):
            parse_mask(f"1x4:{data}")


def model(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x.mean(1), 0.5 + 0 * x.mean(1)], 1)


def photo() -> np.ndarray:
    image = np.full((6, 8, 3), 20, dtype=np.uint8)
    image[:, 4:] = 230
    return image


def test_a_plan_certifies_as_sample_and_certify_do() -> None:
    plan = sc.Plan(noise=sc.GaussianNoise(0.2), n0=4, n=60, correction=sc.Ordered())
    cert = plan.certify(model, photo(), seed=3, device="cpu")
    counts = sc.sample(model, photo(), noise=plan.noise, n0=4, n=60, seed=3, device="cpu")
    alone = sc.certify(counts, tau=0.75, alpha=1e-3, correction=sc.Ordered())
    assert cert.certified.any()
    assert (cert.certified == alone.certified).all()
    assert cert.statement == alone.statement
    assert cert.radius == plan.radius


def test_a_plan_may_stop_early_leave_out_and_group() -> None:
    ignore = np.zeros((6, 8), dtype=bool)
    ignore[0] = True
    plan = sc.Plan(
        noise=sc.GaussianNoise(0.2), n0=4, n=200, ignore=ignore, blocks=2, drop_below=-16.0,
        stop_when="target=0.5", looks=3,
    )  # fmt: skip
    cert = plan.certify(model, photo(), seed=3, device="cpu")
    assert cert.counts.n < 200
    assert cert.counts.sequential == plan.sequential((6, 8))
    assert cert.provenance.stop_rule == "target=0.5"
    assert not cert.certified[0].any()
    assert cert.certified[1:].all()


def test_a_plan_with_a_tree_certifies_groups() -> None:
    tree = sc.ClassTree(("dark", "bright", "all"), (2, 2, 2))
    plan = sc.Plan(n0=0, n=80, tree=tree, correction=sc.bonferroni)
    named = sc.as_segmenter(model, class_names=("dark", "bright"))
    assert plan.certify(named, photo(), seed=3, device="cpu").tree == tree
    with pytest.raises(InputError, match="the hierarchy has 2 classes, the model has 0"):
        plan.certify(model, photo(), seed=3, device="cpu")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (sc.Plan(n=10), "n = 10"),
        (sc.Plan(noise=sc.RotationNoise(0.1)), "rotation noise is for point clouds"),
        (sc.Plan(ignore=np.eye(5, dtype=bool)), r"ignore has shape \(5, 5\), the components"),
        (sc.Plan(n=40, stop_when="target=0.9"), "4 looks do not fit"),
        (sc.Plan(n=3, stop_when="target=0.9"), "^looks must be at most n=3, got 4"),
        (sc.Plan(alpha=1e-15, n=5000), "alpha must be larger than"),
    ],
    ids=str,
)
def test_what_an_input_cannot_have_is_refused_before_the_first_draw(
    plan: sc.Plan, words: str
) -> None:
    def never(_: torch.Tensor) -> torch.Tensor:
        raise AssertionError("drawn")

    with pytest.raises(InputError, match=words):
        plan.certify(never, photo())


def test_a_plan_of_points_certifies_clouds() -> None:
    points = np.random.default_rng(0).random((40, 3)).astype(np.float32)

    def upper(x: torch.Tensor) -> torch.Tensor:
        return (x[..., 2] > 0.5).long()

    segmenter = sc.as_point_segmenter(upper, classes=2)
    for noise, kind in ((sc.GaussianNoise(0.01), "points"), (sc.RotationNoise(0.02), "rotation")):
        cert = sc.Plan(noise=noise, n=90).certify(segmenter, points, seed=1, device="cpu")
        assert cert.counts.noise.kind == kind
        assert cert.certified.any()


def test_a_noise_of_ones_own_has_a_plan_but_no_file() -> None:
    class Own(sc.GaussianNoise):
        pass

    plan = sc.Plan(noise=Own(0.2))
    assert plan.certify(model, photo() / np.float32(255), device="cpu").certified.any()
    with pytest.raises(InputError, match="noise must be one of gaussian"):
        plan.to_json()


def test_a_noise_with_a_grid_has_a_plan_but_no_file() -> None:
    """A file means the grid that the input chooses; a user who sets one gets that one."""
    noise = sc.GaussianNoise(0.2, 2.0**-12)
    plan = sc.Plan(noise=noise)
    assert plan != sc.Plan(noise=sc.GaussianNoise(0.2))
    floats = photo() / np.float32(255)
    assert plan.certify(model, floats, device="cpu").counts.noise == noise
    with pytest.raises(InputError, match=r"plans with GaussianNoise\(.*cannot be written"):
        plan.to_json()


def test_numbers_may_be_of_numpy_and_corrections_texts() -> None:
    """They become Python's, so that equal plans are written alike."""
    made = sc.Plan(
        n0=np.int64(4), n=np.uint16(90), looks=np.int32(2), blocks=np.int8(2),
        tau=np.float32(0.75), correction="capped:cap=9",
    )  # fmt: skip
    plain = sc.Plan(n0=4, n=90, looks=2, blocks=2, correction=sc.Capped(9))
    assert made == plain
    assert made.to_json() == plain.to_json()
    assert made.corrected_by == sc.Capped(9)
    assert {type(made.n0), type(made.n), type(made.looks), type(made.blocks)} == {int}


def test_the_fields_of_a_plan_have_one_type() -> None:
    """What functions hand on to a plan is what it takes."""
    taken = sc.Plan.__dataclass_fields__
    assert {name: field.type for name, field in taken.items()} == PlanFields.__annotations__


def test_files_of_plans_say_what_a_user_would(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    sc.Plan(noise=sc.AxisRotationNoise(0.1, 0, 1, 0), n0=4).write(path)
    assert path.read_text() == (
        'version = 1\nnoise = "yaw"\nsigma = 0.1\naxis = "y"\ntau = 0.75\nalpha = 0.001\nn0 = 4\n'
        'n = 100\ncorrection = "holm"\nlooks = 4\n'
    )
    assert json.loads(sc.Plan.read(path).to_json())["axis"] == "y"
