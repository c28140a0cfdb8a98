"""Truth on the command line: what masks store is read right, asked for, or refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from foreign_models import segformer, write_folder
from onnx import TensorProto, helper, numpy_helper
from picture_files import exif_of, with_palette
from PIL import Image

from segcert.certificates.result import load_certificate
from segcert.cli.tables import warn_about_grey_levels
from segcert.cli.truth import check_reduced
from segcert.data import camvid
from segcert.errors import InputError
from segcert.inputs.mask_options import MaskOptions
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.rotation import RotationNoise

Command = Callable[..., Any]
SEEN = np.repeat(np.array([[0, 0, 1, 1]], np.uint8), 12, 1).repeat(32, 0)  # dark left, bright right
QUICK = ("--sigma", 0.05, "--n", 60, "--n0", 2)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that gives class 1 where an image is bright; it has three classes."""
    weights = np.zeros((3, 3, 1, 1), np.float32)
    weights[0], weights[1] = -1 / 3, 1 / 3
    bias = np.array([0.5, -0.5, -9], np.float32)
    shape = ["b", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path = tmp_path_factory.mktemp("net") / "bright.onnx"
    onnx.save(model, path)
    lines = 'classes = ["none", "dark", "bright"]\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n'
    path.with_suffix(".toml").write_text(lines.replace('"none", "dark", "bright"', '"a", "b", "c"'))
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image that the network labels as `SEEN`."""
    path = tmp_path / "img.png"
    Image.fromarray(np.where(SEEN[..., None], 200, 60).astype(np.uint8).repeat(3, 2)).save(path)
    return path


@pytest.fixture
def certify(command: Command, net: Path, image: Path, tmp_path: Path) -> Command:
    """Certify the image, with the truth that is given."""

    def call(truth: Image.Image | None, *options: object, out: str = "out") -> Any:
        given: tuple[object, ...] = ()
        if truth is not None:
            truth.save(tmp_path / "truth.png")
            given = ("--truth", tmp_path / "truth.png")
        words = ("certify", image, "--model", net, *QUICK, "--out", tmp_path / out, "--seed", 1)
        return command(*words, *given, *options)

    return call


def accuracy(done: Any) -> list[str]:
    """Labelled share, accuracy and certified accuracy of the only image."""
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    (place,) = (k for k, line in enumerate(lines) if line.endswith("accuracy  certified accuracy"))
    return lines[place + 1].split()[1:]


def test_a_certificate_is_scored_in_the_table_and_on_the_page(
    certify: Command, tmp_path: Path
) -> None:
    wrong = SEEN.copy()
    wrong[:, :6] = 2
    assert accuracy(certify(Image.fromarray(wrong))) == ["100.0%", "87.5%", "87.5%"]
    folder = tmp_path / "out" / "img"
    page = (folder / "report.html").read_text()
    assert "certified accuracy" in page
    assert load_certificate(folder).certified.all()
    again = certify(Image.fromarray(SEEN))  # what is there is compared with another truth
    assert accuracy(again) == ["100.0%"] * 3
    assert "was there" in again.out
    assert (folder / "report.html").read_text() != page
    plain = certify(None)
    assert "accuracy" not in plain.out


@pytest.mark.parametrize(
    ("truth", "options", "labelled"),
    [
        (Image.fromarray(SEEN * 200), ("--mask-values", "0,200,none"), "100.0%"),
        (Image.fromarray(SEEN + 1), ("--mask-values", "1..3"), "100.0%"),
        (with_palette(SEEN, [120] * 3 + [0] * 3), (), "100.0%"),
        (
            with_palette(1 - SEEN, [255] * 3 + [0] * 3),
            ("--mask-values", "#000000,#ffffff,none"),
            "100.0%",
        ),
        (
            Image.fromarray(np.where(SEEN[:, ::-1], 254, SEEN)),
            ("--mask-ignore", "254"),
            "50.0%",
        ),
    ],
)
def test_what_masks_store_is_told(
    certify: Command, truth: Image.Image, options: tuple[object, ...], labelled: str
) -> None:
    assert accuracy(certify(truth, *options)) == [labelled, "100.0%", "100.0%"]


@pytest.mark.parametrize(
    ("truth", "options", "words"),
    [
        (Image.fromarray(SEEN * 255), (), ["no pixel has class 1 (b)", "--mask-values"]),
        (Image.fromarray(SEEN * 254), (), ["class 254 in 768 pixels", "--mask-ignore what is"]),
        (Image.fromarray(SEEN).convert("RGB"), (), ["got mode RGB", "--mask-values"]),
        (with_palette(SEEN, [255] * 3 + [0] * 3), (), ["mean different classes"]),
        (Image.fromarray(SEEN), ("--mask-values", "0,1"), ["each of the 3 classes", "got 2"]),
        (Image.fromarray(SEEN), ("--mask-orientation", "stored"), ["leave it out"]),
        (Image.fromarray(SEEN[:9]), (), ["shape (9, 48), its image (32, 48)"]),
        (None, ("--mask-values", "0,1,2"), ["--mask-values needs --truth"]),
        (None, ("--truth", "none.png"), ["none.png does not exist"]),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_is_drawn(
    certify: Command, tmp_path: Path, truth: Image.Image | None, options: tuple[object, ...],
    words: list[str],
) -> None:  # fmt: skip
    certify(truth, *options).refuses(*words)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_masks_serves_several_images(
    command: Command, net: Path, image: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "masks").mkdir()
    Image.open(image).save(tmp_path / "in" / "a.webp", lossless=True)
    Image.open(image).rotate(90, expand=True).save(tmp_path / "in" / "b.bmp")
    Image.open(image).save(tmp_path / "pages.tif", save_all=True, append_images=[Image.open(image)])
    for name, mask in (("a", SEEN), ("b", np.rot90(SEEN)), ("c", SEEN)):
        Image.fromarray(np.ascontiguousarray(mask)).save(tmp_path / "masks" / f"{name}_mask.png")
    (tmp_path / "in" / "._a.webp").write_bytes(b"\0\5\x16\7")
    (tmp_path / "in" / "clip.mov").touch()
    (tmp_path / "in" / "deeper").mkdir()
    words = ("certify", tmp_path / "in", "--model", net, *QUICK, "--out", tmp_path / "out")
    done = command(*words, "--truth", tmp_path / "masks")
    assert done.status == 0, done.err
    assert done.err == f"note: folder {tmp_path / 'in'}: skipped clip.mov, deeper/\n"
    scores = [line.split() for line in done.out.splitlines()[5:7]]
    assert scores == [[name, *["100.0%"] * 3] for name in "ab"]
    command(*words, "--truth", image).refuses("is one mask, and there are 2 images")
    page = ("certify", f"{tmp_path / 'pages.tif'}#2", "--model", net, *QUICK)
    assert command(*page, "--out", tmp_path / "out").status == 0
    assert (tmp_path / "out" / "pages-2" / "report.html").is_file()


def test_lists_and_noise_in_grey_levels_are_refused_with_the_way_out(
    command: Command, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("img.png\n")
    command("certify", tmp_path / "list.txt").refuses("is a list of paths", "$(cat ")
    command("certify", image, "--sigma", 64).refuses(
        "in units of [0, 1], so 64 grey levels of 255 are 0.251"
    )
    warn_about_grey_levels(GaussianNoise(2.0))
    assert "sigma = 2 is larger than the whole range of an image, [0, 1]: 2 grey levels of" in (
        capsys.readouterr().err
    )
    warn_about_grey_levels(GaussianNoise(1.0))
    warn_about_grey_levels(RotationNoise(2.0))
    assert capsys.readouterr().err == ""


def test_annotations_of_camvid_are_truth_as_they_are_shipped(
    command: Command, image: Path, tmp_path: Path
) -> None:
    """Class numbers with 11 for void, or colours of 32 classes with black for void."""
    out, truth = tmp_path / "out", np.full(SEEN.shape, 3, np.uint8)
    truth[:, :8] = camvid.VOID
    colours = np.where((truth == 3)[..., None], [128, 64, 128], 0).astype(np.uint8)
    for name, annotation in {"a": truth, "a_L": colours}.items():
        Image.fromarray(annotation).save(tmp_path / f"{name}.png")
    few = ("--tau", 0.6, "--alpha", 0.1, "--n0", 2, "--n", 24)
    done = command("certify", image, *few, "--out", out, "--truth", tmp_path / "a_L.png")
    assert done.status == 0, done.err
    assert " 83.3%" in done.out  # 8 of 48 columns are void
    attacked, shown = tmp_path / "attacked", []
    for name in ("a", "a_L"):
        given = ("--certificate", out / "img", "--out", attacked, "--seed", 1, "--restarts", 1)
        done = command(
            "attack", image, *given, "--steps", 1, "--n", 24, "--truth", tmp_path / f"{name}.png"
        )
        assert done.status == 0, done.err
        record = json.loads((attacked / "attack.json").read_text())
        shown.append(record["plain"])
    assert shown[0] == shown[1]
    assert shown[0]["labelled"] == 40 * 32


def evaluated(command: Command, folder: Path, *options: object) -> Any:
    """Evaluate a folder of images and masks."""
    return command(
        "evaluate", "--data", "folder", "--images", folder / "i", "--masks", folder / "m",
        "--classes", folder / "classes.txt", *QUICK, "--out", folder / "run", *options,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, image: Path) -> Path:
    """Two images with binary masks of 0 and 255, of two classes."""
    for name in "im":
        (tmp_path / name).mkdir()
    for name in "ab":
        Image.open(image).save(tmp_path / "i" / f"{name}.png")
        Image.fromarray(SEEN * 255).save(tmp_path / "m" / f"{name}_mask.png")
    (tmp_path / "classes.txt").write_text("background\nlesion\n")
    return tmp_path


def test_binary_masks_are_asked_about(command: Command, folder: Path, net: Path) -> None:
    """A network that finds nothing would score 100 % on them."""
    mapped = ("--model", net, "--class-map", "0..1=0..1")
    done = evaluated(command, folder, *mapped)
    done.refuses("folder i: no pixel has class 1 (b) and 50.0% are 255", "--mask-values 0,255")
    done = evaluated(command, folder, *mapped, "--mask-values", "0,255")
    assert done.status == 0, done.err
    (result,) = json.loads((folder / "run" / "summary.json").read_text())["results"]
    assert (result["accuracy"], result["labelled"]) == (1.0, 2 * SEEN.size)
    config = json.loads((folder / "run" / "summary.json").read_text())["config"]
    assert "--mask-values 0,255" in config["note"]
    assert "background=0, lesion=1" in config["note"]
    assert tuple(config["classes"]) == ("a", "b", "c")


def test_masks_that_a_folder_of_hugging_face_calls_reduced_are_asked_about(
    command: Command, folder: Path, tmp_path: Path
) -> None:
    normed = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    path = write_folder(tmp_path / "hf", segformer(), do_reduce_labels=True, **normed)
    shifted = ("do_reduce_labels", "--mask-values 1..K --mask-ignore 0")
    evaluated(command, folder, "--model", path).refuses(*shifted)
    for told in (MaskOptions(), MaskOptions(ignored="0")):
        with pytest.raises(InputError, match=r"do_reduce_labels.* say --mask-values 0\.\.K-1"):
            check_reduced(str(path), told)
    check_reduced(str(path), MaskOptions("1..3", "0"))
    check_reduced("camvid", MaskOptions())


def test_masks_of_turned_photographs_are_read_either_way(
    command: Command, folder: Path, net: Path
) -> None:
    for name in "ab":
        upright = np.array(Image.open(folder / "i" / f"{name}.png"))
        (folder / "i" / f"{name}.png").unlink()
        stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
        stored.save(folder / "i" / f"{name}.png", exif=exif_of(6))
    Image.fromarray(np.ascontiguousarray(np.rot90(SEEN))).save(folder / "m" / "a_mask.png")
    Image.fromarray(SEEN).save(folder / "m" / "b_mask.png")
    done = evaluated(command, folder, "--model", net, "--class-map", "0..1=0..1")
    assert done.status == 0, done.err
    (result,) = json.loads((folder / "run" / "summary.json").read_text())["results"]
    assert result["accuracy"] == 1.0


def test_colours_of_the_list_of_classes_are_read(command: Command, folder: Path, net: Path) -> None:
    (folder / "classes.txt").write_text("background #000000\nlesion #ff0000\n")
    for name in "ab":
        red = np.stack([SEEN * 255, SEEN * 0, SEEN * 0], -1)
        Image.fromarray(red).save(folder / "m" / f"{name}_mask.png")
    done = evaluated(command, folder, "--model", net, "--class-map", "0..1=0..1")
    assert done.status == 0, done.err
    (result,) = json.loads((folder / "run" / "summary.json").read_text())["results"]
    assert result["accuracy"] == 1.0


def test_what_an_evaluation_does_not_read_is_said(
    command: Command, folder: Path, net: Path
) -> None:
    (folder / "i" / "notes.md").touch()
    (folder / "i" / "._a.png").write_bytes(b"\0\5\x16\7")
    for name in "ab":
        Image.fromarray(SEEN + 1).save(folder / "m" / f"{name}_mask.png")
    (folder / "classes.txt").write_text("a\nb\nc\n")
    done = evaluated(command, folder, "--model", net)
    assert done.status == 0, done.err
    assert f"note: folder {folder / 'i'}: skipped notes.md\n" in done.err
    assert "note: no mask has class 0 (a): if yours count the classes from 1" in done.err


def test_ignored_pixels_of_a_palette_count_by_number(
    command: Command, net: Path, image: Path, tmp_path: Path
) -> None:
    bonnet = np.zeros(SEEN.shape, np.uint8)
    bonnet[24:] = 1
    with_palette(bonnet, [120] * 3 + [0] * 3).save(tmp_path / "bonnet.png")
    words = ("certify", image, "--model", net, *QUICK, "--ignore", tmp_path / "bonnet.png")
    assert command(*words, "--out", tmp_path / "out").status == 0
    labels = np.array(Image.open(tmp_path / "out" / "img" / "labels.png"))
    assert ((labels == 255) == (bonnet == 1)).all()
    with_palette(bonnet, [255] * 3 + [0] * 3).save(tmp_path / "bonnet.png")
    command(*words, "--out", tmp_path / "o").refuses("--ignore: ", "0 is white or black is not 0")


def test_a_mask_lies_over_a_turned_photograph_as_it_is_seen(
    command: Command, net: Path, image: Path, tmp_path: Path
) -> None:
    upright = np.array(Image.open(image))
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, 2)))
    stored.save(tmp_path / "turned.png", exif=exif_of(3))
    frame = np.zeros(SEEN.shape, np.uint8)
    frame[:8] = 255
    Image.fromarray(frame).save(tmp_path / "frame.png")
    words = ("certify", tmp_path / "turned.png", "--model", net, *QUICK, "--out", tmp_path / "out")
    done = command(*words, "--ignore", tmp_path / "frame.png")
    assert done.status == 0, done.err
    assert "turned.png: it is turned by its EXIF orientation (3), and --ignore is laid" in done.err
    labels = np.array(Image.open(tmp_path / "out" / "turned" / "labels.png"))
    assert ((labels == 255) == (frame > 0)).all()
    assert (labels[8:] == SEEN[8:]).all()
