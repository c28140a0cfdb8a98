"""What a data set costs on a cluster: time and money by the number of GPUs.

A model of the scheduler in `segcert.runs.spread`, no measurement: GPUs count units of draws side by
side; the driver merges their results, stores them and certifies, one after the other.
"""

import math
from dataclasses import dataclass

from segcert.errors import InputError
from segcert.sampling.sampler import next_block
from segcert.sampling.streams import Stage

GPUS = (1, 8, 10, 100, 1000)
START_SECONDS = 60.0  # until a worker holds the model
UNIT_OVERHEAD = 0.02  # seconds of a GPU's time a unit: the way there and back, while none waits
# of the driver, for an image of 2^21 pixels, measured on one core of a small, busy machine
DRIVER_SECONDS_PER_UNIT = 0.12
DRIVER_SECONDS_PER_IMAGE = 4.0


@dataclass(frozen=True)
class Campaign:
    """A data set to be certified.

    Args:
        images: Number of images, at least 1.
        draws: Of each image, n0 and n together, at least 1.
        seconds_per_draw: Of one GPU, with noise, model and counting.
        batch_size: Draws that go through the model together.
        price: Of a GPU for one hour, in any currency.
        start: Seconds until a worker holds the model.
        unit_overhead: Seconds that a GPU waits for each unit.
        driver_unit: Seconds of the driver for each unit: merging and storing.
        driver_image: Seconds of the driver for each image: reading, certifying, figures.

    Raises:
        InputError: If a number is out of range.
    """

    images: int
    draws: int
    seconds_per_draw: float
    batch_size: int = 1
    price: float = 0.0
    start: float = START_SECONDS
    unit_overhead: float = UNIT_OVERHEAD
    driver_unit: float = DRIVER_SECONDS_PER_UNIT
    driver_image: float = DRIVER_SECONDS_PER_IMAGE

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("images", "draws", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.seconds_per_draw < math.inf:
            raise InputError(
                f"seconds per draw must be a positive number, got {self.seconds_per_draw}"
            )
        for name in ("price", "start", "unit_overhead", "driver_unit", "driver_image"):
            if not 0 <= getattr(self, name) < math.inf:
                words = name.replace("_", " ")
                raise InputError(f"{words} must be a number >= 0, got {getattr(self, name)}")

    @property
    def draws_per_unit(self) -> int:
        """Draws of a whole block."""
        return next_block(Stage.TEST, 0, self.draws, self.batch_size).stop

    @property
    def units(self) -> int:
        """Blocks of all images."""
        return self.images * math.ceil(self.draws / self.draws_per_unit)

    @property
    def seconds_per_unit(self) -> float:
        """Seconds of a GPU for a whole block."""
        return self.draws_per_unit * self.seconds_per_draw + self.unit_overhead

    @property
    def gpu_seconds(self) -> float:
        """Seconds that one GPU counts."""
        return self.images * self.draws * self.seconds_per_draw + self.units * self.unit_overhead

    @property
    def driver_seconds(self) -> float:
        """Seconds of the driver, which no GPU shortens: the serial part."""
        return self.units * self.driver_unit + self.images * self.driver_image


@dataclass(frozen=True)
class Estimate:
    """Time and cost on a number of GPUs.

    Args:
        gpus: How many.
        seconds: From the start to the last image.
        cost: All GPUs for all this time.
        busy: Share of the paid time in which draws are made.
        limit: What the time depends on: "draws" or "driver".
    """

    gpus: int
    seconds: float
    cost: float
    busy: float
    limit: str


def estimate(campaign: Campaign, gpus: int) -> Estimate:
    """Time and cost of a data set on a number of equal GPUs.

    The workers start; then the GPUs and the driver work side by side and the slower of them
    decides; at the end, the driver certifies the last image. The GPUs need their share of the
    draws, but at least the chain of one image (the first block of it is counted alone), and one
    unit more for those that wait while the last ones run.

    Raises:
        InputError: If ``gpus`` is not positive.
    """
    if gpus < 1:
        raise InputError(f"gpus must be at least 1, got {gpus}")
    unit = campaign.seconds_per_unit
    whole = campaign.gpu_seconds / gpus
    idle_end = 0.0 if gpus == 1 else unit
    chain = min(2 * unit, campaign.gpu_seconds)
    counting = max(whole + idle_end, chain)
    driver = campaign.driver_seconds
    seconds = campaign.start + max(counting, driver) + campaign.driver_image
    return Estimate(
        gpus=gpus,
        seconds=seconds,
        cost=seconds / 3600 * gpus * campaign.price,
        busy=campaign.gpu_seconds / (gpus * seconds),
        limit="draws" if counting >= driver else "driver",
    )


def estimates(campaign: Campaign, gpus: tuple[int, ...] = GPUS) -> tuple[Estimate, ...]:
    """Estimates for several numbers of GPUs."""
    return tuple(estimate(campaign, one) for one in gpus)
