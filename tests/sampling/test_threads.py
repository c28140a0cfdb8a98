"""Threads: order, errors, torch's own threads, and processes that fork."""

import multiprocessing
import threading
from collections.abc import Iterator

import pytest
import torch

from segcert.sampling.threads import in_threads, workers


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """Three, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_results_are_in_order_and_from_other_threads() -> None:
    seen = in_threads(lambda i: (i, threading.get_ident(), torch.get_num_threads()), range(20))
    assert [i for i, _, _ in seen] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread, _ in seen}
    assert {inner for _, _, inner in seen} == {1}
    assert torch.get_num_threads() == 3


def test_other_new_threads_keep_all_of_torchs_threads() -> None:
    workers.cache_clear()
    in_threads(abs, range(6))
    seen: list[int] = []
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert seen == [3]


def test_one_item_and_one_thread_stay_here() -> None:
    here = threading.get_ident()
    assert in_threads(lambda _: threading.get_ident(), [1]) == [here]
    assert in_threads(abs, []) == []
    torch.set_num_threads(1)
    assert in_threads(lambda _: threading.get_ident(), [1, 2]) == [here, here]


def test_errors_are_passed_on() -> None:
    with pytest.raises(MemoryError, match="full"):
        in_threads(fail, range(4))


def fail(item: int) -> None:
    raise MemoryError(f"full at {item}")


def doubled(numbers: list[int]) -> list[int]:
    return in_threads(lambda number: 2 * number, numbers)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_starts_its_own_threads() -> None:
    """Those of its parent do not exist there; waiting for them would never end."""
    assert doubled([1, 2, 3]) == [2, 4, 6]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(doubled, ([4, 5],)).get(timeout=600) == [8, 10]
