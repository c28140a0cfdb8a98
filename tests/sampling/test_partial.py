"""Unfinished work goes on with the arguments that began it, and with no others."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

import segcert as sc
from segcert.noise.base import AbstractNoise
from segcert.sampling.partial import Identity, OtherWorkError, noise_text, shortened
from segcert.sampling.tally import Tally

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 5, 6), dtype=np.uint8)
OTHER_IMAGE = IMAGE ^ np.uint8(1)
LOOKS = sc.Looks((20, 40))


def bands(x: Tensor) -> Tensor:
    """Four classes by thresholds on exact grey levels: no rounding, so no batch effect."""
    return (x[:, 0] * 255).round().long().clamp(0, 255) // 64


BANDS = sc.as_segmenter(bands, classes=4, name="bands")


def never(_: sc.Counts) -> bool:
    return False


def draw(**options: object) -> sc.Counts:
    given = {
        "model": BANDS, "image": IMAGE, "noise": sc.LatticeGaussianNoise(0.25), "n0": 9, "n": 40,
        "seed": 3, "device": "cpu", "batch_size": 4,
    }  # fmt: skip
    return sc.sample(**(given | options))  # type: ignore[arg-type]


def begun(**options: object) -> list[sc.Partial]:
    """The work after each block."""
    parts: list[sc.Partial] = []
    draw(keeping=sc.Keeping(parts.append), **options)
    return parts


@pytest.fixture(scope="module")
def part() -> sc.Partial:
    """The pilot and some of the test."""
    found = begun()[-3]
    assert (found.pilot.draws, 0 < found.test.draws < 40) == (9, True)
    return found


CHANGES = {
    "input": {"image": OTHER_IMAGE},
    "noise": {"noise": sc.LatticeGaussianNoise(0.5)},
    "n0": {"n0": 10},
    "n": {"n": 80},
    "seed": {"seed": 4},
    "classes": {"model": replace(BANDS, classes=5)},
    "model": {"model": replace(BANDS, name="other")},
    "weights": {"model": replace(BANDS, weights_sha256="1" * 64)},
    "scale": {"model": replace(BANDS, scale="6x5")},
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_arguments_are_refused_and_named(part: sc.Partial, what: str) -> None:
    """In one line that names this argument alone, with what it was and what it would be."""
    with pytest.raises(
        OtherWorkError, match=rf"other arguments \({what} [^,]* -> .*start anew"
    ) as e:
        draw(partial=part, **CHANGES[what])
    assert "\n" not in str(e.value)
    of_identity = "weights and configuration" in str(e.value)  # which other weights change, too
    assert str(e.value).count(" -> ") == 1 + of_identity


def test_the_same_arguments_go_on(part: sc.Partial) -> None:
    """Another batch size or noise of the same numbers is no other work; a seed need not be said."""
    whole = draw()
    for same in (
        {},
        {"seed": None},
        {"batch_size": 7},
        {"noise": sc.GaussianNoise(np.float64(0.25))},
    ):
        again = draw(partial=part, **same)
        assert np.array_equal(again.hits, whole.hits)
        assert np.array_equal(again.test_fingerprints, whole.test_fingerprints)
        assert again.provenance.seed == 3


def test_a_fixed_number_that_was_looked_at_is_not_extended_nor_shortened() -> None:
    """At a whole alpha each, that would be two looks for the price of one."""
    done = begun()[-1]
    assert done.test.draws == 40
    for n in (39, 41, 80, LOOKS, sc.Looks((40, 80)), sc.Anytime(80)):
        with pytest.raises(OtherWorkError, match=r"\(n 40 -> "):
            draw(partial=done, n=n)


@pytest.mark.parametrize("plan", [LOOKS, sc.Anytime(40, 20)], ids=str)
def test_planned_looks_are_not_changed(plan: sc.Looks | sc.Anytime) -> None:
    done = next(one for one in begun(n=plan, stop=never) if one.test.draws == 20)
    for n in (sc.Looks((20, 60)), sc.Looks((10, 20, 40)), sc.Anytime(60, 20), sc.Anytime(40, 10)):
        with pytest.raises(OtherWorkError, match=r"\(n (looks at|Anytime)"):
            draw(partial=done, n=n, stop=never)
    with pytest.raises(OtherWorkError, match=r"\(n .* -> 40, stop a function -> none\)"):
        draw(partial=done, n=40)
    with pytest.raises(OtherWorkError, match=r"\(stop a function -> none\)"):
        draw(partial=done, n=plan)
    assert draw(partial=done, n=plan, stop=never).n == 40


def test_a_rule_to_stop_needs_looks() -> None:
    """It would never be asked, or look at a number that was fixed."""
    with pytest.raises(sc.InputError, match=r"stop= needs looks .* n = 40 is a fixed number") as e:
        draw(stop=never)
    assert "\n" not in str(e.value)


def test_work_of_other_streams_is_refused(part: sc.Partial) -> None:
    """Both ways: the record of a run names one kind of streams for all of its draws."""
    for other in (replace(part.identity, streams="cuda"), replace(part.identity, precision="x")):
        with pytest.raises(
            OtherWorkError, match=r"\((streams cuda -> cpu|precision x -> float32)\)"
        ):
            draw(partial=replace(part, identity=other))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_work_of_the_cpu_does_not_go_on_with_streams_of_cuda(part: sc.Partial) -> None:
    with pytest.raises(OtherWorkError, match="streams cpu -> cuda"):
        draw(partial=part, device="cuda")
    with pytest.raises(OtherWorkError, match="streams cuda -> cpu"):
        draw(partial=begun(device="cuda")[-3])


def test_every_field_of_the_identity_is_compared(part: sc.Partial) -> None:
    """One that is not would let other work pass."""
    for field in fields(Identity):
        was = getattr(part.identity, field.name)
        other = replace(
            part.identity, **{field.name: was + 1 if isinstance(was, int) else f"{was}x"}
        )
        assert part.identity.differences(other).count(" -> ") == 1
        with pytest.raises(OtherWorkError):
            draw(partial=replace(part, identity=other))
    assert part.identity.differences(replace(part.identity)) == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _: {"pilot": begun()[2].pilot}, "test draws, but 9 of 10 pilot draws"),
        (lambda some: {"test": replace(some.test, counts=some.test.counts[:2])}, "start anew"),
        (lambda some: {"test": replace(some.test, counts=some.test.counts.int())}, "int32"),
        (lambda some: {"test": some.test.plus(some.test).plus(some.test)}, "40 draws with"),
    ],
)  # fmt: skip
def test_work_that_contradicts_itself_is_refused(
    spoil: Callable[[sc.Partial], dict[str, Tally]], message: str
) -> None:
    """A pilot that is not complete cannot have chosen what the test counted."""
    some = begun(n0=10)[-2]
    with pytest.raises(sc.InputError, match=message):
        draw(n0=10, partial=replace(some, **spoil(some)))


@dataclass(frozen=True)
class Odd(sc.LatticeGaussianNoise):
    """A noise of the user's, with a parameter that is no number."""

    shape: str = "round"


@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (sc.LatticeGaussianNoise(0.1 + 0.2), "LatticeGaussianNoise(sigma=0.30000000000000004)"),
        (sc.GaussianNoise(1), "GaussianNoise(sigma=1.0, step=0.0)"),
        (Odd(0.5), "Odd(sigma=0.5, shape='round')"),
    ],
)
def test_noises_are_told_apart_by_every_digit(noise: AbstractNoise, text: str) -> None:
    assert noise_text(noise) == text


def test_long_values_are_shortened() -> None:
    assert shortened("a" * 64) == "aaaaaaaaaaaa...aaaaaaaaaaaa"
    assert shortened(2**127) == str(2**127)
