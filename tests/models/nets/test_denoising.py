"""The denoiser: any size, draws that do not know each other, the identity to begin with."""

import pytest
import torch
from torch import nn

from segcert.models.nets.denoising import ResidualDenoiser
from segcert.models.nets.depthwise import channels_last


def awake(net: nn.Module) -> ResidualDenoiser:
    """A network whose last layer is not 0, so that everything before it matters."""
    assert isinstance(net, ResidualDenoiser)
    nn.init.normal_(net.noise.weight, std=0.3, generator=torch.Generator().manual_seed(1))
    return net


@pytest.fixture(scope="module")
def net() -> ResidualDenoiser:
    torch.manual_seed(0)
    return awake(ResidualDenoiser()).eval()


def test_it_is_small(net: ResidualDenoiser) -> None:
    assert 100_000 <= sum(weight.numel() for weight in net.parameters()) <= 600_000


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 16), (17, 31), (33, 50), (48, 15)])
def test_images_of_any_size_keep_it(net: ResidualDenoiser, size: tuple[int, int]) -> None:
    noisy = torch.rand(2, 3, *size)
    with torch.inference_mode():
        denoised = net(noisy)
    assert denoised.shape == noisy.shape
    assert torch.isfinite(denoised).all()
    assert not torch.equal(denoised, noisy)


def test_a_fresh_network_returns_its_input() -> None:
    noisy = torch.randn(2, 3, 19, 34)
    for mode in (True, False):
        assert torch.equal(ResidualDenoiser().train(mode)(noisy), noisy)


def test_what_is_subtracted_does_not_depend_on_the_padding(net: ResidualDenoiser) -> None:
    """An image whose right and lower edge are repeated by hand gives the same noise."""
    image = torch.rand(1, 3, 30, 45)
    larger = torch.cat([image, image[..., -1:].expand(-1, -1, -1, 3)], 3)
    larger = torch.cat([larger, larger[:, :, -1:].expand(-1, -1, 2, -1)], 2)
    with torch.inference_mode():
        assert torch.allclose(net(image), net(larger)[..., :30, :45], atol=1e-5)


def test_draws_in_eval_mode_do_not_mix(net: ResidualDenoiser) -> None:
    draws = torch.rand(3, 3, 32, 48)
    with torch.inference_mode():
        together = net(draws)
        alone = torch.cat([net(draw[None]) for draw in draws])
        moved = net(draws[[2, 0, 1]])
    rounding = 1e-5 * together.abs().max().item()
    assert torch.allclose(together, alone, atol=rounding)
    assert torch.allclose(moved, together[[2, 0, 1]], atol=rounding)


def test_gradients_reach_the_input_and_every_weight() -> None:
    """An attack needs the first, training the second."""
    torch.manual_seed(0)
    net = awake(ResidualDenoiser())
    noisy = torch.rand(2, 3, 64, 64, requires_grad=True)
    net(noisy).square().sum().backward()
    assert noisy.grad is not None
    assert noisy.grad.abs().sum() > 0
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_pixel_sees_far_but_its_neighbours_most(net: ResidualDenoiser) -> None:
    noisy = torch.rand(1, 3, 128, 128, requires_grad=True)
    net(noisy)[0, :, 64, 64].sum().backward()
    assert noisy.grad is not None
    seen = noisy.grad[0].abs().sum(0)
    assert seen[48:80, 48:80].sum() > 0.5 * seen.sum()
    assert (seen[64] > 0).sum() > 64


def test_channels_last_keeps_the_images(net: ResidualDenoiser) -> None:
    noisy = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before = net(noisy)
        after = channels_last(net)(noisy.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(before, after, atol=1e-5 * before.abs().max().item())
