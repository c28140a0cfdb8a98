"""PointNet++ MSG: names, shapes and outputs of the reference; loading of checkpoints."""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.nets.point_blocks import pointwise
from segcert.models.nets.pointnet2 import PointNet2

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = 1e-4
KINDS = pytest.mark.parametrize(("kind", "columns"), [("xyz", 3), ("normals", 6)])


def golden_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Weights by the rule of the golden files: a seed for each name."""
    weights = {}
    for name, shape in shapes.items():
        rng = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(0)
        elif name.endswith("running_var"):
            weights[name] = 1 + 0.1 * torch.rand(*shape, generator=rng)
        elif name.endswith("running_mean"):
            weights[name] = 0.1 * torch.randn(*shape, generator=rng)
        elif len(shape) == 1:
            centre, spread = (0.3, 0.05) if name.endswith("weight") else (0, 0.1)
            weights[name] = centre + spread * torch.randn(*shape, generator=rng)
        else:
            weight = torch.randn(*shape, generator=rng)
            weights[name] = weight * (2 / weight[0].numel()) ** 0.5
    return weights


def shapes_of(net: nn.Module) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in net.state_dict().items()}


def clouds(count: int, columns: int = 3, size: int = 512) -> Tensor:
    points = torch.randn(count, size, columns, generator=torch.Generator().manual_seed(0))
    return points / points[..., :3].norm(dim=2).amax(1)[:, None, None]


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder with what the reference computes."""
    data = Path(os.environ.get("SEGCERT_DATA", ROOT.parent / "shared" / "data"))
    folder = data.parent / "golden"
    if not (folder / "pointnet2_msg_partseg_xyz_output.npz").is_file():
        pytest.skip(f"no outputs of the reference in {folder}: set SEGCERT_DATA to its sibling")
    return folder


@pytest.fixture(scope="module")
def net() -> PointNet2:
    net = PointNet2()
    net.load_state_dict(golden_weights(shapes_of(net)))
    return net.eval()


@pytest.mark.data
@KINDS
def test_names_shapes_and_outputs_are_those_of_the_reference(
    golden: Path, kind: str, columns: int
) -> None:
    path = golden / f"pointnet2_msg_partseg_{kind}_state_dict.json"
    official: dict[str, list[int]] = json.loads(path.read_text())
    net = PointNet2(columns=columns)
    assert list(shapes_of(net).items()) == list(official.items())
    net.load_state_dict(golden_weights(official))
    with np.load(golden / f"pointnet2_msg_partseg_{kind}_output.npz") as kept:
        points, wanted = (torch.from_numpy(kept[name]) for name in ("points", "log_probs"))
    with torch.inference_mode():
        found = net.eval()(points.transpose(1, 2), torch.tensor([0, 4])).transpose(1, 2)
    assert found.shape == wanted.shape == (2, 1024, 50)
    assert (found - wanted).abs().max() < TOLERANCE
    assert (wanted[0] - wanted[1]).abs().max() > 100 * TOLERANCE


@KINDS
def test_the_number_of_parameters(kind: str, columns: int) -> None:
    """Counted from the table of layers in the supplement of the paper."""
    extra = 3 * (columns == 6)

    def stack(*widths: int) -> int:
        return sum(i * o + o + 2 * o for i, o in pairwise(widths))

    first = sum(
        stack(columns + 3, *w) for w in ((32, 32, 64), (64, 64, 128), (64, 96, 128))
    )  # fmt: skip
    second = stack(323, 128, 128, 256) + stack(323, 128, 196, 256)
    whole = stack(515, 256, 512, 1024)
    back = stack(1536, 256, 256) + stack(576, 256, 128) + stack(150 + extra, 128, 128)
    head = stack(128, 128) + 128 * 50 + 50
    found = sum(p.numel() for p in PointNet2(columns=columns).parameters())
    assert found == first + second + whole + back + head, kind


def test_log_probabilities_of_a_cloud_alone_and_in_a_batch(net: PointNet2) -> None:
    points, told = clouds(2), torch.tensor([0, 15])
    with torch.inference_mode():
        together = net(points, told)
        alone = torch.cat([net(points[b : b + 1], told[b : b + 1]) for b in range(2)])
        other = net(points[:1], torch.tensor([3]))
    torch.testing.assert_close(together.exp().sum(1), torch.ones(2, 512))
    assert (together - alone).abs().max() < 1e-5
    assert (alone[:1] - other).abs().max() > 1e-3  # the category is told


def test_random_starts_are_others_but_near(net: PointNet2) -> None:
    points, told = clouds(1, size=600), torch.tensor([1])
    with torch.inference_mode():
        start = net(points, told)
        random = net(points, told, rng=torch.Generator().manual_seed(0))
        again = net(points, told, rng=torch.Generator().manual_seed(0))
    assert torch.equal(random, again)
    assert not torch.equal(random, start)


def test_folding_a_batch_norm_is_applying_it() -> None:
    torch.manual_seed(0)
    linear, norm = nn.Linear(4, 3), nn.BatchNorm1d(3)
    for weight in (*norm.parameters(), norm.running_mean, norm.running_var):
        nn.init.uniform_(weight, 0.2, 2)  # type: ignore[arg-type]
    x = torch.randn(2, 5, 4)
    mean, var = norm.running_mean.clone(), norm.running_var.clone()  # type: ignore[union-attr]
    y = (linear(x) - mean) / (var + 1e-5).sqrt() * norm.weight + norm.bias
    found = pointwise(x, linear.weight, linear.bias, norm.eval())
    torch.testing.assert_close(found, y.relu())
    flat = linear(x).view(10, 3)
    y = (flat - flat.mean(0)) / (flat.var(0, correction=0) + 1e-5).sqrt() * norm.weight + norm.bias
    found = pointwise(x, linear.weight, linear.bias, norm.train())
    torch.testing.assert_close(found, y.relu().view(2, 5, 3))


def test_every_parameter_learns(net: PointNet2) -> None:
    torch.manual_seed(0)
    fresh, points = PointNet2(), clouds(1).requires_grad_()
    fresh.load_state_dict(net.state_dict())
    fresh(points, torch.tensor([4])).square().sum().backward()
    assert [n for n, p in fresh.named_parameters() if p.grad is None] == []
    assert points.grad is not None
    assert points.grad.abs().sum(2).min() > 0


def test_wrong_input_is_refused(net: PointNet2) -> None:
    told = torch.tensor([0])
    with pytest.raises(InputError, match="at least 512 points, got 511"):
        net(clouds(1, size=511), told)
    with pytest.raises(InputError, match="takes 3 columns per point, got 6"):
        net(clouds(1, 6), told)
    with pytest.raises(InputError, match=r"category must lie in 0\.\.15, got 16 to 16"):
        net(clouds(1), told + 16)
    with pytest.raises(InputError, match=r"needs the category of each cloud, 0\.\.15"):
        net(clouds(1))
    for options in ({"parts": 0}, {"columns": 5}, {"categories": 0}):
        with pytest.raises(InputError, match="parts and categories must be positive"):
            PointNet2(**options)
