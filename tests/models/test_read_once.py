"""Each file of a model is opened once: what is hashed is what is run, whoever swaps the file."""

import builtins
import io
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from engine_models import save_cloud_net
from foreign_models import thin_hrnet, tiny, write_onnx, write_pt2

from segcert.inputs.kind import CLOUD
from segcert.models.reference import ModelReference
from segcert.models.shipped import open_model


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often files are opened, by their names."""
    found: Counter[str] = Counter()

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def heard(path: Any, *given: Any, **named: Any) -> Any:
            if isinstance(path, (str, os.PathLike)):
                found[Path(path).name] += 1
            return call(path, *given, **named)

        return heard

    for module, name in (
        (os, "open"), (io, "open"), (builtins, "open"), (safetensors, "safe_open"),
        (torch._C, "PyTorchFileReader"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    return found


def test_weights_of_ours(weights: Path, tmp_path: Path, opened: Counter[str]) -> None:
    net = save_cloud_net(tmp_path / "net.safetensors")
    opened.clear()
    ModelReference(str(weights), denoiser="camvid-denoiser").open()
    ModelReference("camvid").open()
    ModelReference(str(net), CLOUD, category="mug").open()
    counts = {name: count for name, count in opened.items() if name.endswith(".safetensors")}
    files = {weights.name, net.name, "camvid.safetensors", "camvid-denoiser.safetensors"}
    assert counts == dict.fromkeys(files, 1)


def test_files_of_other_programs(tmp_path: Path, opened: Counter[str]) -> None:
    torch.save(thin_hrnet().state_dict(), tmp_path / "net.pth")
    write_pt2(tmp_path / "net.pt2", tiny())
    write_onnx(tmp_path / "net.onnx", tiny())
    for path in sorted(tmp_path.iterdir()):
        opened.clear()
        if path.suffix in (".pth", ".pt2", ".onnx"):
            open_model(str(path))
            files = {one.name for one in tmp_path.iterdir() if one.name.startswith(path.name)}
            counts = {name: count for name, count in opened.items() if name in files}
            assert counts == dict.fromkeys(files, 1)
