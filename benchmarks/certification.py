"""What certification costs beyond the sampling, on a 2-megapixel image.

Baseline: scipy's binomial test in a loop over the pixels, as the published scripts do it,
measured on 20,000 pixels and scaled up to all of them, and Holm of statsmodels.
"""

import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from benchmarks.timing import Timing, console, print_timings, time_in_turn
from segcert.certificates.segcertify import certify
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.counts import Counts, Provenance

SHAPE, N, TAU, ALPHA = (1024, 2048), 100, 0.75, 1e-3
LOOPED = 20_000


NOWHERE = Provenance(
    input_sha256="",
    input_shape=(3, *SHAPE),
    input_dtype="uint8",
    model="none",
    weights_sha256="none",
    scale="1",
    seed=0,
    stop_rule="",
    streams="cpu",
    device="cpu",
    device_name="",
    precision="float32",
    pilot_runs=(),
    test_runs=(),
    versions=(),
)


def fake_counts() -> Counts:
    """Counts like those of a photograph: most pixels are sure, some are not."""
    rng = np.random.default_rng(0)
    probability = np.clip(rng.beta(9, 0.7, SHAPE), 0, 1)
    return Counts(
        labels=rng.integers(0, 19, SHAPE).astype(np.int16),
        hits=rng.binomial(N, probability).astype(np.int32),
        pilot_hits=rng.binomial(10, probability).astype(np.uint16),
        promise=(2**15 + 2**14 * probability).astype(np.uint16),
        class_counts=None,
        n0=10,
        n=N,
        sequential=None,
        classes=19,
        class_names=(),
        palette=(),
        noise=LatticeGaussianNoise(0.25),
        invalid=0,
        pilot_fingerprints=np.arange(10, dtype=np.uint64),
        test_fingerprints=np.arange(N, dtype=np.uint64),
        provenance=NOWHERE,
    )


def loop_over_pixels(hits: np.ndarray) -> np.ndarray:
    """p-values one pixel at a time."""
    return np.array([binomtest(int(k), N, TAU, alternative="greater").pvalue for k in hits])


def main() -> None:
    """Print the table, after checking that both ways certify the same pixels."""
    counts = fake_counts()
    some = counts.hits.ravel()[:LOOPED]
    (loop,) = time_in_turn({"loop": lambda: loop_over_pixels(some)}, repeats=1)
    scaled = tuple(s * counts.components / LOOPED for s in loop.seconds)
    table = loop_over_pixels(np.arange(N + 1))
    p_values = table[counts.hits.ravel()]

    def slow_holm() -> np.ndarray:
        rejected: np.ndarray = multipletests(p_values, ALPHA, method="holm")[0]
        return rejected

    certificate = certify(counts, tau=TAU, alpha=ALPHA)
    agree = np.array_equal(slow_holm(), certificate.certified.ravel())
    fast = time_in_turn(
        {
            "segcert: counts to mask": lambda: certify(counts, tau=TAU, alpha=ALPHA).certified,
            "statsmodels Holm alone": slow_holm,
        },
        repeats=7,
    )
    baseline = Timing("scipy loop over pixels (scaled up)", scaled)
    print_timings(
        f"Certification of {SHAPE[1]}x{SHAPE[0]} pixels, n = {N}, beyond the sampling",
        [*fast, baseline],
        baseline=baseline.name,
    )
    with tempfile.TemporaryDirectory() as folder:
        saving = time_in_turn({"save": lambda: certificate.save(Path(folder))}, repeats=3)
    print_timings("Writing certificate.json and counts.npz", saving, baseline="save")
    console.print(f"same pixels certified as by scipy + statsmodels: {'yes' if agree else 'NO'}\n")
    if not agree:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
