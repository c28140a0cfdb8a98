"""The ground rule, by hand, turned over, and on a large scan within bounded memory."""

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cloud_files import ON_THE_GROUND, scan

from segcert.cli.main import run
from segcert.errors import InputError
from segcert.models.nets.ground import Ground


def by_hand(points: np.ndarray, rule: Ground) -> list[int]:
    """The definition, point by point and square by square."""
    squares = [tuple(np.floor(point[:2] / rule.side)) for point in points]
    labels = []
    for point, square in zip(points, squares, strict=True):
        heights = sorted(p[2] for p, s in zip(points, squares, strict=True) if s == square)
        low = heights[int(rule.quantile * len(heights))]
        labels.append(int(point[2] > low + rule.margin))
    return labels


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.5])
def test_it_labels_as_defined(quantile: float) -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(2, 80, 3)) * (6, 6, 1)
    rule = Ground(side=4, quantile=quantile, margin=0.3)
    labels = rule(torch.from_numpy(points))
    for cloud, found in zip(points, labels, strict=True):
        assert found.tolist() == by_hand(cloud, rule)


def test_points_on_flat_ground_are_ground() -> None:
    labels = Ground()(torch.from_numpy(scan().points)[None])[0]
    assert labels.tolist() == [0] * ON_THE_GROUND + [1] * 100


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"side": 0.0}, {"quantile": 1.0}, {"margin": -1.0}):
        with pytest.raises(InputError, match="side > 0"):
            Ground(**wrong)


@pytest.mark.slow
@pytest.mark.data
def test_a_whole_scan_is_certified_in_bounded_memory(data_dir: Path, tmp_path: Path) -> None:
    """123,389 points: ten times the draws may not need more than a tenth more memory."""
    scan_file = data_dir / "semantic_kitti_scan" / "velodyne" / "000000.bin"
    peaks = []
    for n in (60, 600):
        told = ["--sigma", "0.05", "--tau", "0.7", "--n", str(n), "--out", str(tmp_path / str(n))]
        assert run(["certify", str(scan_file), "--model", "ground", *told]) == 0
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peaks.append(peak * (1 if sys.platform == "darwin" else 1024))
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 3 * 2**30
