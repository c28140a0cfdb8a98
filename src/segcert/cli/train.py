"""``segcert train``: the command that made the shipped weights."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segcert.cli.run_options import OUTPUT
from segcert.cli.train_options import (
    NOISE_AS_USUAL,
    PLACE_AS_USUAL,
    STEPS_AS_USUAL,
    TASK_AS_USUAL,
    VIEWS_AS_USUAL,
    ExampleOptions,
    NoiseOptions,
    PlaceOptions,
    StepOptions,
    TaskOptions,
    ViewOptions,
)


def train(
    *,
    source: Annotated[ExampleOptions, Parameter(name="*")],
    out: Annotated[Path, Parameter(group=OUTPUT, help="Weight file to write (.safetensors).")],
    task: Annotated[TaskOptions, Parameter(name="*")] = TASK_AS_USUAL,
    noise: Annotated[NoiseOptions, Parameter(name="*")] = NOISE_AS_USUAL,
    views: Annotated[ViewOptions, Parameter(name="*")] = VIEWS_AS_USUAL,
    steps: Annotated[StepOptions, Parameter(name="*")] = STEPS_AS_USUAL,
    place: Annotated[PlaceOptions, Parameter(name="*")] = PLACE_AS_USUAL,
) -> None:
    """Train a network on images or clouds with Gaussian noise.

    The weights are written after every epoch, so an interrupted run leaves a usable file; the
    same command goes on where it stopped.
    """
    from dataclasses import replace

    import torch

    from segcert.cli.shell import note, say
    from segcert.models.files.checkpoints import check_weight_file
    from segcert.training.class_weights import class_weights
    from segcert.training.examples import said_of_masks
    from segcert.training.recipe import Recipe
    from segcert.training.save import train_and_save
    from segcert.training.start import starting_denoiser

    lesson = task.lesson(source.kind)
    place.limit_threads()
    recipe = Recipe(
        sigma=noise.sigmas, consistency=noise.copies, views=views.of(source.kind),
        epochs=steps.epochs, batch_size=steps.batch_size, learning_rate=steps.learning_rate,
        seed=steps.seed, mixed_precision=steps.mixed_precision,
    )  # fmt: skip
    team = place.team(batch_size=steps.batch_size)
    examples = source.opened(labelled=task.task == "segmentation")
    check_weight_file(out)
    for line in (*examples.said, *said_of_masks(examples)):
        note(line)
    labels = (item.labels for item in examples.items if item.labels is not None)
    weights = class_weights(steps.class_weights, labels, len(examples.classes))
    torch.manual_seed(steps.seed)
    network = task.architecture or recipe.views.network
    if task.task == "denoising":
        net, start = starting_denoiser(task.start_from)
    else:
        net, start = recipe.views.start(network, examples.classes, task.start_from)
    recipe = replace(recipe, class_weights=weights, start=start)
    train_and_save(
        net, examples, recipe, task=lesson, trained_for=task.trained_for, architecture=network,
        out=out, devices=team, board=place.board(rank=team.rank), log=say,
    )  # fmt: skip
