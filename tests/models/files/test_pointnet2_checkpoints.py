"""Public checkpoints of PointNet++ load, with what their training writes beside the weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from segcert.errors import InputError
from segcert.models.files.pointnet2_checkpoints import load_pointnet2
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.pointnet2 import PointNet2


@pytest.mark.parametrize("columns", [3, 6])
def test_a_public_checkpoint_loads(tmp_path: Path, columns: int) -> None:
    """With the accuracies and the optimizer that the training writes beside the weights."""
    net = PointNet2(columns=columns)
    path = tmp_path / "best_model.pth"
    beside = {
        "epoch": 250, "train_acc": np.float64(0.95), "test_acc": np.float64(0.94),
        "class_avg_iou": np.float64(0.82), "inctance_avg_iou": np.float64(0.85),
        "optimizer_state_dict": {"param_groups": [{"lr": 1e-3}]},
    }  # fmt: skip
    torch.save(beside | {"model_state_dict": net.state_dict()}, path)
    loaded = load_pointnet2(path)
    assert loaded.columns == columns
    assert hash_weights(loaded) == hash_weights(net)
    assert not any(part.training for part in loaded.modules())


def test_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"model_state_dict": PointNet2(40).state_dict()}, path)
    with pytest.raises(InputError, match=r"conv2\.weight is \(40, 128, 1\), not \(50, 128, 1\)"):
        load_pointnet2(path)
    torch.save({"weight": torch.ones(3)}, path)
    with pytest.raises(InputError, match=r"sa1\.conv_blocks\.0\.0\.weight is missing"):
        load_pointnet2(path)
    with pytest.raises(InputError, match="does not exist"):
        load_pointnet2(tmp_path / "none.pth")
