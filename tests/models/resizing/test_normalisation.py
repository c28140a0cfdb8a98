"""Mean and std are of inputs in [0, 1]: bytes, no numbers and other channels are refused."""

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.models.resizing.normalisation import check_normalisation

NAN, INF = float("nan"), float("inf")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((), ()),
        IMAGENET,
        ((0.5,) * 3, (0.5,) * 3),
        ((0.0,) * 3, (1 / 255,) * 3),  # a network that wants bytes
        (tuple(m for m in IMAGENET[0]), (1 / 255,) * 3),  # bytes minus a mean, as of Caffe
        ((0.0,), (1.0,)),
        ((-1.0, 2.0), (2.0, 1e-5)),
    ],
)
def test_what_inputs_in_0_1_can_have_is_taken(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    check_normalisation(mean, std)


@pytest.mark.parametrize(
    ("mean", "std", "said"),
    [
        ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "divide both by 255"),
        ((123.675, 116.28, 103.53), (1.0, 1.0, 1.0), "divide both by 255"),
        ((123.675,) * 3, (0.2,) * 3, "divide both by 255"),
        (IMAGENET[0], (58.395, 57.12, 57.375), "divide both by 255"),
        ((0.5, 0.5, 127.5), (0.5,) * 3, "divide both by 255"),
        ((-128.0,) * 3, (1.0,) * 3, "divide both by 255"),
        ((NAN, 0.0, 0.0), (1.0,) * 3, "one entry per channel"),
        ((0.0,) * 3, (INF, 1.0, 1.0), "one entry per channel"),
        ((0.0,) * 3, (0.0, 1.0, 1.0), "std > 0"),
        ((0.0,) * 3, (1.0,), "one entry per channel"),
    ],
)
def test_what_they_cannot_have_is_refused_everywhere(
    mean: tuple[float, ...], std: tuple[float, ...], said: str
) -> None:
    for make in (
        lambda: sc.as_segmenter(torch.abs, mean=mean, std=std),
        lambda: sc.Segmenter(torch.abs, "net", mean=mean, std=std),
    ):
        with pytest.raises(sc.InputError, match=said):
            make()


def test_a_mean_of_another_number_of_channels_is_refused() -> None:
    """It would be broadcast: one channel would become three."""
    volume = np.zeros((1, 4, 8, 8), np.uint8)
    segmenter = sc.as_segmenter(lambda x: x, mean=IMAGENET[0], std=IMAGENET[1])
    with pytest.raises(sc.InputError, match="for 3 channels, the input has 1"):
        sc.certify_image(segmenter, volume, sigma=0.1, n=60)
