"""HRNetV2: names and shapes of the official checkpoints, the output of the official code."""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.files.hrnet_checkpoints import hrnetv2_with
from segcert.models.files.weights_files import read_weights
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.hrnet import MEAN, STD, STRIDE, HRNetV2
from segcert.models.nets.hrnet_blocks import Exchange, resize
from segcert.models.wrapping import as_segmenter

ROOT = Path(__file__).resolve().parents[3]
NAMES_OF_W48 = "072083da7dbd507c"  # of the digest of the golden names and shapes
TOLERANCE = 1e-4


def golden_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Weights by the rule of the golden files: a seed for each name."""
    weights = {}
    for name, shape in shapes.items():
        rng = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(0)
        elif name.endswith("running_var"):
            weights[name] = 1 + 0.1 * torch.rand(*shape, generator=rng)
        elif name.endswith("running_mean"):
            weights[name] = 0.1 * torch.randn(*shape, generator=rng)
        elif len(shape) == 1:
            centre, spread = (0.3, 0.05) if name.endswith("weight") else (0, 0.1)
            weights[name] = centre + spread * torch.randn(*shape, generator=rng)
        else:
            fan_in = shape[1] * shape[2] * shape[3]
            weights[name] = torch.randn(*shape, generator=rng) * (2 / fan_in) ** 0.5
    return weights


def shapes_of(net: nn.Module) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in net.state_dict().items()}


def with_golden_weights(net: HRNetV2) -> HRNetV2:
    net.load_state_dict(golden_weights(shapes_of(net)))
    return net.eval()


def relative_gap(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder with what the official code computes."""
    data = Path(os.environ.get("SEGCERT_DATA", ROOT.parent / "shared" / "data"))
    folder = data.parent / "golden"
    if not (folder / "hrnetv2_w48_cityscapes_output.npz").is_file():
        pytest.skip(f"no outputs of the official code in {folder}: set SEGCERT_DATA to its sibling")
    return folder


@pytest.fixture(scope="module")
def w18() -> HRNetV2:
    return with_golden_weights(HRNetV2(5, 18))


@pytest.fixture(scope="module")
def thin() -> HRNetV2:
    """As deep as all, 4 channels wide."""
    return with_golden_weights(HRNetV2(3, 4))


@pytest.fixture(scope="module")
def thin_file(thin: HRNetV2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(thin.state_dict(), path)
    return path


@pytest.mark.data
def test_names_shapes_and_order_are_those_of_the_official_code(golden: Path) -> None:
    official = json.loads((golden / "hrnetv2_w48_cityscapes_state_dict.json").read_text())
    with torch.device("meta"):
        found = shapes_of(HRNetV2(19))
    assert list(found.items()) == list(official.items())


def test_names_and_shapes_of_w48_are_pinned() -> None:
    """The digest of the official names and shapes, for where the golden files are not."""
    with torch.device("meta"):
        lines = [f"{name} {shape}\n" for name, shape in shapes_of(HRNetV2(19)).items()]
    assert len(lines) == 1839
    assert hashlib.sha256("".join(lines).encode()).hexdigest().startswith(NAMES_OF_W48)


@pytest.mark.data
def test_the_output_is_that_of_the_official_code(golden: Path) -> None:
    """Also with channels last; the other way to align corners would be seen."""
    reference = np.load(golden / "hrnetv2_w48_cityscapes_output.npz")
    image, logits = torch.from_numpy(reference["image"]), torch.from_numpy(reference["logits"])
    with torch.device("meta"):
        net = HRNetV2(19)
    net = with_golden_weights(net.to_empty(device="cpu"))
    with torch.inference_mode():
        assert (net(image) - logits).abs().max() <= TOLERANCE
        net.to(memory_format=torch.channels_last)
        last = image.contiguous(memory_format=torch.channels_last)
        assert (net(last) - logits).abs().max() <= TOLERANCE
        for part in net.modules():
            if isinstance(part, (HRNetV2, Exchange)):
                part.align_corners = True
        assert (net(image) - logits).abs().max() > 100 * TOLERANCE


def pair(inputs: int, outputs: int, kernel: int = 1) -> int:
    """Parameters of a convolution without bias and its batch norm."""
    return inputs * outputs * kernel**2 + 2 * outputs


def count(classes: int, width: int) -> int:
    """Parameters, counted from the description of the architecture in the paper."""
    w = [width, 2 * width, 4 * width, 8 * width]
    stem = pair(3, 64, 3) + pair(64, 64, 3)
    first = 4 * (pair(64, 64, 3) + pair(64, 256)) + pair(64, 64) + 3 * pair(256, 64)
    first += pair(64, 256)  # the shortcut that widens
    transitions = pair(256, w[0], 3) + pair(256, w[1], 3) + pair(w[1], w[2], 3)
    transitions += pair(w[2], w[3], 3)
    stages = 0
    for exchanges, branches in ((1, 2), (4, 3), (3, 4)):
        blocks = sum(8 * pair(c, c, 3) for c in w[:branches])
        up = sum(pair(w[j], w[i]) for i in range(branches) for j in range(i + 1, branches))
        down = sum(
            (i - j - 1) * pair(w[j], w[j], 3) + pair(w[j], w[i], 3)
            for i in range(branches)
            for j in range(i)
        )
        stages += exchanges * (blocks + up + down)
    mixed = sum(w)
    head = mixed * mixed + mixed + 2 * mixed + mixed * classes + classes
    return stem + first + transitions + stages + head


@pytest.mark.parametrize(
    ("classes", "width", "millions"),
    [(19, 48, 65.9), (59, 48, 65.9), (19, 18, 9.6), (11, 18, 9.6)],
)
def test_the_number_of_parameters_is_that_of_the_papers(
    classes: int, width: int, millions: float
) -> None:
    """65.9 M for W48: Wang et al. (2020), comparison on Cityscapes val; 9.6 M counted."""
    with torch.device("meta"):
        found = sum(p.numel() for p in HRNetV2(classes, width).parameters())
    assert found == count(classes, width)
    assert round(found / 1e6, 1) == millions


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 64), (65, 40), (70, 101)])
def test_scores_come_at_a_quarter_of_the_size(thin: HRNetV2, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        scores = thin(torch.rand(2, 3, *size))
    assert scores.shape == (2, 3, -(-size[0] // 4), -(-size[1] // 4))
    assert torch.isfinite(scores).all()


def test_draws_in_eval_mode_do_not_mix(w18: HRNetV2) -> None:
    draws = 10 * torch.randn(3, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = w18(draws)
        alone = torch.cat([w18(draw[None]) for draw in draws])
        moved = w18(draws[[2, 0, 1]])
    assert relative_gap(together, alone) < 1e-5
    assert relative_gap(moved, together[[2, 0, 1]]) < 1e-5
    assert relative_gap(together[:1], together[1:2]) > 1e-2  # the draws are told apart


def test_it_answers_the_same_twice_and_leaves_its_input(w18: HRNetV2) -> None:
    draws = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    kept, weights = draws.clone(), hash_weights(w18)
    with torch.inference_mode():
        assert torch.equal(w18(draws), w18(draws))
    assert torch.equal(draws, kept)
    assert hash_weights(w18) == weights


def test_channels_last_keeps_the_scores(w18: HRNetV2) -> None:
    image = torch.randn(1, 3, 48, 80, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        after = w18(image.contiguous(memory_format=torch.channels_last))
        assert relative_gap(after, w18(image)) < 1e-5


def normed(x: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
    """Batch norm in eval mode, written out."""
    mean, var, weight, bias = (
        weights[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def convolved(
    weights: Mapping[str, Tensor], x: Tensor, name: str, norm: str, *, stride: int = 1
) -> Tensor:
    kernel = weights[f"{name}.weight"]
    y = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
    return normed(y, weights, norm)


def exchanged(weights: Mapping[str, Tensor], scales: list[Tensor]) -> list[Tensor]:
    """One exchange, from the weights alone."""
    branches = []
    for i, x in enumerate(scales):
        for block in (f"branches.{i}.{b}." for b in range(4)):
            y = convolved(weights, x, block + "conv1", block + "bn1").relu()
            x = (x + convolved(weights, y, block + "conv2", block + "bn2")).relu()
        branches.append(x)
    sums = []
    for i, target in enumerate(branches):
        total = target
        for j, y in enumerate(branches):
            route = f"fuse_layers.{i}.{j}."
            if j > i:
                y = convolved(weights, y, route + "0", route + "1")
                y = functional.interpolate(y, target.shape[2:], mode="bilinear")
            for step in range(i - j):
                name = f"{route}{step}."
                y = convolved(weights, y, name + "0", name + "1", stride=2)
                y = y if step == i - j - 1 else y.relu()
            total = total if i == j else total + y
        sums.append(total.relu())
    return sums


def at_stride_four(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Stem and first stage, from the weights alone."""
    for i in (1, 2):
        x = convolved(weights, x, f"conv{i}", f"bn{i}", stride=2).relu()
    for block in range(4):
        inner = part(weights, f"layer1.{block}.")
        y = convolved(inner, x, "conv1", "bn1").relu()
        y = convolved(inner, y, "conv2", "bn2").relu()
        y = convolved(inner, y, "conv3", "bn3")
        x = x if block else convolved(inner, x, "downsample.0", "downsample.1")
        x = (x + y).relu()
    return x


def test_the_branches_are_those_of_the_paper(thin: HRNetV2) -> None:
    """Stem, first stage, transitions and all exchanges, against the same from the weights alone."""
    weights = thin.state_dict()
    image = 10 * torch.randn(2, 3, 65, 96, generator=torch.Generator().manual_seed(0))
    received: list[Tensor] = []
    with torch.inference_mode():
        x = at_stride_four(weights, image)
        first = convolved(weights, x, "transition1.0.0", "transition1.0.1").relu()
        new = convolved(weights, x, "transition1.1.0.0", "transition1.1.0.1", stride=2).relu()
        scales = exchanged(part(weights, "stage2.0."), [first, new])
        for stage, modules in ((3, 4), (4, 3)):
            name = f"transition{stage - 1}.{stage - 1}.0."
            new = convolved(weights, scales[-1], name + "0", name + "1", stride=2).relu()
            scales = [*scales, new]
            for module in range(modules):
                scales = exchanged(part(weights, f"stage{stage}.{module}."), scales)
        hook = thin.stage4.register_forward_hook(lambda _, __, out: received.extend(out))
        thin(image)
        hook.remove()
    for found, wanted in zip(received, scales, strict=True):
        assert relative_gap(found, wanted) < 1e-4


def test_an_exchange_is_the_sum_of_the_paper() -> None:
    exchange = Exchange([4, 8, 16], align_corners=False).eval()
    exchange.load_state_dict(golden_weights(shapes_of(exchange)))
    rng = torch.Generator().manual_seed(0)
    sizes = [(9, 12), (5, 6), (3, 3)]
    scales = [torch.randn(2, 4 * 2**i, *size, generator=rng) for i, size in enumerate(sizes)]
    with torch.inference_mode():
        expected = exchanged(exchange.state_dict(), scales)
        for found, wanted in zip(exchange(scales), expected, strict=True):
            assert relative_gap(found, wanted) < 1e-5


def test_the_head_classifies_all_branches_resized_to_the_finest(thin: HRNetV2) -> None:
    rng = torch.Generator().manual_seed(0)
    scales = [torch.randn(2, 4 * 2**i, 8 // 2**i, 16 // 2**i, generator=rng) for i in range(4)]
    weights = {n.removeprefix("last_layer."): w for n, w in thin.state_dict().items()}
    with torch.inference_mode():
        x = torch.cat([functional.interpolate(x, (8, 16), mode="bilinear") for x in scales], 1)
        x = functional.conv2d(x, weights["0.weight"], weights["0.bias"])
        x = normed(x, weights, "1").relu()
        expected = functional.conv2d(x, weights["3.weight"], weights["3.bias"])
        assert relative_gap(thin._scores(scales), expected) < 1e-5


def test_aligned_corners_keep_the_corners() -> None:
    x = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    like = torch.empty(1, 1, 2, 4)
    aligned = resize(x, like, align_corners=True)[0, 0]
    centred = resize(x, like, align_corners=False)[0, 0]
    torch.testing.assert_close(aligned[0], torch.tensor([0, 1 / 3, 2 / 3, 1]))
    torch.testing.assert_close(centred[0], torch.tensor([0, 0.25, 0.75, 1]))
    assert resize(x, x, align_corners=True) is x


def test_align_corners_reaches_every_upsampling() -> None:
    net = HRNetV2(3, 4, align_corners=True)
    exchanges = [part for part in net.modules() if isinstance(part, Exchange)]
    assert len(exchanges) == 8
    assert all(part.align_corners for part in [net, *exchanges])


def test_every_parameter_learns_and_every_pixel_matters() -> None:
    """Also that no feature is overwritten before its gradient is taken."""
    torch.manual_seed(0)
    net = HRNetV2(3, 4)
    image = torch.rand(2, 3, 64, 64, requires_grad=True)
    net(image)[:, :, 0, 0].square().sum().backward()
    assert image.grad is not None
    assert image.grad[0, :, -8:, -8:].abs().sum() > 0
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


def test_gradients_are_slopes(thin: HRNetV2) -> None:
    """In double precision and eval mode, against a central difference."""
    net = HRNetV2(3, 4).double().eval()
    net.load_state_dict(thin.state_dict())
    rng = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 32, 32, generator=rng, dtype=torch.float64).requires_grad_()
    way = torch.randn(image.shape, generator=rng, dtype=torch.float64)
    (slope,) = torch.autograd.grad(net(image).sum(), image)
    step = 1e-7
    with torch.inference_mode():
        rise = net(image + step * way).sum() - net(image - step * way).sum()
    assert rise.item() / (2 * step) == pytest.approx((slope * way).sum().item(), rel=1e-4)


def test_a_checkpoint_of_the_authors_loads(thin: HRNetV2, tmp_path: Path) -> None:
    """Prefix, normalisation and class weights of the loss beside it, no counters of batch norm."""
    path = tmp_path / "best.pth"
    weights = {f"model.{n}": w for n, w in thin.state_dict().items() if "num_batches" not in n}
    beside = {"std": torch.tensor(STD).view(1, 3, 1, 1), "loss.criterion.weight": torch.ones(3)}
    torch.save(weights | beside, path)
    net = hrnetv2_with(read_weights(path), path=path, classes=3, width=4)
    assert hash_weights(net) == hash_weights(thin)
    assert not any(part.training for part in net.modules())
    assert not any(tensor.is_meta for tensor in net.state_dict().values())


@pytest.mark.parametrize(
    ("classes", "width", "said"),
    [
        (
            4, 4,
            r"HRNetV2-W4 with 4 classes: last_layer\.3\.weight is \(3, 60, 1, 1\), not "
            r"\(4, 60, 1, 1\); last_layer\.3\.bias is \(3,\), not \(4,\)$",
        ),
        (
            3, 2,
            r"HRNetV2-W2 with 3 classes: transition1\.0\.0\.weight is \(4, 256, 3, 3\), not "
            r"\(2, 256, 3, 3\); .*; .*; and \d+ more$",
        ),
    ],
)  # fmt: skip
def test_other_classes_and_widths_are_named(
    thin_file: Path, classes: int, width: int, said: str
) -> None:
    with pytest.raises(InputError, match=rf"net\.pth do not fit {said}"):
        hrnetv2_with(read_weights(thin_file), path=thin_file, classes=classes, width=width)


def test_in_place_abn_scales_by_the_absolute_weight(thin: HRNetV2, tmp_path: Path) -> None:
    """A checkpoint with a negative scale: the same function as with the positive one."""
    path = tmp_path / "net.pth"
    weights = {name: weight.clone() for name, weight in thin.state_dict().items()}
    weights["last_layer.1.weight"].neg_()
    torch.save(weights, path)
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        absolute = hrnetv2_with(read_weights(path), path=path, classes=3, width=4, inplace_abn=True)
        signed = hrnetv2_with(read_weights(path), path=path, classes=3, width=4, align_corners=True)
        assert 0 < relative_gap(absolute(image), thin(image)) < 1e-2  # 1e-5 beside 0.3
        assert relative_gap(signed(image), thin(image)) > 0.1
    assert signed.align_corners
    assert not absolute.align_corners
    scale = absolute.bn1.weight - thin.bn1.weight
    torch.testing.assert_close(scale, torch.full_like(scale, 1e-5), rtol=0.05, atol=0)


@pytest.mark.parametrize(("classes", "width"), [(0, 18), (19, 0), (-1, 48)])
def test_no_classes_and_no_width_are_refused(classes: int, width: int) -> None:
    with pytest.raises(InputError, match="classes and width must be positive, got"):
        HRNetV2(classes, width)


def test_it_segments(w18: HRNetV2) -> None:
    """Scores at stride 4 are resized to the photograph, at scales below and above 1."""
    for scale in (0.25, 0.5, 1.0):
        segmenter = as_segmenter(w18, mean=MEAN, std=STD, scale=scale, smallest_side=STRIDE)
        draws = torch.rand(2, 3, 96, 130, generator=torch.Generator().manual_seed(0))
        labels = segmenter.labels(draws)
        assert labels.shape == (2, 96, 130)
        assert 0 <= labels.min() <= labels.max() < 5
