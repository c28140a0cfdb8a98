"""Training on a handful of tiny images."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from segcert.data.labelled import LabelledImage
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.models.files.checkpoints import load_weights
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.depthwise import DepthwiseNet, channels_last
from segcert.training.augment import Views
from segcert.training.consistency import Consistency
from segcert.training.examples import load
from segcert.training.loop import EpochReport, train
from segcert.training.recipe import Recipe
from segcert.training.save import train_and_save
from segcert.training.schedule import cosine
from segcert.training.sigmas import SigmaList, SigmaRange
from segcert.training.state import moving_average

VIEWS = Views(crop=(64, 64))


def examples(count: int = 4, *, size: tuple[int, int] = (64, 80)) -> list[LabelledImage]:
    """Bright is class 1, dark is class 0, a stripe is void."""
    rng, found = np.random.default_rng(0), []
    for number in range(count):
        labels = np.zeros(size, np.uint8)
        labels[:, size[1] // (2 + number % 2) :] = 1
        image = rng.integers(0, 60, (*size, 3)) + 180 * labels[..., None]
        labels[:4] = IGNORE
        found.append(LabelledImage(f"image{number}", image.astype(np.uint8), labels))
    return found


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return DepthwiseNet(2, width=(8, 8, 16, 16), dilations=(1,))


def trained(**changed: object) -> tuple[nn.Module, list[EpochReport]]:
    reports: list[EpochReport] = []
    recipe = Recipe(**({"epochs": 2, "batch_size": 2, "views": VIEWS} | changed))
    net = train(
        small_net(), examples(), recipe, after_epoch=lambda report, _: reports.append(report)
    )
    return net, reports


class LearnedError(Exception):
    """Training has come to where it was to come to."""


def epochs_until(quality: float, **changed: object) -> list[EpochReport]:
    """Train until the loss has halved at a quality, which takes about 25 epochs, or for 250.

    When it is there depends on the rounding of the processor, so no epoch is asked for.
    """
    reports: list[EpochReport] = []

    def watch(report: EpochReport, _: nn.Module) -> None:
        reports.append(report)
        if report.loss < 0.5 * reports[0].loss and report.quality > quality:
            raise LearnedError

    recipe = Recipe(
        **({"epochs": 250, "batch_size": 2, "views": VIEWS, "learning_rate": 0.01} | changed)
    )
    with pytest.raises(LearnedError):
        train(small_net(), examples(), recipe, after_epoch=watch)
    return reports


def test_the_loss_falls_and_noisy_views_are_learned() -> None:
    reports = epochs_until(0.9)
    assert [report.epoch for report in reports] == list(range(1, len(reports) + 1))
    assert all(0 <= report.quality <= 1 for report in reports)


def test_one_seed_gives_one_network() -> None:
    first, second, other = (trained(seed=seed)[0] for seed in (3, 3, 4))
    assert hash_weights(first) == hash_weights(second)
    assert hash_weights(first) != hash_weights(other)


def plain_training(recipe: Recipe) -> nn.Module:
    """Cross-entropy under one sigma, written out: what made the shipped weights."""
    data, rng, net = (
        load(examples(), recipe),
        torch.Generator().manual_seed(recipe.seed),
        small_net(),
    )
    net = channels_last(net.train())
    averaged = AveragedModel(net, avg_fn=moving_average(recipe.average), use_buffers=True)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.epochs * (len(data) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: cosine(step, steps))
    for _ in range(recipe.epochs):
        order = torch.randperm(len(data), generator=rng).tolist()
        for chosen in zip(*[iter(order)] * recipe.batch_size, strict=False):
            drawn = [recipe.views.draw(*data[i], rng=rng) for i in chosen]
            views, truth = (torch.stack(parts) for parts in zip(*drawn, strict=True))
            noisy = views + recipe.sigma * torch.randn(views.shape, generator=rng)
            scores = net((2 * noisy - 1).contiguous(memory_format=torch.channels_last))
            scores = functional.interpolate(
                scores, size=truth.shape[1:], mode="bilinear", align_corners=False
            )
            loss = functional.cross_entropy(scores, truth, ignore_index=IGNORE)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            averaged.update_parameters(net)
    return averaged.module


@pytest.mark.parametrize("changed", [{}, {"epochs": 3, "sigma": 0.5, "seed": 7}, {"sigma": 0.0}])
def test_without_any_extra_training_is_the_plain_one_bit_for_bit(changed: dict[str, float]) -> None:
    recipe = Recipe(**({"epochs": 2, "batch_size": 2, "views": VIEWS} | changed))
    assert hash_weights(trained(**changed)[0]) == hash_weights(plain_training(recipe))


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra",
    [
        {"consistency": Consistency()},
        {"sigma": SigmaRange(0.0, 0.5)},
        {"sigma": SigmaList((0.0, 0.5))},
        {"class_weights": (1.0, 4.0)},
        {"views": Views(crop=(64, 64), jitter=0.0)},
    ],
)
def test_every_extra_changes_the_network_and_still_learns(extra: dict[str, object]) -> None:
    assert hash_weights(trained(**extra)[0]) != hash_weights(trained()[0])
    assert all(0 <= report.quality <= 1 for report in epochs_until(0.85, **extra))


def test_sigma_reaches_the_network() -> None:
    assert hash_weights(trained(sigma=0.25)[0]) != hash_weights(trained(sigma=0.5)[0])


def test_the_result_is_the_average_in_eval_mode() -> None:
    net = small_net()
    averaged = train(net, examples(), Recipe(epochs=3, batch_size=2, views=VIEWS))
    assert not any(part.training for part in averaged.modules())
    assert hash_weights(averaged) != hash_weights(net)
    assert torch.isfinite(averaged(torch.rand(1, 3, 32, 32))).all()


def test_the_average_forgets_early_steps_and_copies_integers() -> None:
    average = moving_average(0.998)
    one, zero = torch.ones(1), torch.zeros(1)
    assert average(one, zero, 0).item() == pytest.approx(1 / 10)
    assert average(one, zero, 90).item() == pytest.approx(91 / 100)
    assert average(one, zero, 10**6).item() == pytest.approx(0.998)
    assert average(torch.tensor(3), torch.tensor(7), 10**6).item() == 7


def test_void_is_not_learned() -> None:
    """What the labels say under the void changes nothing."""
    data = examples()
    painted = []
    for item in data:
        image = item.image.copy()
        labels = np.where(item.labels == IGNORE, IGNORE, 1 - item.labels % 2).astype(np.uint8)
        painted.append(LabelledImage(item.name, image, labels))
    reports: list[EpochReport] = []
    recipe = Recipe(epochs=1, batch_size=2, views=VIEWS, learning_rate=0.0, sigma=0.0)
    for some in (data, painted):
        train(small_net(), some, recipe, after_epoch=lambda report, _: reports.append(report))
    assert reports[0].quality == pytest.approx(1 - reports[1].quality, abs=1e-6)


def test_views_without_any_label_do_not_spoil_the_weights() -> None:
    void = [LabelledImage(i.name, i.image, np.full_like(i.labels, IGNORE)) for i in examples(2)]
    net = train(small_net(), void, Recipe(epochs=1, batch_size=2, views=VIEWS))
    assert all(torch.isfinite(weight).all() for weight in net.parameters())


def test_the_schedule_warms_up_and_ends_near_zero() -> None:
    steps = 1000
    rates = [cosine(step, steps) for step in range(steps)]
    warm = rates.index(max(rates))
    assert max(rates) == 1
    assert 40 <= warm <= 60
    assert rates[0] == pytest.approx(1 / 50)
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm:] == sorted(rates[warm:], reverse=True)
    assert 0 <= rates[-1] < 1e-4
    assert cosine(525, steps) == pytest.approx(0.5)
    assert all(math.isfinite(cosine(step, few)) for few in (1, 2, 3) for step in range(few + 1))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"sigma": -0.1}, "sigma must be >= 0"),
        ({"sigma": math.nan}, "sigma must be >= 0"),
        ({"sigma": math.inf}, "sigma must be >= 0"),
        ({"epochs": 0}, "epochs must be >= 1"),
        ({"batch_size": 1}, r"batch_size >= 2 \(batch norm\)"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**63}, "seed must be"),
    ],
)
def test_recipes_are_checked(changed: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        Recipe(**changed)


def test_too_few_or_too_small_images_are_refused() -> None:
    with pytest.raises(InputError, match="got 4 with batch_size 8"):
        load(examples(), Recipe(views=VIEWS))
    with pytest.raises(InputError, match=r"image0 is \(64, 63\).*choose a smaller crop"):
        load(examples(size=(64, 63)), Recipe(batch_size=2, views=VIEWS))


def test_every_epoch_leaves_a_file_that_can_be_used(tmp_path: Path) -> None:
    data = LabelledSet("toy", examples(), ("dark", "bright"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
    out, lines = tmp_path / "new" / "toy.safetensors", []
    torch.manual_seed(0)

    def log(line: str) -> None:
        lines.append(line)
        net, about = load_weights(out)
        assert about.training["epoch"] == len(lines)
        assert not net.training

    recipe = Recipe(epochs=2, batch_size=2, views=VIEWS, sigma=0.3)
    net = train_and_save(DepthwiseNet(2), data, recipe, out=out, log=log)
    saved, about = load_weights(out)
    assert hash_weights(saved) == hash_weights(net)
    assert (about.data, about.sigma, about.licence) == ("toy", 0.3, "Apache-2.0")
    assert "epoch 2/2" in lines[1]
