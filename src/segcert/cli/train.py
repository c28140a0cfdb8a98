"""``segcert train``: the command that made the shipped weights."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def train(
    *,
    data: Annotated[Literal["camvid", "synthetic"], Parameter(help="What to train on.")],
    out: Annotated[Path, Parameter(help="Weight file to write (.safetensors).")],
    root: Annotated[Path, Parameter(help="Folder of CamVid.")] = Path("camvid"),
    scenes: Annotated[int, Parameter(help="Number of synthetic scenes.")] = 1000,
    sigma: Annotated[float, Parameter(help="Noise per value, in units of [0, 1].")] = 0.25,
    epochs: Annotated[int, Parameter(help="Passes over the data.")] = 80,
    seed: Annotated[int, Parameter(help="Of weights, views and noise.")] = 0,
    threads: Annotated[int, Parameter(help="CPU threads; 0 for all.")] = 0,
    device: Annotated[str, Parameter(help="cpu, cuda, ...")] = "cpu",
) -> None:
    """Train the small network on images with Gaussian noise.

    The weights are written after every epoch, so an interrupted run leaves a usable file.
    """
    import torch

    from segcert.cli.shell import results
    from segcert.data.training_sets import open_training_set
    from segcert.models.depthwise import DepthwiseNet
    from segcert.training.loop import Recipe
    from segcert.training.save import train_and_save

    if threads:
        torch.set_num_threads(threads)
    recipe = Recipe(sigma=sigma, epochs=epochs, seed=seed)
    examples = open_training_set(data, root=root, scenes=scenes)
    torch.manual_seed(seed)
    net = DepthwiseNet(len(examples.classes))
    train_and_save(net, examples, recipe, out=out, device=device, log=results.print)
