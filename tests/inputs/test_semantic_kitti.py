"""SemanticKITTI: numbers, classes, and one real scan."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from segcert.errors import InputError
from segcert.inputs.cloud_files import read_cloud
from segcert.inputs.clouds import diameter
from segcert.inputs.semantic_kitti import CLASSES, MEANING

POINTS = np.array([[0, 0, 0, 0.5], [1, 2, 3, 0.25], [4, 5, 6, 0]], "<f4")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan of three points in the public layout."""
    for folder in ("velodyne", "labels"):
        (tmp_path / folder).mkdir()
    POINTS.tofile(tmp_path / "velodyne" / "000000.bin")
    instance = 7 << 16
    np.array([10 + instance, 99, 254], "<u4").tofile(tmp_path / "labels" / "000000.label")
    return tmp_path / "velodyne" / "000000.bin"


def test_scans_and_their_classes(scan: Path) -> None:
    cloud = read_cloud(scan)
    assert cloud.points.tolist() == POINTS[:, :3].tolist()
    assert cloud.labels.tolist() == [CLASSES.index("car"), 255, CLASSES.index("person")]
    (scan.parent.parent / "labels" / "000000.label").unlink()
    assert read_cloud(scan).labels is None


def test_labels_beside_the_scan(scan: Path) -> None:
    labels = scan.parent.parent / "labels" / "000000.label"
    labels.rename(scan.with_suffix(".label"))
    assert read_cloud(scan).labels.tolist()[1] == 255


def test_the_classes() -> None:
    """34 stored classes become 19, as the benchmark has them."""
    assert len(MEANING) == 34
    assert set(MEANING.values()) == {*range(19), 255}
    assert len(CLASSES) == len(set(CLASSES)) == 19
    assert MEANING[252] == MEANING[10]  # moving cars are cars
    assert MEANING[60] == MEANING[40] == CLASSES.index("road")


def test_bad_scans_are_refused(scan: Path) -> None:
    labels = scan.parent.parent / "labels" / "000000.label"
    np.array([10, 99], "<u4").tofile(labels)
    with pytest.raises(InputError, match="3 points but 2 labels"):
        read_cloud(scan)
    np.array([10, 99, 12], "<u4").tofile(labels)
    with pytest.raises(InputError, match="class 12 in 1 points, which SemanticKITTI does not have"):
        read_cloud(scan)
    labels.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"multiple of 4 bytes.*got 3"):
        read_cloud(scan)
    for size in (0, 47):
        scan.write_bytes(bytes(size))
        with pytest.raises(InputError, match=f"multiple of 16 bytes.*got {size}"):
            read_cloud(scan)


@pytest.mark.data
def test_the_real_scan(data_dir: Path) -> None:
    """Size of the data's own PROVENANCE.md; the diameter needs little memory."""
    cloud = read_cloud(data_dir / "semantic_kitti_scan" / "velodyne" / "000000.bin")
    assert len(cloud.points) == 123_389
    counts = np.bincount(cloud.labels, minlength=256)
    assert counts[CLASSES.index("road")] > 10_000
    assert 0 < counts[255] < 20_000
    tracemalloc.start()
    found = diameter(cloud.points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    far = cloud.points[np.linalg.norm(cloud.points, axis=1).argmax()]
    assert np.linalg.norm(cloud.points - far, axis=1).max() <= found < 200  # metres
