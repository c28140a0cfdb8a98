"""The base model of clouds: what happens after the noise, and which parts are answered."""

import math
from dataclasses import fields, replace

import pytest
import torch
from torch import Generator, Tensor

from segcert.errors import InputError, ModelError
from segcert.models.adapter import INVALID
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.point_frame import rounded, unit_sphere
from segcert.models.nets.pointnet import PointNet
from segcert.models.nets.slim_pointnet2 import SlimPointNet2
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.wrapping_points import PointFields, as_point_segmenter

PARTS_OF = {
    "airplane": range(4), "bag": range(4, 6), "cap": range(6, 8), "car": range(8, 12),
    "chair": range(12, 16), "earphone": range(16, 19), "guitar": range(19, 22),
    "knife": range(22, 24), "lamp": range(24, 28), "laptop": range(28, 30),
    "motorbike": range(30, 36), "mug": range(36, 38), "pistol": range(38, 41),
    "rocket": range(41, 44), "skateboard": range(44, 47), "table": range(47, 50),
}  # fmt: skip
PARTS = 50


def clouds(count: int, size: int = 64, columns: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(count, size, columns, generator=torch.Generator().manual_seed(seed))


def scoring(scores: Tensor) -> PointSegmenter:
    """A model that answers these scores (k, n) for every cloud."""
    return PointSegmenter(lambda points: scores.expand(len(points), *scores.shape), "fixed")


def coordinates(points: Tensor) -> Tensor:
    """A model whose scores are what it is given."""
    return points.transpose(1, 2)


def slim(columns: int = 3, categories: int = 0) -> SlimPointNet2:
    torch.manual_seed(0)
    return SlimPointNet2(
        5, columns=columns, categories=categories, centres=(16, 8), count=8
    ).eval()  # fmt: skip


@pytest.mark.parametrize("category", PARTS_OF)
def test_the_best_part_of_the_category_is_answered_in_global_numbers(category: str) -> None:
    """Scores that favour each part of the others; inside, another part wins at each point."""
    inside = list(PARTS_OF[category])
    points = 4 * len(inside)
    scores = torch.rand(PARTS, points, generator=torch.Generator().manual_seed(0))
    for part in range(PARTS):
        if part not in inside:
            scores[part] += 100
    wanted = [inside[point % len(inside)] for point in range(points)]
    scores[wanted, range(points)] += 2
    segmenter = replace(scoring(scores), parts=tuple(inside), classes=PARTS)
    output = segmenter.output(clouds(2, points))
    labels = segmenter.to_labels(output, (points,))
    assert labels.dtype == torch.int16
    assert labels.tolist() == [wanted, wanted]
    assert segmenter.count_classes(output) == PARTS
    among = scores[inside].softmax(0)
    torch.testing.assert_close(output.exp()[0, inside], among)
    best = among.topk(2, dim=0).values
    margins = segmenter.to_margins(output, (points,))
    assert margins is not None
    torch.testing.assert_close(margins[0], best[0] - best[1])


def test_the_table_covers_all_parts_once() -> None:
    assert [part for parts in PARTS_OF.values() for part in parts] == list(range(PARTS))


def test_scores_outside_the_category_may_be_anything_inside_they_must_be_finite() -> None:
    scores = torch.zeros(PARTS, 4)
    scores[0], scores[1], scores[49] = torch.inf, torch.nan, -torch.inf
    scores[37] = 1
    scores[36, 1], scores[36, 2], scores[37, 3] = torch.nan, -torch.inf, torch.inf
    segmenter = replace(scoring(scores), parts=(36, 37))
    assert segmenter.labels(clouds(1, 4)).tolist() == [[37, INVALID, INVALID, INVALID]]
    margins = segmenter.to_margins(segmenter.output(clouds(1, 4)), (4,))
    assert margins is not None
    assert margins[0, 0] > 0
    assert margins[0, 1:].tolist() == [0, 0, 0]


def test_very_unlikely_parts_of_the_category_stay_before_the_others() -> None:
    scores = torch.zeros(4, 1)
    scores[2], scores[3] = -1e4, -2e4
    assert replace(scoring(scores), parts=(2, 3)).labels(clouds(1, 1)).tolist() == [[2]]


def test_without_parts_scores_stay_as_they_are() -> None:
    scores = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    scores[3, 4] = torch.nan
    found = scoring(scores).output(clouds(2, 5))
    torch.testing.assert_close(found[1], scores, equal_nan=True)
    assert scoring(scores).labels(clouds(1, 5))[0].tolist() == [*scores.argmax(0)[:4], INVALID]


def test_the_order_is_rounding_normals_centring_scaling() -> None:
    batch = 3 + clouds(2, 40, 6)
    segmenter = PointSegmenter(coordinates, "seen", columns=6, grid=0.25, normal_neighbours=5)
    seen = segmenter.output(batch).transpose(1, 2)
    on_grid = (batch[..., :3] * 4).round() / 4
    torch.testing.assert_close(seen[..., :3], unit_sphere(on_grid))
    torch.testing.assert_close(seen[..., 3:].norm(dim=2), torch.ones(2, 40))
    again = segmenter.output(on_grid).transpose(1, 2)  # normals of what was rounded, not before
    torch.testing.assert_close(seen, again)


def test_the_model_sees_nothing_below_the_grid() -> None:
    """Moving each coordinate within its cell of the grid changes no bit of the output."""
    batch = (clouds(2, 40, 6) * 1024).round() / 1024
    moved = batch + (torch.rand(batch.shape, generator=torch.Generator().manual_seed(1)) - 0.5) / (
        1100
    )
    segmenter = as_point_segmenter(slim(6), columns=6, grid=2**-10)
    assert torch.equal(segmenter.output(batch), segmenter.output(moved))
    finer = as_point_segmenter(slim(6), columns=6, grid=2**-14)
    assert not torch.equal(finer.output(batch), finer.output(moved))


def test_moving_and_scaling_the_cloud_changes_nothing() -> None:
    segmenter, batch = as_point_segmenter(slim()), clouds(2)
    torch.testing.assert_close(
        segmenter.output(batch), segmenter.output(8 * batch - 5), atol=1e-4, rtol=0
    )
    raw = as_point_segmenter(slim(), normalise=False)
    assert (raw.output(batch) - raw.output(8 * batch - 5)).abs().max() > 1e-3


def test_the_unit_sphere_is_filled() -> None:
    found = unit_sphere(2 + 7 * clouds(3, 50))
    torch.testing.assert_close(found.mean(1), torch.zeros(3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.norm(dim=2).amax(1), torch.ones(3))


def test_clouds_of_one_place_are_answered_and_broken_ones_are_invalid() -> None:
    segmenter = as_point_segmenter(slim(), grid=0.5)
    batch = clouds(4)
    batch[0], batch[1] = 0.1, 1e3
    batch[2, 5, 1] = torch.nan
    assert torch.equal(unit_sphere(batch[:2]), torch.zeros(2, 64, 3))
    labels = segmenter.labels(batch)
    assert (labels[:2] >= 0).all()
    assert (labels[2] == INVALID).all()
    assert torch.equal(labels[3], segmenter.labels(batch[3:])[0])
    batch[2, 5, 1] = torch.inf
    assert (segmenter.labels(batch)[2] == INVALID).all()


@pytest.mark.parametrize("size", [64, 200])
def test_a_cloud_gets_the_same_labels_in_any_batch(size: int) -> None:
    segmenter = as_point_segmenter(slim(6), columns=6, normal_neighbours=8, grid=2**-10)
    batch = clouds(5, size)
    together = segmenter.output(batch)
    for b in range(5):
        alone = segmenter.output(batch[b : b + 1])
        assert (alone[0] - together[b]).abs().max() < 1e-4
        assert torch.equal(alone.argmax(1)[0], together.argmax(1)[b])


def test_normals_are_passed_computed_or_dropped() -> None:
    batch = clouds(1, 30, 6)
    passed = PointSegmenter(coordinates, "passed", columns=6).output(batch).transpose(1, 2)
    assert torch.equal(passed[..., 3:], batch[..., 3:])
    dropped = PointSegmenter(coordinates, "dropped", columns=3).output(batch)
    assert dropped.shape == (1, 3, 30)
    computed = PointSegmenter(coordinates, "computed", columns=6, normal_neighbours=6)
    assert torch.equal(computed.output(batch), computed.output(batch[..., :3]))
    with pytest.raises(InputError, match="takes normals and the cloud has none"):
        PointSegmenter(coordinates, "passed", columns=6).output(batch[..., :3])


def test_the_category_reaches_the_model() -> None:
    told = []

    def model(points: Tensor, category: Tensor) -> Tensor:
        told.append(category.tolist())
        return points.transpose(1, 2)

    PointSegmenter(model, "told", category=4).output(clouds(3))
    assert told == [[4, 4, 4]]
    with pytest.raises(InputError, match=r"category must lie in 0\.\.2, got 3 to 3"):
        as_point_segmenter(slim(categories=3), category=3).output(clouds(1))


def coin(points: Tensor, *, rng: Generator | None = None) -> Tensor:
    """Scores that are drawn anew in each run."""
    assert rng is not None
    return torch.randn(len(points), 3, points.shape[1], generator=rng)


def test_votes_average_the_softmax_of_runs_with_one_stream() -> None:
    runs: list[Tensor] = []

    def kept(points: Tensor, *, rng: Generator) -> Tensor:
        runs.append(coin(points, rng=rng))
        return runs[-1]

    output = PointSegmenter(kept, "coin", votes=3).output(clouds(2, 5))
    assert len(runs) == 3
    torch.testing.assert_close(output.exp(), torch.stack([r.softmax(1) for r in runs]).mean(0))
    assert not torch.equal(runs[0], runs[1])


def test_votes_are_fresh_in_each_call_whatever_the_global_seed() -> None:
    segmenter = PointSegmenter(coin, "coin", votes=3)
    outputs = []
    for _ in range(4):
        torch.manual_seed(0)
        outputs.append(segmenter.output(clouds(1, 20)))
    for i in range(4):
        for j in range(i):
            assert not torch.equal(outputs[i], outputs[j])


def test_votes_of_different_calls_are_independent() -> None:
    """Labels of a coin with three sides: pairs of calls agree in a third of the cases."""
    segmenter, n = PointSegmenter(coin, "coin", votes=3), 3000
    first, second = (segmenter.labels(clouds(1, n))[0] for _ in range(2))
    agree = int((first == second).sum())
    low, high = n / 3 - 5 * math.sqrt(n * 2 / 9), n / 3 + 5 * math.sqrt(n * 2 / 9)
    assert low < agree < high  # false alarm 6e-7; one stream used twice agrees in all


def test_votes_leave_the_global_stream_alone() -> None:
    segmenter = as_point_segmenter(slim(), votes=3)
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    segmenter.output(clouds(1))
    assert torch.equal(torch.rand(3), wanted)


def test_voting_is_stochastic_and_one_run_is_not() -> None:
    voting, single = as_point_segmenter(slim(), votes=3), as_point_segmenter(slim())
    assert voting.stochastic
    assert not single.stochastic
    assert as_point_segmenter(slim(), stochastic=True).stochastic
    batch = clouds(2)
    assert torch.equal(single.output(batch), single.output(batch))
    assert not torch.equal(voting.output(batch), voting.output(batch))


def test_votes_and_parts_together() -> None:
    def model(points: Tensor, *, rng: Generator) -> Tensor:
        scores = coin(points, rng=rng)
        return scores + torch.tensor([0.0, 0.0, 50.0])[:, None]

    labels = PointSegmenter(model, "coin", votes=3, parts=(0, 1)).labels(clouds(1, 200))
    assert set(labels.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("votes", [1, 3])
@pytest.mark.parametrize("columns", [3, 6])
def test_gradients_reach_every_coordinate(votes: int, columns: int) -> None:
    segmenter = as_point_segmenter(
        slim(columns), columns=columns, grid=2**-10, votes=votes, parts=(1, 2, 4)
    )
    batch = clouds(2, columns=columns).requires_grad_()
    scores = segmenter.scores(batch)
    assert scores.shape == (2, 5, 64)
    torch.nn.functional.cross_entropy(scores, torch.ones(2, 64).long()).backward()
    assert batch.grad is not None
    assert torch.isfinite(batch.grad).all()
    assert batch.grad[..., :3].abs().sum(2).min() > 0


def test_scores_are_the_output_and_the_gradient_is_the_slope() -> None:
    torch.manual_seed(0)
    segmenter = as_point_segmenter(PointNet(3, width=8).double().eval(), parts=(0, 2))
    batch = clouds(1, 20).double().requires_grad_()
    scores = segmenter.scores(batch)
    torch.testing.assert_close(scores.detach(), segmenter.output(batch))
    (slope,) = torch.autograd.grad(scores[:, 0].sum(), batch)
    way, step = clouds(1, 20, seed=1).double(), 1e-6
    rise = sum(
        s * segmenter.output(batch.detach() + s * step * way)[:, 0].sum() for s in (1, -1)
    ) / (2 * step)
    assert float(rise) == pytest.approx(float((slope * way).sum()), rel=1e-4)


def test_rounding_is_exact_and_passes_the_gradient() -> None:
    x = torch.tensor([0.1, 0.5, 0.75, -0.3, 1e3]).requires_grad_()
    found = rounded(x, 0.5)
    assert found.tolist() == [0, 0.5, 1, -0.5, 1000]
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1] * 5


def test_a_model_of_labels() -> None:
    def upper(points: Tensor) -> Tensor:
        return torch.where(points[..., 2] > 0, 7, 6)

    cap = PointSegmenter(upper, "rule", classes=50, parts=(6, 7))
    batch = clouds(2)
    output = cap.output(batch)
    assert set(cap.labels(batch).unique().tolist()) == {6, 7}
    assert cap.count_classes(output) == 50
    assert cap.to_margins(output, (64,)) is None
    with pytest.raises(ModelError, match="gradient needs floating-point scores"):
        cap.scores(batch)
    with pytest.raises(ModelError, match=r"labels outside its parts, \[4, 5\]"):
        replace(cap, parts=(4, 5)).output(batch)
    with pytest.raises(ModelError, match="declare classes"):
        PointSegmenter(upper, "rule").output(batch)
    with pytest.raises(ModelError, match="let it not vote"):
        PointSegmenter(
            lambda p, rng: upper(p), "rule", classes=50, votes=3  # noqa: ARG005
        ).output(batch)  # fmt: skip


def test_outputs_that_do_not_fit_are_refused() -> None:
    batch = clouds(2, 10)
    for output, said in (
        (torch.zeros(2, 10, 3), r"scores of shape \(2, 10, 3\); .* \(2, classes, 10\)"),
        (torch.zeros(1, 3, 10), r"scores of shape \(1, 3, 10\)"),
        (torch.zeros(2, 10), r"scores of shape \(2, 10\)"),
        ([1], "list, not a tensor"),
    ):
        with pytest.raises(ModelError, match=said):
            PointSegmenter(lambda _, o=output: o, "odd").output(batch)  # type: ignore[misc]
    with pytest.raises(ModelError, match=r"must be \(2, 4, 10\)"):
        PointSegmenter(lambda _: torch.zeros(2, 3, 10), "odd", classes=4).output(batch)
    with pytest.raises(ModelError, match="3 classes, without part 3"):
        PointSegmenter(lambda _: torch.zeros(2, 3, 10), "odd", parts=(1, 3)).output(batch)
    with pytest.raises(ModelError, match=r"labels of shape \(2, 9\) for 10 points"):
        PointSegmenter(
            lambda _: torch.zeros(2, 9).long(), "odd", classes=4
        ).output(batch)  # fmt: skip


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 10, 4), (2, 10, 3, 1)])
def test_batches_of_another_form_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises((InputError, TypeError)):
        PointSegmenter(coordinates, "seen").output(torch.zeros(shape))


def test_too_few_points_are_refused() -> None:
    segmenter = as_point_segmenter(slim(), smallest_size=16)
    with pytest.raises(InputError, match="at least 16 points, got 15"):
        segmenter.output(clouds(1, 15))
    with pytest.raises(InputError, match="at least 8 points, got 7"):
        PointSegmenter(coordinates, "seen", columns=6, normal_neighbours=8).output(clouds(1, 7))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": 4}, "columns must be 3 or 6, got 4"),
        ({"grid": -1.0}, r"grid must be 0 or positive, got -1\.0"),
        ({"grid": math.nan}, "grid must be 0 or positive, got nan"),
        ({"normal_neighbours": 2}, "normal_neighbours must be 0, or 3 or more, got 2"),
        ({"votes": 0}, "votes must be 1 or more, got 0"),
        ({"category": -1}, "category must be 0 or more, got -1"),
        ({"parts": (1, 1)}, r"parts must be different class numbers, got \(1, 1\)"),
        ({"parts": (0, 5), "classes": 5}, r"parts must be different class numbers, got \(0, 5\)"),
        ({"parts": (-1, 0)}, "parts must be different class numbers"),
        ({"classes": 40000}, r"classes must be in 2\.\.32767, got 40000"),
        ({"class_names": ("a",), "classes": 2}, "one entry for each of 2 classes, got 1 and 0"),
    ],
)
def test_options_are_checked(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        as_point_segmenter(coordinates, **options)  # type: ignore[arg-type]


def test_what_a_model_is_told_are_fields_of_segmenters() -> None:
    """Of the same types; the rest is found out."""
    found = {"model", "name", "weights_sha256", "configuration", "origin"}
    told = {one.name: one.type for one in fields(PointSegmenter) if one.name not in found}
    assert told == PointFields.__annotations__


def test_wrapping_names_hashes_and_refuses_train_mode() -> None:
    net = slim()
    segmenter = as_point_segmenter(net, class_names=("a", "b", "c", "d", "e"))
    assert segmenter.name == "SlimPointNet2"
    assert segmenter.classes == 5
    assert segmenter.weights_sha256 == hash_weights(net)
    assert as_point_segmenter(segmenter) is segmenter
    assert as_point_segmenter(coordinates).weights_sha256 == "none"
    with pytest.raises(ModelError, match="is in train mode"):
        as_point_segmenter(slim().train())


def test_the_input_is_left_alone() -> None:
    batch = clouds(2, columns=6)
    kept = batch.clone()
    as_point_segmenter(slim(6), columns=6, grid=0.25, votes=2).output(batch)
    assert torch.equal(batch, kept)
