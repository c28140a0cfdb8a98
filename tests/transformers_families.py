"""Tiny networks of each family of transformers that labels pixels, with weights that are fixed."""

from collections.abc import Callable
from typing import Any

import torch
import transformers
from foreign_models import MEAN, NAMES, STD, mask2former, segformer
from torch import nn

SIDE = 64  # pixels; some families take one size only
STAGES = [f"stage{i}" for i in range(1, 5)]
CLASSES = {"id2label": dict(enumerate(NAMES)), "initializer_range": 0.3}
VIT = {
    "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16,
    "image_size": SIDE, "patch_size": 16,
}  # fmt: skip
QUERIES = {"num_queries": 5, "num_blocks": 1, "num_upscale_blocks": 1}
Options = dict[str, Any]


def options_of_beit() -> Options:
    """BEiT and Data2Vec."""
    return VIT | {"out_indices": [1, 2, 3, 4], "pool_scales": [1, 2], "use_auxiliary_head": False}


def options_of_dpt() -> Options:
    """DPT, with a ViT of its own."""
    return VIT | {
        "backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8, "use_auxiliary_head": False,
    }  # fmt: skip


def options_of_upernet() -> Options:
    """UperNet on ConvNeXt."""
    backbone = transformers.ConvNextConfig(
        hidden_sizes=[8, 8, 8, 8], depths=[1] * 4, out_features=STAGES, initializer_range=0.3,
        layer_scale_init_value=1.0,
    )  # fmt: skip
    return {"backbone_config": backbone, "hidden_size": 16, "use_auxiliary_head": False,
            "pool_scales": [1, 2]}  # fmt: skip


def options_of_maskformer() -> Options:
    """MaskFormer on Swin."""
    backbone = transformers.SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, out_features=STAGES
    )
    decoder = transformers.DetrConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=5,
    )  # fmt: skip
    return {"backbone_config": backbone, "decoder_config": decoder, "fpn_feature_size": 32,
            "mask_feature_size": 32}  # fmt: skip


MADE: dict[str, tuple[str, Callable[[], Options]]] = {
    "beit": ("BeitForSemanticSegmentation", options_of_beit),
    "data2vec": ("Data2VecVisionForSemanticSegmentation", options_of_beit),
    "dpt": ("DPTForSemanticSegmentation", options_of_dpt),
    "eomt": ("EomtForUniversalSegmentation", lambda: VIT | QUERIES | {"mlp_ratio": 1}),
    "eomt_dinov3": ("EomtDinov3ForUniversalSegmentation", lambda: VIT | QUERIES),
    "maskformer": ("MaskFormerForInstanceSegmentation", options_of_maskformer),
    "mobilenet_v2": ("MobileNetV2ForSemanticSegmentation", lambda: {
        "depth_multiplier": 0.1, "output_stride": 8, "classifier_dropout_prob": 0.0}),
    "mobilevit": ("MobileViTForSemanticSegmentation", lambda: {
        "hidden_sizes": [8, 8, 8], "neck_hidden_sizes": [8] * 7, "num_attention_heads": 2,
        "aspp_out_channels": 8, "output_stride": 16, "image_size": SIDE}),
    "mobilevitv2": ("MobileViTV2ForSemanticSegmentation", lambda: {
        "width_multiplier": 0.125, "n_attn_blocks": [1, 1, 1], "aspp_out_channels": 8,
        "output_stride": 16, "image_size": SIDE}),
    "upernet": ("UperNetForSemanticSegmentation", options_of_upernet),
}  # fmt: skip
FAMILIES = ("mask2former", *MADE, "segformer")  # OneFormer needs words: test_hugging_face.py


def made(family: str) -> Any:
    """Make the network of a family, in eval mode."""
    if family in ("mask2former", "segformer"):
        return mask2former() if family == "mask2former" else segformer()
    name, options = MADE[family]
    kind = getattr(transformers, name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = kind(kind.config_class(**CLASSES | options())).eval()
    return lively(net)


def lively(net: Any) -> Any:
    """Make the scores of the classes alike on average, so that several win somewhere."""
    images = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        found = net(pixel_values=(images - mean) / std)
        if "logits" in found:
            last = [part for part in net.modules() if isinstance(part, nn.Conv2d)
                    and part.out_channels == len(NAMES)][-1]  # fmt: skip
            last.bias -= found.logits.mean((0, 2, 3))
    return net
