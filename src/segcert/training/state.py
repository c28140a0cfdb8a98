"""What changes during a training run, so that it can be kept and taken up again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel

from segcert.models.nets.depthwise import channels_last
from segcert.training.devices import Devices
from segcert.training.precision import gradient_scaler
from segcert.training.recipe import Recipe
from segcert.training.schedule import cosine
from segcert.training.tasks import TrainingTask


@dataclass(frozen=True)
class EpochTally:
    """Where a run stands within an epoch, and what it has counted there.

    Args:
        epoch: Number of the epoch, from 1.
        order: Order of the images in this epoch.
        batch: Number of steps done in this epoch.
        loss: Sum of their losses.
        measured: Sum of what the task measures: hits, or squared errors.
        counted: Number of pixels or values in it.
    """

    epoch: int
    order: Int64[Tensor, " images"]
    batch: int = 0
    loss: float = 0.0
    measured: float = 0
    counted: int = 0

    def add(self, loss: float, measured: float, counted: int) -> "EpochTally":
        """Count one step."""
        return EpochTally(
            self.epoch, self.order, self.batch + 1, self.loss + loss,
            self.measured + measured, self.counted + counted,
        )  # fmt: skip


@dataclass(frozen=True)
class State:
    """Everything that training changes.

    Args:
        net: The network in training.
        averaged: The moving average of its weights.
        optimizer: AdamW with its moments.
        schedule: Learning rate by step.
        scaler: Of float16 gradients.
        rng: Stream of order, views and noise.
        devices: Where training happens.
        runner: The network as the devices run it.
        task: What is learned.
    """

    net: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    rng: Generator
    devices: Devices
    runner: nn.Module
    task: TrainingTask

    @property
    def device(self) -> torch.device:
        """Device of this process."""
        return self.devices.device

    def pack(self, tally: EpochTally) -> dict[str, Any]:
        """Collect tensors and numbers from which ``unpack`` goes on, bit for bit."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        streams = {"rng": self.rng.get_state(), "dropout": torch.get_rng_state()}
        if self.device.type == "cuda":
            streams["cuda"] = torch.cuda.get_rng_state(self.device)
        return {"parts": parts, "streams": streams, "tally": dict(vars(tally))}

    def unpack(self, packed: Mapping[str, Any]) -> EpochTally:
        """Take up what ``pack`` collected."""
        for name, part in self._parts().items():
            part.load_state_dict(packed["parts"][name])
        self.rng.set_state(packed["streams"]["rng"])
        torch.set_rng_state(packed["streams"]["dropout"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(packed["streams"]["cuda"], self.device)
        return EpochTally(**packed["tally"])

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.net, "averaged": self.averaged, "optimizer": self.optimizer,
            "schedule": self.schedule, "scaler": self.scaler,
        }  # fmt: skip


def new_state(
    net: nn.Module, recipe: Recipe, *, steps: int, devices: Devices, task: TrainingTask
) -> State:
    """Prepare a run.

    Args:
        net: The network, changed in place.
        recipe: Every choice.
        steps: Of the whole run.
        devices: Where to train.
        task: What to learn.
    """
    net = channels_last(net.to(devices.device).train())
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    averaged = AveragedModel(net, avg_fn=moving_average(recipe.average), use_buffers=True)
    return State(
        net=net,
        averaged=averaged,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: cosine(step, steps)),
        scaler=gradient_scaler(devices.device, wanted=recipe.mixed_precision),
        rng=Generator().manual_seed(recipe.seed),
        devices=devices,
        runner=devices.runner(net),
        task=task,
    )


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Average weights and batch statistics over steps; early steps are forgotten quickly."""

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        if not current.is_floating_point():
            return current
        keep = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return torch.lerp(averaged, current, 1 - keep)

    return average
