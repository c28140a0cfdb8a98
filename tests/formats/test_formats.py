"""Every format names its version; files of older ones stay readable, later ones are refused."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from requests_of_runs import request_with

import segcert as sc
from segcert.certificates.claim import FORMAT
from segcert.certificates.claim_files import read_record
from segcert.certificates.records_2 import CertificateRecord2
from segcert.certificates.words_2 import in_words
from segcert.models.files.checkpoints import KEY, load_weights
from segcert.noise.registry import noises
from segcert.runs.evaluate import load_results
from segcert.runs.record_store import RECORDS
from segcert.runs.store import PartialStore, open_store
from segcert.stats.correction_names import corrections
from segcert.stats.looks import Looks
from segcert.training.resume import read as read_resume

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "formats.md"


def unfinished(folder: Path) -> PartialStore:
    request = request_with(model="m", weights_sha256="w")
    path = folder / "a.partial.npz"
    return open_store(path, request, input_sha256="0", seed=None, fresh=1)


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """The committed files, to be changed."""
    return shutil.copytree(HERE / "2", tmp_path / "today")


CERTIFICATES_2, CERTIFICATES_3 = (
    [HERE / version, *sorted((HERE / version / "kinds").iterdir())] for version in ("2", "3")
)


CERTIFICATES_3.append(HERE / "3" / "streams-2")


def test_files_of_today_open(today: Path) -> None:
    cert = sc.load_certificate(today)
    assert (cert.counts.n, int(cert.certified.sum()), cert.radius) == (30, 13, 0.06333677578394634)
    (row,) = load_results(today).rows
    assert (row.name, row.confusion.tolist()) == ("one", [[3, 1], [0, 2]])
    assert read_resume(today / "net.resume.pt")["state"]["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("folder", CERTIFICATES_2, ids=lambda folder: folder.name)
def test_certificates_of_version_2_hold_and_are_written_as_they_were(
    folder: Path, tmp_path: Path
) -> None:
    """Every field, the statement in its old words included, is that of the program of then."""
    found = sc.load_certificate(folder)
    assert found.version == 2
    assert found.statement == json.loads((folder / "certificate.json").read_text())["statement"]
    found.save(tmp_path)
    assert (tmp_path / "certificate.json").read_bytes() == (
        folder / "certificate.json"
    ).read_bytes()
    assert sc.load_certificate(tmp_path).statement == found.statement


@pytest.mark.parametrize("folder", CERTIFICATES_3, ids=lambda folder: folder.name)
def test_certificates_of_version_3_hold_and_are_written_as_they_were(
    folder: Path, tmp_path: Path
) -> None:
    """Until a release has version 3: make them again if it changes (``tests/formats/make.py``)."""
    found = sc.load_certificate(folder)
    assert found.version == 3
    found.save(tmp_path)
    name = "certificate.json"
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("folders", [CERTIFICATES_2, CERTIFICATES_3], ids=["2", "3"])
def test_every_kind_is_there(folders: list[Path]) -> None:
    """Corrections, noises, families and ways to stop, so that a change of any is noticed."""
    found = [sc.load_certificate(folder) for folder in folders]
    assert {one.counts.noise.kind for one in found} == set(noises())
    assert {one.correction.name for one in found} == set(corrections())
    assert {type(one.counts.sequential) for one in found} == {type(None), Looks, sc.Anytime}
    assert any(one.tree for one in found)
    assert any(one.family.ignore is not None for one in found)
    assert {type(one.family.regions) for one in found} == {type(None), sc.Blocks, np.ndarray}
    assert all(one.certified.any() for one in found)


STEP = sc.as_segmenter(  # that of ``make.py``
    lambda batch: torch.cat([0.5 - batch, batch - 0.5], 1), name="step",
    class_names=("low", "high"), palette=((0, 0, 0), (255, 200, 0)),
)  # fmt: skip
DRAWN = [HERE / version / "kinds" / kind for version in ("2", "3") for kind in (
    "ordered", "no-pilot", "lattice-uniform", "lattice-laplace", "gaussian", "uniform", "laplace",
    "brightness",
)]  # fmt: skip


@pytest.mark.parametrize(
    "folder", [*DRAWN, HERE / "3" / "streams-2"], ids=lambda folder: "-".join(folder.parts[-3:])
)
def test_old_certificates_are_replayed_bit_for_bit(folder: Path) -> None:
    """Those that name no version of the streams with version 1, which stays in the program."""
    found = sc.load_certificate(folder)
    assert found.provenance.stream_version == 1 + (folder.name == "streams-2")
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 5), dtype=np.uint8)
    pixels = image if found.provenance.input_dtype == "uint8" else image / np.float32(255)
    assert sc.replay(found, STEP, pixels).identical


@pytest.mark.parametrize("arithmetic", ["bfloat16 autocast", "float16 autocast", "int8"])
def test_version_2_said_the_arithmetic(arithmetic: str) -> None:
    record, _ = read_record(HERE / "2" / "certificate.json")
    assert isinstance(record, CertificateRecord2)
    source = record.provenance.model_copy(update={"precision": arithmetic})
    words = in_words(record.model_copy(update={"provenance": source}))
    assert words == record.statement.replace(
        "Nothing is", f"By bright the network as computed in {arithmetic} is meant. Nothing is"
    )


def test_a_certificate_that_holds_again_is_written_in_the_format_of_today(tmp_path: Path) -> None:
    counts = sc.load_certificate(HERE / "2").counts
    sc.certify(counts, tau=0.6, alpha=0.2).save(tmp_path)
    assert sc.load_certificate(tmp_path).version == FORMAT == 3


def test_certificates_of_a_procedure_that_breaks_alpha_are_refused() -> None:
    """The e-process in an order: version 2 chose a level by the tested draws (decision 9)."""
    with pytest.raises(sc.VerificationError, match=r"wrong more often than alpha = 0\.3") as caught:
        sc.load_certificate(HERE / "2" / "refused" / "ordered-anytime")
    assert "\n" not in str(caught.value)


def test_unfinished_work_of_version_2_opens() -> None:
    partial = unfinished(HERE / "work-2").partial
    assert partial is not None
    assert partial.pilot.counts.flatten().tolist() == list(range(24))
    assert (partial.identity.streams, partial.identity.seed) == ("cpu", 7)


def test_unfinished_work_of_version_1_is_refused(today: Path) -> None:
    """It does not say whose draws it holds, nor with which streams they were made."""
    with pytest.raises(sc.InputError, match="format version 1, this segcert reads 2") as caught:
        unfinished(today)
    assert "\n" not in str(caught.value)


def later_certificate(folder: Path) -> object:
    path = folder / "certificate.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 4'))
    return sc.load_certificate(folder)


def later_work(folder: Path) -> object:
    with np.load(HERE / "work-2" / "a.partial.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    assert header["version"] == 2
    arrays["header"] = np.array(json.dumps(header | {"version": 3}))
    np.savez(folder / "a.partial.npz", **arrays)
    return unfinished(folder)


def later_run(folder: Path) -> object:
    with sqlite3.connect(folder / RECORDS) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (1,)
        store.execute("PRAGMA user_version = 3")
    store.close()
    return load_results(folder)


def later_training(folder: Path) -> object:
    content = torch.load(folder / "net.resume.pt", weights_only=True)
    assert content["version"] == 1
    torch.save(content | {"version": 2}, folder / "net.resume.pt")
    return read_resume(folder / "net.resume.pt")


def later_weights(folder: Path) -> object:
    path = Path(sc.__file__).parent / "models" / "weights" / "shapes.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[KEY])
    weights = safetensors.torch.load_file(path)
    metadata = {KEY: json.dumps(header | {"version": 2})}
    safetensors.torch.save_file(weights, folder / "a.safetensors", metadata)
    return load_weights(folder / "a.safetensors")


@pytest.mark.parametrize(
    "later", [later_certificate, later_work, later_run, later_training, later_weights]
)
def test_files_of_a_later_version_are_refused_in_one_line(
    today: Path, later: Callable[[Path], object]
) -> None:
    with pytest.raises((sc.InputError, sc.VerificationError), match="version") as caught:
        later(today)
    assert "\n" not in str(caught.value)


def test_weights_that_are_written_name_their_version(weights: Path) -> None:
    with safetensors.safe_open(weights, framework="pt") as file:
        assert json.loads(file.metadata()[KEY])["version"] == 1
    load_weights(weights)


def test_the_page_names_every_format() -> None:
    text = PAGE.read_text()
    for name in (
        "certificate.json", "counts.npz", "partial.npz", "records.sqlite", "blocks/", ".resume.pt",
        ".safetensors", "summary.json", ".toml",
    ):  # fmt: skip
        assert name in text, name
