"""What happens after the noise: normalise, resize, label, resize back."""

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError, ModelError
from segcert.models.adapter import INVALID, Segmenter
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.models.wrapping import as_segmenter


def batch_of(height: int = 12, width: int = 20, *, seed: int = 0) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))


def scores_of(batch: Tensor) -> Tensor:
    """Three classes that differ from pixel to pixel."""
    return torch.stack([batch[:, 0], batch[:, 1], 0.5 + 0 * batch[:, 2]], 1)


def test_the_label_is_that_of_the_largest_score() -> None:
    batch = batch_of()
    labels = as_segmenter(scores_of).labels(batch)
    assert labels.dtype == torch.int16
    assert (labels == scores_of(batch).argmax(1)).all()
    assert len(labels.unique()) == 3


@pytest.mark.parametrize("key", ["logits", "out"])
def test_mappings_are_opened(key: str) -> None:
    batch = batch_of()

    def model(x: Tensor) -> OrderedDict[str, Tensor]:
        return OrderedDict(aux=-scores_of(x), **{key: scores_of(x)})

    assert (as_segmenter(model).labels(batch) == scores_of(batch).argmax(1)).all()


def test_labels_are_taken_as_they_are() -> None:
    batch = batch_of()
    segmenter = as_segmenter(lambda x: scores_of(x).argmax(1), classes=3, name="labels")
    assert (segmenter.labels(batch) == scores_of(batch).argmax(1)).all()
    assert segmenter.count_classes(segmenter.output(batch)) == 3


@pytest.mark.parametrize("size", [(3, 5), (24, 40), (11, 19)])
def test_scores_of_another_size_are_resized_before_the_label_is_chosen(
    size: tuple[int, int],
) -> None:
    batch = batch_of()

    def model(x: Tensor) -> Tensor:
        return functional.interpolate(scores_of(x), size)

    resized = functional.interpolate(model(batch), (12, 20), mode="bilinear")
    assert (as_segmenter(model).labels(batch) == resized.argmax(1)).all()


def test_normalisation_comes_after_the_noise() -> None:
    """The model sees (noisy - mean) / std, beyond [0, 1] too."""
    seen = []

    def model(x: Tensor) -> Tensor:
        seen.append(x)
        return x

    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    noisy = 5 * batch_of() - 2
    as_segmenter(model, mean=mean, std=std).output(noisy)
    for channel in range(3):
        expected = (noisy[:, channel] - mean[channel]) / std[channel]
        assert torch.allclose(seen[0][:, channel], expected)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scale_resizes_inside_and_scores_come_back(scale: float) -> None:
    sizes = []

    def model(x: Tensor) -> Tensor:
        sizes.append(tuple(x.shape[2:]))
        return scores_of(x)

    batch = batch_of()
    labels = as_segmenter(model, scale=scale).labels(batch)
    assert sizes == [(int(12 * scale), int(20 * scale))]
    assert labels.shape == (2, 12, 20)
    inside = functional.interpolate(batch, scale_factor=scale, mode="bilinear", antialias=scale < 1)
    back = functional.interpolate(scores_of(inside), (12, 20), mode="bilinear")
    assert (labels == back.argmax(1)).all()


def test_channels_last_changes_no_label() -> None:
    torch.manual_seed(0)
    net = DepthwiseNet(3, width=(8, 8, 8, 8), dilations=(1, 2)).eval()
    batch = batch_of(32, 48)
    with torch.inference_mode():
        plain = net(batch.contiguous())
    output = as_segmenter(net).output(batch)
    assert torch.allclose(output, plain, atol=1e-5 * plain.abs().max().item())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_score_that_is_no_number_gives_no_label(bad: float) -> None:
    def model(x: Tensor) -> Tensor:
        scores = scores_of(x)
        scores[0, 1, 3, 4] = bad
        return scores

    labels = as_segmenter(model).labels(batch_of())
    assert labels[0, 3, 4] == INVALID
    assert (labels == INVALID).sum() == 1


def test_a_bad_score_spoils_all_pixels_that_are_made_of_it() -> None:
    def model(x: Tensor) -> Tensor:
        scores = scores_of(x)[..., ::4, ::4].clone()
        scores[0, 0, 0, 0] = torch.nan
        return scores

    labels = as_segmenter(model).labels(batch_of())
    assert (labels[0, :2, :2] == INVALID).all()
    assert (labels[1] != INVALID).all()


def test_a_segmenter_is_returned_as_it_is() -> None:
    segmenter = as_segmenter(scores_of)
    assert as_segmenter(segmenter) is segmenter


def test_names_come_from_functions_and_classes() -> None:
    assert as_segmenter(scores_of).name == "scores_of"
    assert as_segmenter(nn.Identity().eval()).name == "Identity"
    assert as_segmenter(nn.Identity().eval(), name="mine").name == "mine"


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (lambda x: [x], "must return a tensor .* got list"),
        (lambda x: {"scores": x}, "'logits' or 'out'; got NoneType"),
        (lambda x: x[:1], "batch of 2: the first axis"),
        (lambda x: x.mean((1, 2, 3)), "first axis must be the batch"),
        (lambda x: x.mean(3), "must have 4 axes: batch, classes"),
        (lambda x: x[:, 0].long(), "outside 0..-1|must be declared"),
    ],
)
def test_outputs_that_cannot_be_used_are_refused(
    model: Callable[[Tensor], object], rule: str
) -> None:
    with pytest.raises(ModelError, match=rule):
        as_segmenter(model).labels(batch_of())


def test_labels_need_declared_classes_and_must_be_among_them() -> None:
    with pytest.raises(ModelError, match=r"must be declared: as_segmenter\(model, classes"):
        as_segmenter(scores_of).count_classes(torch.zeros(2, 12, 20, dtype=torch.int64))
    for label in (3, -1):
        wrong = as_segmenter(lambda x, k=label: torch.full_like(x[:, 0], k).long(), classes=3)
        with pytest.raises(ModelError, match=r"outside 0\.\.2"):
            wrong.labels(batch_of())
    with pytest.raises(ModelError, match=r"shape \(12, 19\).*\(12, 20\)"):
        as_segmenter(lambda x: x[:, 0, :, 1:].long(), classes=3).labels(batch_of())
    with pytest.raises(ModelError, match="scores 3 classes, 4 were declared"):
        as_segmenter(scores_of, classes=4).labels(batch_of())


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"mean": (0.5,)}, "mean and std need one entry"),
        ({"mean": (0.5,), "std": (0.0,)}, "std > 0"),
        ({"mean": (0.5,), "std": (torch.nan,)}, "std > 0"),
        ({"scale": 0.0}, r"scale must be in \(0, 16\], got 0"),
        ({"scale": -1.0}, "scale"),
        ({"scale": torch.nan}, "scale"),
        ({"scale": 17.0}, "scale"),
        ({"classes": 0}, "classes must be in 2"),
        ({"classes": 2**15}, "classes must be in 2"),
        ({"classes": 3, "class_names": ("a", "b")}, "one entry for each of 3 classes, got 2"),
        ({"class_names": ("a", "b"), "palette": ((0, 0, 0),)}, "each of 2 classes, got 2 and 1"),
    ],
)
def test_options_are_checked(options: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        as_segmenter(scores_of, **options)


def test_a_model_must_be_callable_and_in_eval_mode() -> None:
    with pytest.raises((ModelError, TypeError)):
        as_segmenter(3)
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval()
    net[1].train()
    with pytest.raises(ModelError, match=r"train mode \(1\).*call model\.eval\(\) first"):
        as_segmenter(net)


class WithBuffers(nn.Module):
    """Everything a hash must see."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.register_buffer("saved", torch.zeros(4))
        self.register_buffer("unsaved", torch.zeros(4), persistent=False)
        self.brief = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))


@pytest.mark.parametrize("name", ["weight", "saved", "unsaved", "brief"])
def test_the_hash_sees_every_weight_and_buffer(name: str) -> None:
    one, other = WithBuffers(), WithBuffers()
    assert hash_weights(one) == hash_weights(other)
    with torch.no_grad():
        getattr(other, name)[-1] = 1e-3
    assert hash_weights(one) != hash_weights(other)


def test_the_hash_sees_shapes_and_types_and_not_the_layout() -> None:
    net = nn.Conv2d(2, 4, 3)
    before = hash_weights(net)
    assert hash_weights(net.to(memory_format=torch.channels_last)) == before
    assert hash_weights(net.double()) != before
    flat = nn.Module()
    flat.weight = nn.Parameter(torch.zeros(4))
    square = nn.Module()
    square.weight = nn.Parameter(torch.zeros(2, 2))
    assert hash_weights(flat) != hash_weights(square)


def test_modules_carry_their_hash_and_functions_none() -> None:
    net = nn.Conv2d(3, 3, 1).eval()
    assert as_segmenter(net).weights_sha256 == hash_weights(net)
    assert as_segmenter(scores_of).weights_sha256 == "none"
    assert isinstance(as_segmenter(net), Segmenter)


def test_scores_are_the_output_with_a_gradient_after_normalising_and_resizing() -> None:
    """mean, std and scale are inside: d score / d x = 2 / std at scale 1."""
    normed = {"mean": (0.5, 0.5), "std": (0.25, 0.25)}
    half = as_segmenter(lambda x: {"logits": 2 * x}, **normed, scale=0.5)
    x = torch.rand(2, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    scores = half.scores(x)
    assert scores.shape == x.shape
    wide = torch.nn.functional.interpolate(half.output(x), size=(8, 12), mode="bilinear")
    assert torch.equal(scores, wide)
    whole = as_segmenter(lambda x: 2 * x, **normed)
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(whole.scores(leaf).sum(), leaf)
    assert torch.equal(slope, torch.full_like(x, 8))
    assert not whole.output(leaf).requires_grad
