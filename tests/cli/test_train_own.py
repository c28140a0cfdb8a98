"""``train`` on folders of one's own, and denoisers for a model of any kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from segcert.certificates.result import load_certificate
from segcert.errors import ModelError
from segcert.models.denoisers import open_denoiser
from segcert.models.files.checkpoints import load_weights, read_denoiser_description
from segcert.models.wrapping import as_segmenter
from segcert.training.heard import Heard

Command = Callable[..., Any]
FAST = ("--epochs", 1, "--batch-size", 2, "--crop", 32, 32, "--device", "cpu")


class Folders:
    """Three images of noise, and masks that store the two classes as 0 and 255."""

    def __init__(self, root: Path) -> None:
        rng = np.random.default_rng(0)
        self.images, self.masks, self.classes = root / "i", root / "m", root / "c.txt"
        for folder in (self.images, self.masks):
            folder.mkdir()
        for number in range(3):
            pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(self.images / f"{number}.png")
            truth = rng.integers(0, 2, (40, 48), dtype=np.uint8) * 255
            Image.fromarray(truth).save(self.masks / f"{number}_mask.png")
        self.classes.write_text("background\nlesion\n")

    @property
    def options(self) -> tuple[object, ...]:
        """Those of a labelled folder."""
        return (
            "train", "--data", "folder", "--images", self.images, "--masks", self.masks,
            "--classes", self.classes, *FAST,
        )  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def network() -> nn.Module:
    """Two convolutions, of three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1)).eval()


def test_a_network_is_trained_on_a_folder_and_certifies(
    command: Command, folders: Folders, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    done = command(*folders.options, "--mask-values", "0,255", "--out", out)
    assert (done.status, done.err) == (0, "")
    _, about = load_weights(out)
    assert about.classes == ("background", "lesion")
    assert about.data == "folder i"
    photo = folders.images / "0.png"
    assert command("certify", photo, "--model", out, "--n", 60, "--out", tmp_path / "o").status == 0
    assert load_certificate(tmp_path / "o" / "0").class_names == ("background", "lesion")


def test_masks_of_0_and_255_are_asked_about(
    command: Command, folders: Folders, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    command(*folders.options, "--out", out).refuses("255", "--mask-values 0,255")
    assert not out.exists()


def test_a_denoiser_learns_from_photographs_for_any_network(
    command: Command, folders: Folders, tmp_path: Path
) -> None:
    example, batch = (torch.rand(2, 3, 32, 48),), torch.export.Dim("b", max=64)
    sides = {axis: torch.export.Dim(name, min=16, max=999) for axis, name in ((2, "h"), (3, "w"))}
    shapes = ({0: batch} | sides,)
    program = torch.export.export(network(), example, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "net.pt2")
    out = tmp_path / "front.safetensors"
    words = ("train", "--data", "folder", "--images", folders.images, "--task", "denoising", *FAST)
    done = command(*words, "--denoise-for", tmp_path / "net.pt2", "--out", out)
    assert done.status == 0, done.err
    about = read_denoiser_description(out)
    assert (about.trained_for, about.data) == ("net", "photographs i")
    assert open_denoiser(str(out)).call(torch.rand(1, 3, 32, 48)).shape == (1, 3, 32, 48)
    alone = tmp_path / "alone.safetensors"
    assert command(*words, "--out", alone).status == 0
    assert alone.read_bytes() != out.read_bytes()


def test_an_onnx_file_teaches_no_denoiser(
    command: Command, folders: Folders, tmp_path: Path
) -> None:
    """It is refused before anything is learned, whatever it holds."""
    (tmp_path / "net.ONNX").write_bytes(b"whatever")
    command(
        "train", "--data", "folder", "--images", folders.images, "--task", "denoising", *FAST,
        "--denoise-for", tmp_path / "net.ONNX", "--out", tmp_path / "net.safetensors",
    ).refuses(
        "net.ONNX is an ONNX file, which has no gradient", ".pt2", "leave out --denoise-for"
    )  # fmt: skip


def test_what_cannot_be_learned_from_is_one_line(
    command: Command, folders: Folders, tmp_path: Path
) -> None:
    base = ("train", "--data", "folder", *FAST, "--out", tmp_path / "net.safetensors")
    command(*base).refuses("data 'folder' needs images, a folder of photographs")
    command(*base, "--images", folders.images).refuses("needs masks, a folder of masks")
    command(*base, "--images", folders.images, "--classes", folders.classes).refuses(
        "--classes needs --masks"
    )
    command(*base, "--task", "denoising", "--images", tmp_path / "none").refuses("does not exist")


def test_a_heard_model_scores_as_it_is_and_stays_as_it_was() -> None:
    net = network()
    heard = Heard(as_segmenter(net, mean=(0.5,) * 3, std=(0.5,) * 3))
    images = torch.rand(1, 3, 8, 9, requires_grad=True)
    assert torch.allclose(heard(images), net(images), atol=1e-5)
    heard(images).sum().backward()
    assert images.grad is not None
    assert all(weight.grad is None for weight in net.parameters())
    assert len(heard.sha256) == 64


def test_a_model_without_gradient_is_refused() -> None:
    def deaf(batch: torch.Tensor) -> torch.Tensor:
        return batch.detach()

    heard = Heard(as_segmenter(deaf, classes=3))
    assert heard(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(ModelError, match="leave out --denoise-for"):
        heard(torch.rand(1, 3, 8, 8, requires_grad=True))
