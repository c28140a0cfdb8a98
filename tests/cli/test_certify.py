"""``segcert certify``: what it writes, how it goes on, what it says."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcert.certificates.result import load_certificate
from segcert.cli.progress import DrawProgress

FILES = ["certificate.json", "counts.npz", "labels.png", "overlay.png", "report.html"]
QUICK = ("--tau", 0.6, "--alpha", 0.1, "--n0", 4, "--n", 40)

Command = Callable[..., Any]


@pytest.fixture
def certify(command: Command, weights: Path, tmp_path: Path) -> Command:
    """Certify with the tiny network and few draws."""

    def call(*arguments: object, out: Path | None = None) -> Any:
        options = ("--model", weights, *QUICK, "--out", out or tmp_path / "out")
        return command("certify", *options, *arguments)

    return call


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def interrupt_after(draws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C after some draws."""

    def stop(_: DrawProgress, __: str, done: int, ___: int) -> None:
        if done >= draws:
            raise KeyboardInterrupt

    monkeypatch.setattr(DrawProgress, "__call__", stop)


def test_an_image_gets_a_folder_with_all_files(
    certify: Command, photo: Path, tmp_path: Path, weights: Path
) -> None:
    done = certify(photo, "--seed", 3)
    assert (done.status, done.err) == (0, "")
    assert "photo" in done.out
    assert "report.html" in done.out
    folder = tmp_path / "out" / "photo"
    assert sorted(p.name for p in folder.iterdir()) == FILES
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["photo"]
    found = load_certificate(folder)
    assert found.provenance.seed == 3
    assert found.provenance.model == weights.stem
    assert (found.tau, found.alpha, found.counts.n0, found.counts.n) == (0.6, 0.1, 4, 40)
    assert 0 < found.abstain_rate < 1


def test_labels_are_class_numbers_and_255_where_nothing_is_certified(
    certify: Command, photo: Path, tmp_path: Path
) -> None:
    certify(photo)
    folder = tmp_path / "out" / "photo"
    found = load_certificate(folder)
    with Image.open(folder / "labels.png") as picture:
        assert picture.mode == "P"
        palette = np.array(picture.getpalette()).reshape(-1, 3)
        labels = np.array(picture)
    assert (labels == np.where(found.certified, found.labels, 255)).all()
    assert {*np.unique(labels)} >= {255}
    assert [tuple(colour) for colour in palette[:3].tolist()] == list(found.counts.palette)
    assert palette[255].tolist() == [255, 255, 255]
    with Image.open(folder / "overlay.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (48, 32))


def test_the_certificate_file_says_everything(
    certify: Command, photo: Path, tmp_path: Path
) -> None:
    certify(photo, "--seed", 2**127 + 1)
    record = json.loads((tmp_path / "out" / "photo" / "certificate.json").read_text())
    assert record["provenance"]["seed"] == str(2**127 + 1)
    assert record["parameters"]["noise"] == {
        "kind": "lattice-gaussian", "parameters": {"sigma": 0.25}, "norm": "l2",
        "unit": "input units",
    }  # fmt: skip
    assert record["model"]["class_names"] == ["road", "car", "sky"]
    assert sum(record["result"]["histogram"].values()) == 32 * 48
    assert set(record["provenance"]["versions"]) == {"segcert", "python", "torch", "numpy"}


def test_the_page_is_one_file(certify: Command, photo: Path, tmp_path: Path) -> None:
    certify(photo)
    folder = tmp_path / "out" / "photo"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert load_certificate(folder).statement.split(":")[0] in page
    for outside in ('src="http', "src='http", "@import", 'link rel="stylesheet" href="http'):
        assert outside not in page


@pytest.mark.parametrize("extra", [("--n0", 0), ("--correction", "bonferroni"), ("--scale", 0.5)])
def test_the_other_procedures(
    command: Command, photo: Path, tmp_path: Path, weights: Path,
    extra: tuple[object, ...],
) -> None:  # fmt: skip
    options = [o for o in QUICK if not (extra[0] == "--n0" and o in ("--n0", 4))]
    done = command(
        "certify", photo, "--model", weights, "--out", tmp_path / "out", *options, *extra
    )
    assert done.status == 0, done.err
    assert sorted(p.name for p in (tmp_path / "out" / "photo").iterdir()) == FILES
    assert command("verify", tmp_path / "out" / "photo").status == 0


def test_kinds_of_images_that_are_handled(certify: Command, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    with Image.open(photo) as image:
        image.convert("L").save(folder / "grey.png")
        image.convert("RGBA").save(folder / "opaque.PNG")
        image.quantize(16).save(folder / "palette.png")
        image.save(folder / "photo.JPeG")
        image.save(folder / "scan.tiff")
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(folder / "turned.jpg", exif=exif)
    (folder / "notes.txt").touch()
    (folder / "._photo.jpg").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    done = certify(folder)
    assert (done.status, done.err) == (0, f"note: folder {folder}: skipped notes.txt\n")
    names = ["grey", "opaque", "palette", "photo", "scan", "turned"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    shapes = {name: load_certificate(tmp_path / "out" / name).labels.shape for name in names}
    assert shapes.pop("turned") == (48, 32)
    assert set(shapes.values()) == {(32, 48)}


def test_globs_and_names_with_marks(certify: Command, photo: Path, tmp_path: Path) -> None:
    """Square brackets and colons are no markup."""
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    for name in ("a[bold]b.png", "c[/]d.png", "e:car:f.png"):
        shutil.copy(photo, deep / name.replace("/", "red"))
    done = certify(tmp_path / "deep" / "**" / "*.png")
    assert done.status == 0
    for name in ("a[bold]b", "c[red]d", "e:car:f"):
        assert name in done.out
        assert (tmp_path / "out" / name / "labels.png").exists()


def test_a_finished_command_draws_nothing_again(
    certify: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(photo)
    before = tree(tmp_path / "out")
    interrupt_after(0, monkeypatch)
    done = certify(photo)
    assert done.status == 0
    assert "was there" in done.out
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize("draws", [2, 12, 43])
@pytest.mark.sampled
def test_ctrl_c_keeps_the_draws_and_the_same_command_goes_on(
    certify: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    seeded: bool, draws: int,
) -> None:  # fmt: skip
    options = (photo, "--batch-size", 2, *(("--seed", 9) if seeded else ()))
    with monkeypatch.context() as patch:
        interrupt_after(draws, patch)
        certify(*options).refuses("interrupted; the same command goes on", status=130)
    out = tmp_path / "out"
    assert [p.name for p in out.iterdir()] == ([".photo.partial.npz"] if draws > 4 else [])
    done = certify(*options)
    assert (done.status, done.err) == (0, "")
    assert [p.name for p in out.iterdir()] == ["photo"]
    seed = load_certificate(out / "photo").provenance.seed
    certify(photo, "--batch-size", 2, "--seed", seed, out=tmp_path / "whole")
    whole, parts = tree(tmp_path / "whole" / "photo"), tree(out / "photo")
    for name in ("certificate.json", "labels.png", "overlay.png"):
        assert whole[name] == parts[name]


def test_unfinished_work_is_not_mixed_with_other_settings(
    certify: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(30, patch)
        certify(photo, "--batch-size", 2)
    before = tree(tmp_path / "out")
    certify(photo, "--sigma", 0.25, "--correction", "bonferroni").refuses(
        "holds unfinished work of other settings", "holm -> bonferroni", "or delete"
    )
    certify(photo, "--seed", 1).refuses("unfinished work on another image or seed")
    assert tree(tmp_path / "out") == before
    (tmp_path / "out" / ".photo.partial.npz").write_bytes(b"PK\3\4")
    certify(photo).refuses(".photo.partial.npz is damaged", "delete it")


def test_results_are_replaced_only_on_demand(certify: Command, photo: Path, tmp_path: Path) -> None:
    certify(photo, "--seed", 1)
    before = tree(tmp_path / "out")
    certify(photo, "--seed", 2).refuses("another image or seed", "--overwrite")
    certify(photo, "--correction", "bonferroni").refuses("holm -> bonferroni", "--overwrite")
    assert tree(tmp_path / "out") == before
    assert certify(photo, "--seed", 2, "--overwrite").status == 0
    assert load_certificate(tmp_path / "out" / "photo").provenance.seed == 2
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["photo"]


def test_drawing_again_leaves_a_trace(
    certify: Command, command: Command, photo: Path, tmp_path: Path
) -> None:
    """Of three draws with the same settings the last tells of two: file, page and `verify`."""
    shares = []
    for seed in (1, 2, 3):
        assert certify(photo, "--seed", seed, "--overwrite").status == 0
        shares.append(int(load_certificate(tmp_path / "out" / "photo").certified.sum()))
    folder = tmp_path / "out" / "photo"
    kept = load_certificate(folder).provenance.earlier
    assert [one.draw and (one.draw.seed, one.draw.certified) for one in kept] == [
        (1, shares[0]),
        (2, shares[1]),
    ]
    lines = [f"earlier draw {k}: seed {k}, " for k in (1, 2)]
    said = command("verify", folder).out
    assert all(line in said for line in lines)
    page = (folder / "report.html").read_text()
    assert all(f"earlier draw {k}" in page for k in (1, 2))
    assert "This certificate replaced 2 earlier certificates" in page
    assert certify(photo, "--seed", 3, "--overwrite").status == 0  # the same draws once more
    assert len(load_certificate(folder).provenance.earlier) == 2


def test_another_sigma_than_that_of_the_training_is_noted(certify: Command, photo: Path) -> None:
    done = certify(photo, "--sigma", 0.1)
    assert done.status == 0
    assert "trained with sigma = 0.25, not 0.1" in done.err


def test_seeds_are_fresh_unless_given(certify: Command, photo: Path, tmp_path: Path) -> None:
    seeds = set()
    for name in ("a", "b"):
        certify(photo, out=tmp_path / name)
        seeds.add(load_certificate(tmp_path / name / "photo").provenance.seed)
    assert len(seeds) == 2
    assert max(seeds) > 2**64


def test_ctrl_c_in_a_real_process(photo: Path, weights: Path, tmp_path: Path) -> None:
    """A real SIGINT, sent by the progress bar of the process to itself."""
    script = (
        "import os, signal\n"
        "from segcert.cli.progress import DrawProgress\n"
        "from segcert.cli.main import main\n"
        "def stop(_, __, done, ___):\n"
        "    if done == 30: os.kill(os.getpid(), signal.SIGINT)\n"
        "DrawProgress.__call__ = stop\n"
        "main()\n"
    )
    options = [str(o) for o in ("--model", weights, *QUICK, "--batch-size", 2)]
    found = subprocess.run(
        [sys.executable, "-c", script, "certify", photo, "--out", tmp_path / "out", *options],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert found.returncode == 130, found.stderr
    assert found.stderr == (
        "segcert: interrupted; the same command goes on where this one stopped\n"
    )
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".photo.partial.npz"]


@pytest.mark.parametrize("arguments", [["--help"], ["certify", "--help"], ["--version"]])
def test_help_and_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from segcert.cli.main import run

    assert run(arguments) == 0
    out = capsys.readouterr().out
    expected = {
        "--help": ["certify", "demo", "models", "train", "verify"],
        "certify": ["--sigma", "--tau", "--alpha", "--n0", "--overwrite", "Ctrl-C"],
        "--version": ["0."],
    }
    for word in expected[arguments[0]]:
        assert word in out


def test_the_installed_program_shows_its_commands() -> None:
    program = Path(sys.executable).with_name("segcert")
    found = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    for name in ("certify", "demo", "models", "train", "verify"):
        assert name in found.stdout
