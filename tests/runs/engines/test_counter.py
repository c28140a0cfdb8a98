"""What a worker counts: margins by the labels it is told, and only for the model of the run."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_models import open_labels, open_net

from segcert.data.sets import Arguments, open_evaluation_set
from segcert.errors import InputError
from segcert.inputs.input import of_cloud
from segcert.models.identity.runtime import Runtime
from segcert.models.wrapping import as_segmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.runs.engines.counter import Counter
from segcert.runs.engines.units import Unit, Work
from segcert.runs.jobs import merged
from segcert.sampling.counting import count_block
from segcert.sampling.margins import Margins
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Tally

IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 9, 8), dtype=np.uint8))
NET = open_net()
WORK = Work(IMAGE, GaussianNoise(0.3), "1", 7, NET.weights_sha256)
FIRST, SECOND = DrawBlock(Stage.PILOT, 0, 6), DrawBlock(Stage.PILOT, 6, 12)


def sums_of(margins: Margins) -> list[list[int]]:
    return [margins.total.flatten().tolist(), margins.squares.flatten().tolist()]


@pytest.fixture(scope="module")
def one_after_the_other() -> tuple[Tally, Tally]:
    """Two blocks as `sample` counts them: the margins of the second go on from the first's."""
    task = make_task(NET, IMAGE, noise=GaussianNoise(0.3), seed=7, device="cpu")
    first = count_block(task, FIRST, None, batch_size=3)
    return first, count_block(task, SECOND, None, batch_size=3, margins=first.margins)


def count(block: DrawBlock, reference: torch.Tensor | None) -> Tally:
    """Count a block in a worker of its own."""
    unit = Unit("0-0", block, 3)
    shared: dict[str, object] = {"0-0": WORK}
    if reference is not None:
        unit = replace(unit, classes=3, reference="first")
        shared["first"] = reference
    return Counter(NET, "cpu").count(unit, shared).tally


def test_signs_of_margins_go_by_the_first_draw_of_all(
    one_after_the_other: tuple[Tally, Tally],
) -> None:
    """Signs by the first draw of its own block would give other sums, as is asserted."""
    first, both = one_after_the_other
    found = count(SECOND, first.margins.first)
    by_its_own = count(SECOND, None)
    assert torch.equal(found.margins.first, first.margins.first)
    assert torch.equal(found.margins.total, both.margins.total - first.margins.total)
    assert torch.equal(found.margins.squares, both.margins.squares - first.margins.squares)
    assert not torch.equal(by_its_own.margins.first, first.margins.first)
    assert not torch.equal(by_its_own.margins.total, found.margins.total)


def test_merged_blocks_have_the_margins_of_one_after_the_other(
    one_after_the_other: tuple[Tally, Tally],
) -> None:
    first, both = one_after_the_other
    found = merged(count(FIRST, None), count(SECOND, first.margins.first))
    assert sums_of(found.margins) == sums_of(both.margins)
    assert torch.equal(found.counts, first.counts + both.counts)
    assert sums_of(both.margins) != sums_of(first.margins)


def test_blocks_of_labels_merge_without_margins(one_after_the_other: tuple[Tally, Tally]) -> None:
    first, both = (replace(tally, margins=None) for tally in one_after_the_other)
    found = merged(first, both)
    assert found.margins is None
    assert torch.equal(found.counts, first.counts + both.counts)
    assert found.draws == 12
    with_margins = one_after_the_other[0].margins
    assert merged(first, replace(both, margins=with_margins)).margins is with_margins


def test_a_worker_with_other_weights_is_refused() -> None:
    with pytest.raises(InputError, match="a worker has model labels with weights none, the run"):
        Counter(open_labels(), "cpu").count(Unit("0-0", FIRST, 3), {"0-0": WORK})


def test_a_worker_with_another_backend_is_refused() -> None:
    other = Counter(replace(NET, runtime=Runtime("onnx")), "cpu")
    with pytest.raises(InputError, match="runs model tiny with backend onnx, the run is one of to"):
        other.count(Unit("0-0", FIRST, 3), {"0-0": WORK})
    same = replace(WORK, backend="onnx")
    assert other.count(Unit("0-0", FIRST, 3), {"0-0": same}).tally.draws == 6


def test_images_are_resized_by_the_scale_of_the_work() -> None:
    task = make_task(
        replace(NET, scale="0.5"), IMAGE, noise=GaussianNoise(0.3), seed=7, device="cpu"
    )
    wanted = count_block(task, FIRST, None, batch_size=3)
    unit, half = Unit("0-0", FIRST, 3), replace(WORK, scale="0.5")
    found = Counter(NET, "cpu").count(unit, {"0-0": half}).tally
    assert torch.equal(found.counts, wanted.counts)
    assert not torch.equal(found.counts, count(FIRST, None).counts)


def test_clouds_are_told_their_category_and_nothing_else_is() -> None:
    def whole_category(points: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(points), 50, points.shape[1]) + category[:, None, None]

    cloud = open_evaluation_set("shapes", Arguments(scenes=2)).items.item(1)
    model = as_point_segmenter(whole_category, columns=6, name="tiny", classes=50)
    work = Work(of_cloud(cloud).tensor, GaussianNoise(0.1), "1", 7, "none", category=cloud.category)
    unit = Unit("0-0", DrawBlock(Stage.TEST, 0, 2), 2)
    counts = Counter(model, "cpu").count(unit, {"0-0": work}).tally.counts
    assert set(counts.amax(1).nonzero().flatten().tolist()) == {int(cloud.labels.min())}
    with pytest.raises(InputError, match="labels clouds of a category, got none"):
        Counter(model, "cpu").count(unit, {"0-0": replace(work, category=None)})
    of_images = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2, name="pixels")
    with pytest.raises(InputError, match="a point cloud, but model pixels labels images"):
        Counter(of_images, "cpu").count(unit, {"0-0": work})
