"""Probes: their draws by hand, and that no certificate ever counts them."""

import numpy as np
import pytest
import torch
from torch import Tensor
from words_by_hand import steps_by_hand

from segcert.errors import InputError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.planning.probe import Probe, take_probe
from segcert.sampling.counting import noisy_batch
from segcert.sampling.fingerprints import fingerprints
from segcert.sampling.margins import no_margins
from segcert.sampling.sampler import sample
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage, Streams
from segcert.stats.promise import promise_of_agreement

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 5, 6), dtype=np.uint8)
NOISE = LatticeGaussianNoise(0.25)


def bands(x: Tensor) -> Tensor:
    """Four classes by thresholds on exact grey levels."""
    return (x[:, 0] * 255).round().long().clamp(0, 255) // 64


def scores(x: Tensor) -> Tensor:
    """Three classes by distance from a level of each."""
    return -8 * (x[:, :1] - torch.tensor([0.1, 0.5, 0.9])[None, :, None, None]).abs()


BANDS = as_segmenter(bands, classes=4, name="bands")
SCORES = as_segmenter(scores, name="scores")


def probe(model: object = BANDS, **options: object) -> Probe:
    given = {"noise": NOISE, "n0": 4, "draws": 30, "seed": 3, "device": "cpu"} | options
    return take_probe(model, IMAGE, **given)  # type: ignore[arg-type]


def labels_by_hand(draws: int) -> np.ndarray:
    """Labels of the draws of stage "probe", from words and integer arithmetic in NumPy."""
    task = make_task(BANDS, IMAGE, noise=NOISE, seed=3, device="cpu")
    streams = Streams(3, task.streams.input_sha256, torch.device("cpu"), "cpu")
    drawn = [steps_by_hand(streams, Stage.PROBE, k, IMAGE.shape, NOISE) for k in range(draws)]
    grey = IMAGE[0].astype(int) + torch.cat(drawn)[:, 0].numpy().astype(int)
    return np.clip(grey, 0, 255) // 64


def test_first_draws_choose_and_the_others_are_counted() -> None:
    taken, labels = probe(), labels_by_hand(30)
    votes = np.stack([(labels[:4] == k).sum(0) for k in range(4)])
    guess = votes.argmax(0)
    assert (taken.hits == (labels[4:] == guess).sum(0).ravel()).all()
    every = np.stack([(labels == k).sum(0) for k in range(4)])
    assert (taken.modal == every.max(0).ravel()).all()
    agreed = votes.max(0).astype(np.uint16).ravel()
    assert (taken.promise == promise_of_agreement(agreed, 4)).all()
    assert (taken.n0, taken.draws, taken.components, taken.seed) == (4, 30, 30, 3)


def test_scores_give_the_promise_of_a_pilot() -> None:
    """Mean margin over its spread, from the draws of the probe."""
    task = make_task(SCORES, IMAGE, noise=NOISE, seed=3, device="cpu")
    output = task.segmenter.output(noisy_batch(task, Stage.PROBE, range(4)))
    labels = output.argmax(1).to(torch.int16)
    best = output.softmax(1).topk(2, dim=1).values
    guess = torch.stack([(labels == k).sum(0) for k in range(3)]).argmax(0).to(torch.int16)
    margins = no_margins(labels).plus(labels, best[:, 0] - best[:, 1])
    expected = margins.promise(guess, 4).numpy().ravel().astype(int)
    assert abs(probe(SCORES).promise.astype(int) - expected).max() <= 1
    assert len(np.unique(expected)) > 10


def test_no_draw_of_a_probe_is_a_draw_of_a_certificate() -> None:
    """The noisy inputs that the model sees, of the same seed: only the check before is shared."""
    seen: list[np.ndarray] = []

    def spy(x: Tensor) -> Tensor:
        seen.append(fingerprints(x))
        return bands(x)

    model = as_segmenter(spy, classes=4, name="bands")
    checked = {*np.concatenate(run_of(seen, lambda: setup(model)))}
    probed = {*np.concatenate(run_of(seen, lambda: probe(model)))} - checked
    found = sample(model, IMAGE, noise=NOISE, n0=10, n=60, seed=3, device="cpu")
    tested = {*found.pilot_fingerprints, *found.test_fingerprints}
    assert len(probed) == 30
    assert len(tested) == 70
    assert not probed & tested
    again = {*np.concatenate(run_of(seen, lambda: probe(model)))}
    assert probed < again  # else the above says nothing


def setup(model: object) -> None:
    make_task(model, IMAGE, noise=NOISE, seed=3, device="cpu")  # type: ignore[arg-type]


def run_of(seen: list[np.ndarray], run: object) -> list[np.ndarray]:
    """Fingerprints of what the model sees in one run."""
    seen.clear()
    run()  # type: ignore[operator]
    return list(seen)


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_batches_change_nothing(batch_size: int) -> None:
    whole, parts = probe(), probe(batch_size=batch_size)
    for name in ("hits", "promise", "modal"):
        assert (getattr(whole, name) == getattr(parts, name)).all()
    assert (probe(seed=4).hits != whole.hits).any()


def test_progress_counts_all_draws() -> None:
    told: list[tuple[int, int]] = []
    probe(progress=lambda done, total: told.append((done, total)), batch_size=10)
    assert told == [(1, 30), (2, 30), (3, 30), (4, 30), (14, 30), (24, 30), (30, 30)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"draws": 9}, "at least 10 draws, got 9"),
        ({"draws": 1001}, "at most 1000 draws, got 1001"),
        ({"n0": 0}, "from 1 to half the draws of the probe, 15, got 0"),
        ({"n0": 16}, "from 1 to half the draws of the probe, 15, got 16"),
    ],
)
def test_too_short_probes_are_refused(changed: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        probe(**changed)
