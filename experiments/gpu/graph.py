"""One draw as one CUDA graph: noise, network, labels and counts, replayed without the host.

An experiment: what is left to gain once nothing but the card works. The noise here is that of
PyTorch's generator, rounded to the grid; the product's streams are keyed draw by draw.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int32, UInt8
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 255


class Draws:
    """Draws of one image under one network.

    Args:
        net: From a batch (1, c, h, w) in [0, 1], with noise, to scores (1, k, h2, w2).
        image: (c, h, w).
        sigma: In units of [0, 1].
    """

    def __init__(self, net: nn.Module, image: UInt8[Tensor, "c h w"], sigma: float) -> None:
        self.net = net
        self.grid = image.float()
        self.sigma = sigma
        self.guess: Tensor | None = None
        self.hits: Int32[Tensor, "h w"] = torch.zeros(
            image.shape[1:], dtype=torch.int32, device=image.device
        )

    def labels(self) -> Tensor:
        """Draw once: the labels (h, w)."""
        noise = torch.randn_like(self.grid).mul_(self.sigma * LEVELS).round_()
        noisy: Float[Tensor, "1 c h w"] = noise.add_(self.grid).div_(LEVELS)[None]
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        size = self.grid.shape[1:]
        scores = functional.interpolate(self.net(noisy), size, mode="bilinear")
        return scores.argmax(1)[0]

    @torch.inference_mode()
    def count(self, n: int) -> Int32[Tensor, "h w"]:
        """Count how often the class of a first draw comes again, in a graph on CUDA.

        On a CPU the same step runs without a graph.
        """
        if self.guess is None:
            self.guess = self.labels()
        step = self.captured() if self.grid.is_cuda else self.step
        for _ in range(n):
            step()
        return self.hits

    def step(self) -> None:
        """Draw, and add where the label is that of the guess."""
        self.hits += self.labels() == self.guess

    def captured(self) -> Callable[[], None]:
        """Capture one step, after a warm-up on a stream of its own, and forget what it counted."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        self.hits.zero_()
        return graph.replay
