"""A denoiser in front of a model: called first, named and hashed with it, checked like it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.denoisers import open_denoiser
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.shipped import open_model, recorded_model
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.sampler import sample


def halve(x: Tensor) -> Tensor:
    return x / 2


def scores_of(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0], x[:, 1], 0.5 + 0 * x[:, 2]], 1)


def blur() -> nn.Module:
    """A mean over 3x3 pixels."""
    net = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
    nn.init.constant_(net.weight, 1 / 9)
    return net.eval()


def batch_of() -> Tensor:
    return torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [1.0, 0.5, "0.5,1+flip", "10x8"])
def test_it_sees_the_noisy_images_before_all_else(scale: str | float) -> None:
    """Neither normalised nor resized nor clipped; the model sees what it returns, normalised."""
    seen, got = [], []

    def denoiser(x: Tensor) -> Tensor:
        seen.append(x)
        return x / 2

    def model(x: Tensor) -> Tensor:
        got.append(x)
        return scores_of(x)

    options = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "scale": scale}
    noisy = 5 * batch_of() - 2
    labels = as_segmenter(model, denoiser=denoiser, **options).labels(noisy)
    assert len(seen) == 1
    assert torch.equal(seen[0], noisy)
    with_denoiser = got.copy()
    got.clear()
    assert torch.equal(as_segmenter(model, **options).labels(noisy / 2), labels)
    assert all(map(torch.equal, with_denoiser, got))


def test_gradients_pass_through_it() -> None:
    segmenter = as_segmenter(scores_of, denoiser=halve)
    x = batch_of().requires_grad_()
    (slope,) = torch.autograd.grad(segmenter.scores(x)[:, 0].sum(), x)
    assert torch.equal(slope[:, 0], torch.full((2, 12, 20), 0.5))


def test_name_and_hash_cover_both() -> None:
    net, front = nn.Conv2d(3, 2, 1).eval(), blur()
    both = as_segmenter(net, name="net", denoiser=front, denoiser_name="blur")
    assert both.name == "net+blur"
    joined = f"{hash_weights(net)}|{hash_weights(front)}".encode()
    assert both.weights_sha256 == hashlib.sha256(joined).hexdigest()
    assert as_segmenter(net).weights_sha256 == hash_weights(net)
    other = blur()
    with torch.no_grad():
        other.weight[0, 0, 0, 0] += 1e-3
    assert as_segmenter(net, denoiser=other).weights_sha256 != both.weights_sha256
    assert as_segmenter(scores_of, denoiser=halve).name == "scores_of+halve"
    assert as_segmenter(scores_of, denoiser=halve).weights_sha256 == "none"
    assert as_segmenter(net, denoiser=halve).weights_sha256 != hash_weights(net)
    assert as_segmenter(net, name="a", denoiser=halve, denoiser_name="b+c").name == "a+b-c"


@pytest.mark.parametrize(
    ("denoiser", "rule"),
    [
        (lambda x: x[:, :1], r"images of the shape it gets, \(2, 3, 12, 20\), got \(2, 1, 12"),
        (lambda x: x[..., ::2], "shape it gets"),
        (lambda x: [x], "got list"),
        (lambda x: x.double(), r"must return torch.float32, as it gets, got torch.float64"),
    ],
)
def test_what_is_no_image_of_that_shape_is_refused(
    denoiser: Callable[[Tensor], object], rule: str
) -> None:
    with pytest.raises(ModelError, match=rule):
        as_segmenter(scores_of, denoiser=denoiser).labels(batch_of())


def test_it_must_be_in_eval_mode_and_callable() -> None:
    front = nn.Sequential(blur(), nn.BatchNorm2d(3)).eval()
    front[1].train()
    with pytest.raises(
        ModelError, match=r"denoiser of scores_of\+Seq.* train mode \(1\).*call denoiser\.eval"
    ):
        as_segmenter(scores_of, denoiser=front)
    with pytest.raises((ModelError, TypeError)):
        as_segmenter(scores_of, denoiser=3)
    with pytest.raises(InputError, match=r"scores_of\+halve has a denoiser already"):
        as_segmenter(as_segmenter(scores_of, denoiser=halve), denoiser=halve)


def test_it_can_be_put_before_a_segmenter() -> None:
    alone = as_segmenter(scores_of, mean=(0.5,) * 3, std=(0.25,) * 3, classes=3)
    both = as_segmenter(alone, denoiser=halve)
    assert (both.name, both.mean, both.classes) == ("scores_of+halve", alone.mean, 3)
    assert torch.equal(both.labels(batch_of()), alone.labels(batch_of() / 2))
    assert as_segmenter(both) is both


def test_a_denoiser_that_mixes_draws_is_caught() -> None:
    image = torch.rand(3, 16, 20, generator=torch.Generator().manual_seed(0))
    mixing = as_segmenter(scores_of, denoiser=lambda x: x - x.mean(0))
    with pytest.raises(ModelError, match="mixes the draws of a batch"):
        sample(mixing, image, noise=GaussianNoise(0.25), n0=2, n=4, seed=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blur as a program for images of any size."""
    path = tmp_path_factory.mktemp("denoisers") / "blur.pt2"
    any_size = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    program = torch.export.export(blur(), (torch.rand(2, 3, 12, 20),), dynamic_shapes=[any_size])
    torch.export.save(program, path)
    return path


def test_an_exported_program_is_opened(exported: Path, weights: Path) -> None:
    found = open_denoiser(str(exported))
    module, name = found.call, found.name
    assert name == "blur"
    for size in ((2, 3, 12, 20), (1, 3, 33, 47)):
        x = torch.rand(size, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(module(x), blur()(x))
    segmenter = open_model(str(weights), denoiser=str(exported))
    assert segmenter.name == "tiny+blur"
    assert segmenter.weights_sha256 != open_model(str(weights)).weights_sha256
    assert segmenter.weights_sha256 == open_model(
        str(weights), denoiser=str(exported)
    ).weights_sha256  # fmt: skip


def test_files_that_are_no_programs_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt2"
    bad.write_bytes(b"nothing")
    for name, rule in [
        ("nonsense", "unknown denoiser 'nonsense'"),
        (str(tmp_path / "none.pt2"), r"none\.pt2"),
        (str(bad), r"bad\.pt2 is damaged"),
    ]:
        with pytest.raises(InputError, match=rule) as refused:
            open_denoiser(name)
        assert "\n" not in str(refused.value)


def test_the_recorded_name_without_its_denoiser() -> None:
    assert recorded_model("camvid", None) == "camvid"
    assert recorded_model("camvid+blur", "blur.pt2") == "camvid"
    with pytest.raises(InputError, match=r"camvid\+blur, with denoiser blur: name it with"):
        recorded_model("camvid+blur", None)
    with pytest.raises(InputError, match="without denoiser: leave out --denoiser"):
        recorded_model("camvid", "blur.pt2")
