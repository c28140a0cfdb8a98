"""Earlier draws: what replaces a certificate says so, and what it replaced."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from certificate_files import put

import segcert as sc
from segcert.certificates import earlier
from segcert.certificates.earlier_words import earlier_lines


@pytest.fixture(scope="module")
def three(segmenter: sc.Segmenter, image: np.ndarray) -> list[sc.Certificate]:
    """The same settings with three seeds."""
    noise = sc.LatticeGaussianNoise(0.25)
    drawn = [sc.sample(segmenter, image, noise=noise, n0=5, n=40, seed=k) for k in (1, 2, 3)]
    return [sc.certify(counts, tau=0.6, alpha=0.1) for counts in drawn]


def test_three_draws_leave_the_trace_of_two(three: list[sc.Certificate], tmp_path: Path) -> None:
    hashes = []
    for cert in three:
        cert.save(tmp_path)
        hashes.append(hashlib.sha256((tmp_path / "certificate.json").read_bytes()).hexdigest())
    found = sc.load_certificate(tmp_path)
    kept = found.provenance.earlier
    assert [one.file_sha256 for one in kept] == hashes[:2]
    assert [one.draw and one.draw.seed for one in kept] == [1, 2]
    assert [one.draw and one.draw.certified for one in kept] == [
        int(cert.certified.sum()) for cert in three[:2]
    ]
    assert all("tau 0.6" in one.draw.settings for one in kept if one.draw)
    assert "This certificate replaced 2 earlier certificates" in found.statement
    assert found.labels.tolist() == three[2].labels.tolist()
    assert found.certified.tolist() == three[2].certified.tolist()
    first, second = earlier_lines(found.provenance)
    assert first.startswith("earlier draw 1: seed 1, ")
    assert second.startswith("earlier draw 2: seed 2, ")
    assert "another" not in first


def test_a_certificate_does_not_replace_itself(three: list[sc.Certificate], tmp_path: Path) -> None:
    for cert in (three[0], three[1], three[1]):
        cert.save(tmp_path)
    before = (tmp_path / "certificate.json").read_bytes()
    sc.load_certificate(tmp_path).save(tmp_path)
    assert (tmp_path / "certificate.json").read_bytes() == before
    assert len(sc.load_certificate(tmp_path).provenance.earlier) == 1
    three[0].save(tmp_path / "fresh")
    three[0].save(tmp_path / "fresh")
    assert "replaced" not in sc.load_certificate(tmp_path / "fresh").statement


def test_another_alpha_for_the_same_draws_is_a_choice_too(
    three: list[sc.Certificate], tmp_path: Path
) -> None:
    three[0].save(tmp_path)
    sc.certify(three[0].counts, tau=0.6, alpha=0.3).save(tmp_path)
    (one,) = sc.load_certificate(tmp_path).provenance.earlier
    assert one.draw is not None
    assert "alpha 0.1" in one.draw.settings


def test_what_did_not_verify_leaves_its_hash(three: list[sc.Certificate], tmp_path: Path) -> None:
    three[0].save(tmp_path)
    path = tmp_path / "certificate.json"
    path.write_text(path.read_text().replace('"alpha": 0.1', '"alpha": 0.2'))
    content = path.read_bytes()
    three[1].save(tmp_path)
    (one,) = sc.load_certificate(tmp_path).provenance.earlier
    assert (one.draw, one.file_sha256) == (None, hashlib.sha256(content).hexdigest())
    (line,) = earlier_lines(sc.load_certificate(tmp_path).provenance)
    assert "did not verify" in line


def test_another_input_is_said(
    three: list[sc.Certificate], segmenter: sc.Segmenter, image: np.ndarray, tmp_path: Path
) -> None:
    noise = sc.LatticeGaussianNoise(0.25)
    other = sc.sample(segmenter, image[:, ::-1].copy(), noise=noise, n0=5, n=40, seed=1)
    sc.certify(other, tau=0.6, alpha=0.1).save(tmp_path)
    three[1].save(tmp_path)
    (line,) = earlier_lines(sc.load_certificate(tmp_path).provenance)
    assert ", of another input;" in line


def test_certificates_of_version_2_are_remembered(
    three: list[sc.Certificate], tmp_path: Path
) -> None:
    old = sc.load_certificate(Path(__file__).parents[1] / "formats" / "2")
    old.save(tmp_path)
    three[0].save(tmp_path)
    (one,) = sc.load_certificate(tmp_path).provenance.earlier
    assert one.draw is not None
    assert one.draw.seed == 1
    old.save(tmp_path)  # it has something to say now that version 2 has no words for
    again = sc.load_certificate(tmp_path)
    assert (again.version, len(again.provenance.earlier)) == (3, 2)


@pytest.mark.parametrize("name", ["seed", "certified", "settings"])
def test_what_was_said_is_told_as_a_whole(
    three: list[sc.Certificate], tmp_path: Path, name: str
) -> None:
    for cert in three[:2]:
        cert.save(tmp_path)
    record = json.loads((tmp_path / "certificate.json").read_text())
    record["provenance"]["earlier"][0][name] = None
    put(tmp_path, record)
    with pytest.raises(sc.VerificationError, match="an earlier draw must be told with"):
        sc.load_certificate(tmp_path)


def test_a_trace_has_an_end(
    three: list[sc.Certificate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier, "MOST", 1)
    three[0].save(tmp_path)
    three[1].save(tmp_path)
    before = (tmp_path / "certificate.json").read_bytes()
    with pytest.raises(sc.InputError, match="at most 1 earlier ones: choose another folder"):
        three[2].save(tmp_path)
    assert (tmp_path / "certificate.json").read_bytes() == before
