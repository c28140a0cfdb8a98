"""How a model is opened from its description: by commands and workers, wherever they run."""

import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import save_cloud_net

from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.models.backends.choosing import with_backend
from segcert.models.opening_points import PointOptions, open_point_model
from segcert.models.reference import OF_CLOUDS, OF_IMAGES, ModelReference, recorded
from segcert.models.shipped import open_model


def test_a_named_model_opens_after_a_journey(weights: Path) -> None:
    reference = pickle.loads(pickle.dumps(ModelReference(str(weights))))
    assert reference.open().weights_sha256 == open_model(str(weights)).weights_sha256
    source = pickle.loads(pickle.dumps(reference.open))
    assert source().identity_sha256 == open_model(str(weights)).identity_sha256


def test_paths_hold_in_any_folder_and_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "camvid").mkdir()  # a folder that is called as a model is
    monkeypatch.chdir(tmp_path)
    source = ModelReference(
        "net.safetensors", denoiser="front.pt2", backend="openvino-int8", int8_file=Path("net.xml"),
        calibration=Path("streets"),
    ).absolute()  # fmt: skip
    assert source.name == str(tmp_path / "net.safetensors")
    assert source.denoiser == str(tmp_path / "front.pt2")
    assert source.int8_file == tmp_path / "net.xml"
    assert source.calibration == tmp_path / "streets"
    cloud = ModelReference("net.safetensors", CLOUD).absolute()
    assert cloud.name == str(tmp_path / "net.safetensors")
    shipped = ModelReference("camvid", denoiser="camvid-denoiser").absolute()
    assert (shipped.name, shipped.denoiser) == ("camvid", "camvid-denoiser")
    assert ModelReference("ground", CLOUD).absolute().name == "ground"


def test_the_backend_of_the_run_is_that_of_workers(weights: Path) -> None:
    plain = open_model(str(weights))
    found = ModelReference(str(weights), backend="torch", precision="bf16", size=(24, 16)).open()
    wanted = with_backend(plain, "torch", precision="bf16")
    assert found.runtime == wanted.runtime != plain.runtime
    assert found.weights_sha256 == wanted.weights_sha256 != plain.weights_sha256
    batch = torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.output(batch), wanted.output(batch))


@pytest.mark.parametrize("file", [None, Path("nowhere.xml")])
def test_workers_never_calibrate(weights: Path, file: Path | None) -> None:
    source = ModelReference(str(weights), backend="openvino-int8", int8_file=file)
    with pytest.raises(InputError, match=r"a worker finds no int8 network .*--int8-file") as caught:
        source.open()
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of a network of clouds that takes normals."""
    return str(save_cloud_net(tmp_path_factory.mktemp("clouds") / "net.safetensors"))


def test_a_worker_opens_the_model_of_the_run_or_none(weights: Path, net: str) -> None:
    """Every option that changes a label is seen, not the weights alone."""
    image, cloud = ModelReference(str(weights)), ModelReference(net, CLOUD, each_category=True)
    for reference, others in (
        (image, [{"scale": "0.5"}, {"precision": "bf16"}, {"denoiser": "camvid-denoiser"}]),
        (cloud, [{"normals": "recomputed"}, {"votes": 3}, {"category": "mug"}]),
    ):
        workers = reference.of(reference.open())
        assert workers.open().identity_sha256 == workers.digest
        for other in others:
            with pytest.raises(InputError, match=r"as another one .* same model file") as caught:
                replace(workers, **other).open()
            assert "\n" not in str(caught.value)


def test_what_is_recorded_is_opened_again_as_it_was(net: str) -> None:
    for reference in (
        ModelReference(net, CLOUD, category="mug"),
        ModelReference(net, CLOUD, category="11", normals="recomputed", votes=3),
    ):
        model = reference.open()
        again = recorded(model.name, CLOUD, given=net).open()
        assert (again.name, again.identity_sha256) == (model.name, model.identity_sha256)
    assert recorded("camvid", scale="0.5") == ModelReference("camvid", scale="0.5")
    assert recorded("ground", CLOUD) == ModelReference("ground", CLOUD)


@pytest.mark.parametrize(
    ("called", "kind"), [("net", IMAGE), ("a/net.pth", IMAGE), ("net[votes=3]", CLOUD)]
)
def test_no_file_is_opened_by_the_name_that_a_certificate_has_for_it(
    called: str, kind: InputKind
) -> None:
    with pytest.raises(InputError, match=r"which does not come with segcert.*not opened") as caught:
        recorded(called, kind)
    assert "\n" not in str(caught.value)


def test_models_of_clouds_are_called_as_before_whoever_names_the_category(net: str) -> None:
    each = ModelReference(net, CLOUD, each_category=True)
    assert each.open().name == "net"
    assert replace(each, normals="recomputed", votes=3).open().name == (
        "net[normals=recomputed,votes=3]"
    )
    named = ModelReference(net, CLOUD, category="mug").open()
    assert named.name == "net[category=mug,normals=trusted]"
    with pytest.raises(InputError, match="is told the category of a shape: add --category"):
        ModelReference(net, CLOUD).open()


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (IMAGE, {"category": "mug"}), (IMAGE, {"normals": "recomputed"}),
        (IMAGE, {"votes": 3}), (IMAGE, {"each_category": True}),
        (CLOUD, {"scale": "0.5"}), (CLOUD, {"denoiser": "camvid-denoiser"}),
        (CLOUD, {"backend": "onnx"}), (CLOUD, {"precision": "bf16"}),
        (CLOUD, {"int8_file": Path("net.xml")}),
    ],
)  # fmt: skip
def test_options_of_the_other_kind_are_refused(kind: InputKind, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=f"{name} is not for models of {kind.words}.*leave it out"):
        ModelReference("net", kind, **option)
    of_images, of_clouds = set(OF_IMAGES), set(OF_CLOUDS)
    shared = {"name", "kind", "digest"}
    assert of_images | of_clouds | shared == {one.name for one in fields(ModelReference)}
    assert not of_images & of_clouds


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"int8_file": Path("net.xml")}, "are of --backend openvino-int8"),
        ({"backend": "onnx", "precision": "bf16"}, "it goes with --backend torch or compile"),
        ({"backend": "openvino-int8", "int8_file": Path("net.bin")}, "must end in .xml"),
        ({"backend": "tpu"}, "backend must be"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ModelReference("camvid", **options)


def test_public_functions_open_the_same(weights: Path, net: str) -> None:
    of_images = open_model(str(weights), scale="0.5", denoiser="camvid-denoiser")
    same = ModelReference(str(weights), scale="0.5", denoiser="camvid-denoiser").open()
    assert (same.name, same.identity_sha256) == (of_images.name, of_images.identity_sha256)
    of_clouds = open_point_model(net, PointOptions("mug", "recomputed", 3))
    same = ModelReference(net, CLOUD, category="mug", normals="recomputed", votes=3).open()
    assert (same.name, same.identity_sha256) == (of_clouds.name, of_clouds.identity_sha256)
