"""Conventions of networks: the same labels as of the same network that has the usual ones."""

from collections import namedtuple
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import segcert as sc
from segcert.errors import InputError, ModelError
from segcert.models.resizing.conventions import split_words, words_of

MEAN, STD = (0.3, 0.5, 0.6), (0.2, 0.3, 0.4)
BATCH = torch.rand(3, 3, 12, 20, generator=torch.Generator().manual_seed(2))
IMAGE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
FEW = {"sigma": 0.1, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}
Two = namedtuple("Two", "scores other")


def net(x: Tensor) -> Tensor:
    """Three classes by how red, green or blue normalised inputs are."""
    return torch.stack([x[:, 0] + 0.3 * x[:, 1], x[:, 1] - 0.5 * x[:, 2], x[:, 2]], 1)


def normal(x: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return net((x - mean) / std)


def grey(x: Tensor) -> Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def steps(x: Tensor) -> Tensor:
    return torch.cat([0.4 - x, 0.1 + 0 * x, x - 0.6], 1)


BYTES = {"mean": tuple(255 * m for m in MEAN), "std": tuple(255 * s for s in STD)}
FITS: dict[str, tuple[Callable[[Tensor], Any], dict[str, Any], Callable[[Tensor], Tensor]]] = {
    "bgr": (lambda x: net(x.flip(1)), {"channels": "bgr"}, net),
    "bgr, mean and std blue first": (
        lambda x: net(x.flip(1)), {"channels": "bgr", "mean": MEAN[::-1], "std": STD[::-1]}, normal,
    ),
    "grey": (steps, {"channels": "grey"}, lambda x: steps(grey(x))),
    "grey, normalised": (
        steps, {"channels": "grey", "mean": (0.4,), "std": (0.5,)},
        lambda x: steps((grey(x) - 0.4) / 0.5),
    ),
    "bytes": (lambda x: net(x / 255 - 0.4), {"input_range": (0, 255)}, lambda x: net(x - 0.4)),
    "bytes, mean and std of bytes": (net, BYTES | {"input_range": (0, 255)}, normal),
    "-1 to 1": (net, {"input_range": (-1, 1)}, lambda x: net(2 * x - 1)),
    "bytes of bgr": (
        lambda x: net(x.flip(1)),
        {"channels": "bgr", "input_range": (0, 255)}
        | {name: values[::-1] for name, values in BYTES.items()},
        normal,
    ),
    "channels last": (
        lambda x: net(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
        {"layout": "nhwc", "output_layout": "nhwc"}, net,
    ),
    "channels last of the input": (lambda x: net(x.permute(0, 3, 1, 2)), {"layout": "nhwc"}, net),
    "channels last of the scores": (
        lambda x: net(x).permute(0, 2, 3, 1), {"output_layout": "nhwc"}, net,
    ),
    "a key": (lambda x: {"aux": -net(x), "masks": net(x)}, {"output_name": "masks"}, net),
    "a key besides the usual one": (
        lambda x: {"out": -net(x), "masks": net(x)}, {"output_name": "masks"}, net,
    ),
    "the second of a tuple": (lambda x: (-net(x), net(x)), {"output_name": "1"}, net),
    "the first of a list": (lambda x: [net(x), x.mean()], {"output_name": "0"}, net),
    "one of a named tuple": (lambda x: Two(net(x), -net(x)), {"output_name": "scores"}, net),
    "an attribute": (
        lambda x: SimpleNamespace(y=net(x)), {"output_name": "y"}, net,
    ),
    "labels with an axis of one": (
        lambda x: net(x).argmax(1, keepdim=True), {"classes": 3}, net,
    ),
    "labels as numbers": (
        lambda x: net(x).argmax(1).float(), {"returns": "labels", "classes": 3}, net,
    ),
    "labels as numbers, channels last": (
        lambda x: net(x).argmax(1)[..., None].float(),
        {"returns": "labels", "classes": 3, "output_layout": "nhwc"}, net,
    ),
    "half precision": (lambda x: net(x).half(), {}, lambda x: net(x).half().float()),
    "bfloat16": (lambda x: net(x).bfloat16(), {}, lambda x: net(x).bfloat16().float()),
    "double precision": (lambda x: net(x.double()), {}, net),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_a_network_with_its_convention_labels_as_the_usual_one(name: str) -> None:
    model, said, wanted = FITS[name]
    segmenter = sc.as_segmenter(model, **said)
    labels = segmenter.labels(BATCH)
    assert torch.equal(labels, wanted(BATCH).argmax(1).short())
    assert len(labels.unique()) == 3
    assert sc.certify_image(segmenter, IMAGE, **FEW).labels.shape == (12, 20)


@pytest.mark.parametrize(
    ("head", "said", "above"),
    [
        (lambda x: x[:, :1] - 0.5, {"threshold": 0}, 0.5),
        (lambda x: (x[:, :1] - 0.5) * 9, {}, 0.5),
        (lambda x: x[:, 0], {"threshold": 0.3}, 0.3),
        (lambda x: x[:, :1].permute(0, 2, 3, 1), {"threshold": 0.7, "output_layout": "nhwc"}, 0.7),
        (lambda x: {"out": x[:, :1]}, {"threshold": 0.5}, 0.5),
    ],
)
def test_one_channel_is_compared_with_its_threshold(
    head: Callable[[Tensor], Any], said: dict[str, Any], above: float
) -> None:
    segmenter = sc.as_segmenter(head, binary=True, name="net", **said)
    assert torch.equal(segmenter.labels(BATCH), (BATCH[:, 0] > above).short())
    cert = sc.certify_image(segmenter, IMAGE, **FEW)
    assert cert.counts.classes == 2
    assert f"binary,threshold={said.get('threshold', 0):g}" in cert.provenance.model


def test_a_tie_with_the_threshold_is_class_0() -> None:
    half = torch.full((1, 3, 4, 4), 0.5)
    assert not sc.as_segmenter(lambda x: x[:, :1], binary=True, threshold=0.5).labels(half).any()


def test_probabilities_need_their_threshold() -> None:
    """Above 0 are all of them: nothing else than class 1 would be certified."""
    model = lambda x: x[:, :1].sigmoid()  # noqa: E731
    with pytest.raises(ModelError, match=r"lie in \[0, 1\].*--threshold 0\.5"):
        sc.certify_image(sc.as_segmenter(model, binary=True), IMAGE, **FEW)
    for threshold in (0.5, 0.0):  # that was said
        segmenter = sc.as_segmenter(model, binary=True, threshold=threshold)
        assert sc.certify_image(segmenter, IMAGE, **FEW).counts.classes == 2


def painted(found: Tensor, thresholds: tuple[float, ...]) -> Tensor:
    """By hand: one region after the other over a background."""
    labels = torch.zeros(found[:, 0].shape, dtype=torch.int16)
    for number, threshold in enumerate(thresholds):
        labels[found[:, number] > threshold] = number + 1
    return labels


@pytest.mark.parametrize("thresholds", [(0.3, 0.6, 0.8), (0.5, 0.5, 0.5), (0.9, 0.2, 0.4)])
def test_overlapping_regions_are_painted_in_order(thresholds: tuple[float, ...]) -> None:
    """A multi-label head: nested regions of a tumour, organs that overlap."""
    segmenter = sc.as_segmenter(lambda x: x, regions=thresholds, name="net")
    labels = segmenter.labels(BATCH)
    assert torch.equal(labels, painted(BATCH, thresholds))
    assert labels.unique().tolist() == [0, 1, 2, 3]
    assert segmenter.classes == 4
    assert segmenter.name == f"net[regions={'/'.join(f'{t:g}' for t in thresholds)}]"
    tied = torch.full((1, 3, 4, 4), 0.5)
    assert not sc.as_segmenter(lambda x: x, regions=(0.5, 0.5, 0.5)).labels(tied).any()


def test_regions_are_resized_before_they_are_compared() -> None:
    coarse = lambda x: nn.functional.avg_pool2d(x, 2)  # noqa: E731
    wide = nn.functional.interpolate(coarse(BATCH), (12, 20), mode="bilinear")
    segmenter = sc.as_segmenter(coarse, regions=(0.4, 0.5, 0.6))
    assert torch.equal(segmenter.labels(BATCH), painted(wide, (0.4, 0.5, 0.6)))


def test_regions_of_volumes() -> None:
    volumes = torch.rand(2, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    segmenter = sc.as_segmenter(lambda x: x, regions=(0.3, 0.7))
    assert torch.equal(segmenter.labels(volumes), painted(volumes, (0.3, 0.7)))


def test_gradients_pass_and_what_is_not_finite_is_no_label() -> None:
    for said in ({"binary": True, "threshold": 0.5}, {"regions": (0.5,)}):
        segmenter = sc.as_segmenter(lambda x: x[:, :1], **said)
        batch = BATCH.clone().requires_grad_()
        scores = segmenter.scores(batch)
        assert torch.equal(scores.argmax(1), (BATCH[:, 0] > 0.5).long())
        scores[:, 1].sum().backward()
        assert batch.grad is not None
        assert bool(batch.grad.any())
        broken = BATCH.clone()
        broken[:, 0, 0, 0] = torch.nan
        assert segmenter.labels(broken)[:, 0, 0].tolist() == [-1] * 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_of_another_precision_get_their_inputs_in_it(dtype: torch.dtype) -> None:
    plain = nn.Conv2d(3, 2, 1).eval()
    with torch.no_grad():
        plain.bias -= plain(BATCH).mean((0, 2, 3))  # type: ignore[operator]
    other = nn.Conv2d(3, 2, 1).eval().to(dtype)
    other.load_state_dict(plain.state_dict())
    segmenter = sc.as_segmenter(other)
    differ = segmenter.labels(BATCH) != sc.as_segmenter(plain).labels(BATCH)
    assert differ.double().mean() < 0.02
    cert = sc.certify_image(segmenter, IMAGE, **FEW)
    assert cert.provenance.precision == str(dtype).removeprefix("torch.")


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"channels": "gbr"}, InputError, "channels must be rgb, bgr, grey, rgba or bgra, got"),
        ({"layout": "chw"}, InputError, "layout must be nchw or nhwc"),
        ({"input_range": (1, 0)}, InputError, "low < high"),
        ({"input_range": (0, 255), "mean": MEAN, "std": STD}, InputError, "not in its units"),
        ({"threshold": 0.5}, InputError, "threshold is of a binary head"),
        ({"threshold": 0.0}, InputError, "threshold is of a binary head"),
        ({"binary": True, "regions": (0.5,)}, InputError, "three kinds of output"),
        ({"binary": True, "returns": "labels"}, InputError, "three kinds of output"),
        ({"binary": True, "classes": 3}, InputError, "3 classes, and a head with thresholds has 2"),
        ({"regions": (0.5, float("nan"))}, InputError, "finite"),
        ({"chanels": "bgr"}, InputError, "knows no chanels: of networks it takes pad, channels"),
        ({"pad": 0}, InputError, "pad must be a whole number of 1 to 4096"),
        ({"binary": True}, ModelError, r"returned shape \(1, 3, 12, 20\): a binary head has one"),
        ({"regions": (0.5,)}, ModelError, "regions has 1 thresholds: give one for each channel"),
        ({"output_name": "masks"}, ModelError, "has no output 'masks'.*got Tensor"),
        ({"output_layout": "nhwc"}, ModelError, "fits? \\(b, h, w, k\\)|one proportion"),
        ({"returns": "labels", "classes": 2}, ModelError, "labels"),
        ({"channels": "rgba"}, InputError, "of inputs with 4, and this one has 3"),
    ],
)
def test_what_does_not_fit_is_one_line(
    said: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        sc.certify_image(sc.as_segmenter(net, **said), IMAGE, **FEW)
    assert "\n" not in str(caught.value)


def test_outputs_that_are_several_say_how_one_is_named() -> None:
    for model, words in (
        (lambda x: {"masks": x, "boxes": x}, r"with masks, boxes: say which, output_name"),
        (lambda x: (x, x), r"say which of 0 to 1 counts, output_name"),
    ):
        with pytest.raises(ModelError, match=words):
            sc.as_segmenter(model).labels(BATCH)


def test_numbers_that_are_no_labels_are_refused() -> None:
    segmenter = sc.as_segmenter(lambda x: x[:, 0], returns="labels", classes=2)
    with pytest.raises(ModelError, match=r"returned labels outside 0\.\.1"):
        segmenter.labels(BATCH)


@pytest.mark.parametrize(
    "said",
    [
        {"channels": "bgr"}, {"channels": "grey"}, {"layout": "nhwc"}, {"output_layout": "nhwc"},
        {"input_range": (0, 255)}, {"output_name": "0"}, {"returns": "labels"}, {"binary": True},
        {"binary": True, "threshold": 0.5}, {"regions": (0.5, 0.5, 0.5)},
        {"regions": (0.5, 0.5, 0.6)}, {"pad": 32},
    ],
)  # fmt: skip
def test_a_convention_is_part_of_the_identity_and_of_the_name(said: dict[str, Any]) -> None:
    module = nn.Conv2d(3, 3, 1).eval()
    segmenter, plain = sc.as_segmenter(module, **said), sc.as_segmenter(module)
    assert segmenter.identity_sha256 != plain.identity_sha256
    assert segmenter.identity_sha256 == sc.as_segmenter(module, **said).identity_sha256
    if said == {"pad": 32}:
        assert (segmenter.name, segmenter.scale_text) == ("Conv2d", "1+pad32")
        return
    name, found = split_words(segmenter.name)
    assert name == "Conv2d"
    assert found == ({"threshold": 0.0} if "binary" in said else {}) | said


@pytest.mark.parametrize(
    "said",
    [
        {"output_name": "a,b=c]+%:0"}, {"regions": (1e-30, 0.1, 1e20)},
        {"binary": True, "threshold": -1e20}, {"input_range": (-1.0, 1 / 3)},
        {"mean": (0.485, 0.456, 0.406), "std": (0.1, 1 / 3, 1.0), "class_count": 3},
    ],
)  # fmt: skip
def test_names_are_read_back(said: dict[str, Any]) -> None:
    """What comes after the last plus of a name is its denoiser."""
    words = words_of(said)
    assert "+" not in words
    assert split_words(f"my[1] net{words}") == ("my[1] net", said)


@pytest.mark.parametrize("name", ["net", "net[1]", "net[binary", "net[regions=a/b]", "a]"])
def test_other_names_are_left_alone(name: str) -> None:
    assert split_words(name) == (name, {})
