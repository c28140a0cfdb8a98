"""Train a network on noisy images or clouds: AdamW, a cosine schedule, averaged weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from segcert.data.labelled import LabelledImage
from segcert.inputs.clouds import Cloud
from segcert.training.devices import Devices, OneDevice, own_part
from segcert.training.examples import Examples, batches, load
from segcert.training.precision import autocast
from segcert.training.recipe import Recipe
from segcert.training.sigmas import noisy_copies
from segcert.training.state import EpochTally, State, new_state
from segcert.training.tasks import Segmentation, TrainingTask


@dataclass(frozen=True)
class EpochReport:
    """What one epoch did: its number from 1, the mean loss, and the quality by its task."""

    epoch: int
    loss: float
    quality: float


@runtime_checkable
class Keeper(Protocol):
    """What keeps the state of a run, so that it can be taken up again."""

    def take_up(self, state: State, examples: Examples, recipe: Recipe) -> EpochTally | None:
        """Set the state to what was kept, and say where it stands; None to start anew."""

    def after_step(self, state: State, tally: EpochTally) -> None:
        """Keep the state if it is time."""

    def after_epoch(self, state: State, tally: EpochTally) -> None:
        """Keep the state; the tally is that of the next epoch."""


def train(
    net: nn.Module,
    data: Sequence[LabelledImage] | Sequence[Cloud],
    recipe: Recipe,
    *,
    devices: Devices | None = None,
    after_epoch: Callable[[EpochReport, nn.Module], None] | None = None,
    keeper: Keeper | None = None,
    task: TrainingTask | None = None,
) -> nn.Module:
    """Train a network with Gaussian noise augmentation.

    Args:
        net: What the task trains: by default from images (b, 3, h, w) in [-1, 1] to scores
            (b, k, h', w').
        data: Images or clouds, with labels; kept in memory.
        recipe: Every choice.
        devices: Where to train; by default on the CPU.
        after_epoch: Called with a report and the averaged network, for progress and saving.
        keeper: Keeps the state during the run, and takes up what an earlier run kept.
        task: What to learn; by default, to segment.

    Returns:
        The network with averaged weights, in eval mode.

    Raises:
        InputError: If there are fewer images than one batch, or one is smaller than the crop.

    Source:
        Cohen, Rosenfeld, Kolter (2019), section 3.3; Fischer et al. (2021), section 6.2.
    """
    examples = load(data, recipe)
    steps = len(examples) // recipe.batch_size
    devices = devices or OneDevice(torch.device("cpu"))
    state = new_state(
        net, recipe, steps=recipe.epochs * steps, devices=devices, task=task or Segmentation()
    )
    tally = keeper.take_up(state, examples, recipe) if keeper else None
    tally = tally or EpochTally(1, torch.randperm(len(examples), generator=state.rng))
    while tally.epoch <= recipe.epochs:
        for views, truth in batches(
            examples, tally.order, recipe, first=tally.batch, rng=state.rng
        ):
            tally = tally.add(*step(state, views, truth, recipe))
            if keeper and tally.batch < steps:
                keeper.after_step(state, tally)
        quality = state.task.quality(tally.measured / max(tally.counted, 1))
        report = EpochReport(tally.epoch, tally.loss / steps, quality)
        tally = EpochTally(tally.epoch + 1, torch.randperm(len(examples), generator=state.rng))
        if keeper and tally.epoch <= recipe.epochs:
            keeper.after_epoch(state, tally)
        if after_epoch:
            after_epoch(report, state.averaged.module)
    return state.averaged.module.eval()


def step(
    state: State,
    views: Float[Tensor, " b *shape"],
    truth: Int64[Tensor, " b *components"],
    recipe: Recipe,
) -> tuple[float, float, int]:
    """Change the weights once; several devices share the views and average their gradients.

    Returns:
        The loss, what the task measures and the number of values in it, of the views of this
        device.
    """
    noisy = noisy_copies(
        views, sigma=recipe.sigma, copies=recipe.copies, rng=state.rng, add=recipe.views.add_noise
    )
    noisy = own_part(noisy, state.devices, copies=recipe.copies).to(state.device)
    views, truth = (own_part(part, state.devices).to(state.device) for part in (views, truth))

    def run(*inputs: Tensor) -> Tensor:
        with autocast(state.device, wanted=recipe.mixed_precision):
            result: Tensor = state.runner(*inputs)
        return result.float()

    loss, measured, counted = state.task.step(run, noisy, views, truth, recipe)
    state.optimizer.zero_grad(set_to_none=True)
    state.devices.backward(state.scaler.scale(loss))
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.schedule.step()
    state.averaged.update_parameters(state.net)
    return loss.item(), measured, counted
