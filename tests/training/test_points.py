"""Training on clouds: the views, the task, weight files, resuming."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, nn

from segcert.data.cloud_sets import shapes
from segcert.data.part_numbers import CATEGORIES, NAMES, PALETTE, PARTS
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.clouds import Cloud
from segcert.inputs.input import of_cloud
from segcert.inputs.labels import IGNORE
from segcert.models.files.checkpoints import load_point_weights, read_description
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.pointnet import PointNet
from segcert.training.consistency import Consistency
from segcert.training.loop import train
from segcert.training.part_task import PartSegmentation, among_parts, categories_of
from segcert.training.point_views import PointViews, turned
from segcert.training.recipe import Recipe
from segcert.training.resume import ResumeFile
from segcert.training.save import train_and_save
from segcert.training.sigmas import SigmaList
from segcert.training.state import EpochTally, State

CLOUDS = list(shapes(6))
RECIPE = Recipe(sigma=SigmaList((0.0, 0.1)), epochs=2, batch_size=2, views=PointViews(points=32))


def net_of(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return PointNet(50, columns=6, categories=16, width=4, dropout=0.5)


def rng_of(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_shapes_lie_in_the_unit_sphere() -> None:
    for cloud in CLOUDS:
        lengths = np.linalg.norm(cloud.points, axis=1)
        assert abs(lengths.max() - 1) < 1e-6
        assert np.abs(cloud.points.mean(0)).max() < 1e-6
    with pytest.raises(InputError, match=r"scenes must be in 1\.\.1000000, got 0"):
        shapes(0)


def test_a_view_is_some_points_turned_about_y_and_scaled() -> None:
    views = PointViews(points=100)
    cloud, labels = views.read(of_cloud(CLOUDS[0]))
    view, truth = views.draw(cloud, labels, rng=rng_of())
    assert view.shape == (100, 6)
    heights = {round(float(y), 4) for y in cloud[:, 1]}
    scale = float(view[:, :3].norm(dim=1).max() / cloud[:, :3].norm(dim=1).max())
    assert 0.7 < scale <= 1.1
    angle = math.atan2(0.6, 0.8)
    exact = turned(torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0, 1.0]]), angle)
    assert torch.allclose(exact, torch.tensor([[0.8, 2.0, -0.6, 0.6, 0.0, 0.8]]))
    still = PointViews(points=100, turn=False, scales=(1.0, 1.0))
    view, truth = still.draw(cloud, labels, rng=rng_of())
    rows = {tuple(row): int(label) for row, label in zip(cloud.tolist(), labels, strict=True)}
    assert len({tuple(row) for row in view.tolist()}) > 95
    assert all(rows[tuple(row)] == label for row, label in zip(view.tolist(), truth, strict=True))
    assert {round(float(y), 4) for y in view[:, 1]} <= heights
    assert torch.allclose(view[:, 3:].norm(dim=1), torch.ones(100), atol=1e-4)


def test_noise_leaves_normals_alone_and_has_its_size() -> None:
    views = torch.zeros(4, 5000, 6)
    noisy = PointViews().add_noise(views, sigma=0.5, rng=rng_of())
    assert (noisy[..., 3:] == 0).all()
    assert abs(float(noisy[..., :3].std()) - 0.5) < 0.01
    per_view = torch.tensor([0.0, 1.0, 2.0, 3.0]).view(-1, 1, 1)
    spread = PointViews().add_noise(views, sigma=per_view, rng=rng_of())[..., :3].std((1, 2))
    assert torch.allclose(spread, per_view[:, 0, 0], rtol=0.05)


@pytest.mark.parametrize("category", range(16))
def test_only_the_parts_of_the_category_are_learned(category: int) -> None:
    truth = torch.full((1, 4), IGNORE)
    truth[0, 2] = PARTS[category][-1]
    assert categories_of(truth).tolist() == [category]
    scores = among_parts(torch.zeros(1, 50, 4), torch.tensor([category]))
    allowed = [k for k in range(50) if math.isfinite(scores[0, k, 0])]
    assert allowed == list(PARTS[category])

    def run(clouds: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        assert categories.tolist() == [category]
        assert abs(float(clouds[..., :3].norm(dim=2).max()) - 1) < 1e-5
        return torch.zeros(1, 50, 4)

    views = torch.randn(1, 4, 3, generator=rng_of())
    loss, _, counted = PartSegmentation().step(run, views, views, truth, RECIPE)
    assert abs(float(loss) - math.log(len(PARTS[category]))) < 1e-5
    assert counted == 1


def test_what_cannot_be_learned_from_is_refused() -> None:
    whole = CLOUDS[0]
    views = PointViews(points=32)
    for cloud, words in (
        (replace(whole, normals=None), "--no-normals"),
        (replace(whole, labels=None), "no labels"),
        (replace(whole, category=None), "no category"),
        (replace(whole, category=(whole.category + 1) % 16), "has part"),
        (Cloud("few", *(a[:8] for a in (whole.points, whole.normals, whole.labels)), 2), "part|8"),
    ):
        with pytest.raises(InputError, match=words):
            views.read(of_cloud(cloud))
    with pytest.raises(InputError, match="at least 16"):
        PointViews(points=1)
    with pytest.raises(InputError, match="labelled"):
        categories_of(torch.full((1, 3), IGNORE))
    plain = replace(RECIPE, consistency=Consistency())
    with pytest.raises(InputError, match="are for images"):
        train(net_of(), CLOUDS, plain, task=PartSegmentation())


class StoppedError(Exception):
    pass


class Stopping(ResumeFile):
    """Keeps every step, until it stops the run before one is kept."""

    at = (2, 1)

    def after_epoch(self, state: State, tally: EpochTally) -> None:
        if (tally.epoch, tally.batch) == self.at:
            raise StoppedError
        super().after_epoch(state, tally)


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = hash_weights(train(net_of(), CLOUDS, RECIPE, task=PartSegmentation()))
    path = tmp_path / "net.resume.pt"
    keeper = Stopping(path, every=0.0)
    with pytest.raises(StoppedError):
        train(net_of(), CLOUDS, RECIPE, task=PartSegmentation(), keeper=keeper)
    assert path.exists()
    kept = ResumeFile(path)
    rest = train(net_of(9), CLOUDS, RECIPE, task=PartSegmentation(), keeper=kept)
    assert hash_weights(rest) == whole


def test_training_learns_and_the_weight_file_says_what_it_is(tmp_path: Path) -> None:
    data = LabelledSet("toy", CLOUDS, NAMES, PALETTE, "Apache-2.0")
    out, lines = tmp_path / "net.safetensors", []
    torch.manual_seed(0)
    net = PointNet(50, columns=3, categories=16)
    recipe = replace(RECIPE, epochs=3, sigma=0.1, views=PointViews(points=64, normals=False))
    train_and_save(
        net, data, recipe,
        out=out, architecture="pointnet", task=PartSegmentation(), log=lines.append,
    )  # fmt: skip
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert losses[-1] < losses[0] < 1.5  # of 50 parts at once it would be 3.9
    loaded, about = load_point_weights(out)
    assert hash_weights(loaded) == hash_weights(net.eval()) or not loaded.training
    assert (about.architecture, about.columns, about.sigma) == ("pointnet", 3, 0.1)
    assert about.classes == NAMES
    assert about.categories == CATEGORIES
    assert about.training["clouds"] == 6
    with pytest.raises(InputError, match="labels no images"):
        read_description(out)
