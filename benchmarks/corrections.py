"""What each correction costs on 2 million components with n = 1000, once the counts exist.

Baseline: Holm and Bonferroni of statsmodels on the same p-values. Also what looking costs while
sampling, as a share of the sampling.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from statsmodels.stats.multitest import multipletests

from benchmarks.certification import fake_counts
from benchmarks.timing import console, print_timings, time_in_turn
from segcert.certificates.family import Family, decide
from segcert.certificates.segcertify import certify
from segcert.certificates.stopping import StopWhen
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.models.shipped import open_model
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.levels import levels
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.stats.stop_rules import Target

TAU, ALPHA, N = 0.75, 1e-3, 1000
CORRECTIONS: dict[str, AbstractCorrection] = {
    "holm": holm, "bonferroni": bonferroni, "10-FWER": KFwer(10), "capped": Capped(20_000),
    "ordered": Ordered(),
}  # fmt: skip


def many_draws() -> Counts:
    """Counts of a 2-megapixel image with n = 1000."""
    counts = fake_counts()
    probability = np.clip(np.random.default_rng(1).beta(9, 0.7, counts.labels.shape), 0, 1)
    hits = np.random.default_rng(2).binomial(N, probability).astype(np.int32)
    return replace(counts, n=N, hits=hits, test_fingerprints=np.arange(N, dtype=np.uint64))


def corrections() -> None:
    """Time each correction, and compare Holm and Bonferroni with statsmodels."""
    counts = many_draws()
    given = levels(counts.components, N, tau=TAU, alpha=ALPHA, pilot=True)
    p_values = given.p_values[counts.hits.ravel()]
    timed: dict[str, Callable[[], object]] = {
        name: partial(decide, counts, Family(), correction, given)
        for name, correction in CORRECTIONS.items()
    }
    timed["holm over regions of 8x8"] = partial(
        decide, counts, Family(regions=Blocks(8)), holm, given
    )
    for method in ("holm", "bonferroni"):
        timed[f"statsmodels {method}"] = partial(multipletests, p_values, ALPHA, method=method)
    title = f"Corrections on {counts.components} components, n = {N}, after the counts exist"
    print_timings(title, time_in_turn(timed, repeats=7), baseline="statsmodels holm")
    for correction in (holm, bonferroni):
        reference = multipletests(p_values, ALPHA, method=correction.name)[0]
        if not np.array_equal(decide(counts, Family(), correction, given)[0].ravel(), reference):
            console.print(f"{correction}: NOT the tests that statsmodels rejects")
            raise SystemExit(1)
    console.print("same components certified as by statsmodels: yes\n")


def looks() -> None:
    """Time what ten looks cost, as a share of the sampling that they interrupt."""
    scene, model = Scenes(1, first=FIRST_TEST_SCENE)[0].image, open_model("synthetic")
    spent: list[float] = []

    def timed(counts: Counts) -> bool:
        start = time.perf_counter()
        stop = rule(counts)
        spent.append(time.perf_counter() - start)
        return stop

    rule = StopWhen(Target(1.0), partial(certify, tau=TAU, alpha=ALPHA))
    start = time.perf_counter()
    sample(
        model, scene, noise=GaussianNoise(0.25), n0=4, n=Looks(tuple(range(80, 161, 8))), stop=timed
    )
    whole = time.perf_counter() - start
    share = sum(spent) / whole
    console.print(
        f"{len(spent)} looks at 480x360, one every 8 draws: {1e3 * sum(spent):.0f} ms of "
        f"{whole:.1f} s of sampling, {share:.2%}\n"
    )


def main() -> None:
    """Print both."""
    corrections()
    looks()


if __name__ == "__main__":
    main()
