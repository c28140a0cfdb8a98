"""The calculator of clusters: bounds that any schedule obeys, and a simulation of the queue."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcert.errors import InputError
from segcert.planning.cluster import Campaign, estimate, estimates
from segcert.runs.jobs import blocks_of
from segcert.sampling.streams import Stage

CITYSCAPES = Campaign(images=500, draws=10_000, seconds_per_draw=0.1, batch_size=8, price=2.0)


@given(
    images=st.integers(1, 600), draws=st.integers(1, 20_000), seconds=st.floats(1e-4, 2),
    gpus=st.integers(1, 1000), batch=st.integers(1, 32),
)  # fmt: skip
def test_no_estimate_beats_what_is_possible(
    images: int, draws: int, seconds: float, gpus: int, batch: int
) -> None:
    campaign = Campaign(images, draws, seconds, batch_size=batch, price=1.0)
    found = estimate(campaign, gpus)
    assert found.seconds >= campaign.start + images * draws * seconds / gpus
    assert found.seconds >= campaign.start + campaign.driver_seconds
    assert 0 < found.busy <= 1
    assert found.cost == pytest.approx(gpus * found.seconds / 3600)
    assert estimate(campaign, gpus + 1).seconds <= found.seconds * (1 + 1e-9) or gpus == 1
    assert campaign.units == images * len(blocks_of(Stage.TEST, (draws,), batch))


LONG = Campaign(60, 10_000, 0.05, batch_size=8, unit_overhead=0.0)
THOUSAND = Campaign(1000, 110, 0.84, unit_overhead=0.0)  # that of docs/scale-out.md


@pytest.mark.parametrize(
    ("campaign", "gpus"),
    [(LONG, 1), (LONG, 8), (LONG, 10), (LONG, 100), (LONG, 1000), (THOUSAND, 1), (THOUSAND, 8)],
)
def test_a_simulated_queue_takes_as_long(campaign: Campaign, gpus: int) -> None:
    """Units to whichever GPU is free, results through one driver, in turn: within 5%."""
    free = [campaign.start] * gpus
    heapq.heapify(free)
    ends = []
    for _ in range(campaign.units):
        end = heapq.heappop(free) + campaign.seconds_per_unit
        ends.append(end)
        heapq.heappush(free, end)
    share = campaign.driver_unit + campaign.driver_image * campaign.images / campaign.units
    driver = 0.0
    for end in sorted(ends):
        driver = max(driver, end) + share
    assert estimate(campaign, gpus).seconds == pytest.approx(driver, rel=0.05)


def test_500_images_on_1_to_1000_gpus() -> None:
    one, eight, ten, hundred, thousand = estimates(CITYSCAPES)
    assert one.seconds == pytest.approx(500 * 10_000 * 0.1, rel=0.01)
    assert eight.seconds == pytest.approx(one.seconds / 8, rel=0.01)
    assert ten.seconds == pytest.approx(one.seconds / 10, rel=0.01)
    assert (one.limit, ten.limit, thousand.limit) == ("draws", "draws", "driver")
    assert thousand.seconds == hundred.seconds < ten.seconds  # both wait for the driver
    assert thousand.cost > 5 * one.cost  # a thousand GPUs wait for one driver


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"images": 0}, "images must be at least 1, got 0"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"seconds_per_draw": 0.0}, "seconds per draw must be a positive number"),
        ({"seconds_per_draw": float("nan")}, "seconds per draw must be a positive number"),
        ({"price": -1.0}, "price must be a number >= 0"),
    ],
)
def test_refusals(changed: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Campaign(**({"images": 1, "draws": 1, "seconds_per_draw": 1.0} | changed))


def test_no_gpu_is_refused() -> None:
    with pytest.raises(InputError, match="gpus must be at least 1, got 0"):
        estimate(CITYSCAPES, 0)
