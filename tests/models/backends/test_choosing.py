"""Backends and precisions: the same network up to rounding, or another one with another hash."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from foreign_models import MEAN, NAMES, STD, tiny
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Segmenter
from segcert.models.backends import choosing
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.choosing import check_same_scores, example, with_backend
from segcert.models.identity.runtime import TORCH, Runtime
from segcert.models.wrapping import as_segmenter

SIZE = (32, 48)
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


def segmenter(scale: str = "1") -> Segmenter:
    return as_segmenter(tiny(), mean=MEAN, std=STD, class_names=NAMES, name="tiny", scale=scale)


def draws(height: int = 32, width: int = 48, count: int = 3) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backend", ["onnx", pytest.param("openvino", marks=needs_openvino)])
def test_it_is_the_same_network_for_images_of_any_size(backend: str) -> None:
    """Also square ones, one alone, and through windows of several sizes."""
    mine, other = segmenter(), with_backend(segmenter(), backend, size=SIZE)
    assert other.runtime.backend == backend
    assert (other.name, other.class_names, other.mean) == ("tiny", NAMES, MEAN)
    assert other.weights_sha256 == mine.weights_sha256
    for batch in (draws(), draws(40, 40, 1), draws(33, 64, 2)):
        torch.testing.assert_close(other.output(batch), mine.output(batch), atol=1e-5, rtol=1e-4)
        assert (other.labels(batch) == mine.labels(batch)).double().mean() > 0.999
    several, direct = replace(other, scale="0.5,1.5+flip"), segmenter("0.5,1.5+flip")
    assert (several.labels(draws()) == direct.labels(draws())).double().mean() > 0.999


@pytest.mark.slow
@needs_openvino
def test_a_network_with_branches_of_several_resolutions_is_the_same() -> None:
    """In a process of its own: checks of shapes, traced with the network, take minutes."""
    code = (
        "import torch; from foreign_models import thin_hrnet\n"
        "from segcert.models.wrapping import as_segmenter\n"
        "from segcert.models.backends.choosing import with_backend\n"
        "mine, x = as_segmenter(thin_hrnet(), name='thin'), torch.rand(2, 3, 96, 128)\n"
        "other = with_backend(mine, 'openvino', size=(64, 96))\n"
        "torch.testing.assert_close(other.output(x), mine.output(x), atol=1e-4, rtol=1e-3)\n"
    )
    folder = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_autocast_is_another_network_with_scores_in_float32(
    precision: str, kind: torch.dtype
) -> None:
    mine = segmenter()
    other = with_backend(mine, precision=precision)  # type: ignore[arg-type]
    assert (other.runtime.backend, other.runtime.precision) == ("torch", precision)
    assert other.weights_sha256 not in (mine.weights_sha256, "none")
    exact, rounded = mine.output(draws()), other.output(draws())
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, rounded.to(kind).float())  # the last convolution was in 16 bits
    gap = (exact - rounded).abs().max() / exact.abs().max()
    assert 1e-6 < gap < 0.05
    assert other.scores(draws().requires_grad_()).requires_grad


def test_bf16_and_fp16_are_two_networks() -> None:
    hashes = {
        with_backend(segmenter(), precision=p).weights_sha256 for p in ("fp32", "bf16", "fp16")
    }
    assert len(hashes) == 3


def test_what_is_asked_for_already_is_left_alone() -> None:
    mine = segmenter()
    assert with_backend(mine) is mine
    in_onnx = replace(as_segmenter(lambda x: x, name="f"), runtime=Runtime("onnx"))
    assert with_backend(in_onnx, "onnx") is in_onnx
    assert with_backend(in_onnx, "auto") is in_onnx


@pytest.mark.parametrize(
    ("backend", "precision", "calibration", "words"),
    [
        ("onnx", "bf16", None, "it goes with --backend torch or compile, not onnx"),
        ("auto", "fp16", None, "not auto"),
        ("openvino-int8", "fp32", None, "needs a calibration"),
        ("torch", "fp32", Calibration(0.25), "no other takes one"),
        ("tensorrt", "fp32", None, "backend must be torch, compile"),
        ("torch", "int8", None, "precision must be fp32, bf16 or fp16"),
    ],
)
def test_what_cannot_be_combined_is_refused(
    backend: str, precision: str, calibration: Calibration | None, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        with_backend(segmenter(), backend, precision=precision, calibration=calibration)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_plain_function_has_no_other_backend() -> None:
    function = as_segmenter(lambda x: x, name="f")
    with pytest.raises(InputError, match="needs a network of PyTorch"):
        with_backend(function, "onnx")
    with pytest.raises(InputError, match="needs a network of PyTorch"):
        with_backend(function, precision="bf16")


def test_randomness_of_the_networks_own_stays_in_torch() -> None:
    with pytest.raises(InputError, match="randomness of its own"):
        with_backend(replace(segmenter(), stochastic=True), "onnx")


def test_a_network_whose_export_is_another_function_is_refused() -> None:
    """A gap of half a percent of the largest score is seen; one of rounding is not."""
    mine, batch = segmenter(), example(segmenter(), SIZE)
    for gap, seen in ((5e-3, True), (1e-5, False)):

        def shifted(images: Tensor, gap: float = gap) -> Tensor:
            scores: Tensor = mine.model(images)
            return scores + gap * scores.abs().max()

        if seen:
            with pytest.raises(ModelError, match="other scores with --backend onnx"):
                check_same_scores(mine, shifted, batch, "onnx")
        else:
            check_same_scores(mine, shifted, batch, "onnx")
    with pytest.raises(ModelError, match="other scores"):
        check_same_scores(mine, lambda images: mine.model(images)[:, :, 1:], batch, "onnx")
    with pytest.raises(ModelError, match="other scores"):
        check_same_scores(mine, lambda images: mine.model(images) * torch.nan, batch, "onnx")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend, package in (("onnx", "onnxscript"), ("openvino", "openvino")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(InputError, match=rf"pip install 'segcert\[{backend}\]'"):
            with_backend(segmenter(), backend, size=SIZE)


def test_auto_takes_torch_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnxscript", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    mine = segmenter()
    before = torch.get_rng_state()
    assert with_backend(mine, "auto", size=SIZE) is mine
    assert torch.equal(torch.get_rng_state(), before)  # measuring draws nothing
    assert mine.runtime == TORCH


def test_auto_chooses_among_exact_ones_only() -> None:
    assert set(choosing.EXACT) == {"torch", "onnx", "openvino"}
