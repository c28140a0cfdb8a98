"""How far predictions of `segcert plan` are from what is then certified, on CamVid val.

python experiments/plan/check.py stored --draws runs/power    (after experiments/power/draws.py)
python experiments/plan/check.py spread --draws runs/power    (how far certificates differ)
python experiments/plan/check.py fresh --images 3             (no stored draws; minutes)

`stored` predicts from some of the stored draws and certifies others, for many numbers of draws.
`fresh` does it as a user would: a probe, then `sample` and `certify` with another pilot. Errors are
predicted minus certified, in points (1% of the pixels).
"""

import os
from pathlib import Path

import numpy as np
import torch
from cyclopts import App
from jaxtyping import Float64

from segcert.certificates.segcertify import certify
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results
from segcert.data.camvid import CamVid
from segcert.errors import InputError
from segcert.models.resizing.upsample import margins_of_upsampled
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.planning.forecast import PROCEDURES, forecast, share
from segcert.planning.population import populate
from segcert.planning.probe import Probe, take_probe
from segcert.sampling.margins import no_margins
from segcert.sampling.sampler import sample
from segcert.stats.levels import levels

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
SIGMA, ALPHA, N0 = 0.25, 1e-3, 4
TAUS = (0.6, 0.75, 0.85, 0.95)
TOTALS = (40, 50, 63, 80, 100, 120, 160, 200, 280, 400, 630, 1000)
FRESH_TOTALS = (50, 100, 200)
SPREAD_TOTALS = TOTALS[:9]
app = App(help=__doc__)

Shares = Float64[np.ndarray, " taus procedures totals"]


class Stored:
    """Draws of one image: the labels of all, the scores of the first."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.labels, self.classes = file["labels"], int(file["classes"])
            self.scores = torch.from_numpy(file["scores"][: 2 * N0]).float()

    def count(self, start: int, stop: int) -> np.ndarray:
        """How often each class occurs in some draws."""
        drawn = self.labels[start:stop]
        return np.stack([(drawn == c).sum(0).ravel() for c in range(self.classes)])

    def pilot(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Class and promise that ``N0`` draws choose."""
        drawn = torch.from_numpy(self.labels[start : start + N0].astype(np.int16))
        size = (self.labels.shape[1], self.labels.shape[2])
        margins = no_margins(drawn).plus(
            drawn, margins_of_upsampled(self.scores[start : start + N0], size)
        )
        guess = self.count(start, start + N0).argmax(0).astype(np.int16)
        promise = margins.promise(torch.from_numpy(guess.reshape(size)), N0)
        return guess, promise.numpy().ravel()

    def hits(self, guess: np.ndarray, start: int, stop: int) -> np.ndarray:
        """How often some draws give a class."""
        flat = self.labels[start:stop].reshape(stop - start, -1)
        hits: np.ndarray = (flat == guess).sum(0).astype(np.int32)
        return hits


def stored_probe(image: Stored, draws: int) -> Probe:
    """A probe of the draws 0-3 and 8-...; 4-7 are the pilot of the certificates."""
    guess, promise = image.pilot(0)
    stop = draws + N0
    modal = (image.count(0, N0) + image.count(2 * N0, stop)).max(0).astype(np.int32)
    return Probe(N0, draws, image.hits(guess, 2 * N0, stop), promise, modal, seed=0)


def certified(image: Stored, first: int, totals: tuple[int, ...] = TOTALS) -> Shares:
    """Shares that are certified from the stored draws that begin with ``first``."""
    guess, promise = image.pilot(N0)
    hits, counts = np.zeros(len(guess), np.int64), np.zeros((image.classes, len(guess)), np.int64)
    shares = np.zeros((len(TAUS), len(PROCEDURES), len(totals)))
    tested = counted = first
    for t, total in enumerate(totals):
        hits = hits + image.hits(guess, tested, first + total - N0)
        counts = counts + image.count(counted, first + total)
        tested, counted = first + total - N0, first + total
        for j, tau in enumerate(TAUS):
            for i, one in enumerate(PROCEDURES):
                n = total - N0 if one.pilot else total
                given = levels(len(guess), n, tau=tau, alpha=ALPHA, pilot=one.pilot)
                found = hits if one.pilot else counts.max(0)
                shares[j, i, t] = share(
                    one.correction, given, found[None], promise[None], len(guess)
                )
    return shares


def table(errors: list[Shares], taus: tuple[float, ...], totals: tuple[int, ...]) -> str:
    """Mean error, and the largest error of an image."""
    rows = ["| tau | procedure | " + " | ".join(map(str, totals)) + " |"]
    rows += ["|---|---|" + "---|" * len(totals)]
    every = 100 * np.array(errors)
    for j, tau in enumerate(taus):
        for i, one in enumerate(PROCEDURES):
            cells = [
                f"{mean:+.1f} ({worst:.1f})" if worst else "–"
                for mean, worst in zip(
                    every[:, j, i].mean(0), abs(every[:, j, i]).max(0), strict=True
                )
            ]
            rows.append(f"| {tau:g} | {one.label} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


@app.command
def stored(*, draws: Path = Path("runs/power"), probe: int = 60) -> None:
    """Check against stored draws."""
    files = sorted(draws.glob("*.npz"))
    if not files:
        raise InputError(f"no draws under {draws}: run experiments/power/draws.py first")
    errors = []
    with DrawProgress(messages) as progress:
        for number, path in enumerate(files):
            image = Stored(path)
            population = populate(stored_probe(image, probe))
            predicted = forecast(population, taus=TAUS, alpha=ALPHA, totals=TOTALS)
            errors.append(predicted.shares - certified(image, probe + N0))
            progress("images", number + 1, len(files))
    results.print(f"{len(files)} images, probe of {probe} draws, stored draws", markup=False)
    results.print(table(errors, TAUS, TOTALS), markup=False)


@app.command
def spread(*, draws: Path = Path("runs/power")) -> None:
    """Print by how much three certificates of one image differ, from other stored draws each."""
    ranges = []
    for path in sorted(draws.glob("*.npz")):
        image = Stored(path)
        last = len(image.labels) - SPREAD_TOTALS[-1]
        every = [certified(image, first, SPREAD_TOTALS) for first in (2 * N0, last // 2, last)]
        ranges.append(np.max(every, 0) - np.min(every, 0))
    results.print(table(ranges, TAUS, SPREAD_TOTALS), markup=False)


@app.command
def fresh(*, root: Path = DATA / "camvid", images: int = 3, probe: int = 60) -> None:
    """Check as a user would: a probe, then certificates of fresh draws, at tau = 0.75."""
    segmenter, val, noise = open_model("camvid"), CamVid(root, "val"), GaussianNoise(SIGMA)
    errors = []
    for item in (val[i * len(val) // images] for i in range(images)):
        taken = take_probe(segmenter, item.image, noise=noise, n0=N0, draws=probe, seed=1)
        predicted = forecast(populate(taken), taus=[0.75], alpha=ALPHA, totals=FRESH_TOTALS)
        actual = np.zeros(predicted.shares.shape)
        for t, total in enumerate(FRESH_TOTALS):
            for pilot in (True, False):
                n0 = N0 if pilot else 0
                counts = sample(segmenter, item.image, noise=noise, n0=n0, n=total - n0, seed=1)
                for i, one in enumerate(PROCEDURES):
                    if one.pilot is pilot:
                        try:
                            done = certify(counts, tau=0.75, alpha=ALPHA, correction=one.correction)
                            actual[0, i, t] = done.certified.mean()
                        except InputError:  # too few draws for this procedure
                            actual[0, i, t] = 0.0
        errors.append(predicted.shares - actual)
        messages.print(f"{item.name}: certified {actual[0].round(4).tolist()}", markup=False)
    results.print(f"{images} images, probe of {probe} draws, fresh draws", markup=False)
    results.print(table(errors, (0.75,), FRESH_TOTALS), markup=False)


if __name__ == "__main__":
    app()
