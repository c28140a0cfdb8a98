"""What the machine has: packages from metadata, backends that are broken, folders."""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from segcert.doctor import machine
from segcert.doctor.examination import as_json, examine
from segcert.doctor.machine import Packages, backends, devices, grouped, room, rooms, tried


def test_requirements_are_grouped_by_extra() -> None:
    found = grouped([
        "numpy>=2", "torch (>=2.6)", 'numpy>=2; python_version > "3.8"', "no.such_package-at.all",
        "pytest>=8; extra == 'dev-tools'", 'nonesuch[x]>=1,<2 ; python_version>"3" and extra=="hf"',
    ])  # fmt: skip
    core, tools, hf = found
    assert set(core.versions) == {"numpy", "torch", "no.such_package-at.all"}
    assert core.versions["torch"] == torch.__version__
    assert (core.extra, core.complete, core.install) == ("", False, "pip install segcert")
    assert (tools.extra, tools.complete) == ("dev-tools", True)
    assert hf == Packages("hf", {"nonesuch": None})
    assert hf.install == "pip install 'segcert[hf]'"


def test_the_packages_of_this_installation_are_found() -> None:
    core = machine.packages()[0]
    assert core.complete
    assert {"torch", "numpy", "cyclopts"} <= set(core.versions)


def test_backends_are_tried_and_broken_ones_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {backend.name: backend for backend in backends()}
    assert list(found) == ["torch", "compile", "onnx", "openvino"]
    assert found["torch"].available
    assert torch.__version__ in found["torch"].finding

    def broken() -> str:
        raise OSError("libfoo.so:\n  undefined symbol")

    assert tried("onnx", broken).finding == "libfoo.so: undefined symbol"
    assert not tried("onnx", broken).available
    monkeypatch.setattr(machine, "has_compiler", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "needs a C++ compiler" in tried("compile", machine.compiler).finding


def test_devices_are_named_as_the_command_line_takes_them() -> None:
    found = devices()
    assert found[0].name == "cpu"
    assert len(found) == 1 + torch.cuda.device_count()


def test_folders_that_cannot_be_written_are_seen(tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    good = room("results", tmp_path)
    assert good.writable
    assert good.free > 0
    assert list(tmp_path.iterdir()) == before
    assert not room("results", Path("/proc")).writable
    assert [one.path for one in rooms()] == [str(Path.cwd()), tempfile.gettempdir()]


def test_an_examination_becomes_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcert.doctor.examination.run_checks", tuple)
    found = examine()
    record = json.loads(as_json(found))
    assert (record["format"], record["version"], record["passed"]) == ("segcert doctor", 1, True)
    assert record["packages"][0]["versions"]["torch"] == torch.__version__
    assert record["devices"][0]["name"] == "cpu"


def test_a_broken_torchvision_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks each model of a library that imports it, and was "ok"."""
    package = tmp_path / "torchvision"
    package.mkdir()
    init = package / "__init__.py"
    init.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    (found,) = machine.libraries()
    assert not found.available
    assert found.finding.startswith("operator torchvision::nms does not exist: Hugging Face, timm")
    assert f"built for PyTorch {torch.__version__}, or pip uninstall" in found.finding
    init.write_text("__version__ = '9.9'")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    (found,) = machine.libraries()
    assert (found.available, found.finding) == (True, "torchvision 9.9")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)


@pytest.mark.libraries
def test_torchvision_itself_is_found_or_said_to_be_broken() -> None:
    """In a process where nothing mends it: beside a torch for CPUs it is broken."""
    code = "from segcert.doctor.machine import libraries; print(libraries()[0].finding)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    works = found.stdout == f"torchvision {version('torchvision')}\n"
    assert works or "operator torchvision::nms does not exist: Hugging Face" in found.stdout


def test_no_torchvision_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    assert machine.libraries() == ()
