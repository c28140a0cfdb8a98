"""The same by segcert, and the p-values of its counts in the loop that others compare with."""

from segcert.certificates.segcertify import certify
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.counts import Counts
from segcert.sampling.sampler import sample

from .published import step_down, tests_by_pixel
from .setting import Found, Setting


def certify_ours(setting: Setting, *, correction: str = "holm") -> Found:
    """Sample and certify; ``ordered`` takes the pilot's order."""
    with setting.part("draws"):
        counts = sampled(setting)
    with setting.part("statistics"):
        certificate = certify(counts, tau=setting.tau, alpha=setting.alpha, correction=correction)
    return Found(certificate.labels, certificate.certified)


def sampled(setting: Setting) -> Counts:
    """Draw."""
    return sample(
        setting.segmenter, setting.image(), noise=GaussianNoise(setting.sigma),
        n0=setting.n0, n=setting.n, seed=0, batch_size=setting.batch,
    )  # fmt: skip


def certify_by_loop(setting: Setting) -> Found:
    """Take the draws of segcert, and test each pixel by itself."""
    with setting.part("draws"):
        counts = sampled(setting)
    with setting.part("statistics"):
        p_values = tests_by_pixel(counts.hits.ravel(), n=setting.n, tau=setting.tau)
        certified = step_down(p_values, alpha=setting.alpha).reshape(counts.hits.shape)
    return Found(counts.labels, certified)
