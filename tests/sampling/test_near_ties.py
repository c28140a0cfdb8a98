"""Near ties: labels that rounding could have changed, by brute force and by rounding."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import segcert as sc
from segcert.models.wrapping_points import as_point_segmenter
from segcert.sampling.near_ties import TOLERANCES, near_ties, tolerance_of

SIZE = (24, 36)


def segmenter(scale: object = 1.0) -> sc.Segmenter:
    return sc.as_segmenter(torch.nn.Conv2d(3, 4, 1).eval(), scale=scale)


def scores(*shape: int, seed: int = 0, classes: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((2, classes, *shape), generator=generator)


@pytest.mark.parametrize("size", [SIZE, (6, 9)])
def test_they_are_those_of_full_size_scores(size: tuple[int, int]) -> None:
    low = scores(*size)
    tolerance = 0.02
    full = functional.interpolate(low, size=SIZE, mode="bilinear", align_corners=False)
    best = full.topk(2, 1).values
    two = low.topk(2, 1).values.abs().amax(1).mean((1, 2))
    expected = best[:, 0] - best[:, 1] <= tolerance * two[:, None, None]
    found = near_ties(segmenter(), low, SIZE, tolerance=tolerance)
    assert found is not None
    assert 10 < int(found.sum()) < 0.1 * found.numel()
    assert int((found != expected).sum()) <= 2  # interpolated in another order


def test_labels_that_rounding_changes_are_near_ties() -> None:
    """Errors of half the tolerance on each score turn no label that is not near a tie."""
    net, low, tolerance = segmenter(), scores(12, 18), 0.02
    ties = near_ties(net, low, SIZE, tolerance=tolerance)
    assert ties is not None
    scale = low.topk(2, 1).values.abs().amax(1).mean((1, 2)).min()
    signs = torch.randint(0, 2, low.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    before = net.to_labels(low, SIZE)
    turned = net.to_labels(low + 0.5 * 0.999 * tolerance * scale * signs, SIZE) != before
    assert turned.any()
    assert not (turned & ~ties).any()
    further = net.to_labels(low + 2 * tolerance * scale * signs, SIZE) != before
    assert (further & ~ties).any()  # the tolerance is no wider than needed


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_the_scores_does_not_matter(factor: float) -> None:
    low = scores(*SIZE)
    ties = [near_ties(segmenter(), one, SIZE, tolerance=0.01) for one in (low, factor * low)]
    assert ties[0] is not None
    assert ties[1] is not None
    assert int((ties[0] != ties[1]).sum()) <= 2


def test_excluded_classes_do_not_hide_the_scale() -> None:
    low = scores(*SIZE)
    masked = torch.cat([low, torch.full_like(low[:, :1], -1e9)], 1)
    expected, found = (near_ties(segmenter(), s, SIZE, tolerance=0.01) for s in (low, masked))
    assert expected is not None
    assert found is not None
    assert torch.equal(expected, found)


def test_scores_that_are_not_finite_tie_with_nothing() -> None:
    low = torch.zeros(2, 4, *SIZE)
    low[0, :, 0, 0] = torch.nan
    low[1, :, 1] = torch.inf
    low[:, 0, 5] = 1
    found = near_ties(segmenter(), low, SIZE, tolerance=0.01)
    assert found is not None
    assert not found[0, 0, 0]
    assert not found[1, 1].any()
    assert not found[:, 5].any()
    assert found[0, 2:5].all()


def test_labels_and_single_classes_show_none() -> None:
    assert near_ties(segmenter(), torch.zeros(2, *SIZE).long(), SIZE, tolerance=0.1) is None
    found = near_ties(segmenter(), scores(*SIZE, classes=1), SIZE, tolerance=0.1)
    assert found is not None
    assert not found.any()


def test_volumes_and_clouds() -> None:
    """No resizing there: the lead of each voxel and of each point, also among some parts."""
    for shape in ((3, 4, 5), (30,)):
        values = scores(*shape)
        model = segmenter() if len(shape) == 3 else as_point_segmenter(lambda x: x, classes=4)
        best = values.topk(2, 1).values
        scale = best.abs().amax(1).flatten(1).mean(1).reshape(2, *(1 for _ in shape))
        found = near_ties(model, values, shape, tolerance=0.1)
        assert found is not None
        assert torch.equal(found, best[:, 0] - best[:, 1] <= 0.1 * scale)


def test_averages_are_judged_by_their_probabilities() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = segmenter(scale="multi")
    x = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    output = net.output(x)
    margins = net.to_margins(output, SIZE)
    assert margins is not None
    found = near_ties(net, output, SIZE, tolerance=0.1)
    assert found is not None
    assert torch.equal(found, margins <= 0.1)
    assert found.any()


def test_the_coarser_arithmetic_counts() -> None:
    assert tolerance_of("float32", "bfloat16 autocast") == TOLERANCES["bfloat16 autocast"]
    assert tolerance_of("float32", "float8_e4m3fn") == TOLERANCES["float32"]
    order = ["float64", "float32", "float16", "bfloat16"]
    assert [TOLERANCES[name] for name in order] == sorted(TOLERANCES[name] for name in order)


def test_a_sampler_counts_them_if_asked(photo_of_ties: np.ndarray) -> None:
    """Near ties are summed over batches, and not touched where nobody asks."""
    import dataclasses

    from segcert.sampling.counting import count_block
    from segcert.sampling.setup import make_task
    from segcert.sampling.streams import Stage
    from segcert.sampling.tally import DrawBlock

    noise = sc.LatticeGaussianNoise(0.25)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = segmenter()
    task = make_task(net, photo_of_ties, noise=noise, seed=1, device="cpu")
    plain = count_block(task, DrawBlock(Stage.TEST, 0, 12), None, batch_size=5)
    assert plain.ties is None
    asked = dataclasses.replace(task, tolerance=0.1)
    found = [count_block(asked, DrawBlock(Stage.TEST, 0, 12), None, batch_size=b) for b in (1, 5)]
    assert found[0].ties is not None
    assert found[1].ties is not None
    assert torch.equal(found[0].ties, found[1].ties)
    assert 0 < int(found[0].ties.sum()) < 12 * found[0].ties.numel()
    assert torch.equal(found[1].counts, plain.counts)
    halves = [
        count_block(asked, DrawBlock(Stage.TEST, *at), None, batch_size=6)
        for at in ((0, 6), (6, 12))
    ]
    assert torch.equal(halves[0].plus(halves[1]).ties, found[0].ties)


@pytest.fixture
def photo_of_ties() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
