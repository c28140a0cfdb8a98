"""Tallies merge by integer addition."""

from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.sampling.tally import Run, Tally, no_draws

CPU = torch.device("cpu")
reproducible = settings(derandomize=True, deadline=None)


History = list[tuple[int, int, list[int], int]]

histories = st.lists(
    st.tuples(
        st.integers(1, 9),  # draws of the block
        st.integers(1, 4),  # batch size
        st.lists(st.integers(0, 9), min_size=3, max_size=3),  # counts
        st.integers(0, 3),  # invalid labels
    ),
    min_size=1,
    max_size=6,
)


def blocks_of(history: History) -> list[Tally]:
    """Blocks that follow each other."""
    blocks, start = [], 0
    for length, size, counts, invalid in history:
        prints = np.arange(start, start + length, dtype=np.uint64)
        run = Run(start, start + length, size)
        blocks.append(Tally(torch.tensor(counts).short(), invalid, prints, (run,)))
        start += length
    return blocks


def merged(blocks: list[Tally]) -> Tally:
    total = no_draws((3,), n=100, device=CPU)
    for block in blocks:
        total = total.plus(block)
    return total


def batches(runs: tuple[Run, ...]) -> list[tuple[int, int]]:
    """The batches that went through the model, one by one."""
    return [
        (start, min(start + run.batch_size, run.stop))
        for run in runs
        for start in range(run.start, run.stop, run.batch_size)
    ]


@reproducible
@given(histories)
def test_merging_is_integer_addition(history: History) -> None:
    blocks = blocks_of(history)
    total = merged(blocks)
    assert total.counts.tolist() == [
        sum(int(block.counts[i]) for block in blocks) for i in range(3)
    ]
    assert total.invalid == sum(block.invalid for block in blocks)
    assert total.draws == sum(block.draws for block in blocks)
    assert total.fingerprints.tolist() == list(range(total.draws))


@reproducible
@given(histories)
def test_joined_runs_stand_for_the_same_batches(history: History) -> None:
    """A replay needs the batches as they were, whatever the blocks."""
    blocks = blocks_of(history)
    apart = tuple(run for block in blocks for run in block.runs)
    assert batches(merged(blocks).runs) == batches(apart)


@reproducible
@given(histories, histories)
def test_merging_is_associative(first: History, second: History) -> None:
    """One block after the other, or two halves merged first: an interruption changes nothing."""
    blocks = blocks_of(first + second)
    left, right = blocks[: len(first)], blocks[len(first) :]
    one_by_one, halves = merged(blocks), merged(left).plus(reduce(Tally.plus, right))
    assert torch.equal(one_by_one.counts, halves.counts)
    assert one_by_one.invalid == halves.invalid
    assert one_by_one.fingerprints.tolist() == halves.fingerprints.tolist()
    assert batches(one_by_one.runs) == batches(halves.runs)


def test_merging_leaves_both_parts_as_they_were() -> None:
    """What ``after_block`` received may be stored later."""
    one = Tally(torch.tensor([1, 2]).short(), 1, np.zeros(1, dtype=np.uint64), (Run(0, 1, 1),))
    total = one.plus(Tally(torch.tensor([1, 0]).short(), 0, np.ones(1, np.uint64), (Run(1, 2, 1),)))
    assert (one.counts.tolist(), total.counts.tolist()) == ([1, 2], [2, 2])
    assert total.runs == (Run(0, 2, 1),)


def test_runs_join_only_if_the_batches_stay_the_same() -> None:
    assert Run(0, 8, 4).joined(Run(8, 10, 4)) == Run(0, 10, 4)
    assert Run(0, 7, 4).joined(Run(7, 11, 4)) is None  # a batch of three inside
    assert Run(0, 8, 4).joined(Run(8, 10, 2)) is None
    assert Run(0, 8, 4).joined(Run(12, 16, 4)) is None


@pytest.mark.parametrize(
    ("n", "dtype"),
    [
        (0, torch.uint8),
        (255, torch.uint8),
        (256, torch.int16),
        (2**15 - 1, torch.int16),
        (2**15, torch.int32),
        (10**6, torch.int32),
    ],
)
def test_integers_are_as_small_as_the_number_of_draws_allows(n: int, dtype: torch.dtype) -> None:
    tally = no_draws((2, 3), n=n, device=CPU)
    assert tally.counts.dtype == dtype
    assert tally.counts.sum() == 0
    assert torch.iinfo(dtype).max >= n
    assert (tally.draws, tally.invalid, tally.runs) == (0, 0, ())


def test_many_draws_in_small_blocks_do_not_overflow() -> None:
    """40,000 draws merged from blocks that are counted in 16 bits."""
    total = no_draws((1,), n=40_000, device=CPU)
    for start in range(0, 40_000, 10_000):
        counts = no_draws((1,), n=10_000, device=CPU).counts + 10_000
        prints = np.arange(10_000, dtype=np.uint64)
        total = total.plus(Tally(counts, 0, prints, (Run(start, start + 10_000, 1),)))
        assert total.counts.dtype == torch.int32
    assert total.counts.tolist() == [40_000]


def test_nothing_takes_no_memory_and_the_first_block_is_not_copied() -> None:
    nothing = no_draws((1000, 1000), n=500, device=CPU)
    assert nothing.counts.untyped_storage().nbytes() == 2
    counts = torch.ones((1000, 1000), dtype=torch.int16)
    first = Tally(counts, 0, np.zeros(1, dtype=np.uint64), (Run(0, 1, 1),))
    assert nothing.plus(first).counts.data_ptr() == counts.data_ptr()
    assert torch.equal(first.plus(first).counts, 2 * counts)
