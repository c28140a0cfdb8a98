"""``segcert plan --cluster``: time and cost of a data set on 1 to 1000 GPUs."""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.arguments import whole
from segcert.cli.flat import Flat

if TYPE_CHECKING:
    from segcert.models.protocol import WrappedModel
    from segcert.noise.base import AbstractNoise
    from segcert.planning.cluster import Campaign

PROBE_DRAWS = 8
CLUSTER = Group("Cluster", sort_key=7)


@dataclass(frozen=True)
class ClusterOptions(Flat):
    """Time and cost of a data set, in place of a plan."""

    cluster: Annotated[
        bool,
        Parameter(
            group=CLUSTER,
            negative=(),
            help="Print time and cost of a data set on clusters instead.",
        ),
    ] = False
    inputs: Annotated[
        int,
        Parameter(group=CLUSTER, converter=whole, help="Of --cluster: images of the data set."),
    ] = 500
    draws: Annotated[
        int,
        Parameter(
            group=CLUSTER,
            converter=whole,
            help="Of --cluster: draws of each image, n0 and n together.",
        ),
    ] = 10_000
    seconds_per_draw: Annotated[
        float | None,
        Parameter(
            group=CLUSTER,
            help="Of --cluster: seconds of one GPU; by default measured here on the first IMAGE.",
        ),
    ] = None
    price: Annotated[
        float, Parameter(group=CLUSTER, help="Of --cluster: of one GPU for one hour.")
    ] = 0.0


CLUSTER_AS_USUAL = ClusterOptions()


def measure(
    segmenter: "WrappedModel",
    image: str,
    noise: "AbstractNoise",
    *,
    seed: int | None,
    device: str,
    batch_size: int | str,
) -> tuple[float, int, str]:
    """Measure the seconds of one draw here, after a warm-up.

    Returns:
        Seconds, the batch size, and the type of the device.
    """
    from segcert.inputs.finding import find_inputs
    from segcert.sampling.counting import count_block
    from segcert.sampling.setup import choose_batch_size, make_task
    from segcert.sampling.streams import Stage
    from segcert.sampling.tally import DrawBlock

    path = next(iter(find_inputs([image]).values()))
    task = make_task(segmenter, path, noise=noise, seed=seed, device=device, batch_size=batch_size)
    size = min(choose_batch_size(batch_size, task), task.largest_batch)
    at_a_time = size * task.workers
    draws = at_a_time * math.ceil(PROBE_DRAWS / at_a_time)
    count_block(task, DrawBlock(Stage.PROBE, 0, size), None, batch_size=size)
    began = time.perf_counter()
    count_block(task, DrawBlock(Stage.PROBE, size, size + draws), None, batch_size=size)
    return (time.perf_counter() - began) / draws, size, task.x.device.type


def print_cluster(campaign: "Campaign", measured: str) -> None:
    """Print the table, and what it takes for granted."""
    from rich.table import Table

    from segcert.cli.shell import results, say
    from segcert.planning.cluster import estimates

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("GPUs", "time", "GPU hours", "cost", "GPUs busy", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    for found in estimates(campaign):
        hours = found.gpus * found.seconds / 3600
        table.add_row(
            str(found.gpus), duration(found.seconds), f"{hours:.1f}",
            f"{found.cost:.2f}" if campaign.price else "–", f"{100 * found.busy:.0f}%",
            found.limit,
        )  # fmt: skip
    say(
        f"{campaign.images} images, {campaign.draws} draws each, {campaign.seconds_per_draw:.4g} s "
        f"a draw ({measured}); {campaign.units} blocks of {campaign.draws_per_unit} draws"
    )
    results.print()
    results.print(table)
    results.print()
    say(
        f"An estimate. Taken for granted: {campaign.start:g} s until a worker holds the model; "
        f"{campaign.unit_overhead:g} s of a GPU for each block, of which two are in flight for "
        f"each worker; one driver, which takes {campaign.driver_unit:g} s for each block and "
        f"{campaign.driver_image:g} s for each image, {duration(campaign.driver_seconds)} in all "
        "beside the GPUs: the serial part. Where that is the limit, more GPUs only cost more: "
        "split the data set over several runs."
    )


def duration(seconds: float) -> str:
    """Print a time in the unit that fits it."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
