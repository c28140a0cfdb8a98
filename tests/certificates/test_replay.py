"""Replay: the same seed gives the same noise and counts, and the plan the same decision."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.certificates.replay import of_another_kind
from segcert.certificates.result import Certificate
from segcert.certificates.same_draws import Differences, conclusion, pilot_differences
from segcert.sampling.counts import Counts
from segcert.sampling.setup import make_task
from segcert.sampling.tally import Tally

SHAPE = (24, 32)


class Net(torch.nn.Module):
    """Two classes by a mixture of the colours, whose scores come as close as they like."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (b, 2, h, w), of about one."""
        lead = 8 * (0.5 * x[:, 0] + 0.3 * x[:, 1] + 0.20012 * x[:, 2] - 0.5)
        return torch.stack([-lead / 2, lead / 2], 1)


def net(**other: Any) -> sc.Segmenter:
    about = {"class_names": ("dark", "bright"), "palette": ((0, 0, 0), (255, 255, 255))}
    return sc.as_segmenter(Net().eval(), **({"name": "net"} | about | other))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """From dark to bright, so that many labels are near the border."""
    grey = np.linspace(60, 200, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    return np.repeat(grey[..., None], 3, 2).astype(np.uint8)


def sampled(photo: np.ndarray, *, n0: int = 4, n: int = 60, seed: int = 3) -> Counts:
    noise = sc.LatticeGaussianNoise(0.25)
    return sc.sample(net(), photo, noise=noise, n0=n0, n=n, seed=seed, batch_size=50)


@pytest.fixture(scope="module")
def soft(photo: np.ndarray) -> Certificate:
    """With margins of a pilot."""
    return sc.certify(sampled(photo), tau=0.6, alpha=0.1, correction=sc.Ordered())


@pytest.fixture(scope="module")
def no_pilot(photo: np.ndarray) -> Certificate:
    return sc.certify(sampled(photo, n0=0), tau=0.6, alpha=0.1)


def forged(certificate: Certificate, **changed: object) -> Certificate:
    """Other counts under the same plan, as a forger makes them: the decision follows again."""
    counts = dataclasses.replace(certificate.counts, **changed)
    made = sc.certify(
        counts, tau=certificate.tau, alpha=certificate.alpha, correction=certificate.correction
    )
    return dataclasses.replace(made, version=certificate.version)


def moved(certificate: Certificate, **changed: object) -> Certificate:
    """The same counts from elsewhere, as the file says; streams of CUDA have one version."""
    if changed.get("streams") == "cuda":
        changed["stream_version"] = 1
    return forged(certificate, provenance=dataclasses.replace(certificate.provenance, **changed))


# --- the same draws


def test_replay_is_identical(
    cert: Certificate, cert_no_pilot: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    for one in (cert, cert_no_pilot):
        again = sc.replay(one, segmenter, image)
        assert again.identical
        assert not again.independent
        assert (again.labels_differ, again.hits_differ, again.pilot_differs) == (0, 0, 0)
        assert again.certified == again.again == int(one.certified.sum())


def test_replay_reports_progress(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    seen: list[tuple[int, int]] = []
    sc.replay(cert, segmenter, image, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (45, 45)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_another_seed_is_another_noise(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    with pytest.raises(
        sc.VerificationError, match="noise of 5 pilot draws is not the recorded one"
    ):
        sc.replay(moved(cert, seed=cert.provenance.seed + 1), segmenter, image)


def test_the_noise_of_the_test_draws_is_compared(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    """The pilot's noise alone would leave room for test draws of choice."""
    prints = cert.counts.test_fingerprints.copy()
    prints[[7, 30]] ^= np.uint64(1)
    with pytest.raises(sc.VerificationError, match=r"noise of 2 test draws .* that of draw 7"):
        sc.replay(forged(cert, test_fingerprints=prints), segmenter, image)
    with pytest.raises(sc.VerificationError, match="39 recorded, 40 replayed"):
        sc.replay(forged(cert, test_fingerprints=prints[:-1]), segmenter, image)


def test_a_mask_that_does_not_follow_is_refused(photo: np.ndarray) -> None:
    """Replay decides again: it does not take the mask of the certificate for granted."""
    for n0 in (4, 0):
        made = sc.certify(sampled(photo, n0=n0), tau=0.6, alpha=0.1)
        assert not made.certified.all()
        claimed = dataclasses.replace(made, certified=np.ones(SHAPE, bool))
        with pytest.raises(sc.VerificationError, match="do not follow from the counts"):
            sc.replay(claimed, net(), photo)


def test_made_up_hits_are_refused(soft: Certificate, photo: np.ndarray) -> None:
    """A single hit too many, of any component."""
    hits = soft.counts.hits.copy()
    low = int(hits.argmin())
    hits.flat[low] += 1
    with pytest.raises(
        sc.VerificationError, match=r"1 another count; near ties .* do not explain 1 of them"
    ):
        sc.replay(forged(soft, hits=hits), net(), photo)


def test_made_up_pilots_are_refused(soft: Certificate, photo: np.ndarray) -> None:
    """Order, regions and dropped components follow from it."""
    promise, agreed = soft.counts.promise, soft.counts.pilot_hits
    assert promise is not None
    assert agreed is not None
    changes: tuple[dict[str, object], ...] = (
        {"promise": promise[::-1].copy()},
        {"promise": soft.counts.hits.astype(np.uint16)},
        {"pilot_hits": np.full_like(agreed, 4)},
        {"labels": 1 - soft.counts.labels},
    )
    for change in changes:
        with pytest.raises(sc.VerificationError, match="in the pilot draws"):
            sc.replay(forged(soft, **change), net(), photo)
    with pytest.raises(sc.VerificationError, match=r"the model has margins .* the file has none"):
        sc.replay(forged(soft, promise=None), net(), photo)


def test_made_up_counts_of_classes_are_refused(no_pilot: Certificate, photo: np.ndarray) -> None:
    found = no_pilot.counts.class_counts
    assert found is not None
    counts = found.copy()
    counts[:, 3, 3] = (0, 60)
    forgery = forged(
        no_pilot, class_counts=counts, hits=counts.max(0),
        labels=counts.argmax(0).astype(np.int16),
    )  # fmt: skip
    with pytest.raises(sc.VerificationError, match="do not explain 1 of them"):
        sc.replay(forgery, net(), photo)
    hits = no_pilot.counts.hits.copy()
    hits[3, 3] = 60  # beside class counts that say otherwise
    with pytest.raises(sc.VerificationError, match="do not explain 1 of them"):
        sc.replay(forged(no_pilot, hits=hits), net(), photo)


def test_lost_labels_are_compared(soft: Certificate, photo: np.ndarray) -> None:
    with pytest.raises(sc.VerificationError, match=r"0 labels are lost .* 7 are recorded"):
        sc.replay(forged(soft, invalid=7), net(), photo)


# --- rounding explains near ties


@contextmanager
def other_kernel(error: float) -> Iterator[None]:
    """Let the network round otherwise, up and down in turns."""
    forward = Net.forward

    def rounded(self: Net, x: torch.Tensor) -> torch.Tensor:
        scores = forward(self, x)
        steps = torch.arange(x[:, 0].numel()).reshape(x[:, 0].shape)
        scores[:, 1] += (1 - 2 * (steps % 2)) * error
        return scores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Net, "forward", rounded)
        yield


@pytest.mark.parametrize("n0", [4, 0])
@pytest.mark.repeats
def test_rounding_of_another_machine_is_explained_and_counted(photo: np.ndarray, n0: int) -> None:
    """Labels turn where the lead is below the error, which is below the tolerance."""
    made = sc.certify(sampled(photo, n0=n0, n=800), tau=0.6, alpha=0.1)
    assert sc.replay(made, net(), photo).identical
    with other_kernel(5e-5):
        again = sc.replay(made, net(), photo)
    assert not again.identical
    assert again.hits_differ > 0
    assert again.hits_differ < again.near_ties < 1e-3 * again.labels
    assert again.certified - 2 <= again.again <= again.certified


@pytest.mark.parametrize("n0", [4, 0])
def test_errors_beyond_the_tolerance_are_refused(photo: np.ndarray, n0: int) -> None:
    """A hundred times the tolerance is another network."""
    made = sc.certify(sampled(photo, n0=n0, n=400), tau=0.6, alpha=0.1)
    with other_kernel(1e-2), pytest.raises(sc.VerificationError, match="do not explain"):
        sc.replay(made, net(), photo)


def test_a_pilot_may_choose_otherwise_where_its_draws_tie(photo: np.ndarray) -> None:
    """With two pilot draws, one turned label turns the class; its test hits are compared too."""
    counts = dataclasses.replace(sampled(photo, n0=2, n=60), promise=None)
    tied = np.zeros(SHAPE, np.int32)
    found = dataclasses.replace(counts, labels=counts.labels.copy())
    at = int(np.flatnonzero(counts.pilot_hits == 1)[0])  # one draw for each class: the first wins
    found.labels.flat[at] = 1
    again = dataclasses.replace(counts, labels=found.labels)
    for ties, explained in ((0, False), (1, True)):
        tied.flat[at] = ties
        differences = pilot_differences(found, again, tally_of(counts, tied), 1e-4)
        assert bool(differences.unexplained.any()) is not explained
        assert differences.labels.sum() == 1


def tally_of(counts: Counts, ties: np.ndarray) -> Tally:
    """The pilot's tally of two classes."""
    assert counts.pilot_hits is not None
    hits = torch.from_numpy(counts.pilot_hits.astype(np.int16))
    first = torch.where(torch.from_numpy(counts.labels) == 0, hits, counts.n0 - hits)
    both = torch.stack([first, counts.n0 - first]).to(torch.int16)
    prints = counts.pilot_fingerprints
    return Tally(both, 0, prints, (), ties=torch.from_numpy(ties))


def test_a_model_of_nothing_but_ties_is_refused(photo: np.ndarray) -> None:
    """If a tenth of all labels may be anything, a replay proves nothing."""
    flat = sc.as_segmenter(Flat().eval(), name="flat")
    noise = sc.LatticeGaussianNoise(0.25)
    counts = sc.sample(flat, photo, noise=noise, n0=4, n=60, seed=3)
    made = sc.certify(counts, tau=0.6, alpha=0.1)
    assert sc.replay(made, flat, photo).identical
    hits = counts.hits.copy()
    hits[0, 0] -= 1
    with pytest.raises(sc.VerificationError, match="labels are near ties of the model's scores"):
        sc.replay(forged(made, hits=hits), flat, photo)


class Flat(torch.nn.Module):
    """Scores that differ in their last bits only."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (b, 2, h, w)."""
        return torch.stack([torch.ones_like(x[:, 0]), 1 + 1e-6 * (x[:, 0] - 0.1)], 1)


def test_too_much_must_not_hang_on_ties(photo: np.ndarray) -> None:
    """Explained one by one, a favourable turn of all ties together is bounded."""
    made = sc.certify(sampled(photo), tau=0.6, alpha=0.1)
    counts = made.counts
    worse = dataclasses.replace(counts, hits=np.where(counts.hits > 40, 40, counts.hits))
    tally = dataclasses.replace(
        tally_of(counts, np.full(SHAPE, 1, np.int32)), counts=torch.from_numpy(worse.hits)
    )
    pilot = tally_of(counts, np.zeros(SHAPE, np.int32))
    nothing = np.zeros(SHAPE, bool)
    found = [
        Differences(nothing, nothing, nothing, nothing),
        Differences(nothing, counts.hits != worse.hits, nothing, nothing),
    ]
    with pytest.raises(sc.VerificationError, match="may hang on near ties"):
        conclusion(made, worse, found, (pilot, tally))


# --- what comes from the model and the input


def test_another_image_is_refused(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    other = image.copy()
    other[0, 0, 0] ^= 1
    with pytest.raises(sc.InputError, match="image is not the one"):
        sc.replay(cert, segmenter, other)


def test_other_weights_and_scale_are_refused(
    cert: Certificate, segmenter: sc.Segmenter, image: np.ndarray
) -> None:
    other = torch.nn.Conv2d(3, 3, 1).eval()
    with pytest.raises(sc.InputError, match="weights hash differently"):
        sc.replay(cert, other, image)
    with pytest.raises(sc.InputError, match="scale"):
        sc.replay(cert, dataclasses.replace(segmenter, scale=0.5), image)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": ("bright", "dark")}, "classes are bright, dark, but it is dark, bright"),
        ({"class_names": ()}, "classes are none"),
        ({"palette": ((0, 0, 0), (255, 255, 254))}, "colours of the classes are"),
        ({"palette": ()}, "colours of the classes are none"),
        ({"classes": 3, "class_names": ()}, "so many classes: 3"),
    ],
)
def test_what_the_model_says_of_its_classes_is_compared(
    soft: Certificate, photo: np.ndarray, change: dict[str, object], words: str, fresh: bool
) -> None:  # fmt: skip
    with pytest.raises(sc.VerificationError, match=words):
        sc.replay(forged(soft, **change), net(), photo, fresh=fresh)


def test_the_name_of_the_model_is_no_free_text(soft: Certificate, photo: np.ndarray) -> None:
    with pytest.raises(sc.VerificationError, match="model is called certified by somebody"):
        sc.replay(moved(soft, model="certified by somebody"), net(), photo)


def test_shape_and_type_of_the_input_are_compared(soft: Certificate, photo: np.ndarray) -> None:
    for change in ({"input_shape": (1, *SHAPE)}, {"input_dtype": "float32"}):
        with pytest.raises(sc.VerificationError, match="the input has"):
            sc.replay(moved(soft, **change), net(), photo)


def test_a_mask_and_regions_are_compared_if_they_are_given(photo: np.ndarray) -> None:
    ignore = np.zeros(SHAPE, bool)
    ignore[:3] = True
    regions = np.arange(ignore.size, dtype=np.int64).reshape(SHAPE) // 4
    plain = sampled(photo)
    made = sc.certify(plain, tau=0.6, alpha=0.1, ignore=ignore, regions=regions)
    other = regions.copy()
    other[-1, -1] += 1
    assert sc.replay(made, net(), photo, ignore=ignore, regions=regions).identical
    with pytest.raises(sc.VerificationError, match=r"mask .* another one at 672 of 768"):
        sc.replay(made, net(), photo, ignore=np.ones(SHAPE, bool))
    with pytest.raises(sc.VerificationError, match=r"regions .* another one at 1 of 768"):
        sc.replay(made, net(), photo, regions=other)
    with pytest.raises(sc.VerificationError, match=r"mask of the certificate has shape \(24, 32\)"):
        sc.replay(made, net(), photo, ignore=ignore[:, :2])
    with pytest.raises(sc.VerificationError, match="has no such mask"):
        sc.replay(sc.certify(plain, tau=0.6, alpha=0.1), net(), photo, ignore=ignore)


# --- independent draws


@pytest.mark.parametrize("n0", [4, 0])
def test_an_honest_certificate_of_cuda_is_tested_on_a_cpu(photo: np.ndarray, n0: int) -> None:
    made = sc.certify(sampled(photo, n0=n0), tau=0.6, alpha=0.1)
    there = moved(made, device="cuda", streams="cuda", device_name="a GPU")
    again = sc.replay(there, net(), photo, device="cpu", seed=1)
    assert again.independent
    assert not again.identical
    assert (again.fresh_seed, again.labels) == (1, 60 * 768)
    assert 0.8 * again.certified < again.again < again.certified


def test_a_fresh_seed_is_of_the_operating_system(soft: Certificate, photo: np.ndarray) -> None:
    seeds = {sc.replay(soft, net(), photo, fresh=True).fresh_seed for _ in range(2)}
    assert len(seeds) == 2
    assert None not in seeds
    with pytest.raises(sc.InputError, match="recorded draws have their own seed"):
        sc.replay(soft, net(), photo, seed=1)


@pytest.mark.parametrize("n0", [4, 0])
@pytest.mark.parametrize("where", ["fresh", "cuda"])
def test_counts_that_were_made_up_wholesale_are_refused(
    photo: np.ndarray, n0: int, where: str
) -> None:
    """All hits, for a class of choice: whatever device it claims."""
    made = sc.certify(sampled(photo, n0=n0), tau=0.6, alpha=0.1)
    counts, full = made.counts, np.full(SHAPE, 60, np.int32)
    change: dict[str, Any] = {"hits": full}
    if n0:
        change["labels"] = np.ones(SHAPE, np.int16)
        change["pilot_hits"] = np.full_like(counts.pilot_hits, n0)
    else:
        change["labels"] = np.ones(SHAPE, np.int16)
        change["class_counts"] = np.stack([0 * full, full])
    forgery = forged(made, **change)
    assert forgery.certified.all()
    if where == "cuda":
        forgery = moved(forgery, device="cuda", streams="cuda", device_name="a GPU")
    with pytest.raises(sc.VerificationError, match="60 fresh draws contradict the recorded counts"):
        sc.replay(forgery, net(), photo, device="cpu", fresh=where == "fresh", seed=1)


def test_a_few_made_up_components_are_refused_too(photo: np.ndarray) -> None:
    """Power: 100 of 100 where p is about 1/2 has a p-value of about 1e-18, at one of 768."""
    made = sc.certify(sampled(photo, n=100), tau=0.6, alpha=0.1)
    hits = made.counts.hits.copy()
    doubtful = int(np.abs(hits - 50).argmin())
    hits.flat[doubtful] = 100
    with pytest.raises(sc.VerificationError, match="1 of 1536 have p-values"):
        sc.replay(forged(made, hits=hits), net(), photo, fresh=True, seed=2)


def test_a_pilot_that_was_made_up_is_refused_in_fresh_draws(photo: np.ndarray) -> None:
    made = sc.certify(sampled(photo, n0=60), tau=0.6, alpha=0.1)
    full = np.full_like(made.counts.pilot_hits, 60)
    with pytest.raises(sc.VerificationError, match="fresh draws contradict"):
        sc.replay(forged(made, pilot_hits=full), net(), photo, fresh=True, seed=2)


def test_lost_labels_are_compared_with_fresh_ones(soft: Certificate, photo: np.ndarray) -> None:
    with pytest.raises(sc.VerificationError, match=r"0\.0% .* fresh .* 97\.7% are recorded"):
        sc.replay(forged(soft, invalid=48_000), net(), photo, fresh=True, seed=1)


def test_a_random_model_is_tested_by_fresh_draws(photo: np.ndarray) -> None:
    """It cannot be repeated draw by draw, as its own randomness is not recorded."""
    dropping = sc.as_segmenter(Dropping().eval(), name="dropping", stochastic=True)
    noise = sc.LatticeGaussianNoise(0.25)
    counts = sc.sample(dropping, photo, noise=noise, n0=4, n=60, seed=3)
    again = sc.replay(sc.certify(counts, tau=0.6, alpha=0.1), dropping, photo)
    assert again.independent


class Dropping(Net):
    """Adds noise of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (b, 2, h, w)."""
        return super().forward(x) + 0.1 * torch.randn(2, 1, 1)


def test_a_cuda_device_of_another_kind_may_have_other_streams(
    soft: Certificate, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first draw tells; a device of the recorded name has no such excuse."""
    task = make_task(net(), photo, noise=soft.counts.noise, seed=soft.provenance.seed, device="cpu")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "GPU 2")
    prints = soft.counts.pilot_fingerprints ^ np.uint64(1)
    for name, change, other in (
        ("GPU 1", {"pilot_fingerprints": prints}, True),
        ("GPU 1", {}, False),
        ("GPU 2", {"pilot_fingerprints": prints}, False),
    ):
        there = moved(forged(soft, **change), device="cuda", streams="cuda", device_name=name)
        assert of_another_kind(there, task) is other
    assert not of_another_kind(forged(soft, pilot_fingerprints=prints), task)
