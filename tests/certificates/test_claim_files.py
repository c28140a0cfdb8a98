"""Certificates on disk: round trip, and no changed file is believed."""

import json
from pathlib import Path

import numpy as np
import pytest
from certificate_files import get, put, sealed, text_of

import segcert as sc
from segcert.certificates.records import CertificateRecord


def leaves(tree: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Paths of all values in nested containers."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key], (*path, key))]
    if isinstance(tree, list) and tree:
        return [leaf for i, branch in enumerate(tree) for leaf in leaves(branch, (*path, i))]
    return [path]


def changed(value: object) -> object:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 1.01 + 1e-3
        case str():
            return value + "0" if value else "0"
        case _:
            return [0]


def change(record: dict, path: tuple[object, ...]) -> dict:
    """Change one value deep in a record."""
    copy = json.loads(json.dumps(record))
    branch = copy
    for key in path[:-1]:
        branch = branch[key]
    branch[path[-1]] = changed(branch[path[-1]])
    return copy


def test_round_trip(cert: sc.Certificate, cert_no_pilot: sc.Certificate, tmp_path: Path) -> None:
    for number, one in enumerate((cert, cert_no_pilot)):
        one.save(tmp_path / str(number))
        again = sc.load_certificate(tmp_path / str(number))
        assert again.labels.tolist() == one.labels.tolist()
        assert again.certified.tolist() == one.certified.tolist()
        assert (again.radius, again.statement, again.threshold) == (
            one.radius,
            one.statement,
            one.threshold,
        )
        assert again.provenance == one.provenance
        assert again.counts.noise == one.counts.noise


def test_same_certificate_gives_the_same_bytes(cert: sc.Certificate, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cert.save(tmp_path / name)
    for file in ("certificate.json", "counts.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_every_changed_field_is_refused(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    path = tmp_path / "certificate.json"
    record = json.loads(path.read_text())
    fields = leaves(record)
    assert len(fields) > 60
    for field in fields:
        path.write_text(text_of(change(record, field)))
        with pytest.raises(sc.VerificationError):
            sc.load_certificate(tmp_path)


def test_forged_results_are_refused_even_with_a_good_digest(
    cert: sc.Certificate, tmp_path: Path
) -> None:
    """What follows from the counts cannot be changed at all."""
    cert.save(tmp_path)
    path = tmp_path / "certificate.json"
    record = json.loads(path.read_text())
    derived = [f for f in leaves(record) if f[0] in ("statement", "result", "counts_sha256")]
    derived += [("parameters", key) for key in ("tau", "alpha", "n0", "n")]
    derived += [("parameters", "correction", "name")]
    derived += [("parameters", "family", key) for key in ("ignored", "block_side")]
    derived += [("parameters", "noise", key) for key in ("norm", "unit")]
    derived += [("parameters", "noise", "parameters", "sigma")]
    derived = [f for f in derived if f != ("result", "invalid")]
    assert len(derived) > 20
    for field in derived:
        put(tmp_path, change(record, field))
        with pytest.raises(sc.VerificationError):
            sc.load_certificate(tmp_path)


def test_the_forger_of_this_test_can_seal(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    record = json.loads((tmp_path / "certificate.json").read_text())
    assert text_of(sealed(record)) == (tmp_path / "certificate.json").read_text()


def test_changed_counts_are_refused(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    with np.load(tmp_path / "counts.npz") as file:
        arrays = dict(file)
    for name in arrays:
        other = {**arrays, name: arrays[name].copy()}
        other[name].flat[0] ^= 1
        np.savez_compressed(tmp_path / "counts.npz", allow_pickle=False, **other)
        with pytest.raises(sc.VerificationError):
            sc.load_certificate(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_truncated_files_are_refused(cert: sc.Certificate, tmp_path: Path, keep: int) -> None:
    for name in ("certificate.json", "counts.npz"):
        cert.save(tmp_path)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[:keep])
        with pytest.raises(sc.VerificationError):
            sc.load_certificate(tmp_path)


def test_missing_files_are_bad_input(cert: sc.Certificate, tmp_path: Path) -> None:
    with pytest.raises(sc.InputError, match="no certificate at"):
        sc.load_certificate(tmp_path)
    cert.save(tmp_path)
    (tmp_path / "counts.npz").unlink()
    with pytest.raises(sc.InputError, match=r"counts\.npz is missing"):
        sc.load_certificate(tmp_path)


def test_pickles_are_never_loaded(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    with np.load(tmp_path / "counts.npz") as file:
        arrays = dict(file)
    trap = np.array([print], dtype=object)
    np.savez(tmp_path / "counts.npz", **{**arrays, "labels": trap})
    with pytest.raises(sc.VerificationError, match="damaged"):
        sc.load_certificate(tmp_path)


def test_unknown_version_is_refused(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    record = get(tmp_path)
    put(tmp_path, {**record, "version": 1})
    with pytest.raises(sc.VerificationError, match="version"):
        sc.load_certificate(tmp_path)


def test_digest_covers_every_field() -> None:
    assert set(CertificateRecord.model_fields) == {
        "format", "version", "statement", "parameters", "result", "model", "provenance",
        "counts_sha256", "digest",
    }  # fmt: skip


@pytest.mark.parametrize("classes", [0, 2**15, 40_000])
def test_classes_whose_labels_16_bits_would_wrap_are_refused(
    cert: sc.Certificate, tmp_path: Path, classes: int
) -> None:
    cert.save(tmp_path)
    path = tmp_path / "certificate.json"
    record = json.loads(path.read_text())
    record["model"] |= {"classes": classes, "class_names": [], "palette": []}
    path.write_text(text_of(sealed(record)))
    with pytest.raises(sc.VerificationError, match=f"1 to 32767, got {classes}"):
        sc.load_certificate(tmp_path)
