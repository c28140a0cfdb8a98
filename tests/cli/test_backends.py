"""What runs the network, from the command line: recorded, resumed, replayed, refused."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from segcert.certificates.result import load_certificate

Command = Callable[..., Any]
QUICK = ("--tau", 0.6, "--alpha", 0.1, "--n0", 2, "--n", 30, "--seed", 4)
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


@pytest.fixture
def certified(command: Command, photo: Path, weights: Path, tmp_path: Path) -> Command:
    """Certify the tiny photograph with more options; return the outcome."""

    def call(*options: object) -> Any:
        out = tmp_path / "out"
        return command("certify", photo, "--model", weights, "--out", out, *QUICK, *options)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the certificate of the photograph comes to lie."""
    return tmp_path / "out" / "photo"


@pytest.fixture
def replayed(command: Command, photo: Path, weights: Path, folder: Path) -> Command:
    """Replay the certificate."""

    def call(*options: object) -> Any:
        return command("verify", folder, "--replay", "--image", photo, "--model", weights, *options)

    return call


def provenance(folder: Path) -> Any:
    return json.loads((folder / "certificate.json").read_text())["provenance"]


def test_torch_is_recorded(certified: Command, folder: Path) -> None:
    assert certified().status == 0
    assert provenance(folder)["backend"] == "torch"
    found = load_certificate(folder)
    assert (found.provenance.backend, found.provenance.precision) == ("torch", "float32")
    assert "as computed in" not in found.statement


def test_bf16_is_recorded_said_in_words_and_replayed(
    command: Command, certified: Command, folder: Path, replayed: Command, photo: Path,
    weights: Path,
) -> None:  # fmt: skip
    assert certified().status == 0
    exact = load_certificate(folder)
    certified("--precision", "bf16").refuses("precision fp32 -> bf16")
    done = certified("--precision", "bf16", "--overwrite")
    assert done.status == 0, done.err
    found = load_certificate(folder)
    assert found.provenance.precision == "bfloat16 autocast"
    assert found.provenance.weights_sha256 != exact.provenance.weights_sha256
    assert "the network as computed in bfloat16 autocast is meant" in found.statement
    again = replayed()
    assert again.status == 0, again.err
    assert "every count matches" in again.out
    attacked = command(
        "attack",
        photo,
        "--certificate",
        folder,
        "--smoothed",
        weights,
        "--out",
        folder.parent / "a",
    )
    attacked.refuses("in bf16, not in fp32")


@pytest.mark.slow
def test_onnx_is_recorded_and_replayed_and_torch_may_differ_in_ties(
    certified: Command, folder: Path, replayed: Command
) -> None:
    done = certified("--backend", "onnx")
    assert done.status == 0, done.err
    written = provenance(folder)
    assert written["backend"] == "onnx"
    assert "onnxruntime" in written["versions"]
    assert ">onnx<" in (folder / "report.html").read_text()
    certified("--backend", "torch").refuses("backend onnx -> torch")
    with_torch = replayed("--backend", "torch")
    assert with_torch.status == 0, with_torch.err
    assert "noise of every draw matches" in with_torch.out


@pytest.mark.slow
@needs_openvino
def test_int8_is_another_network_of_one_file(
    certified: Command, folder: Path, replayed: Command, tmp_path: Path
) -> None:
    """The file is written once, read after that, and calibrating again gives the same network."""
    street, file = tmp_path / "streets", tmp_path / "int8" / "net.xml"
    street.mkdir()
    for shade in (30, 90, 200):
        Image.new("RGB", (48, 32), (shade, 128, 255 - shade)).save(street / f"{shade}.png")
    options = ("--backend", "openvino-int8", "--calibration", street, "--int8-file", file)
    done = certified(*options)
    assert done.status == 0, done.err
    assert file.exists()
    found = load_certificate(folder)
    source = found.provenance
    assert (source.backend, source.precision) == ("openvino-int8", "int8")
    assert "the network as computed in int8 is meant" in found.statement
    from_file = replayed("--int8-file", file)
    assert from_file.status == 0, from_file.err
    assert "every count matches" in from_file.out
    again = replayed("--calibration", street)  # calibrates again
    assert again.status == 0, again.err
    in_full = replayed("--backend", "torch")
    in_full.refuses("its precision is 'float32', recorded is 'int8'", status=1)


def test_a_run_with_auto_goes_on_with_what_it_chose(
    certified: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for package in ("onnxscript", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    first = certified("--backend", "auto")
    assert first.status == 0, first.err
    assert "backend: torch" in first.err
    assert (folder.parent / ".backend").read_text() == "torch\n"
    assert certified("--backend", "auto").status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--backend", "onnx", "--precision", "bf16"), "it goes with --backend torch or compile"),
        (("--int8-file", "net.xml"), "--int8-file needs --backend openvino-int8"),
        (("--backend", "openvino-int8", "--int8-file", "net.bin"), "must end in .xml"),
    ],
)
def test_impossible_combinations_are_refused_before_any_work(
    certified: Command, folder: Path, options: tuple[str, ...], words: str
) -> None:
    certified(*options).refuses(words)
    assert not folder.parent.exists()


def test_evaluate_records_the_precision(command: Command, weights: Path, tmp_path: Path) -> None:
    from segcert.runs.evaluate import load_results

    (tmp_path / "i").mkdir()
    (tmp_path / "m").mkdir()
    Image.new("RGB", (24, 16), (90, 90, 90)).save(tmp_path / "i" / "a.png")
    Image.new("L", (24, 16)).save(tmp_path / "m" / "a.png")
    (tmp_path / "names.txt").write_text("road\ncar\nsky\n")
    common = (
        "evaluate", "--data", "folder", "--images", tmp_path / "i", "--masks", tmp_path / "m",
        "--classes", tmp_path / "names.txt", "--model", weights, "--out", tmp_path / "run",
        "--tau", 0.6, "--alpha", 0.1, "--n0", 2, "--n", 30, "--seed", 4,
    )  # fmt: skip
    done = command(*common, "--precision", "bf16")
    assert done.status == 0, done.err
    config = load_results(tmp_path / "run").config
    assert (config.backend, config.precision) == ("torch", "bf16")
    command(*common).refuses("precision bf16 -> fp32")
    several = command(*common, "--backend", "openvino-int8", "--sigma", 0.1, "--sigma", 0.2)
    several.refuses("name one --sigma and one --scale")
