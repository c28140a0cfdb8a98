"""Jobs: units in any order merge to the counts of `sample`, by addition."""

import numpy as np
import pytest
import torch
from engine_models import open_labels, open_net
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.certificates.segcertify import certify
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.runs.engines.counter import Counter
from segcert.runs.engines.units import CountedUnit, Unit, Work, packed, unpacked
from segcert.runs.jobs import Job, Part, blocks_of
from segcert.sampling.conclude import precision
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Run, Tally
from segcert.stats.looks import Looks

NOISE = GaussianNoise(0.3)
IMAGE = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (3, 9, 8), dtype=np.uint8))
QUIET = GaussianNoise(0.05)  # certifies some pixels with 33 draws, not all
MODELS = {"scores": open_net(), "labels": open_labels()}


def job_of(name: str, shared: dict, noise: GaussianNoise = NOISE, **numbers: object) -> Job:
    work = Work(IMAGE, noise, "1", 4, MODELS[name].weights_sha256)
    return Job("0-0", work, share=shared.__setitem__, **numbers)


def run(name: str, *, pick: object, **how: object) -> Job:
    """Count all units, with several in flight that come back in any order, by several workers."""
    shared: dict[str, object] = {}
    job = job_of(name, shared, **how)
    workers = [Counter(MODELS[name], "cpu") for _ in range(3)]
    flying: list[Unit] = []
    while True:
        while len(flying) < 4 and (unit := job.ready()):
            flying.append(unit)
        if not flying:
            return job
        unit = flying.pop(pick(len(flying)))
        done = workers[pick(3)].count(unit, shared)
        job.take(CountedUnit(unit, unpacked(packed(done.tally)), done.seconds))


def sampled(
    name: str, *, n0: int, n: int | tuple[int, ...], noise: GaussianNoise = NOISE, batch_size: int
) -> list[Counts]:
    """What `sample` counts after each number of draws, in one run."""
    seen: list[Counts] = []

    def draw_on(counts: Counts) -> bool:
        seen.append(counts)
        return False

    looks = {"n": n} if isinstance(n, int) else {"n": Looks(n), "stop": draw_on}
    last = sample(
        MODELS[name], IMAGE,
        noise=noise, n0=n0, seed=4, device="cpu", batch_size=batch_size, **looks,
    )  # fmt: skip
    return [*seen, last]


def assert_equal(found: object, wanted: object) -> None:
    for field in ("labels", "hits", "pilot_hits", "promise", "class_counts"):
        assert np.array_equal(getattr(found, field), getattr(wanted, field)), field
        one, other = getattr(found, field), getattr(wanted, field)
        assert (one is None) == (other is None)
        assert one is None or one.dtype == other.dtype
    assert (found.n0, found.n, found.invalid) == (wanted.n0, wanted.n, wanted.invalid)
    assert np.array_equal(found.pilot_fingerprints, wanted.pilot_fingerprints)
    assert np.array_equal(found.test_fingerprints, wanted.test_fingerprints)
    source, other = found.provenance, wanted.provenance
    assert source.pilot_runs == other.pilot_runs
    assert source.test_runs == other.test_runs
    assert (source.input_sha256, source.seed) == (other.input_sha256, other.seed)


@settings(max_examples=8)
@given(
    name=st.sampled_from(sorted(MODELS)), n0=st.sampled_from([0, 1, 11, 30]),
    n=st.sampled_from([(7,), (64,), (20, 33, 90)]), batch_size=st.sampled_from([1, 3, 4]),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_order_gives_the_counts_of_sample(name, n0, n, batch_size, order) -> None:
    job = run(name, n0=n0, n=n, batch_size=batch_size, pick=order.randrange)
    assert job.complete
    found = job.counts(MODELS[name], kind="cpu", engine="test")
    wanted = sampled(name, n0=n0, n=n, batch_size=batch_size)
    assert sorted(found) == sorted(one.n for one in wanted)
    for one in wanted:
        assert_equal(found[one.n].counts, one)


@pytest.mark.parametrize("n0", [0, 3])
def test_each_is_what_a_run_by_itself_counts(n0: int) -> None:
    numbers = (7, 20, 33)
    job = run("labels", n0=n0, n=numbers, batch_size=4, pick=lambda _: 0)
    found = job.counts(MODELS["labels"], kind="cpu", engine="test")
    for n in numbers:
        (alone,) = sampled("labels", n0=n0, n=n, batch_size=4)
        counts = found[n].counts
        for field in ("labels", "hits", "test_fingerprints", "pilot_fingerprints"):
            assert np.array_equal(getattr(counts, field), getattr(alone, field))
        assert counts.n == n
        assert counts.sequential is None
        assert counts.provenance.stop_rule == ""
    assert not np.array_equal(found[7].counts.hits, found[33].counts.hits)


def test_certificates_are_at_the_whole_alpha() -> None:
    """Not at the share of a look; 33 hits of 33 are a proof at 0.05 / 72, not at a third of it."""
    job = run("labels", noise=QUIET, n0=3, n=(5, 20, 33), batch_size=4, pick=lambda _: 0)
    found = job.counts(MODELS["labels"], kind="cpu", engine="test")[33].counts
    (alone,) = sampled("labels", noise=QUIET, n0=3, n=33, batch_size=4)
    shared, wanted = (certify(counts, tau=0.8, alpha=0.05) for counts in (found, alone))
    assert shared.threshold == wanted.threshold
    assert np.array_equal(shared.certified, wanted.certified)
    assert shared.statement == wanted.statement
    assert 0 < shared.certified.sum() < 72


def test_the_oracle_sees_margins_and_invalid_labels() -> None:
    """What the property compares is there: promises that differ, and lost labels."""
    (counts,) = sampled("scores", n0=30, n=64, batch_size=3)
    assert len(np.unique(counts.promise)) > 50
    assert counts.invalid > 0
    assert 0 < counts.hits.min() < counts.hits.max()


@pytest.mark.parametrize("draws", [127, 128, 255, 256, 300])
def test_blocks_with_more_hits_than_a_byte_holds_travel_whole(draws: int) -> None:
    """Counts of fewer than 256 draws go as unsigned bytes: none may wrap, there or in the sum."""
    prints, runs = np.arange(draws, dtype=np.uint64), (Run(0, draws, 4),)
    counts = torch.tensor([[draws, 0], [1, draws - 1]], dtype=torch.int16)
    found = unpacked(packed(Tally(counts, 1, prints, runs)))
    assert found.counts.tolist() == counts.tolist()
    assert found.counts.dtype == torch.int16
    both = found.plus(Tally(counts, 1, prints, (Run(draws, 2 * draws, 4),)))
    assert both.counts.tolist() == (2 * counts).tolist()


def test_a_large_n_needs_more_than_16_bits() -> None:
    """Blocks fit 16 bits, their sum does not."""
    part = Part(Stage.TEST, (2**16,), 2**10)
    for start in range(0, 2**16, 2**12):
        stop = start + 2**12
        prints, runs = np.arange(start, stop, dtype=np.uint64), (Run(start, stop, 2**10),)
        tally = Tally(torch.full((3, 2), 2**12, dtype=torch.int16), 1, prints, runs)
        part.take(CountedUnit(Unit("0-0", DrawBlock(Stage.TEST, start, stop), 2**10), tally, 0.5))
    tally, seconds = part.at[2**16]
    assert tally.counts.tolist() == [[2**16] * 2] * 3
    assert (tally.runs, tally.invalid, seconds) == ((Run(0, 2**16, 2**10),), 16, 8.0)


@pytest.mark.parametrize("goals", [(1,), (100,), (10, 11, 5000)])
def test_blocks_are_each_draw_once_and_end_at_the_goals(goals: tuple[int, ...]) -> None:
    blocks = blocks_of(Stage.TEST, goals, 4)
    draws = [draw for block in blocks for draw in range(block.start, block.stop)]
    assert draws == list(range(goals[-1]))
    assert set(goals) <= {block.stop for block in blocks}


def test_one_block_goes_out_alone_and_no_test_before_the_pilot() -> None:
    shared: dict[str, object] = {}
    job = job_of("scores", shared, n0=20, n=(40,), batch_size=2)
    worker = Counter(MODELS["scores"], "cpu")
    first = job.ready()
    assert (first.classes, first.reference, job.ready()) == (None, "", None)
    job.take(worker.count(first, shared))
    rest = list(iter(job.ready, None))
    assert {unit.block.stage for unit in rest} == {Stage.PILOT}
    assert {unit.reference.split("/")[1] for unit in rest} == {"first"}
    for unit in rest[::-1]:
        assert not job.complete
        job.take(worker.count(unit, shared))
    tests = list(iter(job.ready, None))
    assert {unit.block.stage for unit in tests} == {Stage.TEST}
    assert {unit.reference.split("/")[1] for unit in tests} == {"guess"}


def test_a_batch_that_was_halved_stays_halved() -> None:
    shared: dict[str, object] = {}
    job = job_of("scores", shared, n0=40, n=(40,), batch_size=8)
    first = job.ready()
    worker = Counter(MODELS["scores"], "cpu")
    small = worker.count(Unit(first.work, first.block, 2), shared)
    job.take(CountedUnit(first, small.tally, 0.0))
    assert job.ready().batch_size == 2


def test_draws_that_share_randomness_in_a_batch_go_out_one_by_one() -> None:
    """Whoever counts them: the first block finds it out, and the others are told."""

    def coin(batch: torch.Tensor) -> torch.Tensor:
        return (torch.rand(1, 1, 1) < 0.5).long().expand(len(batch), *batch.shape[2:])

    model = as_segmenter(coin, classes=2, stochastic=True)
    shared: dict[str, object] = {}
    work = Work(IMAGE, NOISE, "1", 4, model.weights_sha256)
    job = Job("0-0", work, n0=20, n=(40,), batch_size=4, share=shared.__setitem__)
    workers = [Counter(model, "cpu") for _ in range(2)]
    turn = 0
    while unit := job.ready():
        assert unit.batch_size == (4 if turn == 0 else 1)
        done = workers[turn % 2].count(unit, shared)
        assert {one.batch_size for one in done.tally.runs} == {1}
        job.take(done)
        turn += 1
    assert job.complete
    assert turn > 2


def test_counts_say_where_and_how_workers_computed() -> None:
    job = run("scores", n0=4, n=(7,), batch_size=3, pick=lambda _: 0)
    on_cpu = job.counts(MODELS["scores"], kind="cpu", engine="test")[7].counts.provenance
    assert (on_cpu.device, on_cpu.precision) == ("cpu", "float32")
    on_cuda = job.counts(MODELS["scores"], kind="cuda", engine="test")[7].counts.provenance
    assert (on_cuda.device, on_cuda.streams) == ("cuda", "cuda")
    assert on_cuda.precision == precision(MODELS["scores"], on_cuda=True) != on_cpu.precision
