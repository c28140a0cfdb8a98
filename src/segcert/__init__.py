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
    from segcert.api import certify_cloud as certify_cloud
    from segcert.api import certify_image as certify_image
    from segcert.certificates.counted import CountCertificate as CountCertificate
    from segcert.certificates.counted import certify_count as certify_count
    from segcert.certificates.counted import load_count as load_count
    from segcert.certificates.hierarchical import certify_tree as certify_tree
    from segcert.certificates.hierarchies import open_hierarchy as open_hierarchy
    from segcert.certificates.objects.certify_objects import Objects as Objects
    from segcert.certificates.objects.certify_objects import certify_objects as certify_objects
    from segcert.certificates.radius_map import RadiusMap as RadiusMap
    from segcert.certificates.radius_map import radius_map as radius_map
    from segcert.certificates.replay import Replay as Replay
    from segcert.certificates.replay import replay as replay
    from segcert.certificates.result import Certificate as Certificate
    from segcert.certificates.result import load_certificate as load_certificate
    from segcert.certificates.segcertify import certify as certify
    from segcert.certificates.stopping import StopWhen as StopWhen
    from segcert.errors import InputError as InputError
    from segcert.errors import ModelError as ModelError
    from segcert.errors import SamplingError as SamplingError
    from segcert.errors import SegcertError as SegcertError
    from segcert.errors import VerificationError as VerificationError
    from segcert.inputs.cloud_files import read_cloud as read_cloud
    from segcert.inputs.clouds import Cloud as Cloud
    from segcert.metrics.information_gain import information_gain as information_gain
    from segcert.metrics.score import Score as Score
    from segcert.metrics.score import score as score
    from segcert.metrics.worst_case import WorstCase as WorstCase
    from segcert.metrics.worst_case import worst_case as worst_case
    from segcert.models.adapter import Segmenter as Segmenter
    from segcert.models.denoisers import open_denoiser as open_denoiser
    from segcert.models.opening_points import PointOptions as PointOptions
    from segcert.models.opening_points import open_point_model as open_point_model
    from segcert.models.point_segmenter import PointSegmenter as PointSegmenter
    from segcert.models.shipped import open_model as open_model
    from segcert.models.shipped import shipped as shipped
    from segcert.models.wrapping import as_segmenter as as_segmenter
    from segcert.models.wrapping_points import as_point_segmenter as as_point_segmenter
    from segcert.noise.axis_rotation import AxisRotationNoise as AxisRotationNoise
    from segcert.noise.base import AbstractNoise as AbstractNoise
    from segcert.noise.brightness import BrightnessNoise as BrightnessNoise
    from segcert.noise.contrast import ContrastNoise as ContrastNoise
    from segcert.noise.gaussian import GaussianNoise as GaussianNoise
    from segcert.noise.gaussian import LatticeGaussianNoise as LatticeGaussianNoise
    from segcert.noise.laplace import LaplaceNoise as LaplaceNoise
    from segcert.noise.points import PointNoise as PointNoise
    from segcert.noise.pose import PoseNoise as PoseNoise
    from segcert.noise.rotation import RotationNoise as RotationNoise
    from segcert.noise.uniform import UniformNoise as UniformNoise
    from segcert.plan import Plan as Plan
    from segcert.sampling.counts import Counts as Counts
    from segcert.sampling.partial import Keeping as Keeping
    from segcert.sampling.partial import Partial as Partial
    from segcert.sampling.sampler import sample as sample
    from segcert.smoothed import Prediction as Prediction
    from segcert.smoothed import Smoothed as Smoothed
    from segcert.stats.bonferroni import bonferroni as bonferroni
    from segcert.stats.capped import Capped as Capped
    from segcert.stats.class_tree import ClassTree as ClassTree
    from segcert.stats.correction import AbstractCorrection as AbstractCorrection
    from segcert.stats.holm import holm as holm
    from segcert.stats.k_fwer import KFwer as KFwer
    from segcert.stats.levels import smallest_n as smallest_n
    from segcert.stats.looks import Looks as Looks
    from segcert.stats.ordered import Ordered as Ordered
    from segcert.stats.regions import Blocks as Blocks
    from segcert.stats.sequential import Anytime as Anytime


PUBLIC = {
    "AbstractCorrection": "segcert.stats.correction",
    "AbstractNoise": "segcert.noise.base",
    "Anytime": "segcert.stats.sequential",
    "AxisRotationNoise": "segcert.noise.axis_rotation",
    "Blocks": "segcert.stats.regions",
    "BrightnessNoise": "segcert.noise.brightness",
    "Capped": "segcert.stats.capped",
    "Certificate": "segcert.certificates.result",
    "ClassTree": "segcert.stats.class_tree",
    "Cloud": "segcert.inputs.clouds",
    "ContrastNoise": "segcert.noise.contrast",
    "CountCertificate": "segcert.certificates.counted",
    "Counts": "segcert.sampling.counts",
    "GaussianNoise": "segcert.noise.gaussian",
    "InputError": "segcert.errors",
    "KFwer": "segcert.stats.k_fwer",
    "Keeping": "segcert.sampling.partial",
    "LaplaceNoise": "segcert.noise.laplace",
    "LatticeGaussianNoise": "segcert.noise.gaussian",
    "Looks": "segcert.stats.looks",
    "ModelError": "segcert.errors",
    "Objects": "segcert.certificates.objects.certify_objects",
    "Ordered": "segcert.stats.ordered",
    "Partial": "segcert.sampling.partial",
    "Plan": "segcert.plan",
    "PointNoise": "segcert.noise.points",
    "PointOptions": "segcert.models.opening_points",
    "PointSegmenter": "segcert.models.point_segmenter",
    "PoseNoise": "segcert.noise.pose",
    "Prediction": "segcert.smoothed",
    "RadiusMap": "segcert.certificates.radius_map",
    "Replay": "segcert.certificates.replay",
    "RotationNoise": "segcert.noise.rotation",
    "SamplingError": "segcert.errors",
    "Score": "segcert.metrics.score",
    "SegcertError": "segcert.errors",
    "Segmenter": "segcert.models.adapter",
    "Smoothed": "segcert.smoothed",
    "StopWhen": "segcert.certificates.stopping",
    "UniformNoise": "segcert.noise.uniform",
    "VerificationError": "segcert.errors",
    "WorstCase": "segcert.metrics.worst_case",
    "as_point_segmenter": "segcert.models.wrapping_points",
    "as_segmenter": "segcert.models.wrapping",
    "bonferroni": "segcert.stats.bonferroni",
    "certify": "segcert.certificates.segcertify",
    "certify_cloud": "segcert.api",
    "certify_count": "segcert.certificates.counted",
    "certify_image": "segcert.api",
    "certify_objects": "segcert.certificates.objects.certify_objects",
    "certify_tree": "segcert.certificates.hierarchical",
    "holm": "segcert.stats.holm",
    "information_gain": "segcert.metrics.information_gain",
    "load_certificate": "segcert.certificates.result",
    "load_count": "segcert.certificates.counted",
    "open_denoiser": "segcert.models.denoisers",
    "open_hierarchy": "segcert.certificates.hierarchies",
    "open_model": "segcert.models.shipped",
    "open_point_model": "segcert.models.opening_points",
    "radius_map": "segcert.certificates.radius_map",
    "read_cloud": "segcert.inputs.cloud_files",
    "replay": "segcert.certificates.replay",
    "sample": "segcert.sampling.sampler",
    "score": "segcert.metrics.score",
    "shipped": "segcert.models.shipped",
    "smallest_n": "segcert.stats.levels",
    "worst_case": "segcert.metrics.worst_case",
}

__all__ = [*PUBLIC]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'segcert' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
