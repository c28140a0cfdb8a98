"""``segcert train``: refusals before the work; weights that certify can use."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

from segcert.cli.application import app
from segcert.cli.shell import results
from segcert.data import sets
from segcert.data.labelled import LabelledImage
from segcert.data.sets import Arguments, LabelledSet
from segcert.models.files.checkpoints import (
    load_weights,
    read_denoiser_description,
    read_description,
)
from segcert.models.identity.weights_hash import hash_weights
from segcert.training import save
from segcert.training.consistency import Consistency
from segcert.training.recipe import Recipe
from segcert.training.sigmas import SigmaList, SigmaRange

Command = Callable[..., Any]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, draw_pixels: Callable[..., np.ndarray]) -> list[Recipe]:
    """Images and crops of a few pixels; returns the recipes that were trained."""
    seen: list[Recipe] = []
    open_it, train = sets.open_training_set, save.train

    def small_set(name: str, given: Arguments, *, labelled: bool) -> LabelledSet:
        labels = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) // 140
        image = LabelledImage("tiny", draw_pixels(), labels.astype(np.uint8))
        assert given.scenes is not None
        return replace(open_it(name, given, labelled=labelled), items=[image] * given.scenes)

    def small_train(net: nn.Module, data: Any, recipe: Recipe, **options: Any) -> nn.Module:
        recipe = replace(recipe, batch_size=2, views=replace(recipe.views, crop=(32, 32)))
        seen.append(recipe)
        return train(net, data, recipe, **options)

    monkeypatch.setattr(sets, "open_training_set", small_set)
    monkeypatch.setattr(save, "train", small_train)
    return seen


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_run_can_go_out_from_weights(command: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    common = ("train", "--data", "synthetic", "--scenes", 2, "--epochs", 1, "--threads", 1)
    assert command(*common, "--out", first).status == 0
    done = command(*common, "--out", second, "--start-from", first, "--learning-rate", 0)
    assert (done.status, done.err) == (0, "")
    (one, _), (two, about) = load_weights(first), load_weights(second)
    assert about.training["start"] == f"first {hash_weights(one)[:12]}"
    trained = dict(two.named_parameters())
    for name, weight in one.named_parameters():  # nothing was learned, nothing changed
        assert weight.equal(trained[name])


@pytest.mark.usefixtures("small")
def test_trained_weights_can_certify(command: Command, tmp_path: Path, photo: Path) -> None:
    out = tmp_path / "new" / "net.safetensors"
    options = ("--scenes", 4, "--epochs", 2, "--sigma", 0.5, "--seed", 7, "--threads", 1)
    done = command("train", "--data", "synthetic", "--out", out, *options)
    assert (done.status, done.err) == (0, "")
    assert "epoch 1/2" in done.out
    assert "epoch 2/2" in done.out
    about = read_description(out)
    assert (about.sigma, about.data, about.licence) == (0.5, "synthetic scenes", "Apache-2.0")
    assert (about.training["seed"], about.training["images"]) == (7, 4)
    certified = command(
        "certify", photo, "--model", out, "--sigma", 0.5, "--tau", 0.6, "--alpha", 0.1,
        "--n", 40, "--out", tmp_path / "out",
    )  # fmt: skip
    assert (certified.status, certified.err) == (0, "")


@pytest.mark.slow
def test_every_option_reaches_the_recipe(
    command: Command, tmp_path: Path, small: list[Recipe]
) -> None:
    out, common = tmp_path / "net.safetensors", ("--data", "synthetic", "--scenes", 2)
    done = command(
        "train", *common, "--out", out, "--epochs", 1, "--sigma-range", 0, 0.5, "--consistency",
        "--consistency-lambda", 4, "--class-weights", "median-frequency", "--learning-rate", 0.01,
        "--jitter", 0, "--scales", 1, 2,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    done = command("train", *common, "--out", out, "--epochs", 1, "--sigma-list", 0, 0.25)
    assert (done.status, done.err) == (0, "")
    first, second = small
    assert first.sigma == SigmaRange(0.0, 0.5)
    assert first.consistency == Consistency(2, 4.0, 0.5)
    assert first.class_weights is not None
    assert len(set(first.class_weights)) > 1
    assert first.learning_rate == 0.01
    assert (first.views.jitter, first.views.scales) == (0, (1, 2))
    assert second == Recipe(
        sigma=SigmaList((0.0, 0.25)), epochs=1, batch_size=2, views=second.views
    )
    about = read_description(out)
    assert (about.sigma, about.training["sigma"]) == (0.25, "one of 0, 0.25 per view")


@pytest.mark.usefixtures("small")
def test_curves_are_written_once_per_epoch(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves: list[tuple[str, int]] = []

    def writer(folder: str) -> SimpleNamespace:
        assert folder == "curves"
        return SimpleNamespace(
            add_scalar=lambda name, _, epoch: curves.append((name, epoch)),
            flush=lambda: None,
        )

    fake = SimpleNamespace(SummaryWriter=writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    out = tmp_path / "net.safetensors"
    done = command(
        "train", "--data", "synthetic", "--scenes", 2, "--epochs", 2, "--out", out,
        "--tensorboard", "curves",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    names = ("loss", "accuracy on noisy views")
    assert curves == [(name, epoch) for epoch in (1, 2) for name in names]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tensorboard", "curves"), "needs the package tensorboard: pip install"),
        (("--devices", 2), "needs the package lightning-fabric: pip install"),
        (("--devices", 3), "share the batch evenly"),
    ],
)
def test_optional_packages_are_named_if_missing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: tuple[object, ...], words: str,
) -> None:  # fmt: skip
    for name in ("torch.utils.tensorboard", "lightning_fabric"):
        monkeypatch.setitem(sys.modules, name, None)
    out = tmp_path / "net.safetensors"
    command("train", "--data", "synthetic", "--out", out, *options).refuses(words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_another_architecture_trains_and_certifies(
    command: Command, tmp_path: Path, photo: Path
) -> None:
    out = tmp_path / "net.safetensors"
    done = command(
        "train", "--data", "synthetic", "--scenes", 2, "--epochs", 1, "--out", out,
        "--architecture", "hrnetv2-w18",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert read_description(out).architecture == "hrnetv2-w18"
    certified = command(
        "certify", photo, "--model", out, "--sigma", 0.25, "--tau", 0.6, "--alpha", 0.1,
        "--n", 20, "--out", tmp_path / "out",
    )  # fmt: skip
    assert (certified.status, certified.err) == (0, "")


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_an_interrupted_command_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{name}.safetensors" for name in ("whole", "parts")]
    options = ("--data", "synthetic", "--scenes", 4, "--epochs", 3)
    command("train", *options, "--out", paths[0])

    def stop(line: str, **_: object) -> None:
        if "epoch 2/3" in line:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "print", stop)
        assert command("train", *options, "--out", paths[1]).status == 130
    command("train", *options, "--out", paths[1], "--jitter", 0.1).refuses(
        "another training run", "views.jitter is 0.1 and was 0.3"
    )
    done = command("train", *options, "--out", paths[1])
    assert (done.status, done.err) == (0, "")
    assert "goes on from" in done.out
    assert "epoch 2/3" not in done.out
    whole, parts = (hash_weights(load_weights(path)[0]) for path in paths)
    assert whole == parts
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_one_seed_gives_one_network(command: Command, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.safetensors" for name in ("a", "b", "c")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        command(
            "train", "--data", "synthetic", "--out", path, "--scenes", 2, "--epochs", 1,
            "--seed", seed,
        )  # fmt: skip
    first, second, other = (path.read_bytes()[-10_000:] for path in paths)
    assert first == second
    assert first != other


@pytest.mark.usefixtures("small")
def test_ctrl_c_leaves_the_weights_of_the_last_epoch(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(line: str, **_: object) -> None:
        assert "epoch 1/5" in line
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "print", stop)
    out = tmp_path / "net.safetensors"
    done = command("train", "--data", "synthetic", "--out", out, "--scenes", 2, "--epochs", 5)
    resume = tmp_path / "net.safetensors.resume.pt"
    done.refuses("interrupted", "the same command goes on", resume, status=130)
    assert read_description(out).training["epoch"] == 1
    assert {p.name for p in tmp_path.iterdir()} == {out.name, resume.name}


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--sigma", -1, ["sigma must be >= 0", "got -1"]),
        ("--sigma", "nan", ["sigma must be >= 0", "got nan"]),
        ("--epochs", 0, ["epochs must be >= 1", "0"]),
        ("--epochs", 1.5, ["--epochs", "1.5"]),
        ("--scenes", 0, ["scenes must be in 1", "got 0"]),
        ("--scenes", 3, ["at least one batch of images", "got 3"]),
        ("--seed", -1, ["seed must be", "got -1"]),
        ("--seed", 2**70, ["seed must be"]),
        ("--threads", -1, ["threads must be >= 0", "got -1"]),
        ("--device", "tpu", ["device must be", "'tpu'"]),
        ("--data", "kitti", ["kitti", "camvid"]),
        ("--out", "net.pt", ["net.pt", ".safetensors"]),
        ("--architecture", "unet", ["unet", "hrnetv2-w18"]),
        ("--batch-size", 1, ["batch_size >= 2"]),
        ("--learning-rate", -1, ["learning_rate must be >= 0"]),
        ("--jitter", 2, ["jitter must be in [0, 1)", "2"]),
        ("--class-weights", "1,2", ["11 numbers are needed, got 2"]),
        ("--label-order", "459", ["--label-order needs --data pascal_context, got synthetic"]),
    ],
)
def test_refusals_before_the_work(
    command: Command, tmp_path: Path, option: str, value: object, words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    options = {"--data": "synthetic", "--out": "net.safetensors", "--scenes": 8} | {option: value}
    command("train", *[part for pair in options.items() for part in pair]).refuses(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sigma-range", 0.5, 0.1), "0 <= low < high"),
        (("--sigma-range", 0, 0.5, "--sigma", 0.25), "give one of --sigma"),
        (("--crop", 8, 8), "crop must be at least 16x16"),
        (("--consistency", "--consistency-copies", 1), "at least 2 copies"),
        (("--consistency", "--consistency-eta", -1), "eta of the consistency"),
    ],
)
def test_impossible_options_are_refused(
    command: Command, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    out = tmp_path / "net.safetensors"
    command("train", "--data", "synthetic", "--out", out, *options).refuses(words)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_of_the_documentation_are_understood() -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("segcert train --data")]
    names = set()
    for line in commands:
        _, bound, _ = app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
        names.add(bound.arguments["source"].data)
    assert names == {"camvid", "cityscapes", "folder", "pascal_context"}


def test_places_that_cannot_be_written(command: Command, tmp_path: Path, unwritable: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for out in (tmp_path / "folder.safetensors", unwritable / "net.safetensors"):
        command("train", "--data", "synthetic", "--out", out).refuses(out)


def test_camvid_must_be_there(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    command("train", "--data", "camvid", "--root", tmp_path, "--out", out).refuses(
        tmp_path / "train.txt", "missing", "get it from"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_denoiser_is_trained_for_a_model_but_is_none(
    command: Command, tmp_path: Path, weights: Path, photo: Path
) -> None:
    out, common = tmp_path / "soft.safetensors", ("--data", "synthetic", "--scenes", 2)
    task = ("--task", "denoising", "--epochs", 1, "--sigma", 0.5)
    done = command("train", *common, *task, "--denoise-for", weights, "--out", out)
    assert (done.status, done.err) == (0, "")
    assert "PSNR of denoised views" in done.out
    about = read_denoiser_description(out)
    assert (about.sigma, about.trained_for) == (0.5, "tiny")
    command("certify", photo, "--model", out, "--out", tmp_path / "out").refuses(
        "soft.safetensors holds a denoiser", "--denoiser"
    )
    other = tmp_path / "other.safetensors"
    command("train", *common, *task, "--denoise-for", out, "--out", other).refuses(
        "soft.safetensors holds a denoiser"
    )
    assert not other.exists()
    assert command("train", *common, *task, "--out", other).status == 0
    assert read_denoiser_description(other).trained_for == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--denoise-for", "camvid"), "--denoise-for needs --task denoising"),
        (("--denoise-weight", 0.5), "--denoise-weight needs --denoise-for"),
        (("--task", "denoising", "--denoise-weight", 0.5), "--denoise-weight needs --denoise-for"),
        (("--task", "denoising", "--consistency"), "--consistency needs --task segmentation"),
        (("--task", "denoising", "--class-weights", "none"), "--class-weights needs --task seg"),
        (("--task", "denoising", "--architecture", "depthwise"), "leave out --architecture"),
        (("--task", "denoising", "--denoise-for", "nothing"), "unknown model 'nothing'"),
        (("--task", "denoising", "--denoise-for", "camvid", "--denoise-weight", -1), ">= 0"),
        (("--task", "guessing"), "guessing"),
    ],
)
@pytest.mark.usefixtures("small")
def test_options_of_another_task_are_refused(
    command: Command, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    out = tmp_path / "soft.safetensors"
    command("train", "--data", "synthetic", "--scenes", 2, "--out", out, *options).refuses(words)
    assert list(tmp_path.iterdir()) == []
