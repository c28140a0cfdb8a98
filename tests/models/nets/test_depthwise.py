"""The shipped network: size, shapes, and draws that do not know each other."""

import pytest
import torch

from segcert.models.nets.architectures import build
from segcert.models.nets.depthwise import STRIDE, DepthwiseNet, channels_last


@pytest.fixture(scope="module")
def net() -> DepthwiseNet:
    torch.manual_seed(0)
    return DepthwiseNet(11).eval()


def test_it_is_small(net: DepthwiseNet) -> None:
    assert 500_000 <= sum(p.numel() for p in net.parameters()) <= 1_000_000


def test_the_wide_one_fits_into_ten_megabytes() -> None:
    parameters = sum(p.numel() for p in build("depthwise-wide", 11).parameters())
    assert 2_000_000 <= parameters <= 2_500_000


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (17, 31), (33, 50), (16, 129)])
def test_scores_come_at_a_quarter_of_the_size(net: DepthwiseNet, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        scores = net(torch.rand(2, 3, *size))
    assert scores.shape == (2, 11, -(-size[0] // 4), -(-size[1] // 4))
    assert torch.isfinite(scores).all()


def test_draws_in_eval_mode_do_not_mix(net: DepthwiseNet) -> None:
    draws = torch.rand(3, 3, STRIDE, 2 * STRIDE)
    with torch.inference_mode():
        together = net(draws)
        alone = torch.cat([net(draw[None]) for draw in draws])
        moved = net(draws[[2, 0, 1]])
    rounding = 1e-5 * together.abs().max().item()
    assert torch.allclose(together, alone, atol=rounding)
    assert torch.allclose(moved, together[[2, 0, 1]], atol=rounding)


def test_it_answers_the_same_twice(net: DepthwiseNet) -> None:
    """Dropout is off in eval mode."""
    draws = torch.rand(2, 3, STRIDE, STRIDE)
    with torch.inference_mode():
        assert torch.equal(net(draws), net(draws))


def test_every_pixel_can_matter_to_every_score(net: DepthwiseNet) -> None:
    """The global context sees the whole image."""
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    net(image)[0, :, 0, 0].sum().backward()
    assert image.grad is not None
    assert image.grad[0, :, -16:, -16:].abs().sum() > 0


def test_channels_last_keeps_the_scores(net: DepthwiseNet) -> None:
    image = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before = net(image)
        after = channels_last(net)(image.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(before, after, atol=1e-5 * before.abs().max().item())
    assert not any(weight.is_inference() for weight in net.parameters())  # can be trained
