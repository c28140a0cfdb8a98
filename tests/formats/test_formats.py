"""Every format names its version; today's files stay readable, those of a later one are refused."""

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

import segcert as sc
from segcert.models.checkpoints import KEY, load_weights
from segcert.runs.evaluate import load_results
from segcert.runs.records import RECORDS
from segcert.runs.request import Request
from segcert.runs.store import PartialStore, open_store
from segcert.training.resume import read as read_resume

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "formats.md"


def unfinished(folder: Path) -> PartialStore:
    request = Request(model="m", weights_sha256="w")
    path = folder / "a.partial.npz"
    return open_store(path, request, input_sha256="0", seed=None, fresh=1)


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """The committed files, to be changed."""
    return shutil.copytree(HERE / "today", tmp_path / "today")


def test_files_of_today_open(today: Path) -> None:
    cert = sc.load_certificate(today)
    assert (cert.counts.n, int(cert.certified.sum()), cert.radius) == (30, 13, 0.06333677578394634)
    partial = unfinished(today).partial
    assert partial is not None
    assert partial.pilot.counts.flatten().tolist() == list(range(24))
    (row,) = load_results(today).rows
    assert (row.name, row.confusion.tolist()) == ("one", [[3, 1], [0, 2]])
    assert read_resume(today / "net.resume.pt")["state"]["w"].tolist() == [1, 1, 1]


def later_certificate(folder: Path) -> object:
    path = folder / "certificate.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
    return sc.load_certificate(folder)


def later_work(folder: Path) -> object:
    with np.load(folder / "a.partial.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    assert header["version"] == 1
    arrays["header"] = np.array(json.dumps(header | {"version": 2}))
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
