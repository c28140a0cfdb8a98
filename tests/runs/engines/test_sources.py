"""How workers open the model: from names and files, wherever they run."""

import pickle
from pathlib import Path

import pytest
import torch

from segcert.errors import InputError
from segcert.models.backends.choosing import with_backend
from segcert.models.shipped import open_model
from segcert.runs.engines.sources import NamedModel, NamedNetwork


def test_a_named_model_opens_after_a_journey(weights: Path) -> None:
    source = pickle.loads(pickle.dumps(NamedModel(str(weights))))
    assert source().weights_sha256 == open_model(str(weights)).weights_sha256


def test_paths_hold_in_any_folder_and_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "camvid").mkdir()  # a folder that is called as a model is
    monkeypatch.chdir(tmp_path)
    source = NamedModel("net.safetensors", "front.pt2", int8_file=Path("net.xml"))
    assert source.name == str(tmp_path / "net.safetensors")
    assert source.denoiser == str(tmp_path / "front.pt2")
    assert source.int8_file == tmp_path / "net.xml"
    assert NamedNetwork("net.safetensors").name == str(tmp_path / "net.safetensors")
    shipped = NamedModel("camvid", "camvid-denoiser")
    assert (shipped.name, shipped.denoiser) == ("camvid", "camvid-denoiser")


def test_the_backend_of_the_run_is_that_of_workers(weights: Path) -> None:
    plain = open_model(str(weights))
    found = NamedModel(str(weights), backend="torch", precision="bf16", size=(24, 16))()
    wanted = with_backend(plain, "torch", precision="bf16")
    assert found.runtime == wanted.runtime != plain.runtime
    assert found.weights_sha256 == wanted.weights_sha256 != plain.weights_sha256
    batch = torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.output(batch), wanted.output(batch))


@pytest.mark.parametrize("file", [None, Path("nowhere.xml")])
def test_workers_never_calibrate(weights: Path, file: Path | None) -> None:
    source = NamedModel(str(weights), backend="openvino-int8", int8_file=file)
    with pytest.raises(InputError, match=r"a worker finds no int8 network .*--int8-file") as caught:
        source()
    assert "\n" not in str(caught.value)
