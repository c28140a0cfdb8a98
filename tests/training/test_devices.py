"""Several devices: who computes what, and two real processes that average their gradients.

lightning-fabric is not needed: its few methods are stood in for by torch.distributed.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from segcert.data.labelled import LabelledImage
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.models.files.checkpoints import load_weights
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.training import devices
from segcert.training.augment import Views
from segcert.training.devices import FabricDevices, OneDevice, open_devices, own_part
from segcert.training.recipe import Recipe
from segcert.training.save import train_and_save

CPU = torch.device("cpu")


def test_every_view_goes_to_one_device_with_all_its_copies() -> None:
    batch = torch.tensor([[v, c] for c in range(2) for v in range(6)])
    parts = [own_part(batch, OneDevice(CPU, rank, 3), copies=2) for rank in range(3)]
    assert [part[:, 0].tolist() for part in parts] == [[0, 3, 0, 3], [1, 4, 1, 4], [2, 5, 2, 5]]
    assert [part[:, 1].tolist() for part in parts] == [[0, 0, 1, 1]] * 3
    assert own_part(batch, OneDevice(CPU)) is batch


@pytest.mark.parametrize(("count", "batch"), [(0, 8), (-1, 8), (3, 8), (4, 4)])
def test_impossible_shares_are_refused(count: int, batch: int) -> None:
    with pytest.raises(InputError, match="share the batch evenly"):
        open_devices("cpu", count, batch_size=batch)


def test_a_numbered_device_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="a device without number, got cuda:1"):
        open_devices("cuda:1", 2, batch_size=8)
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(InputError, match=r"lightning-fabric: pip install 'segcert\[train\]'"):
        open_devices("cuda", 2, batch_size=8)
    assert open_devices("cpu", 1, batch_size=8) == OneDevice(CPU)


def test_fabric_is_asked_for_one_process_per_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def fabric(**options: object) -> SimpleNamespace:
        asked.append(options)
        return SimpleNamespace(
            launch=lambda: asked.append("launch"), global_rank=1, world_size=2, device=CPU
        )

    monkeypatch.setattr(devices, "import_module", lambda _: SimpleNamespace(Fabric=fabric))
    team = open_devices("cuda", 2, batch_size=8)
    assert asked == [{"accelerator": "cuda", "devices": 2, "strategy": "ddp"}, "launch"]
    assert (team.rank, team.count, team.device) == (1, 2, CPU)


class Gloo:
    """What lightning-fabric would do, with torch.distributed on the CPU."""

    def __init__(self, store: Path, rank: int) -> None:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=2
        )
        self.global_rank, self.world_size, self.device = rank, 2, CPU

    def setup_module(self, net: nn.Module) -> nn.Module:
        return nn.parallel.DistributedDataParallel(net)

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


def run(folder: Path, rank: int) -> str:
    rng = np.random.default_rng(0)
    images = []
    for number in range(4):
        image = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        images.append(LabelledImage(f"{number}", image, (image[..., 0] > 127).astype(np.uint8)))
    data = LabelledSet("toy", images, ("a", "b"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
    recipe = replace(Recipe(epochs=2, batch_size=4), views=Views(crop=(32, 32)))
    torch.manual_seed(0)
    team = FabricDevices(Gloo(folder / "store", rank))
    net = DepthwiseNet(2)
    train_and_save(net, data, recipe, out=folder / f"{rank}.safetensors", devices=team, log=print)
    weights = torch.cat([part.detach().flatten() for part in net.parameters()])
    torch.distributed.destroy_process_group()
    return weights.double().sum().item().hex()


@pytest.mark.slow
def test_two_processes_train_one_network_and_the_first_writes_it(tmp_path: Path) -> None:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path), str(rank)],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    ends = [child.communicate(timeout=600) for child in running]
    assert [child.returncode for child in running] == [0, 0], ends
    lines = [out.splitlines() for out, _ in ends]
    assert lines[0][-1] == lines[1][-1]  # the same weights
    assert [len(printed) for printed in lines] == [3, 1]
    assert "epoch 2/2" in lines[0][1]
    assert [path.name for path in tmp_path.glob("*.safetensors*")] == ["0.safetensors"]
    net, _ = load_weights(tmp_path / "0.safetensors")
    assert len(hash_weights(net)) == 64


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), int(sys.argv[2])))
