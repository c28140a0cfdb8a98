"""HRNetV2 checkpoints (``.pth``, ``.pt``): classes and width are read off the weights."""

from pathlib import Path

import torch
from torch import nn

from segcert.data import cityscapes, pascal_context
from segcert.errors import InputError
from segcert.models.files.foreign import ForeignModel, settings_of
from segcert.models.files.sidecar import LAYOUTS, Told, read_sidecar, sidecar_path
from segcert.models.files.weights_files import OTHERS, Weights, fit_weights, read_checkpoint
from segcert.models.identity.file_hashes import hash_model
from segcert.models.nets.depthwise import channels_last
from segcert.models.nets.hrnet import MEAN, STD, STRIDE, HRNetV2

KIND = "HRNetV2 checkpoint"
OF_OTHERS = (*LAYOUTS, "output_name", "returns", "binary", "threshold", "regions")
ABN_FLOOR = 1e-5  # added by in-place ABN to the absolute scale
WIDTH_FROM, CLASSES_FROM = "transition1.0.0.weight", "last_layer.3.weight"
KNOWN = {len(about.CLASSES): about for about in (cityscapes, pascal_context)}


def open_checkpoint(path: Path, told: Told = ()) -> ForeignModel:
    """Open an HRNetV2 checkpoint.

    Without a sidecar: mean and standard deviation of ImageNet, the classes of Cityscapes or
    Pascal Context where their number fits, and False for ``align_corners`` and ``inplace_abn``.

    Args:
        path: Of the file.
        told: Settings that come before those of its sidecar.

    Raises:
        InputError: If the file is damaged, would run code, or is of another network.
    """
    sidecar = read_sidecar(path).with_told(told, path)
    sidecar.refuse(OF_OTHERS, path, "is not of HRNetV2 checkpoints")
    checkpoint = read_checkpoint(path)
    weights = checkpoint.weights
    classes, width = first_size(weights, CLASSES_FROM, 19), first_size(weights, WIDTH_FROM, 48)
    if sidecar.declared not in (None, classes):
        raise InputError(
            f"{sidecar_path(path)} names {sidecar.declared} classes, {path.name} scores {classes}"
        )
    net = hrnetv2_with(
        weights, path=path, classes=classes, width=width,
        align_corners=sidecar.align_corners, inplace_abn=sidecar.inplace_abn,
        way_out=f"as {path.suffix} only HRNetV2 is read, and {OTHERS}",
    )  # fmt: skip
    if torch.cuda.is_available():
        net.to("cuda")
    known = None if sidecar.classes else KNOWN.get(classes)
    mean, std = sidecar.normalisation
    if "mean" not in sidecar.model_fields_set and "input_range" not in sidecar.model_fields_set:
        mean, std = MEAN, STD
    settings = settings_of(sidecar.convention, mean, std) | {
        "align_corners": sidecar.align_corners, "inplace_abn": sidecar.inplace_abn,
    }  # fmt: skip
    return ForeignModel(
        channels_last(net), path.stem, hash_model(KIND, [checkpoint.sha256], settings), mean, std,
        smallest_side=sidecar.smallest_side or STRIDE, classes=classes,
        class_names=known.CLASSES if known else sidecar.classes,
        palette=known.PALETTE if known else sidecar.palette, stochastic=sidecar.stochastic,
        convention=sidecar.convention,
    )  # fmt: skip


def first_size(weights: Weights, name: str, default: int) -> int:
    """Output channels of a convolution; the default if it is missing, which is said later."""
    weight = weights.get(name)
    return default if weight is None or weight.ndim == 0 else max(1, weight.shape[0])


def hrnetv2_with(
    weights: Weights,
    *,
    path: Path,
    classes: int,
    width: int,
    align_corners: bool = False,
    inplace_abn: bool = False,
    way_out: str = "",
) -> HRNetV2:
    """Make the network with the weights of a published checkpoint, or of any state dict of it.

    Args:
        weights: By name, as `read_weights` returns them.
        path: Named in errors.
        classes: Number of classes it must score.
        width: Channels of its finest branch.
        align_corners: As in ``HRNetV2``; see the table of its module.
        inplace_abn: Whether it was trained with in-place activated batch norm, which scales by
            ``|weight| + 1e-5``, as the official code for PyTorch 0.4 does.
        way_out: For whom has another network, for errors.

    Returns:
        The network in eval mode, on the CPU.

    Raises:
        InputError: If names or shapes do not fit.
    """
    with torch.device("meta"):  # no time for random weights
        net = HRNetV2(classes, width, align_corners=align_corners)
    net.to_empty(device="cpu")
    fit_weights(
        net, weights, path=path, architecture=f"HRNetV2-W{width} with {classes} classes",
        way_out=way_out,
    )  # fmt: skip
    if inplace_abn:
        with torch.no_grad():
            for part in net.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.weight.abs_().add_(ABN_FLOOR)
    return net.eval()
