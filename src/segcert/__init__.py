"""Certified segmentation by randomized smoothing.

    import segcert as sc
    counts = sc.sample(model, image, noise=sc.GaussianNoise(sigma=0.25), n0=10, n=100)
    cert = sc.certify(counts, tau=0.75, alpha=1e-3)
    cert.labels, cert.certified, cert.radius, cert.statement

Importing does nothing: a name is loaded when it is first used, so that the command line can
print its help without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segcert.certificates.files import load_certificate
    from segcert.certificates.replay import Replay, replay
    from segcert.certificates.result import Certificate
    from segcert.certificates.segcertify import certify
    from segcert.errors import (
        InputError,
        ModelError,
        SamplingError,
        SegcertError,
        VerificationError,
    )
    from segcert.metrics.score import Score, score
    from segcert.models.adapter import Segmenter, as_segmenter
    from segcert.models.shipped import open_model, shipped
    from segcert.noise.base import AbstractNoise
    from segcert.noise.gaussian import GaussianNoise
    from segcert.noise.lattice import LatticeGaussianNoise
    from segcert.sampling.counts import Counts
    from segcert.sampling.sampler import Partial, sample
    from segcert.stats.fwer import bonferroni, holm
    from segcert.stats.levels import smallest_n

PUBLIC = {
    "AbstractNoise": "segcert.noise.base",
    "Certificate": "segcert.certificates.result",
    "Counts": "segcert.sampling.counts",
    "GaussianNoise": "segcert.noise.gaussian",
    "InputError": "segcert.errors",
    "LatticeGaussianNoise": "segcert.noise.lattice",
    "ModelError": "segcert.errors",
    "Partial": "segcert.sampling.sampler",
    "Replay": "segcert.certificates.replay",
    "SamplingError": "segcert.errors",
    "Score": "segcert.metrics.score",
    "SegcertError": "segcert.errors",
    "Segmenter": "segcert.models.adapter",
    "VerificationError": "segcert.errors",
    "as_segmenter": "segcert.models.adapter",
    "bonferroni": "segcert.stats.fwer",
    "certify": "segcert.certificates.segcertify",
    "holm": "segcert.stats.fwer",
    "load_certificate": "segcert.certificates.files",
    "open_model": "segcert.models.shipped",
    "replay": "segcert.certificates.replay",
    "sample": "segcert.sampling.sampler",
    "score": "segcert.metrics.score",
    "shipped": "segcert.models.shipped",
    "smallest_n": "segcert.stats.levels",
}

__all__ = [
    "AbstractNoise",
    "Certificate",
    "Counts",
    "GaussianNoise",
    "InputError",
    "LatticeGaussianNoise",
    "ModelError",
    "Partial",
    "Replay",
    "SamplingError",
    "Score",
    "SegcertError",
    "Segmenter",
    "VerificationError",
    "as_segmenter",
    "bonferroni",
    "certify",
    "holm",
    "load_certificate",
    "open_model",
    "replay",
    "sample",
    "score",
    "shipped",
    "smallest_n",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'segcert' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
