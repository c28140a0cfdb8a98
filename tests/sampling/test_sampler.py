"""Sampling end to end: what the counts are, and what cannot change them."""

import gc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from words_by_hand import steps_by_hand

from segcert.errors import InputError, ModelError, SamplingError
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.noise.base import RandomSource
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.sampling import counting, sampler, setup
from segcert.sampling.counting import noisy_batch
from segcert.sampling.counts import Counts
from segcert.sampling.partial import Keeping, Partial
from segcert.sampling.sampler import sample
from segcert.sampling.streams import Stage, Streams

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 5, 6), dtype=np.uint8)
NOISE = LatticeGaussianNoise(0.25)


def bands(x: Tensor) -> Tensor:
    """Four classes by thresholds on exact grey levels: no rounding, so no batch effect."""
    return (x[:, 0] * 255).round().long().clamp(0, 255) // 64


BANDS = as_segmenter(bands, classes=4, name="bands")


def draw(model: Callable[[Tensor], Tensor] | Segmenter = BANDS, **options: object) -> Counts:
    given = {"image": IMAGE, "noise": NOISE, "n0": 9, "n": 50, "seed": 3, "device": "cpu"}
    return sample(model, **(given | options))  # type: ignore[arg-type]


def assert_same(one: Counts, other: Counts) -> None:
    """Equal in every bit that is not about batches."""
    assert (one.labels == other.labels).all()
    assert (one.hits == other.hits).all()
    assert one.invalid == other.invalid
    assert (one.pilot_fingerprints == other.pilot_fingerprints).all()
    assert (one.test_fingerprints == other.test_fingerprints).all()
    assert (one.class_counts is None) == (other.class_counts is None)
    if one.class_counts is not None:
        assert (one.class_counts == other.class_counts).all()


def labels_by_hand(stage: Stage, draws: int, seed: int = 3) -> np.ndarray:
    """Labels of each draw, from words of the streams and integer arithmetic in NumPy."""
    streams = Streams(seed, draw(n0=1, n=1).provenance.input_sha256, torch.device("cpu"), "cpu")
    steps = [steps_by_hand(streams, stage, k, IMAGE.shape, NOISE) for k in range(draws)]
    grey = IMAGE[0].astype(int) + torch.cat(steps)[:, 0].numpy().astype(int)
    return np.clip(grey, 0, 255) // 64


def test_pilot_chooses_the_class_and_other_draws_count_it() -> None:
    """Against NumPy: the class is the mode of the pilot; no pilot draw is among the hits."""
    counts = draw()
    pilot, test = labels_by_hand(Stage.PILOT, 9), labels_by_hand(Stage.TEST, 50)
    votes = np.stack([(pilot == k).sum(0) for k in range(4)])
    assert (counts.labels == votes.argmax(0)).all()
    assert (counts.hits == (test == counts.labels).sum(0)).all()
    assert counts.class_counts is None
    assert (counts.n0, counts.n, counts.classes, counts.components) == (9, 50, 4, 30)
    assert counts.labels.dtype == np.int16
    assert counts.hits.dtype == np.int32
    assert len(counts.pilot_fingerprints) == 9
    assert len(counts.test_fingerprints) == 50
    assert counts.histogram.tolist() == [int((counts.hits == k).sum()) for k in range(51)]


def test_without_pilot_the_class_is_the_most_frequent_one() -> None:
    counts = draw(n0=0)
    test = labels_by_hand(Stage.TEST, 50)
    every = np.stack([(test == k).sum(0) for k in range(4)])
    assert (counts.class_counts == every).all()
    assert (counts.labels == every.argmax(0)).all()
    assert (counts.hits == every.max(0)).all()
    assert len(counts.pilot_fingerprints) == 0


def test_test_draws_do_not_depend_on_the_pilot() -> None:
    """The same 50 draws are counted whatever ``n0`` is."""
    prints = [draw(n0=n0).test_fingerprints.tolist() for n0 in (0, 1, 9)]
    assert prints[0] == prints[1] == prints[2]
    assert not set(draw().pilot_fingerprints.tolist()) & set(prints[0])


@pytest.mark.parametrize("n0", [0, 9])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, "auto"])
def test_batch_size_changes_nothing(batch_size: int | str, n0: int) -> None:
    assert_same(draw(n0=n0), draw(n0=n0, batch_size=batch_size))
    assert_same(draw(n0=n0, batch_size=1), draw(n0=n0, batch_size=batch_size))


def test_batch_size_does_not_change_gaussian_noise_on_float_input() -> None:
    """Bit-identical noise and, as the model compares only, equal counts."""
    image = torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(0))
    segmenter = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    runs = [
        draw(segmenter, image=image, noise=GaussianNoise(0.5), batch_size=size)
        for size in (1, 7, "auto")
    ]
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def test_number_of_threads_changes_nothing() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        many = draw(n0=2, n=5)
        torch.set_num_threads(1)
        assert_same(draw(n0=2, n=5), many)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("n0", [0, 9])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_resuming_after_any_block_changes_nothing(n0: int, batch_size: int) -> None:
    """In the middle of the pilot, between the stages and in the middle of the test."""
    parts: list[Partial] = []
    whole = draw(n0=n0, batch_size=1, keeping=Keeping(parts.append))
    stages = {(part.pilot.draws, part.test.draws) for part in parts}
    assert (n0, 50) in stages
    assert (4, 0) in stages or n0 == 0
    assert len(parts) > 12
    for part in parts[:: 3 if batch_size == 1 else 1]:
        assert_same(whole, draw(n0=n0, batch_size=batch_size, partial=part))


def test_an_interrupted_run_goes_on() -> None:
    """Ctrl-C in a batch loses that block only, and no draw is counted twice."""

    class Interrupted:
        calls = 0

        def __call__(self, x: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == 30:
                raise KeyboardInterrupt
            return bands(x)

    parts: list[Partial] = []
    model = as_segmenter(Interrupted(), classes=4, name="bands")
    with pytest.raises(KeyboardInterrupt):
        draw(model, batch_size=1, keeping=Keeping(parts.append))
    assert 0 < parts[-1].test.draws < 50
    seen: list[tuple[int, int]] = []
    resumed = draw(
        batch_size=1, partial=parts[-1], progress=lambda done, total: seen.append((done, total))
    )
    assert_same(draw(), resumed)
    assert seen == [(9 + k, 59) for k in range(parts[-1].test.draws + 1, 51)]


def test_progress_counts_all_draws() -> None:
    seen: list[tuple[int, int]] = []
    draw(batch_size=4, progress=lambda done, total: seen.append((done, total)))
    assert seen[:4] == [(4, 59), (8, 59), (9, 59), (13, 59)]
    assert seen[-1] == (59, 59)


def test_a_callback_cannot_stop_by_what_it_returns() -> None:
    """The number of draws is fixed before the first one: neither True nor False changes it."""
    for answer in (True, False):
        assert_same(draw(batch_size=4, progress=lambda *_, a=answer: a), draw())


def test_what_a_callback_raises_ends_the_sampling_and_loses_nothing() -> None:
    """In the pilot and in the test: no counts, and the blocks before it can be gone on from."""
    for last in (9, 34):
        parts: list[Partial] = []

        def give_up(done: int, total: int, last: int = last) -> None:
            assert total == 59
            if done >= last:
                raise TimeoutError(f"enough after {done}")

        with pytest.raises(TimeoutError, match=f"enough after {last}"):
            draw(batch_size=1, progress=give_up, keeping=Keeping(parts.append))
        drawn = [part.pilot.draws + part.test.draws for part in parts]
        assert drawn == sorted(drawn)
        assert last - 5 <= max(drawn) < last
        assert_same(draw(partial=parts[-1]), draw())


def test_seed_and_input_change_the_noise() -> None:
    other = IMAGE.copy()
    other[0, 0, 0] ^= 1
    runs = [draw(), draw(seed=4), draw(image=other)]
    prints = [set(run.test_fingerprints.tolist()) for run in runs]
    assert not prints[0] & prints[1]
    assert not prints[0] & prints[2]
    assert_same(draw(), draw())
    streams = [Streams(3, run.provenance.input_sha256, torch.device("cpu"), "cpu") for run in runs]
    one, another = (some.of_draw(Stage.TEST, 0).words((99,)) for some in (streams[0], streams[2]))
    assert len(torch.cat([one, another]).unique()) == 198


def test_default_seed_is_fresh_and_recorded() -> None:
    one, other = draw(seed=None), draw(seed=None)
    assert one.provenance.seed != other.provenance.seed
    assert_same(one, draw(seed=one.provenance.seed))


def test_provenance_tells_how_to_draw_again() -> None:
    source = draw(batch_size=4).provenance
    assert source.model == "bands"
    assert source.weights_sha256 == "none"
    assert (source.input_shape, source.input_dtype) == ((3, 5, 6), "uint8")
    assert (source.seed, source.streams, source.device) == (3, "cpu", "cpu")
    assert [(run.start, run.stop, run.batch_size) for run in source.pilot_runs] == [(0, 9, 4)]
    assert [(run.start, run.stop, run.batch_size) for run in source.test_runs] == [(0, 50, 4)]
    assert {"segcert", "python", "torch", "numpy"} == {name for name, _ in source.versions}


@dataclass(frozen=True)
class StuckNoise(LatticeGaussianNoise):
    """Noise that ignores its stream every so often."""

    def sample(self, x: Tensor, n: int, *, rng: RandomSource) -> Tensor:
        noisy = super().sample(x, n, rng=rng)
        return noisy if noisy[0, 0, 0, 0] > 0 else torch.full_like(noisy, 0.25)


def test_repeated_noise_is_an_error() -> None:
    with pytest.raises(SamplingError, match="noisy draws repeat another") as caught:
        draw(noise=StuckNoise(1.0))
    assert "\n" not in str(caught.value)


def test_repeated_streams_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two draws of one stage that share a stream; the pilot and the test share one."""
    of_draw = Streams.of_draw
    monkeypatch.setattr(
        Streams, "of_draw", lambda self, stage, k: of_draw(self, stage, 48 if k == 49 else k)
    )
    with pytest.raises(SamplingError, match="1 of 59 noisy draws"):
        draw()
    monkeypatch.setattr(Streams, "of_draw", lambda self, _, k: of_draw(self, Stage.TEST, k))
    with pytest.raises(SamplingError, match="9 of 59 noisy draws"):
        draw()


@pytest.mark.parametrize("n0", [0, 9])
def test_published_defect_is_an_error(monkeypatch: pytest.MonkeyPatch, n0: int) -> None:
    """One noisy image fed ``batch`` times, as in the code published with the paper."""

    def repeated(task: counting.Task, stage: Stage, draws: range) -> Tensor:
        return noisy_batch(task, stage, draws[:1]).expand(len(draws), -1, -1, -1)

    monkeypatch.setattr(counting, "noisy_batch", repeated)
    with pytest.raises(SamplingError, match="noisy draws repeat another"):
        draw(n0=n0, batch_size=4)
    draw(n0=n0, batch_size=1)  # harmless there


def test_a_repeat_across_an_interruption_is_an_error() -> None:
    """Fingerprints travel with the unfinished work."""
    parts: list[Partial] = []
    draw(batch_size=1, keeping=Keeping(parts.append))
    last = parts[-3]
    twice = replace(last, pilot=replace(last.pilot, fingerprints=last.test.fingerprints[:9]))
    with pytest.raises(SamplingError, match="repeat"):
        draw(partial=twice)


def broken(value: float) -> Callable[[Tensor], Tensor]:
    """Scores of two classes, one of them not finite wherever the first channel is below 0.5."""

    def model(x: Tensor) -> Tensor:
        scores = torch.stack([torch.ones_like(x[:, 0]), -torch.ones_like(x[:, 0])], 1)
        scores[:, 1].masked_fill_((x[:, 0] * 255).round() < 128, value)
        return scores

    return model


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n0", [0, 9])
def test_scores_that_are_not_finite_count_against_every_class(value: float, n0: int) -> None:
    """Some components in some draws; -inf for a class that would not have won anyhow too."""
    counts = draw(broken(value), n0=n0)
    lost = labels_by_hand(Stage.TEST, 50) < 2
    lost_in_pilot = int((labels_by_hand(Stage.PILOT, n0) < 2).sum()) if n0 else 0
    assert counts.invalid == int(lost.sum()) + lost_in_pilot
    assert 0 < counts.invalid < 30 * (50 + n0)
    assert (counts.labels == 0).all()
    assert (counts.hits == 50 - lost.sum(0)).all()


@pytest.mark.parametrize("n0", [0, 9])
def test_components_without_any_label_are_never_hit(n0: int) -> None:
    """NaN everywhere: no class has a single hit, class 0 least of all."""
    counts = draw(lambda x: x[:, :2] * torch.nan, n0=n0)
    assert (counts.hits == 0).all()
    assert counts.invalid == 30 * (50 + n0)


def test_nan_in_the_pilot_only() -> None:
    """The pilot's class is chosen among what is left: here class 1, in the four finite draws."""

    class Pilot:
        calls = 0

        def __call__(self, x: Tensor) -> Tensor:
            self.calls += 1
            scores = torch.stack([-torch.ones_like(x[:, 0]), torch.ones_like(x[:, 0])], 1)
            return scores * torch.nan if 2 < self.calls <= 7 else scores

    counts = draw(as_segmenter(Pilot(), stochastic=True), batch_size=1)
    assert counts.invalid == 30 * 5
    assert (counts.labels == 1).all()
    assert (counts.hits == 50).all()


class Hungry:
    """A model with memory for so many draws."""

    def __init__(self, most: int, error: type[BaseException]) -> None:
        self.most, self.error = most, error

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error("out of memory")
        return bands(x)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
@pytest.mark.parametrize("most", [1, 2])
def test_running_out_of_memory_halves_the_batch(error: type[BaseException], most: int) -> None:
    counts = draw(as_segmenter(Hungry(most, error), classes=4), batch_size=16)
    assert_same(draw(), counts)
    assert {run.batch_size for run in counts.provenance.test_runs} == {most}


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_no_memory_for_one_draw(error: type[BaseException]) -> None:
    with pytest.raises(SamplingError, match="out of memory with a single draw") as caught:
        draw(as_segmenter(Hungry(0, error), classes=4))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda _: None, "must return a tensor"),
        (lambda x: {"scores": x}, "must return a tensor"),
        (lambda x: x.mean(), "first axis must be the batch"),
        (lambda x: torch.cat([x, x]), "first axis must be the batch"),
        (lambda x: x[:, :, :, 0], "must have 4 axes"),
        (lambda x: x.flatten(1), "must have 4 axes"),
        (lambda x: (x[:, 0] > 0).long(), "number of classes must be declared"),
    ],
)
def test_outputs_that_are_no_segmentation_are_refused(
    model: Callable[[Tensor], Tensor], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        draw(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: (x[:, 0] > 0).long() * 4, "labels outside 0..3"),
        (lambda x: torch.full_like(x[:, 0], -1).long(), "labels outside 0..3"),
        (lambda x: torch.zeros(len(x), 2, 2).long(), r"labels of shape \(2, 2\)"),
        (lambda x: x, "scores 3 classes, 4 were declared"),
    ],
)
def test_outputs_other_than_declared_are_refused(
    model: Callable[[Tensor], Tensor], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        draw(as_segmenter(model, classes=4))


@pytest.mark.parametrize("key", ["logits", "out"])
def test_mappings_of_scores_are_understood(key: str) -> None:
    assert_same(draw(lambda x: x), draw(lambda x: {key: x}))


def test_module_in_train_mode_is_refused() -> None:
    with pytest.raises(ModelError, match="train mode"):
        draw(nn.Conv2d(3, 2, 1))


def test_scores_and_labels_give_the_same_counts() -> None:
    def scores(x: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(bands(x), 4).movedim(-1, 1).float()

    assert_same(draw(scores), draw())


def elements_alive() -> int:
    """Elements of all tensors in memory."""
    gc.collect()
    return sum(some.numel() for some in gc.get_objects() if type(some) is Tensor)


@pytest.mark.parametrize("n0", [0, 5])
def test_memory_does_not_grow_with_the_number_of_draws(n0: int) -> None:
    """16-bit counts of one size, and as many elements alive in the last batch for n = 8 and 800.

    Labels kept from draw to draw would be 24,000 elements more; one block of counts is allowed.
    """
    alive: dict[int, int] = {}
    parts: deque[Partial] = deque(maxlen=1)

    def look(done: int, total: int) -> None:
        if done == total:
            alive[total - n0] = elements_alive()

    draw(n0=n0, n=8, batch_size=4)  # fills caches
    for n in (8, 800):
        draw(n0=n0, n=n, batch_size=4, progress=look, keeping=Keeping(parts.append))
        pilot, test = parts[0].pilot.counts, parts[0].test.counts
        assert pilot.dtype == torch.uint8
        assert test.dtype == (torch.uint8 if n == 8 else torch.int16)
        assert (pilot.numel(), test.numel()) == ((4 * 30, 30) if n0 else (0, 4 * 30))
    assert alive[800] <= alive[8] + 4 * 4 * 30


def test_counts_of_many_draws_are_wider() -> None:
    """2^15 draws do not fit 16 bits: a model that always says yes is hit that often."""
    image = np.zeros((1, 1, 5), dtype=np.uint8)
    segmenter = as_segmenter(lambda x: torch.zeros(len(x), 1, 5).long(), classes=2)
    task = sampler.make_task(segmenter, image, noise=NOISE, seed=1, device="cpu")
    assert sampler.nothing_done(task, n0=1, n=2**15 - 1).test.counts.dtype == torch.int16
    assert sampler.nothing_done(task, n0=1, n=2**15).test.counts.dtype == torch.int32
    assert sampler.nothing_done(task, n0=0, n=2**15).test.counts.dtype == torch.int32
    assert sampler.nothing_done(task, n0=2**15, n=1).pilot.counts.dtype == torch.int32


def test_one_draw_of_each_kind_is_enough() -> None:
    counts = draw(n0=1, n=1)
    assert counts.hits.max() == 1
    assert counts.hits.min() == 0


def test_image_and_model_are_left_as_they_were() -> None:
    before = IMAGE.copy()
    model = nn.Conv2d(3, 2, 1).eval()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    draw(model)
    assert (before == IMAGE).all()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n0": -1}, "n0 must be >= 0 (0 is the test without pilot), got -1"),
        ({"n": 0}, "n must be >= 1, got 0"),
        ({"n": -5}, "n must be >= 1, got -5"),
        ({"batch_size": 0}, "batch_size must be 'auto' or an integer >= 1, got 0"),
        ({"batch_size": -4}, "batch_size must be 'auto' or an integer >= 1, got -4"),
        ({"batch_size": "large"}, "batch_size must be 'auto' or an integer >= 1, got 'large'"),
        ({"device": "gpu"}, "device must be 'auto', 'cpu' or a CUDA device of this machine"),
        ({"device": "cuda:99"}, "device must be 'auto', 'cpu' or a CUDA device of this machine"),
        ({"seed": -1}, "seed must be an integer in [0, 2^128), got -1"),
        ({"seed": 2**128}, "seed must be an integer in [0, 2^128)"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        draw(**options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_image_smaller_than_the_model_can_label_is_refused() -> None:
    with pytest.raises(InputError, match="each side needs 8 pixels after scaling"):
        draw(as_segmenter(bands, classes=4, smallest_side=8))
    with pytest.raises(InputError, match="each side needs 3 pixels after scaling"):
        draw(as_segmenter(bands, classes=4, smallest_side=3, scale=0.5))


def test_seed_is_drawn_after_the_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    read, fresh = setup.read, setup.fresh_seed
    monkeypatch.setattr(setup, "read", lambda image: order.append("input") or read(image))
    monkeypatch.setattr(setup, "fresh_seed", lambda: order.append("seed") or fresh())
    draw(n0=1, n=1, seed=None)
    assert order == ["input", "seed"]


@pytest.mark.parametrize("n0", [0, 200])
def test_more_hits_than_a_byte_holds(n0: int) -> None:
    """A class that is certain has every draw, in blocks of 256 and in the pilot."""
    segmenter = as_segmenter(lambda x: torch.full_like(x[:, 0], 3).long(), classes=4, name="light")
    counts = draw(segmenter, n0=n0, n=600, batch_size=64)
    assert (counts.labels == 3).all()
    assert (counts.hits == 600).all()
    assert counts.pilot_hits is None or (counts.pilot_hits == 200).all()
    assert counts.class_counts is None or counts.class_counts.sum(0).min() == 600
