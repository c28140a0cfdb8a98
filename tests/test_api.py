"""The public names, and what importing does: nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import segcert as sc

PUBLIC = [
    "AbstractCorrection",
    "AbstractNoise",
    "Anytime",
    "AxisRotationNoise",
    "Blocks",
    "BrightnessNoise",
    "Capped",
    "Certificate",
    "ClassTree",
    "Cloud",
    "ContrastNoise",
    "CountCertificate",
    "Counts",
    "GaussianNoise",
    "InputError",
    "KFwer",
    "Keeping",
    "LaplaceNoise",
    "LatticeGaussianNoise",
    "Looks",
    "ModelError",
    "Objects",
    "Ordered",
    "Partial",
    "Plan",
    "PointNoise",
    "PointOptions",
    "PointSegmenter",
    "PoseNoise",
    "Prediction",
    "RadiusMap",
    "Replay",
    "RotationNoise",
    "SamplingError",
    "Score",
    "SegcertError",
    "Segmenter",
    "Smoothed",
    "StopWhen",
    "UniformNoise",
    "VerificationError",
    "WorstCase",
    "as_point_segmenter",
    "as_segmenter",
    "bonferroni",
    "certify",
    "certify_cloud",
    "certify_count",
    "certify_image",
    "certify_objects",
    "certify_tree",
    "holm",
    "information_gain",
    "load_certificate",
    "load_count",
    "open_denoiser",
    "open_hierarchy",
    "open_model",
    "open_point_model",
    "radius_map",
    "read_cloud",
    "replay",
    "sample",
    "score",
    "shipped",
    "smallest_n",
    "worst_case",
]


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    return done.stdout.strip()


def test_public_names_are_these() -> None:
    assert sc.__all__ == PUBLIC == dir(sc) == sorted(sc.PUBLIC)


def test_each_public_name_loads_and_is_documented() -> None:
    for name in PUBLIC:
        assert getattr(sc, name).__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="sidak"):
        sc.sidak  # noqa: B018


def test_import_loads_nothing_heavy_and_draws_nothing() -> None:
    code = (
        "import sys, segcert; print([m for m in ('torch', 'numpy', 'scipy') if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_using_the_package_leaves_global_state_alone() -> None:
    code = """
import logging, random, warnings, matplotlib, numpy, torch
def state():
    return (torch.get_rng_state().sum().item(), numpy.random.get_state()[1].sum(),
            hash(random.getstate()), torch.get_num_threads(), torch.get_default_dtype(),
            matplotlib.get_backend(auto_select=False), logging.root.handlers[:],
            torch.is_grad_enabled(), numpy.geterr())
before = state()
import segcert as sc
for name in sc.__all__:
    getattr(sc, name)
model = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
image = numpy.zeros((4, 4, 3), numpy.uint8)
sc.sample(model, image, noise=sc.LatticeGaussianNoise(0.25), n0=1, n=2)
print(state() == before)
"""
    assert python(code) == "True"


def test_a_cloud_is_certified_with_public_names_alone(tmp_path: Path) -> None:
    """Points above and below 0: all are 5 sigma from the border, so all are certified."""
    rows = [f"{x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (-0.5, 0.5)]
    (tmp_path / "box.xyz").write_text("\n".join(rows))
    model = sc.as_point_segmenter(lambda x: (x[..., 2] > 0).long(), classes=2, normalise=False)
    assert isinstance(model, sc.PointSegmenter)
    cloud = sc.read_cloud(tmp_path / "box.xyz")
    assert isinstance(cloud, sc.Cloud)
    y_up = sc.AxisRotationNoise(0.1, 0.0, 1.0, 0.0)
    for noise in (sc.PointNoise(0.1), sc.RotationNoise(0.05), y_up, sc.PoseNoise(0.1, 0.1, 0.05)):
        counts = sc.sample(model, cloud, noise=noise, n0=5, n=60, seed=1)
        cert = sc.certify(counts, tau=0.75, alpha=0.01)
        assert cert.certified.all()
        assert cert.labels.tolist() == [0, 1] * 4
        assert cert.radius > 0
    ground = sc.open_point_model("ground", sc.PointOptions())
    assert ground.class_names


def test_help_does_not_import_torch() -> None:
    code = """
import sys
from segcert.cli.main import run
status = run(["--help"]) or run(["certify", "--help"])
print(status, "torch" in sys.modules)
"""
    assert python(code).splitlines()[-1] == "0 False"
