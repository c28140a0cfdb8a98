"""What a network takes and returns: in its sidecar, on the command line, and read off its file."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import onnx
import pytest
from foreign_models import write_toml
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import segcert as sc
from segcert.cli.main import run
from segcert.cli.network_options import NetworkOptions, Order
from segcert.models.resizing.conventions import Channels, Layout, Returns

FEW = ["--sigma", "0.05", "--n0", "4", "--n", "60", "--seed", "1"]
WEIGHTS = np.zeros((2, 3, 1, 1), np.float32)
WEIGHTS[:, 0, 0, 0] = -1, 1  # class 1 where red is above 1/2
HALF = np.array([0.5, -0.5], np.float32)
TRUTH = np.zeros((16, 24), int)
TRUTH[:, 12:] = 1


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image whose right half is red."""
    monkeypatch.chdir(tmp_path)
    image = np.full((16, 24, 3), 60, np.uint8)
    image[:, 12:, 0] = 255
    Image.fromarray(image).save("img.png")
    return tmp_path


def write(
    *steps: tuple[str, dict[str, Any]], shape: list[Any], out: list[Any], **more: Any
) -> None:
    """A network of one operator after the other, with its weights."""
    weights = {"W": WEIGHTS, "B": HALF} | more
    nodes, last, at = [], "x", 0
    for at, (kind, attributes) in enumerate(steps):
        given = attributes.pop("inputs", [])
        nodes.append(helper.make_node(kind, [last, *given], [f"y{at}"], **attributes))
        last = f"y{at}"
    kind = TensorProto.INT64 if steps[-1][0] == "ArgMax" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"y{at}", kind, out)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, "net.onnx")


def conv(*names: str) -> tuple[str, dict[str, Any]]:
    return "Conv", {"inputs": list(names or ("W", "B"))}


FREE, FREE_OUT = ["b", 3, "h", "w"], ["b", 2, "h", "w"]
FIRST = ("Transpose", {"perm": [0, 3, 1, 2]})
LAST = ("Transpose", {"perm": [0, 2, 3, 1]})
ONE = {"W": WEIGHTS[1:], "B": np.array([-0.5], np.float32)}
Network = tuple[tuple[Any, ...], list[Any], list[Any], dict[str, Any], dict[str, Any]]
NETWORKS: dict[str, Network] = {
    "bgr": (
        (conv(),), FREE, FREE_OUT, {"W": WEIGHTS[:, ::-1].copy()}, {"channels": "bgr"},
    ),
    "bytes": ((conv(),), FREE, FREE_OUT, {"B": 255 * HALF}, {"input_range": (0.0, 255.0)}),
    "mean and std of bytes": (
        (conv(),), FREE, FREE_OUT, {"B": 0 * HALF},
        {"input_range": (0.0, 255.0), "mean": (127.5,) * 3, "std": (58.395, 57.12, 57.375)},
    ),
    "mean and std": (
        (conv(),), FREE, FREE_OUT, {"B": 0 * HALF}, {"mean": (0.5,) * 3, "std": (0.2,) * 3},
    ),
    "grey": (
        (conv(),), ["b", 1, "h", "w"], FREE_OUT,
        {"W": WEIGHTS[:, :1].copy(), "B": 0.35 * 2 * HALF}, {"channels": "grey"},
    ),
    "channels last, read off the file": (
        (FIRST, conv(), LAST), [1, 16, 24, 3], [1, 16, 24, 2], {}, {},
    ),
    "channels last, of any size": (
        (FIRST, conv(), LAST), ["b", "h", "w", 3], ["b", "h", "w", 2], {}, {},
    ),
    "channels last, scores only": (
        (conv(), LAST), FREE, ["b", "h", "w", 2], {}, {"output_layout": "nhwc"},
    ),
    "channels last, told": (
        (FIRST, conv(), LAST), ["b", "h", "w", "c"], ["b", "h", "w", "k"], {},
        {"layout": "nhwc", "output_layout": "nhwc"},
    ),
    "logits of one channel": ((conv(),), FREE, ["b", 1, "h", "w"], ONE, {"binary": True}),
    "a probability": (
        (conv(), ("Sigmoid", {})), FREE, ["b", 1, "h", "w"], ONE,
        {"binary": True, "threshold": 0.5},
    ),
    "two regions": (
        (conv(),), FREE, FREE_OUT, {"B": np.zeros(2, np.float32)}, {"regions": (-0.5, 0.5)},
    ),
    "labels": (
        (conv(), ("ArgMax", {"axis": 1, "keepdims": 0})), FREE, ["b", "h", "w"], {},
        {"class_count": 2},
    ),
    "labels as numbers": (
        (conv(), ("ArgMax", {"axis": 1, "keepdims": 1}), ("Cast", {"to": 1})), FREE,
        ["b", 1, "h", "w"], {}, {"returns": "labels", "class_count": 2},
    ),
}  # fmt: skip


def options(said: dict[str, Any]) -> list[str]:
    """The settings as options."""
    words: list[str] = []
    for name, value in said.items():
        option = "--" + name.replace("_", "-")
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [option] if value is True else [f"{option}={text}"]
    return words


def prepared(name: str) -> dict[str, Any]:
    steps, shape, out, weights, said = NETWORKS[name]
    write(*((kind, dict(told)) for kind, told in steps), shape=shape, out=out, **weights)
    return said


def labels_of(*words: str) -> tuple[np.ndarray, sc.Certificate]:
    assert run(["certify", "img.png", "--model", "./net.onnx", *FEW, *words, "--out", "o"]) == 0
    cert = sc.load_certificate("o/img")
    assert cert.certified.mean() > 0.9
    return np.asarray(cert.labels), cert


@pytest.mark.parametrize("name", NETWORKS)
def test_the_right_labels_by_option_and_by_sidecar(name: str) -> None:
    """Also replayed with nothing said but the file: the certificate knows the rest."""
    said = prepared(name)
    wanted = 2 * TRUTH if name == "two regions" else TRUTH
    wanted = 1 + TRUTH if name == "two regions" else wanted
    labels, by_option = labels_of(*options(said))
    assert (labels == wanted).all()
    replay = ["verify", "o/img", "--replay", "--image", "img.png", "--model", "./net.onnx"]
    assert run(replay) == 0
    if not said:
        return
    write_toml(Path("net.onnx"), **said)
    labels, by_sidecar = labels_of("--overwrite")
    assert (labels == wanted).all()
    sources = by_option.provenance, by_sidecar.provenance
    assert len({source.identity_sha256 for source in sources}) == 1
    assert len({source.weights_sha256 for source in sources}) == 1


def test_the_threshold_is_in_the_certificate_and_another_one_is_another_model() -> None:
    prepared("a probability")
    _, cert = labels_of("--binary", "--threshold", "0.5")
    assert cert.provenance.model == "net[binary,threshold=0.5]"
    assert "net[binary,threshold=0.5]" in cert.statement
    write_toml(Path("net.onnx"), binary=True, threshold=0.6)
    other = sc.open_model("./net.onnx")
    assert other.name == "net[binary,threshold=0.6]"
    assert other.identity_sha256 != cert.provenance.identity_sha256


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("a probability", [], "say that it is a binary head"),
        ("a probability", ["--binary"], "--threshold 0.5"),
        ("bytes", ["--input-range", "255..0"], "low < high"),
        ("bytes", ["--input-range", "bytes"], "--input-range takes numbers between commas"),
        ("bytes", ["--mean", "123.675,116.28,103.53", "--std", "58.4,57.1,57.4"],
         "or say that the network takes bytes, input_range"),
        ("bytes", ["--mean", "0.5,0.5,0.5"], "mean and std go together"),
        ("bytes", ["--mean", "0.5,0.5", "--std", "1,1"], "needs 3 values"),
        ("bytes", ["--threshold", "0.5"], "threshold is of a binary head"),
        ("bytes", ["--binary"], "a binary head has one channel"),
        ("bytes", ["--regions", "0.5"], "regions has 1 thresholds"),
        ("bytes", ["--output-name", "masks"], "has no output 'masks'"),
        ("bytes", ["--pad", "0"], "pad must be"),
        ("bytes", ["--class-count", "3"], "3 were declared"),
        ("bytes", ["--regions", "0.5,0.5", "--scale", "0.5,1"], "use one factor"),
        ("grey", [], "--channels grey"),
        ("channels last, scores only", [], "--output-layout nhwc"),
        ("labels", [], "in its sidecar (net.toml)"),
        ("labels as numbers", ["--class-count", "2"], "of one class"),
    ],
)  # fmt: skip
def test_what_is_not_said_or_wrong_is_one_line(
    name: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(name)
    assert run(["certify", "img.png", "--model", "./net.onnx", *FEW, *words, "--out", "o"]) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert "Traceback" not in heard
    assert not Path("o/img").exists()


def test_one_of_several_outputs_is_chosen_by_name_or_number() -> None:
    write(conv(), ("Neg", {}), shape=FREE, out=FREE_OUT)
    model = onnx.load("net.onnx")
    first = helper.make_tensor_value_info("y0", TensorProto.FLOAT, FREE_OUT)
    model.graph.output.append(first)  # y1 is the wrong one
    onnx.save(model, "net.onnx")
    for word in ("y0", "1"):
        labels, cert = labels_of("--output-name", word, "--overwrite")
        assert (labels == TRUTH).all()
        assert cert.provenance.model == f"net[output_name={word}]"


def test_models_says_what_was_understood(capsys: pytest.CaptureFixture[str]) -> None:
    prepared("channels last, read off the file")
    assert run(["models", "./net.onnx", "--channels", "bgr"]) == 0
    said = capsys.readouterr().out
    for line in (
        "model         net[channels=bgr,layout=nhwc,output_layout=nhwc]",
        "takes         batch 1, channels 3, height 16, width 24",
        "channels      bgr",
        "layout        nhwc",
    ):
        assert line in said


def test_weights_of_ours_bring_their_own(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["certify", "img.png", "--model", str(weights), "--channels", "bgr"]
    assert run(words) == 2
    assert "brings what it needs with it: leave out channels" in capsys.readouterr().err


def test_options_and_sidecars_have_the_same_words() -> None:
    hints = get_type_hints(NetworkOptions)
    assert set(get_args(Order)) == set(get_args(Layout))
    for name, known in (("channels", Channels), ("returns", Returns)):
        assert set(get_args(get_args(hints[name])[0])) == set(get_args(known))
