"""Files that were made to mislead or to harm: each is refused in one line, and cheaply."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificate_files import arrays_of, get, put, sealed, text_of

import segcert as sc
from segcert import arrays as reader
from segcert.certificates.strict_json import MOST_BYTES, read_strictly

Change = Callable[[dict[str, Any]], object]


def refuse(folder: Path, words: str) -> None:
    """Assert that a certificate is refused in one line with these words."""
    with pytest.raises(sc.VerificationError, match=words) as caught:
        sc.load_certificate(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('  "version": 3,', '  "version": 3,\n  "version": 3,', "'version' is there twice"),
        ('"tau": 0.6,', '"tau": 0.9,\n    "tau": 0.6,', "'tau' is there twice"),
        ('"sigma": 0.25', '"sigma": 0.5,\n        "sigma": 0.25', "'sigma' is there twice"),
        ('"seed": "11"', '"seed": "12",\n    "seed": "11"', "'seed' is there twice"),
        ('"tau": 0.6', '"tau": NaN', "NaN, which is no number"),
        ('"tau": 0.6', '"tau": -Infinity', "-Infinity, which is no number"),
        ('"tau": 0.6', '"tau": 1e999', "1e999, which is no number"),
        ('"sigma": 0.25', '"sigma": -0.0', "-0.0, which is no number"),
        ('"invalid": 0', '"invalid": -0', "-0, which is no number"),
        ('"n0": 5', f'"n0": {"9" * 5000}', "which is no number of a certificate"),
        ('"tree": null', f'"tree": {"[" * 100_000}', "nested too deeply"),
        ('"tree": null', '"tree": null, "more": 1', "more: Extra inputs"),
        ('"tau": 0.6', '"tau": "\udc80"', "no JSON"),
    ],
)
def test_strange_json(cert: sc.Certificate, tmp_path: Path, old: str, new: str, words: str) -> None:
    cert.save(tmp_path)
    path = tmp_path / "certificate.json"
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode(errors="surrogateescape"))
    refuse(tmp_path, words)


def test_a_huge_record_is_not_read(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    with (tmp_path / "certificate.json").open("r+b") as file:
        file.truncate(MOST_BYTES + 1)  # a hole
    refuse(tmp_path, f"at most {MOST_BYTES} are read")
    with pytest.raises(sc.InputError):
        read_strictly(tmp_path / "certificate.json")


def source(**values: object) -> Change:
    return lambda record: record["provenance"].update(values)


def chosen(**values: object) -> Change:
    return lambda record: record["parameters"].update(values)


def model(**values: object) -> Change:
    return lambda record: record["model"].update(values)


def noise(kind: str, **parameters: float) -> Change:
    return lambda record: record["parameters"]["noise"].update(kind=kind, parameters=parameters)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record["result"].update(invalid=-7), "result.invalid must be a part"),
        (lambda record: record["result"].update(invalid=10**18), "result.invalid must be a part"),
        (source(test_runs=[[0, 40, 10**18]]), "is no run"),
        (source(test_runs=[[0, 40]]), "is no run"),
        (source(pilot_runs=[[0, 5, 0]]), "is no run"),
        (source(test_runs=[[0, 20, 4], [19, 40, 4]]), "each once, in order"),
        (source(seed="-5"), "seed must be a whole number"),
        (source(seed="011"), "seed must be a whole number"),
        (source(seed="9" * 39), "seed must be an integer in"),
        (source(input_sha256="0"), "input_sha256 must be 64 hexadecimal digits"),
        (source(weights_sha256="w"), "weights_sha256 must be 64"),
        (source(versions={"segcert": "1.0"}), "versions must name"),
        (lambda record: record["provenance"]["versions"].update(torch="new"), "is no version"),
        (lambda record: record["provenance"]["versions"].update(torch="\x1b[2J"), "no version"),
        (lambda record: record["provenance"]["versions"].update(torch=f"1.0{'a' * 50}!"), "no ver"),
        (lambda record: record["provenance"]["versions"].update({"a b": "1.0"}), "no name"),
        (source(device="cuda"), "device must be that of streams cpu"),
        (source(device="tpu", streams="cuda"), "device must be that of streams cuda"),
        (source(backend="mine"), "backend must be one of"),
        (source(precision="exact"), "is no arithmetic"),
        (source(precision="int8"), "is not that of backend"),
        (source(stop_rule="I was tired"), "stop_rule belongs to draws that may stop early"),
        (source(input_shape=[3, 9]), "is not for clouds|a cloud has"),
        (source(input_shape=[3, 9, 14, 1, 1]), "input_shape must be"),
        (source(input_shape=[3, 10**6, 10**6]), "input_shape must be"),
        (source(input_dtype="float32"), "lattice-gaussian noise is not for images of float32"),
        (source(input_dtype="int64"), "input_dtype must be one of"),
        (source(device_name="x" * 2000), "at most 1000"),
        (noise("gaussian", sigma=0.25), "gaussian noise is not for images of uint8"),
        (noise("points", sigma=0.25), "points noise is not for images"),
        (noise("rotation", sigma=0.25), "rotation noise is not for images"),
        (noise("salt", sigma=0.25), "noise must be one of"),
        (model(class_names=["low"]), "class_names has 1 entries for 3 classes"),
        (model(palette=[[0, 0, 0]]), "palette has 1 entries for 3 classes"),
        (model(palette=[[0, 0, 256]] * 3), "which is no colour"),
        (model(palette=[[0, 0]] * 3), "which is no colour"),
        (model(classes=0), "classes must be 1 to 32767"),
        (model(classes=10**9), "classes must be 1 to 32767"),
        (chosen(n=10**9), "n must be at most"),
        (chosen(n0=10**9), "n0 must be at most"),
        (chosen(tau=0.3), "tau must be"),
        (chosen(alpha=1.0), "alpha must be"),
        (chosen(sequential={"kind": "looks", "at": []}), "looks are read"),
        (chosen(sequential={"kind": "anytime", "at": [80, 10]}), "without a stop rule"),
        (chosen(sequential={"kind": "anytime", "at": [10**12, 1]}), "at most 10000000 draws"),
    ],
)  # fmt: skip
def test_what_no_run_can_have_written(
    cert: sc.Certificate, tmp_path: Path, change: Change, words: str
) -> None:
    cert.save(tmp_path)
    record = get(tmp_path)
    change(record)
    put(tmp_path, record, arrays_of(tmp_path))
    refuse(tmp_path, words)


def test_noise_that_is_used_twice(cert: sc.Certificate, tmp_path: Path) -> None:
    """In one stage, or of the pilot in the test; the hashes of prints and arrays are right."""
    cert.save(tmp_path)
    record, arrays = get(tmp_path), arrays_of(tmp_path)
    test = arrays["test_fingerprints"]
    for name, other in (
        ("test_fingerprints", np.repeat(test[:1], 40)),
        ("test_fingerprints", np.r_[test[:-1], test[0]]),
        ("pilot_fingerprints", np.repeat(arrays["pilot_fingerprints"][:1], 5)),
        ("pilot_fingerprints", test[:5]),
    ):  # fmt: skip
        put(tmp_path, record, arrays | {name: other})
        refuse(tmp_path, "repeat another|are test draws, too")


def test_pilot_noise_in_the_test_where_chance_repeats(tmp_path: Path) -> None:
    """Noise of one number may repeat by chance; all of the pilot in the test is no chance."""
    dark = sc.as_segmenter(lambda batch: (batch[:, 0] > 0.5).long(), classes=2)
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 5), dtype=np.uint8)
    counts = sc.sample(dark, image, noise=sc.BrightnessNoise(0.2), n0=5, n=60, seed=1)
    sc.certify(counts, tau=0.6, alpha=0.1).save(tmp_path)
    record, arrays = get(tmp_path), arrays_of(tmp_path)
    sc.load_certificate(tmp_path)
    put(tmp_path, record, arrays | {"pilot_fingerprints": arrays["test_fingerprints"][:5]})
    refuse(tmp_path, "5 of 5 pilot draws are test draws, too")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("pilot_hits", lambda hits: hits * 0, "labels are said to be lost"),
        ("hits", lambda hits: hits * 0 + 200, "do not fit each other or n"),
        ("labels", lambda labels: labels + 7, "labels are not below"),
        ("pilot_hits", lambda hits: hits * 0 + 6, "more pilot hits than there are pilot draws"),
    ],
)
def test_counts_that_no_draws_give(
    cert: sc.Certificate, tmp_path: Path, name: str,
    change: Callable[[np.ndarray], np.ndarray], words: str,
) -> None:  # fmt: skip
    cert.save(tmp_path)
    arrays = arrays_of(tmp_path)
    put(tmp_path, get(tmp_path), arrays | {name: change(arrays[name])})
    refuse(tmp_path, words)


@pytest.mark.parametrize("where", ["first", "last"])
def test_counts_of_classes_that_no_draws_give(
    cert_no_pilot: sc.Certificate, tmp_path: Path, where: str
) -> None:
    cert_no_pilot.save(tmp_path)
    arrays = arrays_of(tmp_path)
    counts = arrays["class_counts"].copy()
    counts[-1] += 1 if where == "last" else 0
    counts[0] -= (counts[0] > 0) if where == "first" else 0
    put(tmp_path, get(tmp_path), arrays | {"class_counts": counts})
    refuse(tmp_path, "do not follow|are said to be lost|more labels than there are draws")


def bomb(folder: Path, members: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """An archive of zeros that declares arrays, packed as tightly as it goes."""
    with zipfile.ZipFile(folder / "counts.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (shape, dtype) in members.items():
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                header, {"descr": dtype, "fortran_order": False, "shape": shape}
            )
            with archive.open(f"{name}.npy", "w") as file:
                file.write(header.getvalue())
                size = int(np.prod(shape)) * np.dtype(dtype).itemsize
                for start in range(0, size, 1 << 20):
                    file.write(bytes(min(1 << 20, size - start)))


def test_a_bomb_is_refused_by_its_headers(
    cert_no_pilot: sc.Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No array is unpacked whose header is not the one that the record calls for."""
    cert_no_pilot.save(tmp_path)
    shape, n = (9, 14), 40
    right = {
        "labels": (shape, "|u1"), "hits": (shape, "|u1"), "pilot_fingerprints": ((0,), "<u8"),
        "test_fingerprints": ((n,), "<u8"), "class_counts": ((3, *shape), "|u1"),
    }  # fmt: skip
    unpacked: list[str] = []

    def read_member(*_: object) -> np.ndarray:
        unpacked.append("one")
        raise AssertionError("an array was unpacked")

    monkeypatch.setattr(reader, "read_member", read_member)
    bomb(tmp_path, right)
    refuse(tmp_path, "an array was unpacked")  # the test can see it
    unpacked.clear()
    for name, wrong in (
        ("labels", ((9000, 1400), "|u1")), ("labels", (shape, "<f8")), ("more", ((1 << 24,), "u1")),
        ("class_counts", ((300, 90, 140), "|u1")), ("class_counts", ((3, *shape), "<i4")),
        ("test_fingerprints", ((1 << 21,), "<u8")), ("promise", (shape, "<u2")),
    ):  # fmt: skip
        bomb(tmp_path, right | {name: wrong})
        refuse(tmp_path, re.escape(f"array {name!r} ") + "(must be|does not belong)")
    assert unpacked == []


def test_sizes_are_ours_and_not_those_of_the_file(
    cert_no_pilot: sc.Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record and headers agree on 32,767 classes of 40,000 pixels: too many counts anyway."""
    cert_no_pilot.save(tmp_path)
    record = get(tmp_path)
    record["provenance"]["input_shape"] = [3, 200, 200]
    record["model"] |= {"classes": 2**15 - 1, "class_names": [], "palette": []}
    put(tmp_path, record)
    declared = {
        "labels": reader.Declared((200, 200), np.dtype("u2")),
        "hits": reader.Declared((200, 200), np.dtype("u1")),
        "pilot_fingerprints": reader.Declared((0,), np.dtype("u8")),
        "test_fingerprints": reader.Declared((40,), np.dtype("u8")),
        "class_counts": reader.Declared((2**15 - 1, 200, 200), np.dtype("u1")),
    }
    monkeypatch.setattr(
        "segcert.certificates.claim_files.read_arrays", lambda _, *, check: check(declared)
    )
    refuse(tmp_path, "it has 1310680000 counts of classes, at most 536870912 are read")


def test_a_huge_archive_is_not_opened(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    with (tmp_path / "counts.npz").open("r+b") as file:
        file.truncate(3 << 30)  # a hole
    refuse(tmp_path, "it has more than 2147483648 bytes")


def test_sampling_says_before_the_first_draw_what_cannot_be_saved() -> None:
    """The limit of reading is one of sampling, too: no hours are lost to it."""
    drawn: list[int] = []

    def many(batch: Any) -> Any:
        drawn.append(len(batch))
        return (batch[:, 0] > 0).long()

    model_of_many = sc.as_segmenter(many, classes=2**15 - 1)
    image = np.zeros((3, 200, 200), np.uint8)
    with pytest.raises(sc.InputError, match=r"n0 = 0 counts every class.*use n0 >= 1"):
        sc.sample(model_of_many, image, noise=sc.LatticeGaussianNoise(0.25), n0=0, n=40, seed=1)
    assert sum(drawn) < 40


def test_sampling_refuses_names_that_do_not_fit() -> None:
    """What could not be read again is not drawn."""
    image = np.zeros((3, 4, 5), np.uint8)
    for wrong in (
        sc.as_segmenter(lambda batch: batch[:, :2], class_names=("one", "two", "three")),
        sc.as_segmenter(lambda batch: batch[:, :2], palette=((0, 0, 0),) * 3),
    ):
        with pytest.raises(sc.ModelError, match=r"2 classes.*3 (were declared|colours)"):
            sc.sample(wrong, image, noise=sc.LatticeGaussianNoise(0.25), n0=2, n=4, seed=1)


def test_the_forger_of_this_file_can_seal(cert: sc.Certificate, tmp_path: Path) -> None:
    cert.save(tmp_path)
    record = get(tmp_path)
    assert text_of(sealed(record)) == (tmp_path / "certificate.json").read_text()
    put(tmp_path, record, arrays_of(tmp_path))
    sc.load_certificate(tmp_path)
