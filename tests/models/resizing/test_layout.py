"""Scores whose axes cannot be those of this input are refused, before the first draw."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import segcert as sc
from segcert.inputs import kind
from segcert.models.resizing.layout import covers

Model = Callable[[Tensor], Tensor]
IMAGE = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
SQUARE = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
VOLUME = np.random.default_rng(2).integers(0, 256, (1, 6, 8, 8), dtype=np.uint8)
CUBE = np.random.default_rng(2).integers(0, 256, (1, 8, 8, 8), dtype=np.uint8)
CLOUD = np.random.default_rng(3).random((40, 3), dtype=np.float32)


def two(batch: Tensor) -> Tensor:
    """Two classes, of images and volumes."""
    bright = batch.mean(1, keepdim=True) - 0.5
    return torch.cat([-bright, bright], 1)


def many(classes: int) -> Model:
    """As many classes as wanted, the brightness choosing among them."""

    def model(batch: Tensor) -> Tensor:
        levels = torch.linspace(0, 1, classes).view(1, -1, *(1 for _ in batch.shape[2:]))
        return -(batch.mean(1, keepdim=True) - levels).square()

    return model


def certified(model: Any, image: Any = IMAGE, **options: Any) -> sc.Certificate:
    return sc.certify_image(
        sc.as_segmenter(model, **options), image, sigma=0.05, n=60, n0=2, seed=1
    )


def refused(model: Any, image: Any = IMAGE, **options: Any) -> str:
    """The one line; the model sees no more than the draws of the check."""
    seen = []

    def counting(batch: Tensor) -> Any:
        seen.append(len(batch))
        return model(batch)

    with pytest.raises(sc.ModelError) as caught:
        certified(counting, image, **options)
    assert sum(seen) <= 12  # of 62: no draw is counted
    assert "\n" not in str(caught.value)
    return str(caught.value)


WRONG: dict[str, tuple[Model, str]] = {
    "(b, h, w, k)": (lambda x: two(x).permute(0, 2, 3, 1), "fit (b, h, w, k): return scores.perm"),
    "(b, k, w, h)": (lambda x: two(x).transpose(2, 3), "fit (b, k, w, h): return scores.transpose"),
    "(b, w, h, k)": (lambda x: two(x).permute(0, 3, 2, 1), "fit (b, w, h, k): return scores.permu"),
    "coarse (b, h, w, k)": (
        lambda x: functional.avg_pool2d(many(5)(x), 4).permute(0, 2, 3, 1), "fit (b, h, w, k)",
    ),
    "square": (lambda x: two(x)[..., :32], "in one proportion"),
    "coarse square": (lambda x: functional.interpolate(two(x), (8, 8)), "in one proportion"),
    "half as high": (lambda x: two(x)[:, :, ::2], "in one proportion"),
    "cropped by half": (lambda x: two(x)[..., :16], "in one proportion"),
    "pooled": (lambda x: two(x).mean((2, 3), keepdim=True), "in one proportion"),
    "two axes": (lambda x: two(x).mean((2, 3)), "must have 4 axes"),
    "labels as floats": (lambda x: two(x).argmax(1).float(), "integers: .long()"),
    "an extra axis": (lambda x: two(x)[:, None], "must have 4 axes"),
    "several heads": (lambda x: torch.stack([two(x)] * 3, 1), "take the one that you mean"),
    "(k, b, h, w)": (lambda x: two(x).transpose(0, 1), "the first axis must be the batch"),
    "(h, w, b, k)": (lambda x: two(x).permute(2, 3, 0, 1), "the first axis must be the batch"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_axes_that_cannot_be_are_refused(what: str) -> None:
    model, said = WRONG[what]
    assert said in refused(model)


def test_with_scale_the_axes_are_compared_with_what_the_network_sees() -> None:
    """A size of 32x32 makes a square of the image: square scores are right, wide ones are not."""
    squared = lambda x: functional.interpolate(two(x), (8, 8))  # noqa: E731
    assert certified(squared, scale="32x32").abstain_rate < 1
    assert "in one proportion" in refused(
        lambda x: functional.interpolate(two(x), (8, 12)), scale="32x32"
    )
    for scale in (0.5, "0.5,1", "1+flip"):
        assert "transpose(2, 3)" in refused(lambda x: two(x).transpose(2, 3), scale=scale)


@pytest.mark.parametrize("scale", [1.0, "24x24", "0.5,1"])
@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (lambda y: y.transpose(2, 3), "fit (b, k, w, h)"),
        (lambda y: y.permute(0, 2, 3, 1), "permute(0, 3, 1, 2)"),
    ],
)
def test_a_square_does_not_hide_the_order(turn: Model, said: str, scale: float | str) -> None:
    """The model is asked once more, for a wider input; also where there are as many classes."""
    image = SQUARE if scale != "24x24" else IMAGE
    side = 24 if scale == "24x24" else 32
    for classes in (2, side):
        model = many(classes)
        assert said in refused(lambda x, m=model: turn(m(x)), image, scale=scale)
        assert certified(model, image, scale=scale).counts.classes == classes


def test_a_square_does_not_hide_turned_labels() -> None:
    assert "another order" in refused(lambda x: two(x).argmax(1).mT, SQUARE, classes=2)
    assert certified(lambda x: two(x).argmax(1), SQUARE, classes=2).counts.classes == 2


def only(side: int, model: Model) -> Model:
    """A model of one size, as many exported ones are."""

    def fixed(batch: Tensor) -> Tensor:
        if batch.shape[2:] != (side, side):
            raise RuntimeError("another size")
        return model(batch)

    return fixed


def test_a_model_of_one_size_is_believed_unless_classes_could_be_rows() -> None:
    assert certified(only(32, two), SQUARE).counts.classes == 2
    for model in (many(32), lambda x: many(32)(x).permute(0, 2, 3, 1)):
        assert "could be (b, k, h, w) or (b, h, w, k)" in refused(only(32, model), SQUARE)
        assert "could be" in refused(only(32, model), SQUARE, classes=32)
    assert certified(only(32, lambda x: many(32)(x).argmax(1)), SQUARE, classes=32)


def test_models_that_resize_inside_are_taken_for_squares() -> None:
    """They answer a square for any input, which is right for this one."""
    assert certified(lambda x: functional.interpolate(two(x), (16, 16)), SQUARE)


def test_declared_classes_decide_what_sides_leave_open() -> None:
    """(b, 33, 48, 72) of 32x48: 72 classes of 33x48 cells, or 33 of 48x72."""
    twice = lambda k: lambda x: functional.interpolate(many(k)(x), scale_factor=1.5)  # noqa: E731
    last = lambda x: many(72)(x).permute(0, 2, 3, 1)  # noqa: E731
    assert certified(twice(32)).counts.classes == 32
    assert "fit (b, h, w, k)" in refused(last)
    assert "72 were declared; are they (b, ..., k)?" in refused(last, classes=72)


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (lambda y: y.permute(0, 2, 3, 4, 1), "permute(0, 4, 1, 2, 3)"),
        (lambda y: y.transpose(2, 4), "another order"),
        (lambda y: y[..., ::2], "not resized"),
        (lambda y: y[..., None], "must have 5 axes"),
        (lambda y: y[:, :1], "of one class"),
    ],
)
def test_volumes(turn: Model, said: str) -> None:
    assert said in refused(lambda x: turn(two(x)), VOLUME)


@pytest.mark.parametrize("axes", [(2, 3), (3, 4), (2, 4)])
def test_a_cube_does_not_hide_the_order(axes: tuple[int, int]) -> None:
    assert certified(two, CUBE).counts.classes == 2
    assert "another order" in refused(lambda x: two(x).transpose(*axes), CUBE)
    if axes == (3, 4):  # the only sides of this volume that are alike
        assert "another order" in refused(lambda x: two(x).transpose(*axes), VOLUME)


ONE: dict[str, Model] = {
    "logits": lambda x: two(x)[:, :1],
    "probabilities": lambda x: two(x)[:, :1].sigmoid(),
    "coarse": lambda x: functional.avg_pool2d(two(x)[:, :1], 4),
    "float16": lambda x: two(x)[:, :1].half(),
}


@pytest.mark.parametrize("what", ONE)
@pytest.mark.parametrize("scale", [1.0, 0.5, "1+flip"])
def test_one_class_is_refused_with_the_way_out(what: str, scale: float | str) -> None:
    line = refused(ONE[what], scale=scale)
    assert "(scores[:, 0] > threshold).long()" in line
    assert "torch.cat([-scores, scores], 1)" in line


def test_both_ways_out_of_one_class_give_the_two_classes() -> None:
    """What the line says is done here, to the letter."""
    for model in (
        lambda x: (two(x)[:, 1:][:, 0] > 0).long(),
        lambda x: torch.cat([-two(x)[:, 1:], two(x)[:, 1:]], 1),
    ):
        cert = certified(model, classes=2)
        assert np.array_equal(cert.labels, certified(two).labels)
        assert set(np.unique(cert.labels)) == {0, 1}


def test_one_class_of_a_mapping_or_of_masks_is_refused() -> None:
    one = ONE["logits"]
    assert "of one class" in refused(lambda x: {"logits": one(x)})

    def masks(x: Tensor) -> dict[str, Tensor]:
        return {
            "class_queries_logits": torch.zeros(len(x), 4, 2),
            "masks_queries_logits": two(x).repeat(1, 2, 1, 1),
        }

    assert "of one class" in refused(masks)


def test_one_declared_class_is_refused() -> None:
    for options in ({"classes": 1}, {"class_names": ("a",)}, {"palette": ((0, 0, 0),)}):
        with pytest.raises(sc.InputError, match=r"classes must be in 2\.\.32767, got 1"):
            sc.as_segmenter(two, **options)
        with pytest.raises(sc.InputError, match=r"classes must be in 2\.\.32767, got 1"):
            sc.as_point_segmenter(coordinates, **options)
    with pytest.raises(sc.InputError, match="parts must be none or two and more"):
        sc.as_point_segmenter(coordinates, parts=(2,))


def test_labels_of_another_shape_say_the_way_out() -> None:
    labels = lambda x: two(x).argmax(1)  # noqa: E731
    for model, said in (
        (lambda x: labels(x).mT, "return labels.transpose(1, 2)"),
        (lambda x: two(x).long(), "scores.float(), if these are scores"),
        (lambda x: labels(x) * 1j, "complex64, not scores or labels"),
    ):
        assert said in refused(model, classes=2)


def test_labels_with_an_axis_of_one_are_taken() -> None:
    plain, lone = (
        sc.as_segmenter(model, classes=2).labels(torch.rand(2, 3, 32, 48, generator=rng()))
        for model in (lambda x: two(x).argmax(1), lambda x: two(x).argmax(1, keepdim=True))
    )
    assert torch.equal(plain, lone)
    assert len(plain.unique()) == 2


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def coordinates(points: Tensor) -> Tensor:
    return points.transpose(1, 2)


def classes_of_points(count: int) -> Model:
    """Height in as many levels."""
    return lambda x: -(x[:, None, :, 2] - torch.linspace(-1, 1, count)[None, :, None]).square()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda x: x, "(b, points, k): return scores.transpose(1, 2)"),
        (lambda x: coordinates(x)[:, :1], "of one class"),
        (lambda x: coordinates(x)[..., None], "must be (1, classes, 40)"),
        (lambda x: coordinates(x)[..., ::2], "must be (1, classes, 40)"),
        (lambda x: classes_of_points(40)(x).transpose(1, 2).contiguous(), "(b, points, k)"),
    ],
)
def test_clouds(model: Model, said: str) -> None:
    with pytest.raises(sc.ModelError) as caught:
        sc.certify_cloud(model, CLOUD, sigma=0.05, n=60, seed=1)
    assert said in str(caught.value)


def test_clouds_of_as_many_points_as_classes() -> None:
    model = classes_of_points(40)
    assert sc.certify_cloud(model, CLOUD, sigma=0.05, n=60, seed=1).counts.classes == 40

    def fixed(points: Tensor) -> Tensor:
        return model(points.view(len(points), 40, 3))

    with pytest.raises(sc.ModelError, match="as many points as classes and takes no other number"):
        sc.certify_cloud(fixed, CLOUD, sigma=0.05, n=60, seed=1)


class Custom:
    """A base model of the user's own, with one class."""

    kind = kind.CLOUD
    name = "custom"
    class_names = palette = ()
    weights_sha256 = identity_sha256 = "none"
    stochastic = False
    model = None

    def to(self, device: torch.device) -> None:
        """It has no weights."""

    def check_input(self, x: Tensor) -> None:
        """It labels clouds of any size."""

    def output(self, batch: Tensor) -> Tensor:
        return batch[..., 0].long() * 0

    def to_labels(self, output: Tensor, components: tuple[int, ...]) -> Tensor:  # noqa: ARG002
        return output.to(torch.int16)

    def to_margins(self, output: Tensor, components: tuple[int, ...]) -> None:
        """There are no scores."""

    def count_classes(self, output: Tensor) -> int:  # noqa: ARG002
        return 1


def test_a_base_model_of_ones_own_with_one_class_is_refused() -> None:
    with pytest.raises(sc.ModelError, match="custom has 1 class, with which everything would be"):
        sc.certify_cloud(Custom(), CLOUD, sigma=0.05, n=60)


def strided(size: int, stride: int, padding: int) -> nn.Module:
    return nn.Conv2d(3, 2, size, stride=stride, padding=padding).eval()


NETWORKS: dict[str, Model] = {
    "stride 32, rounded up": strided(32, 32, 15),
    "stride 16, rounded down": strided(16, 16, 0),
    "patches of 14": strided(14, 14, 0),
    "five halvings": nn.Sequential(
        *(strided(3, 2, 1) if i == 0 else nn.Conv2d(2, 2, 3, 2, 1) for i in range(5))
    ).eval(),
    "three convolutions without padding": nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 2, 3)
    ).eval(),
    "magnified": lambda x: functional.interpolate(two(x), scale_factor=2.0),
}


@pytest.mark.parametrize("what", NETWORKS)
@given(st.integers(64, 300), st.integers(64, 300))
@pytest.mark.sampled
def test_networks_with_strides_are_taken_at_every_size(what: str, height: int, width: int) -> None:
    """Rounding up, rounding down and missing borders are no other layout."""
    with torch.inference_mode():
        found = NETWORKS[what](torch.zeros(1, 3, height, width))
    assert covers(found.shape[2:], (height, width))


@given(st.integers(8, 400), st.integers(8, 400), st.sampled_from([1, 2, 4, 8]))
def test_turned_scores_are_seen_wherever_the_sides_differ(
    height: int, width: int, stride: int
) -> None:
    sides = -(-height // stride), -(-width // stride)
    assert covers(sides, (height, width))
    if sides[0] != sides[1]:
        assert not covers(sides[::-1], (height, width))
