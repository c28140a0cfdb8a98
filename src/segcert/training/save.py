"""Train and keep the weights: after every epoch the file holds the best known average."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from torch import nn

from segcert.data.sets import LabelledSet
from segcert.files import remove_drafts
from segcert.inputs.input import read
from segcert.locks import held_file
from segcert.models.files.checkpoints import (
    DenoiserDescription,
    Description,
    Origin,
    PointDescription,
    save_weights,
)
from segcert.models.nets.architectures import Architecture
from segcert.models.nets.point_architectures import PointArchitecture
from segcert.signals import deferred
from segcert.training.board import Board
from segcert.training.devices import Devices
from segcert.training.loop import EpochReport, train
from segcert.training.recipe import Recipe, unusual
from segcert.training.resume import ResumeFile, resume_path
from segcert.training.sigmas import largest_sigma
from segcert.training.tasks import Denoising, Segmentation, TrainingTask


def train_and_save(
    net: nn.Module,
    data: LabelledSet,
    recipe: Recipe,
    *,
    out: Path,
    devices: Devices | None = None,
    architecture: Architecture | PointArchitecture = "depthwise",
    task: TrainingTask | None = None,
    trained_for: str = "",
    board: Board | None = None,
    log: Callable[[str], None],
) -> nn.Module:
    """Train a network and write its weights, with their description, after every epoch.

    The state is kept beside the weights until the run is done; the same call goes on from it.

    Args:
        net: The network.
        data: What to train on.
        recipe: Every choice.
        out: The weight file, replaced atomically.
        devices: Where to train; by default on the CPU.
        architecture: Name of the network, for the description.
        task: What to learn; by default, to segment.
        trained_for: Name of the classifier that a denoiser is trained for.
        board: Takes the curves of loss and quality.
        log: Called with one line per epoch.

    Returns:
        The network with averaged weights, in eval mode.

    Raises:
        InputError: If the data do not fit the recipe, a kept state is damaged or of another run,
            another process trains into the same file, or its folder is deleted meanwhile.
        OSError: If a file cannot be written; what was kept before is whole.
    """
    kept, task = ResumeFile(resume_path(out)), task or Segmentation()
    writes = devices is None or devices.rank == 0

    def after_epoch(report: EpochReport, averaged: nn.Module) -> None:
        if writes:
            keep(report, averaged)
        if kept.stop and report.epoch < recipe.epochs:
            kept.stop.go()

    def keep(report: EpochReport, averaged: nn.Module) -> None:
        minutes = kept.seconds() / 60
        origin = describe_origin(data, recipe, report, minutes, measure=task.measure)
        about: Origin = (
            DenoiserDescription(**dict(origin), trained_for=trained_for)
            if isinstance(task, Denoising)
            else describe(data, origin, recipe, architecture=architecture)
        )
        kept.check()
        save_weights(out, averaged, about)
        if board:
            board.add_scalar("loss", report.loss, report.epoch)
            board.add_scalar(task.measure, report.quality, report.epoch)
            board.flush()
        log(
            f"epoch {report.epoch}/{recipe.epochs}  loss {report.loss:.5f}  "
            f"{task.measure} {report.quality:.4f}  {minutes:.1f} min"
        )

    with held_file(out) if writes else nullcontext() as kept.place, deferred() as kept.stop:
        if writes and kept.path.exists():
            log(f"goes on from {kept.path}")
        try:
            net = train(
                net, data.items, recipe,
                devices=devices, after_epoch=after_epoch, keeper=kept, task=task,
            )  # fmt: skip
        except KeyboardInterrupt as error:
            if kept.path.exists():
                raise KeyboardInterrupt(
                    f"interrupted; the same command goes on from {kept.path}"
                ) from error
            raise
        if writes:
            kept.remove()
            for path in (out, kept.path):
                remove_drafts(path)  # of processes that were killed
    return net


def describe(
    data: LabelledSet,
    origin: Origin,
    recipe: Recipe,
    *,
    architecture: Architecture | PointArchitecture,
) -> Description | PointDescription:
    """Say what the weights of a labelling network are and how they were made."""
    about = {
        **dict(origin), "architecture": architecture, "classes": data.classes,
        "palette": data.palette,
    }  # fmt: skip
    return recipe.views.described(about)


def describe_origin(
    data: LabelledSet, recipe: Recipe, report: EpochReport, minutes: float, *, measure: str
) -> Origin:
    """Say how weights were made."""
    first = read(data.items[0])
    return Origin(
        sigma=largest_sigma(recipe.sigma),
        data=data.name,
        licence=data.licence,
        image_height=recipe.views.height_of(first),
        training={
            first.kind.words: len(data.items),
            "epochs": recipe.epochs,
            "epoch": report.epoch,
            "seed": recipe.seed,
            "minutes": round(minutes, 1),
            "loss": round(report.loss, 5),
            measure: round(report.quality, 4),
        }
        | unusual(recipe),
    )
