"""What a certificate identifies a base model by: its weights, and all else that changes a label."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_models import segformer, tiny, write_pt2, write_toml
from torch import Tensor, nn

import segcert as sc
from segcert.models import adapter, point_segmenter
from segcert.models.backends.choosing import with_backend
from segcert.models.files.checkpoints import Origin
from segcert.models.identity.configuration import configuration_of, described
from segcert.models.identity.runtime import Runtime
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.models.opening import open_foreign
from segcert.models.resizing.conventions import Convention
from segcert.models.resizing.scale import Resizing

ORIGIN = Origin(sigma=0.25, data="streets", licence="CC0", training={})
IMAGES: dict[str, Any] = {
    "mean": (0.5,), "std": (0.5,), "scale": 0.5, "class_names": ("a", "b"),
    "weights_sha256": "w", "configuration": "c", "runtime": Runtime(precision="bf16"),
    "model": abs, "name": "other", "palette": ((0, 0, 0),), "smallest_side": 2, "classes": 2,
    "stochastic": True, "denoiser": abs, "origin": ORIGIN,
    "convention": Convention(binary=True), "assumed": True, "sizes": "height 8",
    "smooth_scores": 2.0,
}  # fmt: skip
CLOUDS: dict[str, Any] = {
    "columns": 6, "category": 3, "parts": (0, 1), "grid": 0.25, "normal_neighbours": 8,
    "normalise": False, "votes": 3, "class_names": ("a", "b"), "weights_sha256": "w",
    "configuration": "c", "model": abs, "name": "other", "palette": ((0, 0, 0),),
    "smallest_size": 2, "classes": 2, "stochastic": True, "origin": ORIGIN, "smooth_neighbours": 4,
}  # fmt: skip
KINDS = [
    (sc.Segmenter(torch.abs, "net"), IMAGES, adapter.APART),
    (sc.PointSegmenter(torch.abs, "net"), CLOUDS, point_segmenter.APART),
]
PLAIN = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # nothing but defaults


def scores_of(batch: Tensor) -> Tensor:
    return batch[:, :2]


@pytest.mark.parametrize(("plain", "other", "apart"), KINDS, ids=["images", "clouds"])
def test_every_field_is_part_of_the_identity_or_named_as_apart(
    plain: Any, other: dict[str, Any], apart: dict[str, str]
) -> None:
    """A field that is added later must be put into one of the two tables."""
    assert {field.name for field in fields(plain)} == set(other)
    assert set(apart) < set(other)
    for name, value in other.items():
        together = {"mean": (0.0,), "std": (1.0,)} if name in ("mean", "std") else {}
        plain = replace(plain, **together)
        changed = replace(plain, **{name: value})
        assert (changed.identity_sha256 == plain.identity_sha256) == (name in apart), name


@pytest.mark.parametrize("plain", [plain for plain, _, _ in KINDS], ids=["images", "clouds"])
def test_fields_with_their_default_do_not_count(plain: Any) -> None:
    """So the hashes of old certificates stay when fields are added: this one is for good."""
    assert plain.identity_sha256 == PLAIN


def test_the_same_numbers_in_other_types_are_the_same_model() -> None:
    assert described((0.0, 1.0, 0.5)) == described((0, np.float64(1), np.float32(0.5)))
    assert described([2**60]) != described([2**60 + 1])
    whole = {
        sc.as_segmenter(scores_of, scale=scale).identity_sha256 for scale in (1.0, "1", Resizing())
    }
    half = {sc.as_segmenter(scores_of, scale=scale).identity_sha256 for scale in (0.5, "0.5")}
    assert len(whole) == len(half) == 1
    assert whole != half


class Net(nn.Module):
    """Of the same weights whatever its options are."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding="same", dilation=options.pop("dilation", 1))
        self.act = options.pop("act", nn.Identity)()
        self.options = {"threshold": 0.5, "mode": "bilinear", "table": torch.zeros(2)} | options
        self._calls = 0
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        self._calls += 1
        return self.act(self.conv(x))


@pytest.mark.parametrize(
    "changed",
    [
        {"dilation": 2},
        {"act": nn.ReLU},
        {"threshold": 0.6},
        {"mode": "nearest"},
        {"table": torch.ones(2)},
        {"table": np.ones(2)},
        {"head": nn.functional.relu},
        {"head": partial(nn.functional.leaky_relu, negative_slope=0.2)},
        {"dtype": torch.float16},
    ],
    ids=["dilation", "act", "threshold", "mode", "tensor", "array", "head", "partial", "dtype"],
)
def test_what_is_around_the_weights_is_part_of_the_identity(changed: dict[str, Any]) -> None:
    plain, other = (sc.as_segmenter(Net(**options).eval()) for options in ({}, changed))
    assert plain.weights_sha256 == other.weights_sha256
    assert plain.identity_sha256 != other.identity_sha256
    assert plain.identity_sha256 == sc.as_segmenter(Net().eval()).identity_sha256


@dataclass(frozen=True)
class Threshold:
    """A function with a setting."""

    at: float

    def __call__(self, batch: Tensor) -> Tensor:
        return (batch[:, 0] > self.at).long()


def above(batch: Tensor, *, at: float) -> Tensor:
    return (batch[:, 0] > at).long()


@pytest.mark.parametrize("make", [Threshold, lambda at: partial(above, at=at)])
def test_settings_of_callables_are_part_of_the_identity(make: Callable[[float], Any]) -> None:
    half, same, more = (sc.as_segmenter(make(at), classes=2) for at in (0.5, 0.5, 0.6))
    assert half.identity_sha256 == same.identity_sha256 != more.identity_sha256


def test_plain_functions_have_no_configuration() -> None:
    assert configuration_of(scores_of) == configuration_of(lambda x: x) == ""


def test_programs_are_told_apart_by_their_code() -> None:
    """They have no weights; what they compute is in their graph."""
    batch = torch.rand(2, 3, 8, 8)

    class Times(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self._factor = factor

        def forward(self, x: Tensor) -> Tensor:
            return self._factor * x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        scripts = [torch.jit.trace(Times(k), batch) for k in (2.0, 2.0, 3.0)]
    traced = set(map(configuration_of, scripts))
    programs = {
        configuration_of(torch.export.export(Times(k), (batch,)).module()) for k in (2.0, 2.0, 3.0)
    }
    assert (len(traced), len(programs)) == (2, 2)


@pytest.mark.parametrize("make", [tiny, segformer, lambda: DepthwiseNet(3).eval()])
def test_running_a_network_does_not_change_it(make: Callable[[], nn.Module]) -> None:
    net = make()
    before = sc.as_segmenter(net).identity_sha256
    sc.as_segmenter(net).output(torch.rand(2, 3, 64, 64))
    assert sc.as_segmenter(net).identity_sha256 == before


def test_another_program_that_runs_it_is_the_same_model_another_precision_is_not() -> None:
    segmenter = sc.as_segmenter(tiny())
    compiled = replace(segmenter, runtime=Runtime("compile", versions=(("x", "1"),)))
    assert compiled.identity_sha256 == segmenter.identity_sha256
    halves = {with_backend(segmenter, precision=p).identity_sha256 for p in ("bf16", "fp16")}
    assert len(halves | {segmenter.identity_sha256}) == 3


def test_denoisers_are_part_of_the_identity() -> None:
    net, twice = nn.Conv2d(3, 2, 1).eval(), nn.Sequential(nn.Identity(), nn.Identity()).eval()
    found = {
        sc.as_segmenter(net, denoiser=front).identity_sha256
        for front in (None, nn.Identity().eval(), twice, partial(torch.mul, other=0.5),
                      partial(torch.mul, other=0.6))
    }  # fmt: skip
    assert len(found) == 5


def test_exported_denoisers_without_weights_are_told_apart(weights: Path, tmp_path: Path) -> None:
    found = set()
    for factor in (0.5, 0.6):

        class Times(nn.Module):
            def forward(self, x: Tensor, k: float = factor) -> Tensor:
                return k * x

        write_pt2(tmp_path / f"{factor}.pt2", Times().eval())
        opened = sc.open_model(str(weights), denoiser=str(tmp_path / f"{factor}.pt2"))
        found.add(opened.identity_sha256)
    assert len(found) == 2


def test_names_and_places_of_files_do_not_count(tmp_path: Path) -> None:
    found = set()
    (tmp_path / "elsewhere").mkdir()
    first = write_pt2(tmp_path / "net.pt2", tiny())
    for path in (first, tmp_path / "elsewhere" / "other.pt2"):
        path.write_bytes(first.read_bytes())
        write_toml(path, mean=(0.5,) * 3, std=(0.5,) * 3)
        found.add(open_foreign(path).identity_sha256)
    assert len(found) == 1
    write_toml(first, mean=(0.5,) * 3, std=(0.25,) * 3)
    assert open_foreign(first).identity_sha256 not in found


PROCESS = """
import torch, segcert as sc
from torch import nn
net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.GELU()).eval()
net.tags, net.heads = {"a", "b", "c", "d"}, {"x": nn.ReLU}
with torch.no_grad():
    [weight.zero_() for weight in net.parameters()]
print(sc.as_segmenter(net, mean=(.4, .5, .6), std=(.1, .2, .3)).identity_sha256)
print(sc.open_model("camvid").identity_sha256)
print(sc.open_point_model("ground").identity_sha256)
"""


def test_every_process_finds_the_same(tmp_path: Path) -> None:
    """With another seed of Python's hashes, another number of threads, in another folder."""
    said = []
    for seed, threads, place in (("1", "1", tmp_path), ("2", "2", tmp_path.parent)):
        told = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", PROCESS]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=place, env=told)
        said.append(ran.stdout)
    assert said[0] == said[1]
    assert len(set(said[0].split())) == 3


IMAGE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
CLOUD = np.random.default_rng(0).random((64, 3), dtype=np.float32)


def test_a_replay_with_another_normalisation_is_refused() -> None:
    """The weights are the same; only what is around them differs."""
    net = nn.Conv2d(3, 2, 1).eval()
    made = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    cert = sc.certify_image(sc.as_segmenter(net, **made), IMAGE, sigma=0.1, n=60, seed=1)
    segmenter = sc.as_segmenter(net, **made)
    assert cert.provenance.identity_sha256 == segmenter.identity_sha256
    assert sc.replay(cert, segmenter, IMAGE).identical
    for other in ({}, made | {"mean": (0.4,) * 3}, made | {"class_names": ("a", "b")}):
        with pytest.raises(sc.InputError, match=r"mean, std, grid, parts, votes.*differ; wrap it"):
            sc.replay(cert, sc.as_segmenter(net, **other), IMAGE)


@pytest.mark.parametrize("changed", [{"grid": 0.5}, {"parts": (0, 1)}, {"normalise": False}])
def test_a_replay_with_another_grid_or_other_parts_is_refused(changed: dict[str, Any]) -> None:
    def coordinates(points: Tensor) -> Tensor:
        return points.transpose(1, 2)

    made = {"grid": 0.25, "parts": (0, 2), "classes": 3}
    segmenter = sc.as_point_segmenter(coordinates, **made)
    cert = sc.certify_cloud(segmenter, CLOUD, sigma=0.1, n=60, seed=1)
    assert sc.replay(cert, sc.as_point_segmenter(coordinates, **made), CLOUD).identical
    with pytest.raises(sc.InputError, match="grid, parts"):
        sc.replay(cert, sc.as_point_segmenter(coordinates, **(made | changed)), CLOUD)


def test_files_keep_the_identity_and_those_of_version_2_replay_as_before(tmp_path: Path) -> None:
    net = nn.Conv2d(3, 2, 1).eval()
    sc.certify_image(net, IMAGE, sigma=0.1, n=60, seed=1).save(tmp_path)
    found = sc.load_certificate(tmp_path)
    assert found.provenance.identity_sha256 == sc.as_segmenter(net).identity_sha256
    other = sc.as_segmenter(net, class_names=("a", "b"))
    with pytest.raises(sc.InputError, match="names of classes"):
        sc.replay(found, other, IMAGE)
    source = replace(found.provenance, identity_sha256="")  # what is read from version 2
    old = replace(found, counts=replace(found.counts, provenance=source))
    assert sc.replay(old, net, IMAGE).identical


def test_unfinished_work_goes_on_with_no_other_model() -> None:
    net, kept = nn.Conv2d(3, 2, 1).eval(), []
    noise = sc.LatticeGaussianNoise(0.1)
    sc.sample(
        net, IMAGE, noise=noise, n0=4, n=40, seed=1, batch_size=2, keeping=sc.Keeping(kept.append)
    )
    again = {"noise": noise, "n0": 4, "n": 40, "seed": 1, "batch_size": 2, "partial": kept[1]}
    assert sc.sample(net, IMAGE, **again).n == 40
    other = sc.as_segmenter(net, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(sc.InputError, match="weights and configuration"):
        sc.sample(other, IMAGE, **again)
