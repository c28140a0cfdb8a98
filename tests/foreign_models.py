"""Tiny networks as files of other programs, for the tests that open them."""

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segcert.models.nets.hrnet import HRNetV2

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
NAMES = ("road", "car", "sky")
Wrap = Callable[[Tensor], Any]


class Tiny(nn.Module):
    """Two convolutions; half-size scores of three classes that differ between draws."""

    def __init__(self, wrap: Wrap = lambda scores: scores, *, mixes: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 3, 1)
        self.wrap = wrap
        self.mixes = mixes

    def forward(self, x: Tensor) -> Any:
        x = self.norm(self.first(x)).relu()
        x = x - x.mean(0, keepdim=True) if self.mixes else x
        return self.wrap(self.last(x))


def balanced(net: Any, last: nn.Module) -> Any:
    """Move the biases of the last layer so that every class wins somewhere."""
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = net(images)
        scores = scores if isinstance(scores, Tensor) else scores.logits
        last.bias -= scores.mean((0, 2, 3))
    return net


def tiny(wrap: Wrap = lambda scores: scores, *, mixes: bool = False, seed: int = 0) -> Tiny:
    """A network with fixed weights, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Tiny().eval()
    balanced(net, net.last)
    net.wrap, net.mixes = wrap, mixes
    return net


def thin_hrnet(classes: int = 5, width: int = 4) -> HRNetV2:
    """An HRNetV2 with fixed weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = HRNetV2(classes, width).eval()
    return balanced(net, net.last_layer[3])


def free_sizes() -> dict[int, Any]:
    """Batch, height and width that are left open."""
    dim = torch.export.Dim
    return {0: dim("b"), 2: dim("h", min=8, max=4096), 3: dim("w", min=8, max=4096)}


def write_pt2(
    path: Path, net: nn.Module, *, batch: int | None = None, size: tuple[int, int] = (32, 48)
) -> Path:
    """Export for any batch and size, or for one batch of one size."""
    example = (torch.rand(batch or 2, 3, *size),)
    shapes = None if batch else (free_sizes(),)
    torch.export.save(torch.export.export(net, example, dynamic_shapes=shapes), path)
    return path


def write_onnx(path: Path, net: nn.Module, *, batch: int | None = None) -> Path:
    """Export for any batch and size, or for one batch of 32x48 pixels."""
    example = (torch.rand(batch or 2, 3, 32, 48),)
    shapes = None if batch else ({0: "b", 2: "h", 3: "w"},)
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # torchvision is not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            torch.onnx.export(net, example, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    finally:
        log.setLevel(level)
    return path


def write_toml(model: Path, **settings: object) -> Path:
    """Write a sidecar; JSON of lists, numbers, strings and booleans is TOML, too."""
    path = model.with_suffix(".toml")
    lists = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lists.items()))
    return path


def segformer() -> Any:
    """A tiny SegFormer with fixed weights."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=dict(enumerate(NAMES)), initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = SegformerForSemanticSegmentation(config).eval()
    return balanced(net, net.decode_head.classifier)


def mask2former() -> Any:
    """A tiny Mask2Former with fixed weights."""
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

    stages = [f"stage{i}" for i in range(1, 5)]
    backbone = SwinConfig(
        embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, out_features=stages
    )
    config = Mask2FormerConfig(
        backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16,
        encoder_feedforward_dim=16, num_queries=6, id2label=dict(enumerate(NAMES)),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(2)
        net = Mask2FormerForUniversalSegmentation(config).eval()
    with torch.no_grad():  # so that every class wins somewhere
        net.class_predictor.weight *= 10
        for weight in net.model.transformer_module.decoder.mask_predictor.parameters():
            weight *= 10 if weight.ndim > 1 else 1
    return net


def write_folder(path: Path, net: Any, **preprocessor: object) -> Path:
    """Save a network of transformers, with a preprocessor if there are settings."""
    net.save_pretrained(path)
    if preprocessor:
        (path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return path
