"""A new noise and a new correction are one file and one line each, as CONTRIBUTING shows them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from doc_blocks import ROOT, blocks
from PIL import Image

import segcert

NOISES, CORRECTIONS = "noise/registry.py", "stats/correction_names.py"
MADE = re.compile(r"# src/segcert/(\S+)\n")

CHECK = """
import numpy as np, torch, segcert as sc
from segcert.noise.registry import named_noise
from segcert.stats.correction_names import parse_correction

assert sc.__file__.startswith({root!r})
noise, correction = named_noise("tint", 0.1), parse_correction("k-bonferroni:k=3")
plan = sc.Plan(noise=noise, n0=4, n=60, correction=correction)
assert sc.Plan.from_json(plan.to_json()) == plan
image = np.full((5, 6, 3), 40, dtype=np.uint8)
image[:, 3:] = 220
bright = sc.as_segmenter(lambda x: (x.mean(1) > 0.5).long(), classes=2)
cert = plan.certify(bright, image, seed=1, device="cpu")
assert cert.certified.all() and cert.radius == noise.radius(0.75) > 0
assert "tint (one number added to each channel) of l2 norm at most" in cert.statement
assert "at all but at most 2 of" in cert.statement and "author" not in cert.statement
cert.save("saved")
again = sc.load_certificate("saved")
assert (again.counts.noise, again.correction) == (noise, correction)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program with two files and two lines more."""
    root = tmp_path_factory.mktemp("source")
    package = Path(segcert.__file__).parent
    for name in (package.name, "segcert_scenes"):
        shutil.copytree(package.parent / name, root / name)
    shown = [one.text for one in blocks(ROOT / "CONTRIBUTING.md")]
    made = [text for text in shown if MADE.match(text)]
    lines = [text for text in shown if text.startswith("    Entry(")]
    assert len(made) == 2
    for text in made:
        path = root / "segcert" / MADE.match(text)[1]  # type: ignore[index]
        assert not path.exists()
        path.write_text(text.split("\n", 1)[1])
    for text, file in zip(lines, (NOISES, CORRECTIONS), strict=True):
        assert text.count("\n") == 1  # one line
        path = root / "segcert" / file
        before = path.read_text()
        path.write_text(before.replace("\nENTRIES = (\n", f"\nENTRIES = (\n{text}"))
        assert path.read_text() != before
    return root


def run(source: Path, where: Path, *arguments: str) -> str:
    """Run the copy."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=where, env=os.environ | {"PYTHONPATH": str(source), "COLUMNS": "200"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_they_certify_and_are_saved(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path, "-c", CHECK.format(root=str(source)))


def test_the_command_line_knows_them(source: Path, tmp_path: Path) -> None:
    shown = " ".join(run(source, tmp_path, "-m", "segcert", "certify", "--help").split())
    assert "tint a change of colour" in shown
    assert "k-bonferroni:k=10" in shown
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    run(
        source, tmp_path, "-m", "segcert", "certify", "photo.png", "--model", "synthetic",
        "--noise", "tint", "--sigma", "0.05", "--correction", "k-bonferroni:k=3", "--n", "60",
        "--device", "cpu", "--out", "out",
    )  # fmt: skip
    said = run(source, tmp_path, "-m", "segcert", "verify", "out/photo")
    assert "follows from its counts" in said
    assert "tint (one number added to each channel)" in said
