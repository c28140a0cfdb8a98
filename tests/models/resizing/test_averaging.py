"""Mean probabilities of several views: those of a plain loop at full size, in little memory."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from segcert.errors import ModelError
from segcert.models.adapter import INVALID, Segmenter
from segcert.models.nets.hrnet import HRNetV2
from segcert.models.resizing.averaging import AveragedViews
from segcert.models.resizing.scale import PRESETS, parse_resizing
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample

SCALES = ["0.5,1", "1+flip", "0.5,1.5", "1.5+flip", "multi", "multi-pascal", "40x24+flip"]


def small_net(*, stride: int, classes: int = 5, seed: int = 0) -> nn.Module:
    """Random convolutions whose output has one cell for ``stride`` pixels a side."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=stride, padding=1), nn.ReLU(),
            nn.Conv2d(8, classes, 3, padding=1),
        )  # fmt: skip
    with torch.no_grad():  # large scores, each class on top somewhere
        net[2].weight *= 20
        net[2].bias -= net(photographs()).mean((0, 2, 3))
    return net.eval()


def photographs(count: int = 2, *, height: int = 37, width: int = 54, seed: int = 1) -> Tensor:
    """Smooth images with noise."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 7, generator=rng)
    smooth = functional.interpolate(coarse, (height, width), mode="bicubic")
    return smooth + 0.25 * torch.randn(smooth.shape, generator=rng)


def read_at_pixels(
    window: Tensor, top: int, left: int, crop: tuple[int, int], whole: tuple[int, int],
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A window's map at all pixels of the input by ``grid_sample``, and which it covers."""
    axes, inside = [], []
    for start, length, total, side in zip((top, left), crop, whole, size, strict=True):
        at = (torch.arange(side).double() + 0.5) * total / side - start
        axes.append(at / length * 2 - 1)
        inside.append((at >= 0) & (at < length))
    y, x = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([x, y], -1)[None].expand(len(window), -1, -1, -1)
    values = functional.grid_sample(
        window.double(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return values, inside[0][:, None] & inside[1]


def starts_of(whole: int, side: int) -> list[int]:
    """Where the windows along an axis start, as a walk."""
    if whole <= side:
        return [0]
    starts = [0]
    while starts[-1] + side < whole:
        starts.append(min(starts[-1] + 2 * side // 3, whole - side))
    return starts


def reference(net: Callable[[Tensor], Tensor], x: Tensor, scale: str) -> Tensor:
    """Mean probabilities by loops, everything in float64 and at full size."""
    size, asked = (x.shape[2], x.shape[3]), parse_resizing(scale)
    shapes = [asked.size] if asked.size else [
        (math.floor(size[0] * f), math.floor(size[1] * f)) for f in asked.factors
    ]  # fmt: skip
    means = []
    for whole in shapes:
        shrinks = whole[0] < size[0] or whole[1] < size[1]
        image = functional.interpolate(x, whole, mode="bilinear", antialias=shrinks)
        crop = whole if asked.size else (min(whole[0], size[0]), min(whole[1], size[1]))
        total, times = torch.zeros(()), torch.zeros(size)
        for top in [0] if asked.size else starts_of(whole[0], size[0]):
            for left in [0] if asked.size else starts_of(whole[1], size[1]):
                part = image[:, :, top : top + crop[0], left : left + crop[1]]
                found = net(part).softmax(1)
                if asked.flip:
                    found = (found + net(part.flip(-1)).softmax(1).flip(-1)) / 2
                values, inside = read_at_pixels(found, top, left, crop, whole, size)
                total = total + values * inside
                times = times + inside
        means.append(total / times)
    return torch.stack(means).mean(0)


def assert_same_up_to_ties(labels: Tensor, expected: Tensor, *, share: float = 1e-3) -> None:
    """Labels are those of the expected probabilities; where they differ, classes tie."""
    differ = labels != expected.argmax(1)
    assert differ.double().mean() < share
    chosen = expected.gather(1, labels[:, None].long())[:, 0]
    assert (expected.amax(1) - chosen).max() < 1e-5


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("scale", SCALES)
@torch.inference_mode()
def test_labels_and_margins_are_those_of_a_loop_at_full_size(scale: str, stride: int) -> None:
    net, x = small_net(stride=stride), photographs()
    segmenter = as_segmenter(net, scale=scale)
    expected = reference(net, x, scale)
    output = segmenter.output(x)
    assert isinstance(output, AveragedViews)
    labels = segmenter.to_labels(output, (37, 54))
    assert len(labels.unique()) == 5
    assert_same_up_to_ties(labels, expected)
    best = expected.topk(2, dim=1).values
    margins = segmenter.to_margins(output, (37, 54))
    torch.testing.assert_close(margins.double(), best[:, 0] - best[:, 1], rtol=0, atol=1e-5)
    assert segmenter.count_classes(output) == 5


@torch.inference_mode()
def test_without_magnification_it_is_interpolate_of_the_probabilities() -> None:
    """The plainest reference: resize, softmax, ``interpolate`` to full size, mean."""
    net, x = small_net(stride=4), photographs()
    mean = torch.zeros(2, 5, 37, 54)
    for size in [(18, 27), (27, 40), (37, 54)]:
        image = functional.interpolate(x, size, mode="bilinear", antialias=True)
        mean += functional.interpolate(net(image).softmax(1), (37, 54), mode="bilinear") / 3
    assert_same_up_to_ties(as_segmenter(net, scale="0.5,0.75,1").labels(x), mean)


def test_the_defects_that_the_reference_must_see() -> None:
    """Scores in place of probabilities, no flip, a view left out: labels change visibly."""
    net, x = small_net(stride=4), photographs()
    labels = as_segmenter(net, scale="multi").labels(x)
    for other in ("0.5,0.75,1,1.25,1.5,1.75", "0.5,0.75,1,1.25,1.5+flip", "1+flip"):
        assert (as_segmenter(net, scale=other).labels(x) != labels).double().mean() > 0.01


@pytest.mark.parametrize("scale", ["0.5,1+flip", "multi"])
def test_a_mirror_image_changes_nothing_for_a_model_that_mirrors(scale: str) -> None:
    """A pixel-wise model commutes with the flip: labels are those without it."""
    net, x = small_net(stride=1), photographs(width=48)
    pixelwise = nn.Sequential(nn.Conv2d(3, 5, 1)).eval()
    pixelwise[0].weight.data.copy_(net[2].weight.data[:, :3, :1, :1])
    with_flip = as_segmenter(pixelwise, scale=scale)
    factors = ",".join(map(str, parse_resizing(scale).factors))
    without = as_segmenter(pixelwise, scale=factors).to_margins
    plain = without(as_segmenter(pixelwise, scale=factors).output(x), (37, 48))
    margins = with_flip.to_margins(with_flip.output(x), (37, 48))
    torch.testing.assert_close(margins, plain, rtol=0, atol=1e-5)


def test_mirrored_probabilities_come_back_to_their_side() -> None:
    """Left of the image it says class 0, with 0.8 : 0.2; mirrored too: the mean is 0.5 both."""

    def by_side(x: Tensor) -> Tensor:
        left = (torch.arange(x.shape[3]) < x.shape[3] // 2).expand(len(x), *x.shape[2:])
        share = torch.where(left, 0.8, 0.2)
        return torch.stack([share, 1 - share], 1).log()

    def by_pixels(x: Tensor) -> Tensor:
        """Class 0 where it is bright, be that left or right; a bias towards its own left."""
        return torch.stack([x[:, 0], 1 - x[:, 0]], 1) + by_side(x)

    x = torch.zeros(1, 3, 4, 6)
    flipped = as_segmenter(by_side, scale="1+flip")
    assert flipped.to_margins(flipped.output(x), (4, 6)).max() < 1e-6
    plain = as_segmenter(by_side)
    assert torch.allclose(plain.to_margins(plain.output(x), (4, 6)), torch.tensor(0.6))
    x[..., :1] = 1  # asymmetric: forgetting to flip back would move the bright column
    labels = as_segmenter(by_pixels, scale="1+flip").labels(x)
    assert (labels[0, :, 0] == 0).all()
    assert (labels[0, :, 1:] == 1).all()


class Seen(nn.Module):
    """Keeps the sizes that the network sees."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.sizes = net, []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(tuple(x.shape[2:]))
        return self.net(x)


def test_no_window_is_larger_than_the_input() -> None:
    net = Seen(small_net(stride=2)).eval()
    as_segmenter(net, scale="multi-pascal").labels(photographs(1))
    assert max(h for h, _ in net.sizes) == 37
    assert max(w for _, w in net.sizes) == 54
    views = [1, 1, 1, 4, 4, 9, 9]  # windows at each factor, each mirrored too
    assert len(net.sizes) == 2 * sum(views)
    alone = Seen(small_net(stride=2)).eval()
    as_segmenter(alone, scale=2).labels(photographs(1))
    assert alone.sizes == [(74, 108)]  # one factor alone is seen whole, as ever


class Largest(TorchDispatchMode):
    """Notes the largest floating-point tensor that any operation makes, by type."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[torch.dtype, int] = {}

    def __torch_dispatch__(
        self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(one, Tensor) and one.is_floating_point():
                self.found[one.dtype] = max(self.found.get(one.dtype, 0), one.numel())
        return made


def largest(scale: str, *, stride: int, height: int, width: int, batch: int = 1) -> Largest:
    """What labels and margins of a net of many classes make at most."""
    net = nn.Conv2d(3, 60, 3, stride=stride, padding=1).eval()
    segmenter = as_segmenter(net, scale=scale)
    with torch.inference_mode(), Largest() as noted:
        output = segmenter.output(torch.rand(batch, 3, height, width))
        segmenter.to_labels(output, (height, width))
        segmenter.to_margins(output, (height, width))
    return noted


def test_scores_are_never_at_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 classes at 80x120: strips of 2^16 numbers, maps of 1/16; no long float64."""
    monkeypatch.setattr("segcert.models.resizing.averaging.SCORES_AT_ONCE", (2**16, 2**16))
    height, width = 80, 120
    for batch in (1, 2):
        noted = largest("multi-pascal", stride=4, height=height, width=width, batch=batch)
        maps, images = 60 * height * width // 16, 3 * 4 * height * width
        assert noted.found[torch.float32] <= max(2**16, batch * max(maps, images))
        assert noted.found[torch.float32] < batch * 60 * height * width // 4
        assert noted.found[torch.float64] <= 2 * max(height, width)  # coordinates along an axis


def test_maps_as_fine_as_the_input_are_added_up_at_once() -> None:
    """26 windows of a network without stride: one sum of the input's size is kept, not 26."""
    net = nn.Conv2d(3, 6, 3, padding=1).eval()
    output = as_segmenter(net, scale="multi-pascal").output(torch.rand(2, 3, 24, 32))
    assert isinstance(output, AveragedViews)
    kept = sum(one.numel() for one in output.tensors)
    assert kept < 2 * 2 * 6 * 24 * 32
    coarse = as_segmenter(nn.Conv2d(3, 6, 3, stride=4, padding=1).eval(), scale="multi-pascal")
    assert len(coarse.output(torch.rand(2, 3, 24, 32)).tensors) == 1 + 1 + 1 + 4 + 4 + 9 + 9


@pytest.mark.parametrize("scale", ["0.5,1+flip", "multi"])
@pytest.mark.parametrize("stride", [1, 4])
def test_labels_do_not_depend_on_the_batch(scale: str, stride: int) -> None:
    segmenter = as_segmenter(small_net(stride=stride), scale=scale)
    x = photographs(5)
    together = segmenter.output(x)
    labels = segmenter.to_labels(together, (37, 54))
    for at in range(5):
        alone = segmenter.output(x[at : at + 1])
        again = segmenter.to_labels(alone, (37, 54))[0]
        assert torch.equal(labels[at], again)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("stride", [1, 4])
def test_a_score_that_is_no_number_gives_no_label(bad: float, stride: int) -> None:
    net = small_net(stride=stride)

    def model(x: Tensor) -> Tensor:
        scores = net(x)
        scores[0, 1, 2, 3] = bad
        return scores

    segmenter = as_segmenter(model, scale="0.5,1")
    x = photographs()
    output = segmenter.output(x)
    labels = segmenter.to_labels(output, (37, 54))
    lost = labels[0] == INVALID
    assert 0 < lost.sum() < lost.numel() / 2
    assert (segmenter.to_margins(output, (37, 54))[0] == 0)[lost].all()
    assert (labels[1] != INVALID).all()


def test_gradients_are_those_of_finite_differences() -> None:
    net = small_net(stride=2)
    segmenter = as_segmenter(net, scale="0.5,1,1.5+flip", mean=(0.5,) * 3, std=(0.5,) * 3)
    x = photographs(1, height=16, width=20)
    leaf = x.clone().requires_grad_()
    scores = segmenter.scores(leaf)
    assert scores.shape == (1, 5, 16, 20)
    assert torch.allclose(scores.exp().sum(1), torch.ones(1, 16, 20), atol=1e-5)
    assert_same_up_to_ties(segmenter.labels(x), scores.detach().exp().double())
    (slope,) = torch.autograd.grad(scores[0, 2].sum(), leaf)
    step = 1e-2 * slope / slope.norm()
    with torch.no_grad():
        change = segmenter.scores(x + step)[0, 2].sum() - segmenter.scores(x - step)[0, 2].sum()
    assert float((slope * 2 * step).sum()) == pytest.approx(float(change), rel=0.02)
    assert float(change) > 0.01


def test_a_fixed_size_is_one_view_with_its_scores() -> None:
    net, x = small_net(stride=4), photographs()
    inside = functional.interpolate(x, (24, 40), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = functional.interpolate(net(inside), (37, 54), mode="bilinear").softmax(1)
    segmenter = as_segmenter(net, scale="40x24")
    assert isinstance(segmenter.output(x), Tensor)
    assert_same_up_to_ties(segmenter.labels(x), expected)
    assert segmenter.scores(x).shape == (2, 5, 37, 54)


@pytest.mark.parametrize(
    ("model", "options", "rule"),
    [
        (lambda x: x[:, 0].long(), {"classes": 3}, "averages probabilities, so it needs scores"),
        (lambda x: x.flatten(2), {}, "must have 4 axes"),
        (lambda x: x, {"classes": 4}, "scores 3 classes, 4 were declared"),
    ],
)
def test_models_without_probabilities_are_refused(
    model: Callable[[Tensor], Tensor], options: dict[str, int], rule: str
) -> None:
    with pytest.raises(ModelError, match=rule):
        as_segmenter(model, scale="1+flip", **options).labels(photographs())


def test_points_have_no_views() -> None:
    with pytest.raises(ModelError, match=r"averages views of images \(b, c, h, w\)"):
        as_segmenter(lambda x: x, scale="multi").output(torch.zeros(2, 3, 10))


def test_a_model_that_mixes_draws_is_caught_in_every_view() -> None:
    """At scale 1 it is honest; magnified, it takes the mean of the batch."""

    def mixing(x: Tensor) -> Tensor:
        scores = x[:, :3, ::2, ::2]
        return scores - scores.mean(0) if x.shape[2] == 16 else scores

    honest = as_segmenter(lambda x: x[:, :3, ::2, ::2], scale="0.5,1")
    image = torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(0))
    options = {"noise": GaussianNoise(0.25), "n0": 2, "n": 4, "seed": 1}
    sample(honest, image, **options)
    with pytest.raises(ModelError, match="mixes the draws of a batch"):
        sample(as_segmenter(mixing, scale="0.5,1"), image, **options)


@pytest.fixture(scope="module")
def hrnet() -> nn.Module:
    """The published architecture with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HRNetV2(19, width=18).eval()


@pytest.mark.parametrize("scale", ["0.25", "0.5", "1", "multi"])
@pytest.mark.sampled
def test_hrnet_is_certified_at_the_published_scales(hrnet: nn.Module, scale: str) -> None:
    segmenter = Segmenter(hrnet, "hrnet", scale=scale)
    image = torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))
    if scale == "multi":  # 40 calls of the network a draw
        labels = segmenter.labels(image[None, :, :32, :32])
        assert labels.shape == (1, 32, 32)
        assert (labels >= 0).all()
        return
    counts = sample(segmenter, image, noise=GaussianNoise(0.25), n0=1, n=2, seed=1)
    assert counts.labels.shape == (64, 96)
    assert counts.invalid == 0
    assert counts.provenance.scale == scale
    assert counts.hits.max() == 2


def test_presets_are_the_published_ones() -> None:
    assert str(PRESETS["multi"]) == "multi"
    assert PRESETS["multi-pascal"].factors == (*PRESETS["multi"].factors, 2.0)
