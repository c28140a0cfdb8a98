"""For one certificate the photograph is decoded, the network made and each draw passed once."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from conftest import Command
from PIL import Image
from torch import Tensor

from segcert.models.files import checkpoints
from segcert.models.nets.depthwise import DepthwiseNet

N0, N = 4, 20
CHECKED = 4  # draws that show whether the model mixes those of a batch
PLAIN = 1  # the image without noise, for the page


def test_work_around_the_draws_is_done_once(
    photo: Path, weights: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Counter[str]()

    def counted(name: str, function: object, amount: object = lambda *_: 1) -> object:
        def call(*given: object, **named: object) -> object:
            done[name] += amount(*given)  # type: ignore[operator]
            return function(*given, **named)  # type: ignore[operator]

        return call

    def draws(_: object, batch: Tensor) -> int:
        return len(batch)

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # else trials may add passes
    monkeypatch.setattr(Image, "open", counted("open", Image.open))
    monkeypatch.setattr(checkpoints, "build", counted("build", checkpoints.build))
    monkeypatch.setattr(DepthwiseNet, "forward", counted("draws", DepthwiseNet.forward, draws))
    found = command(
        "certify", photo, "--model", weights, "--out", tmp_path / "out", "--tau", 0.6,
        "--alpha", 0.1, "--n0", N0, "--n", N, "--device", "cpu",
    )  # fmt: skip
    assert found.status == 0, found.err
    assert done == {"open": 1, "build": 1, "draws": N0 + N + CHECKED + PLAIN}


def test_opening_a_network_draws_no_random_weights(weights: Path) -> None:
    """Weights that the file replaces would cost time and move the global random stream."""
    before = torch.get_rng_state()
    net, _ = checkpoints.load_weights(weights)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.device.type == "cpu" for parameter in net.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())
