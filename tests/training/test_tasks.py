"""Denoisers in training: what their loss is, that it helps, and that killed runs go on."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from segcert.data.drawn_scenes import Scenes
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.models.denoisers import load_denoiser
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.denoising import ResidualDenoiser
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.training.augment import Views
from segcert.training.loop import EpochReport, train
from segcert.training.recipe import Recipe
from segcert.training.resume import ResumeFile
from segcert.training.save import train_and_save
from segcert.training.state import EpochTally, State
from segcert.training.tasks import Denoising, Segmentation
from segcert_scenes.streets import street_scene

SCENES = list(Scenes(6, height=64, width=96))
RECIPE = Recipe(
    epochs=3, batch_size=2, sigma=0.25, views=Views(crop=(32, 48), scales=(0.8, 1.2))
)  # fmt: skip


def small_net(seed: int = 0) -> ResidualDenoiser:
    torch.manual_seed(seed)
    return ResidualDenoiser(width=(16, 16, 16, 16), depth=(0, 1, 1, 1))


def classifier(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return DepthwiseNet(3, width=(8, 8, 8, 8), dilations=(1,))


def clean_scenes() -> torch.Tensor:
    """Scenes that are not trained on."""
    scenes = [street_scene(n, height=64, width=96).image for n in range(1_000_000, 1_000_004)]
    return torch.stack([torch.from_numpy(s / 255).float().movedim(2, 0) for s in scenes])


@pytest.mark.slow
def test_a_short_training_takes_most_of_the_noise_away() -> None:
    net = train(small_net(), SCENES, replace(RECIPE, epochs=40, learning_rate=0.01),
                task=Denoising())  # fmt: skip
    clean, rng = clean_scenes(), torch.Generator().manual_seed(5)
    noisy = clean + 0.25 * torch.randn(clean.shape, generator=rng)
    with torch.inference_mode():
        before, after = (functional.mse_loss(x, clean).item() for x in (noisy, net(noisy)))
    assert before == pytest.approx(0.0625, rel=0.02)
    assert after < 0.2 * before


@pytest.mark.slow
def test_the_report_is_the_psnr_of_what_was_trained_on() -> None:
    """With learning rate 0 the network stays the identity: sigma = 0.25 has 12.04 dB."""
    reports: list[EpochReport] = []
    recipe = replace(RECIPE, epochs=1, learning_rate=0.0)
    net = train(small_net(), SCENES, recipe, task=Denoising(), after_epoch=lambda r, _: reports.append(r))  # noqa: E501  # fmt: skip
    assert torch.equal(net(clean_scenes()), clean_scenes())
    assert reports[0].loss == pytest.approx(0.25**2, rel=0.02)
    assert reports[0].quality == pytest.approx(-10 * math.log10(0.25**2), abs=0.1)
    assert reports[0].quality == pytest.approx(-10 * math.log10(reports[0].loss), abs=1e-4)


def step(
    task: Denoising, net: nn.Module, noisy: torch.Tensor, clean: torch.Tensor
) -> tuple[torch.Tensor, float, int]:
    return task.step(net, noisy, clean, torch.zeros(len(clean), 64, 96).long(), RECIPE)


def test_the_stability_term_is_written_out() -> None:
    clean, frozen = clean_scenes(), classifier()
    noisy = clean + 0.25 * torch.randn(clean.shape)
    loss, squared, count = step(Denoising(frozen, 0.5), nn.Identity(), noisy, clean)
    with torch.no_grad():
        labels = frozen(2 * clean - 1).argmax(1)
        chance = frozen(2 * noisy - 1).softmax(1).gather(1, labels[:, None])
    error = (noisy - clean).square().mean()
    assert loss.item() == pytest.approx((error - 0.5 * chance.log().mean()).item(), rel=1e-4)
    assert squared / count == pytest.approx(error.item(), rel=1e-5)
    assert count == clean.numel()
    plain, _, _ = step(Denoising(), nn.Identity(), noisy, clean)
    assert plain.item() == pytest.approx(error.item(), rel=1e-5)


def test_the_classifier_stays_frozen_and_is_heard() -> None:
    frozen = classifier().train()
    task, before = Denoising(frozen, 1.0), hash_weights(frozen)
    heard = train(small_net(), SCENES, RECIPE, task=task)
    assert hash_weights(frozen) == before
    assert not any(part.training for part in frozen.modules())
    alone = train(small_net(), SCENES, RECIPE, task=Denoising())
    deaf = train(small_net(), SCENES, RECIPE, task=Denoising(frozen, 0.0))
    assert hash_weights(heard) != hash_weights(alone)
    assert hash_weights(deaf) == hash_weights(alone)


def test_gradients_of_the_stability_reach_the_denoiser_only() -> None:
    net, frozen, clean = small_net(), classifier(), clean_scenes()
    nn.init.normal_(net.noise.weight, std=0.1)
    task = Denoising(frozen, 1.0)
    task.instability(frozen, net(clean + 0.25 * torch.randn(clean.shape)), clean).backward()
    assert all(weight.grad is None for weight in frozen.parameters())
    assert net.stem[0].weight.grad.abs().sum() > 0


def test_labels_do_not_matter() -> None:
    """A denoiser learns from images alone."""
    void = [replace(item, labels=item.labels * 0 + 255) for item in SCENES]
    nets = [train(small_net(), data, RECIPE, task=Denoising()) for data in (SCENES, void)]
    assert hash_weights(nets[0]) == hash_weights(nets[1])


class KilledError(Exception):
    pass


class Killing(ResumeFile):
    """Keeps every step, until it kills the run before a step is kept."""

    def __init__(self, path: Path, *, at: tuple[int, int]) -> None:
        super().__init__(path, every=0.0)
        self.at = at

    def after_epoch(self, state: State, tally: EpochTally) -> None:
        if (tally.epoch, tally.batch) == self.at:
            raise KilledError
        super().after_epoch(state, tally)


@pytest.mark.parametrize("at", [(1, 2), (2, 0), (3, 2)])
@pytest.mark.sampled
def test_a_run_cut_off_anywhere_ends_with_the_same_weights(
    at: tuple[int, int], tmp_path: Path
) -> None:
    path, reports = tmp_path / "net.resume.pt", []
    with pytest.raises(KilledError):
        train(small_net(), SCENES, RECIPE, keeper=Killing(path, at=at), task=task_of())
    net = train(
        small_net(9), SCENES, RECIPE, keeper=ResumeFile(path), task=task_of(),
        after_epoch=lambda report, _: reports.append(report),
    )  # fmt: skip
    whole: list[EpochReport] = []
    uncut = train(
        small_net(), SCENES, RECIPE, task=task_of(), after_epoch=lambda r, _: whole.append(r)
    )
    assert hash_weights(net) == hash_weights(uncut)
    assert reports == whole[-len(reports) :]


def task_of(seed: int = 1, strength: float = 0.02) -> Denoising:
    return Denoising(classifier(seed), strength)


def test_the_run_of_another_task_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.resume.pt"
    with pytest.raises(KilledError):
        train(small_net(), SCENES, RECIPE, keeper=Killing(path, at=(2, 1)), task=task_of())
    for other, words in (
        (task_of(strength=0.5), r"stability is 0.5 with the classifier \w+ and was 0.02 with"),
        (task_of(seed=2), "stability is 0.02 with the classifier"),
        (Denoising(), "stability is not set and was 0.02"),
        (Segmentation(), "task is not set and was denoising"),
    ):
        with pytest.raises(InputError, match=f"another training run: .*{words}"):
            train(small_net(), SCENES, RECIPE, keeper=ResumeFile(path), task=other)


@pytest.mark.parametrize("strength", [-0.1, math.nan, math.inf])
def test_impossible_weights_are_refused(strength: float) -> None:
    with pytest.raises(InputError, match="weight of the stability must be >= 0"):
        Denoising(None, strength)


def test_saved_denoisers_say_what_they_are(tmp_path: Path) -> None:
    data = LabelledSet("toy", SCENES, ("a", "b"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
    out, lines = tmp_path / "soft.safetensors", []
    torch.manual_seed(0)
    net = train_and_save(
        ResidualDenoiser(), data, replace(RECIPE, epochs=1), out=out, task=Denoising(),
        trained_for="plain", log=lines.append,
    )  # fmt: skip
    found, about = load_denoiser(out)
    assert hash_weights(found) == hash_weights(net)
    assert (about.sigma, about.data, about.licence) == (0.25, "toy", "Apache-2.0")
    assert about.trained_for == "plain"
    assert {path.name for path in tmp_path.iterdir()} == {out.name}
    assert "PSNR of denoised views in dB" in lines[0]
    assert "PSNR of denoised views in dB" in about.training
