"""Classes that 16-bit labels cannot hold, and labels of no class: refused before the first draw.

They wrapped: class 35,000 became class 0 or -30,536, and was certified as such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from foreign_models import write_onnx, write_pt2
from point_models import ByHeight
from torch import Tensor, nn

import segcert as sc
from segcert.models.resizing.outputs import MOST_CLASSES, check_class_number, check_labels

IMAGE = np.full((3, 2, 2), 100, dtype=np.uint8)
CLOUD = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
MANY = MOST_CLASSES + 1
FAR = 35_000


def scores_of(shape: tuple[int, ...], classes: int, best: int) -> Tensor:
    scores = torch.zeros(shape[0], classes, *shape[1:])
    scores[:, best] = 1
    return scores


def image_scores(classes: int) -> Callable[[Tensor], Tensor]:
    return lambda x: scores_of((len(x), *x.shape[2:]), classes, classes - 1)


def point_scores(classes: int) -> Callable[[Tensor], Tensor]:
    return lambda points: scores_of(points.shape[:2], classes, classes - 1)


class NeverDrawn:
    """Fails if a draw is counted."""

    def __call__(self, done: int, total: int) -> None:
        raise AssertionError(f"draw {done} of {total} was counted")


def count(model: object, source: object, **options: object) -> sc.Counts:
    noise = sc.GaussianNoise(0.25)
    given = {"noise": noise, "n0": 3, "n": 5, "seed": 1, "device": "cpu"} | options
    return sc.sample(model, source, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [MANY, FAR, 2**16 + 1])
@pytest.mark.parametrize(
    "model",
    [
        lambda k: (sc.as_segmenter(image_scores(k)), IMAGE),
        lambda k: (image_scores(k), IMAGE),
        lambda k: (sc.as_segmenter(image_scores(k), scale="1+flip"), IMAGE),
        lambda k: (sc.as_segmenter(image_scores(k), stochastic=True), IMAGE),
        lambda k: (sc.as_point_segmenter(point_scores(k)), CLOUD),
        lambda k: (sc.as_point_segmenter(point_scores(k), parts=(0, 1)), CLOUD),
        lambda k: (sc.Segmenter(lambda x: x[:, 0].long(), "direct", classes=k), IMAGE),
        lambda k: (Wide(classes=k), CLOUD),
    ],
    ids=["segmenter", "function", "averaged", "random", "points", "parts", "direct", "protocol"],
)
def test_more_classes_than_labels_hold_are_refused_before_the_first_draw(
    model: Callable[[int], tuple[object, object]], classes: int
) -> None:
    with pytest.raises(sc.ModelError, match=f"{classes} classes, and labels hold .* 32767") as e:
        count(*model(classes), progress=NeverDrawn())
    assert "\n" not in str(e.value)


@dataclass(frozen=True)
class Wide(ByHeight):
    """A base model of the user's own, with as many classes as it says."""

    classes: int = 2
    label: int = 0

    def count_classes(self, output: Tensor) -> int:  # noqa: ARG002
        return self.classes

    def to_labels(self, output: Tensor, components: tuple[int, ...]) -> Tensor:
        labels = super().to_labels(output, components)
        return torch.full_like(labels, self.label) if self.label else labels


@pytest.mark.parametrize("options", ["classes", "class_names", "palette"])
@pytest.mark.parametrize("wrap", [sc.as_segmenter, sc.as_point_segmenter])
def test_more_classes_are_not_declared(wrap: Callable[..., object], options: str) -> None:
    """By their number, names or colours: names of 40,000 classes used to pass."""
    given = {
        "classes": FAR,
        "class_names": tuple(map(str, range(FAR))),
        "palette": tuple((k % 256, k // 256, 0) for k in range(FAR)),
    }
    with pytest.raises(sc.InputError, match=rf"classes must be in 2..32767, got {FAR}"):
        wrap(lambda x: x, **{options: given[options]})


@pytest.mark.parametrize("wrap", [sc.as_segmenter, sc.as_point_segmenter])
def test_no_class_at_all_is_not_declared(wrap: Callable[..., object]) -> None:
    with pytest.raises(sc.InputError, match=r"classes must be in 2..32767, got 0"):
        wrap(lambda x: x, classes=0)


def test_files_with_more_classes_are_refused(tmp_path: Path) -> None:
    """When they are opened, or at the latest before the first draw."""
    net = nn.Sequential(nn.AvgPool2d(8), nn.Conv2d(3, MANY, 1)).eval()
    image = np.full((3, 32, 48), 100, dtype=np.uint8)
    paths = [
        write_pt2(tmp_path / "net.pt2", net, batch=1),
        write_onnx(tmp_path / "net.onnx", net, batch=1),
    ]
    for path in paths:
        with pytest.raises((sc.InputError, sc.ModelError), match="32767"):
            count(sc.open_model(str(path)), image, progress=NeverDrawn())


@pytest.mark.parametrize("n0", [0, 3])
def test_the_last_class_is_counted_as_itself(n0: int) -> None:
    last = MOST_CLASSES - 1
    for model, source in (
        (image_scores(MOST_CLASSES), IMAGE),
        (sc.as_segmenter(lambda x: torch.full_like(x[:, 0], last).long(), classes=last + 1), IMAGE),
        (sc.as_point_segmenter(point_scores(MOST_CLASSES)), CLOUD),
    ):
        counts = count(model, source, n0=n0)
        assert (counts.labels == last).all()
        assert (counts.hits == 5).all()
        assert counts.invalid == 0


@pytest.mark.parametrize("label", [4, FAR, 2**16, 2**31, 2**32, 2**40, -1, -5, -(2**16)])
def test_labels_of_no_class_are_refused(label: int) -> None:
    """Those too whose last 16 or 32 bits are one."""
    images = sc.as_segmenter(
        lambda x: torch.full_like(x[:, 0], label, dtype=torch.int64), classes=4
    )
    points = sc.as_point_segmenter(
        lambda p: torch.full(p.shape[:2], label, dtype=torch.int64), classes=4
    )
    with pytest.raises(sc.ModelError, match=r"labels outside 0\.\.3"):
        count(images, IMAGE)
    with pytest.raises(sc.ModelError, match="labels outside its parts"):
        count(points, CLOUD)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
)
def test_labels_may_be_of_any_integers(dtype: torch.dtype) -> None:
    """Types that torch cannot compare ended in its own errors."""
    images = sc.as_segmenter(lambda x: torch.ones_like(x[:, 0]).to(dtype), classes=2)
    points = sc.as_point_segmenter(lambda p: torch.ones(p.shape[:2]).to(dtype), classes=2)
    for model, source in ((images, IMAGE), (points, CLOUD)):
        assert (count(model, source).labels == 1).all()


def test_unsigned_labels_out_of_range_are_refused() -> None:
    for dtype, label in ((torch.uint8, 200), (torch.uint16, 2**16 - 1), (torch.uint64, 2**63)):
        labels = torch.full((1, 2, 2), label, dtype=dtype)
        with pytest.raises(sc.ModelError, match=r"outside 0\.\.3"):
            check_labels(labels, (2, 2), classes=4, name="m")


def test_complex_numbers_are_no_labels() -> None:
    with pytest.raises(sc.ModelError, match="complex64, not scores or labels"):
        count(sc.as_segmenter(lambda x: x[:, 0] + 0j, classes=4), IMAGE)


@pytest.mark.parametrize("label", [-5, 7])
@pytest.mark.parametrize("n0", [0, 3])
def test_labels_of_no_class_of_a_base_model_count_for_none(label: int, n0: int) -> None:
    """They are lost, as those of scores that are not finite; -5 used to count for class 0."""
    counts = count(Wide(label=label), CLOUD, n0=n0)
    assert (counts.hits == 0).all()
    assert counts.invalid == 3 * (5 + n0)


@pytest.mark.parametrize("classes", [0, -1, MANY])
def test_class_numbers_are_checked(classes: int) -> None:
    for allowed in (1, 2, MOST_CLASSES):
        check_class_number(allowed, name="m")
    with pytest.raises(sc.ModelError, match=f"model m has {classes} classes"):
        check_class_number(classes, name="m")


def test_a_tree_of_more_nodes_than_labels_hold_is_refused() -> None:
    """Its groups are numbered after the classes: 32,766 classes and a root are the most."""
    nodes = MOST_CLASSES
    for leaves, fits in ((nodes - 1, True), (nodes, False)):
        names = (*map(str, range(leaves)), "any")
        parents = (leaves,) * (leaves + 1)
        if fits:
            assert sc.ClassTree(names, parents).root == nodes - 1
            continue
        with pytest.raises(sc.InputError, match="at most 32767 classes and groups, got 32768"):
            sc.ClassTree(names, parents)
