"""Model files of other programs on the command line: certified, verified, replayed, attacked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_models import (
    MEAN,
    NAMES,
    STD,
    mask2former,
    segformer,
    thin_hrnet,
    tiny,
    write_folder,
    write_onnx,
    write_pt2,
    write_toml,
)

import segcert as sc
from segcert.models.nets import hrnet
from segcert.models.wrapping import as_segmenter

Command = Callable[..., Any]
Made = tuple[Path, Any, dict[str, Any]]  # file, the network itself, how to wrap it
KINDS = ("pth", "folder", "masks", "pt2", "pt2-fixed", "onnx", "onnx-fixed")
EXACT = ("pth", "folder", "masks", "pt2", "pt2-fixed")  # the same arithmetic
OPTIONS = ("--tau", 0.6, "--alpha", 0.1, "--n0", 2, "--n", 24, "--seed", 5, "--batch-size", 8)


def make(kind: str, folder: Path) -> Made:
    """Write a network as a file, with mean and standard deviation."""
    normed = {"mean": MEAN, "std": STD}
    match kind:
        case "pth":
            net = thin_hrnet()
            torch.save({f"model.{k}": v for k, v in net.state_dict().items()}, folder / "net.pth")
            return folder / "net.pth", net, {"mean": hrnet.MEAN, "std": hrnet.STD}
        case "folder" | "masks":
            net = segformer() if kind == "folder" else mask2former()
            path = write_folder(folder / "net", net, image_mean=MEAN, image_std=STD)
            return path, scores_of(net) if kind == "masks" else net, normed
    net = tiny()
    batch = 3 if kind.endswith("fixed") else None  # the batches of 8 leave 2 over
    write = write_onnx if kind.startswith("onnx") else write_pt2
    path = write(folder / f"net.{kind.removesuffix('-fixed')}", net, batch=batch)
    write_toml(path, mean=MEAN, std=STD, classes=NAMES)
    return path, net, normed


def scores_of(net: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Semantic inference, mask by mask and class by class."""

    def scores(images: torch.Tensor) -> torch.Tensor:
        found = net(images)
        classes = found.class_queries_logits.softmax(2)
        total = 0
        for query in range(classes.shape[1]):
            mask = found.masks_queries_logits[:, query, None].sigmoid()
            total = total + classes[:, query, :-1, None, None] * mask
        return total

    return scores


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Make each kind once."""
    found: dict[str, Made] = {}

    def get(kind: str) -> Made:
        if kind not in found:
            found[kind] = make(kind, tmp_path_factory.mktemp(kind))
        return found[kind]

    return get


def run_certify(command: Command, photo: Path, path: Path, out: Path) -> Any:
    return command("certify", photo, "--model", path, "--out", out, *OPTIONS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled
def test_the_file_is_certified_as_the_network_itself(
    command: Command, made: Callable[[str], Made], photo: Path, tmp_path: Path, kind: str
) -> None:
    """The counts of the command line are those of the network in Python, and replay to the same."""
    path, net, options = made(kind)
    done = run_certify(command, photo, path, tmp_path)
    assert (done.status, done.err) == (0, "")
    assert command("verify", tmp_path / "photo").status == 0
    replayed = command("verify", tmp_path / "photo", "--replay", "--image", photo, "--model", path)
    assert (replayed.status, replayed.err) == (0, "")
    assert "every count matches" in replayed.out
    found = sc.load_certificate(tmp_path / "photo")
    counts = sc.sample(
        as_segmenter(net, **options), photo,
        noise=sc.GaussianNoise(0.25), n0=2, n=24, seed=5, batch_size=8,
    )  # fmt: skip
    right = sc.certify(counts, tau=0.6, alpha=0.1)
    if kind in EXACT:
        assert np.array_equal(found.counts.hits, counts.hits)
        assert np.array_equal(found.labels, right.labels)
    else:
        assert (found.labels == right.labels).mean() > 0.995
    assert len(np.unique(right.labels)) > 1  # a constant would agree with anything
    assert found.counts.classes == right.counts.classes
    assert found.provenance.weights_sha256 not in ("none", counts.provenance.weights_sha256)


@pytest.mark.parametrize("kind", ["folder", "pt2"])
def test_what_has_a_gradient_is_attacked(
    command: Command, made: Callable[[str], Made], photo: Path, tmp_path: Path, kind: str
) -> None:
    path, _, _ = made(kind)
    assert run_certify(command, photo, path, tmp_path).status == 0
    done = command(
        "attack", photo, "--certificate", tmp_path / "photo", "--smoothed", path,
        "--steps", 2, "--n", 10, "--out", tmp_path / "attacked",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")


def test_an_onnx_file_is_not_attacked(
    command: Command, made: Callable[[str], Made], photo: Path, tmp_path: Path
) -> None:
    path, _, _ = made("onnx")
    assert run_certify(command, photo, path, tmp_path).status == 0
    command(
        "attack", photo, "--certificate", tmp_path / "photo", "--smoothed", path,
        "--out", tmp_path / "attacked",
    ).refuses("net is an ONNX file, which has no gradient", "can be certified", ".pt2")  # fmt: skip


@pytest.mark.parametrize("kind", ["pth", "folder", "pt2", "onnx"])
def test_models_says_what_a_file_is(
    command: Command, made: Callable[[str], Made], kind: str
) -> None:
    path, _, options = made(kind)
    done = command("models", path)
    assert (done.status, done.err) == (0, "")
    named = "5: class 0, class 1, " if kind == "pth" else "3: road, car, sky"
    words = {"pth": "HRNetV2", "folder": "Hugging Face", "pt2": "exported", "onnx": "ONNX"}
    for word in (words[kind], named, ", ".join(f"{one:g}" for one in options["mean"])):
        assert word in done.out
    assert sc.open_model(str(path)).weights_sha256 in done.out


def test_models_says_what_weights_of_ours_are(command: Command, weights: Path) -> None:
    done = command("models", weights)
    assert (done.status, done.err) == (0, "")
    for word in ("tiny", "depthwise", "3: road, car, sky", "0.5, 0.5, 0.5", "Apache-2.0"):
        assert word in done.out


def test_a_note_says_when_images_go_in_as_they_are(
    command: Command, photo: Path, tmp_path: Path
) -> None:
    """Only without a sidecar, where the names of the classes are numbers."""
    path = write_pt2(tmp_path / "net.pt2", tiny())
    done = run_certify(command, photo, path, tmp_path / "out")
    assert done.status == 0
    assert done.err.startswith("note: ")
    assert "net.toml: images go into model" in done.err
    assert "3: class 0, class 1, class 2" in command("models", path).out
    write_toml(path)
    assert run_certify(command, photo, path, tmp_path / "again").err == ""


def test_another_mean_is_another_model(command: Command, photo: Path, tmp_path: Path) -> None:
    """It neither replays nor resumes."""
    path = write_pt2(tmp_path / "net.pt2", tiny())
    write_toml(path, mean=MEAN, std=STD)
    assert run_certify(command, photo, path, tmp_path / "out").status == 0
    write_toml(path, mean=(0.5, 0.5, 0.5), std=STD)
    command(
        "verify", tmp_path / "out" / "photo", "--replay", "--image", photo, "--model", path
    ).refuses("weights", status=1)
    assert run_certify(command, photo, path, tmp_path / "out").status == 2


def test_a_program_that_mixes_the_draws_is_refused(
    command: Command, photo: Path, tmp_path: Path
) -> None:
    """Also where the draws are filled up with copies."""
    path = write_pt2(tmp_path / "net.pt2", tiny(mixes=True), batch=4)
    write_toml(path)
    run_certify(command, photo, path, tmp_path / "out").refuses("mixes the draws of a batch")


@pytest.mark.parametrize("write", [write_pt2, write_onnx])
def test_images_of_another_size_are_refused(
    command: Command, draw_pixels: Callable[..., np.ndarray], tmp_path: Path,
    write: Callable[..., Path],
) -> None:  # fmt: skip
    from PIL import Image

    path = write(tmp_path / ("net.pt2" if write is write_pt2 else "net.onnx"), tiny(), batch=2)
    write_toml(path)
    Image.fromarray(draw_pixels(height=40, width=40)).save(tmp_path / "square.png")
    run_certify(command, tmp_path / "square.png", path, tmp_path / "out").refuses(
        "net takes channels x height x width = 3 x 32 x 48, got 3 x 40 x 40", "any size"
    )


def test_bad_files_get_one_line(command: Command, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, words in (
        ("none.onnx", ["none.onnx does not exist"]),
        ("none.pt2", ["none.pt2 does not exist"]),
        ("none.pth", ["none.pth does not exist"]),
        ("empty", ["is a folder without config.json", "save_pretrained"]),
    ):
        run_certify(command, photo, tmp_path / name, tmp_path / "out").refuses(*words)
    for suffix in ("pt2", "onnx", "pth", "pt"):
        bad = tmp_path / f"bad.{suffix}"
        bad.write_bytes(b"no network" * 100)
        run_certify(command, photo, bad, tmp_path / "out").refuses(bad, "is damaged")
    assert not (tmp_path / "out").exists()
