"""Networks in other programs that several threads call at a time: the scores of one alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segcert.models.backends.onnx_runtime import onnx_network
from segcert.models.backends.openvino import openvino_network
from segcert.sampling.threads import side_by_side

NET = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()


@pytest.mark.parametrize(
    ("package", "make"), [("onnxscript", onnx_network), ("openvino", openvino_network)]
)
def test_calls_at_a_time_give_the_scores_of_calls_alone(
    package: str, make: Callable[..., tuple[Any, object]]
) -> None:
    pytest.importorskip(package)
    network, _ = make(NET, channels=3, name="net")
    members = network.apart(2)
    assert len(members) == 2
    assert members[0].apart(2) == ()  # each is for one thread
    batches = list(torch.rand(8, 1, 3, 24, 32, generator=torch.Generator().manual_seed(0)))
    found: dict[int, Tensor] = {}

    def call(member: Callable[[Tensor], Tensor], number: int) -> None:
        found[number] = member(batches[number])

    side_by_side(call, members, range(len(batches)))
    for number, batch in enumerate(batches):
        torch.testing.assert_close(found[number], network(batch), rtol=1e-5, atol=1e-5)
        assert torch.equal(found[number], members[1](batch))
