"""Folders of each family of transformers that labels pixels: opened by their path, certified."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

import numpy as np
import torch
from foreign_models import MEAN, NAMES, STD, write_folder
from torch import Tensor
from transformers_families import FAMILIES, SIDE, made

import segcert as sc

FEW = {"sigma": 0.02, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}


def labels_by_hand(net: Any, images: Tensor) -> Tensor:
    """Normalise, score, resize, and take the largest; masks vote one by one."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.inference_mode():
        found = net(pixel_values=(images - mean) / std)
    if "logits" in found:
        scores = found.logits
    else:
        votes = found.class_queries_logits.softmax(2)[..., :-1]
        masks = found.masks_queries_logits.sigmoid()
        scores = sum(votes[:, q, :, None, None] * masks[:, q, None] for q in range(masks.shape[1]))
    wide = torch.nn.functional.interpolate(
        scores, (SIDE, SIDE), mode="bilinear", align_corners=False
    )
    return wide.argmax(1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_is_certified_as_its_network_labels(family: str, tmp_path: Path) -> None:
    net = made(family)
    folder = write_folder(tmp_path / family, net, image_mean=MEAN, image_std=STD)
    images = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    wanted = labels_by_hand(net, images)
    assert len(wanted.unique()) > 1
    opened = sc.open_model(str(folder))
    assert (opened.labels(images) != wanted).double().mean() < 1e-3  # ties within rounding
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    cert = sc.certify_image(str(folder), image, **FEW)
    assert cert.class_names == NAMES
    assert cert.certified.any()
    assert cert.provenance.model == family
    assert sc.replay(cert, opened, image).identical


def test_there_are_a_dozen() -> None:
    assert len(FAMILIES) == 12
