"""Damaged and random files: a reader returns a value or raises one line, and nothing else.

``SEGCERT_FUZZ=100 pytest tests/faults/test_fuzz.py`` (``make fuzz``) tries 100 times as many, from
fresh seeds. Each file is read within two gibibytes more than there are, and 30 seconds.
"""

import os
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from requests_of_runs import request_with

import segcert as sc
from segcert.certificates.hierarchies import open_hierarchy
from segcert.errors import SegcertError
from segcert.inputs.cloud_files import read_cloud, write_cloud
from segcert.inputs.images import read_file
from segcert.inputs.stored_masks import read_mask, read_numbers
from segcert.models.files.checkpoints import load_weights
from segcert.models.files.sidecar import read_sidecar
from segcert.models.files.weights_files import read_weights
from segcert.runs.config import EvaluationConfig
from segcert.runs.evaluate import load_results
from segcert.runs.record_store import RECORDS, add, opened, start
from segcert.runs.rows import Row
from segcert.runs.setting import all_settings
from segcert.runs.store import PartialStore, open_store
from segcert.runs.stored_rows import COLUMNS as ROW
from segcert.runs.stored_rows import digest
from segcert.sampling.partial import Identity, Partial
from segcert.sampling.tally import Run, Tally
from segcert.training.resume import read as read_resume

TIMES = int(os.environ.get("SEGCERT_FUZZ", "1"))
fuzzed = settings(
    max_examples=25 * TIMES,
    derandomize=TIMES == 1,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
REQUEST = request_with(model="m", weights_sha256="w")
MORE_MEMORY, SECONDS = 2 << 30, 30

WORDS = [  # what readers stumble over
    b"9" * 5000, b"-1", b"1e999", b"nan", b"[" * 3000, b'{"a":' * 3000, b"null", b"\x00" * 8,
    b"\xff" * 8, b"\n" * 3, b"'", b'"', b"(1000000000,)", b"(-1,)", b"|O", b"<U0", b"../../x",
    b"/etc/passwd", b"element vertex 999999999999999999", b"property list uchar int x",
    b"category " + b"9" * 5000, b"\x7f\xff\xff\xff", b"\xc3\x28", b"\r", b"\x1b[31m",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "write", "insert", "cut", "end", "copy"]),
        st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=8)),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[float, str, bytes]]) -> bytes:
    """Damage a file in some places."""
    for where, how, word in edits:
        at = int(where * len(content))
        before, after = content[:at], content[at:]
        content = {
            "flip": before + bytes(b ^ word[0] for b in after[:1]) + after[1:],
            "write": before + word + after[len(word) :],
            "insert": before + word + after,
            "cut": before + after[len(word) :],
            "end": before,
            "copy": before + after[:64] + after,
        }[how]
    return content


class TooLongError(Exception):
    pass


def stop(*_: object) -> None:
    raise TooLongError


@contextmanager
def bounded() -> Iterator[None]:
    """Little more memory than there is, and little time of the processor, which no load changes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, stop)
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_MEMORY, limits[1])
    )
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def check(path: Path, content: bytes, read: Callable[[Path], object]) -> None:
    """Read a file that may be anything."""
    path.write_bytes(content)
    there = sorted(path.parent.iterdir())
    with bounded():
        try:
            read(path)
        except SegcertError as error:
            text = str(error)
            assert text
            assert text.isprintable(), text
            assert len(text) < 2000, text[:300]
    now = [p for p in path.parent.iterdir() if not p.name.startswith(f"{RECORDS}-")]
    assert sorted(now) == there


def picture(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels[..., 0] if path.name == "grey.png" else pixels).save(path)


def cloud(path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 40).astype(np.int16)
    if path.suffix in (".npz", ".ply"):
        found = sc.Cloud("a", points, points / np.linalg.norm(points, axis=1)[:, None], labels, 3)
        write_cloud(path, found, text=path.stem == "text")
    elif path.suffix == ".bin":
        columns = 5 if path.name == "sweep.pcd.bin" else 4
        path.write_bytes(np.abs(rng.normal(size=(40, columns))).astype("<f4").tobytes())
    else:
        np.savetxt(path, points)


def library(path: Path) -> None:
    """A .pcd file of each encoding."""
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype("<f4")
    kind = {"text": "ascii", "cloud": "binary", "packed": "binary_compressed"}[path.stem]
    header = (
        "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 40\nHEIGHT 1\n"
        f"POINTS 40\nDATA {kind}\n"
    )
    body = rows.tobytes()
    if kind == "ascii":
        body = "\n".join(" ".join(map(str, row)) for row in rows.tolist()).encode()
    elif kind == "binary_compressed":
        plain = rows.T.tobytes()
        parts = [plain[at : at + 32] for at in range(0, len(plain), 32)]
        packed = b"".join(bytes([len(part) - 1]) + part for part in parts)
        body = np.array([len(packed), len(plain)], "<u4").tobytes() + packed
    path.write_bytes(header.encode() + body)


def elements(path: Path) -> None:
    """A .ply file with lists, before the vertices and in them."""
    path.write_bytes(
        b"ply\nformat binary_little_endian 1.0\nelement face 1\nproperty list uchar int i\n"
        b"element vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
        b"property list uchar float w\nend_header\n" + bytes([1, 9, 0, 0, 0])
        + np.arange(3, dtype="<f4").tobytes() + b"\0" + np.ones(3, "<f4").tobytes() + b"\0"
    )  # fmt: skip


def survey(path: Path) -> None:
    """A scan as surveyors have it."""
    laspy = pytest.importorskip("laspy", reason="laspy is not installed: the extra las")
    las = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    las.x, las.y, las.z = np.random.default_rng(0).normal(size=(3, 40))
    las.write(str(path))


def names(path: Path) -> None:
    """Text with a line of names."""
    path.write_text("//X Y Z Classification\n0.5 1 2 7\n3 4 5 8\n")


def checkpoint(path: Path) -> None:
    old = path.stem == "old"
    weights = {"conv.weight": torch.ones(2, 3, 1, 1), "conv.bias": torch.zeros(2)}
    torch.save({"state_dict": weights}, path, _use_new_zipfile_serialization=not old)


def resumed(path: Path) -> None:
    torch.save({"identity": {"a": "b"}, "seconds": 0.0, "state": {"w": torch.ones(3)}}, path)


def unfinished(path: Path) -> None:
    counts = torch.arange(24, dtype=torch.int16).reshape(3, 2, 4)
    pilot = Tally(counts, 0, np.arange(5, dtype=np.uint64), (Run(0, 5, 1),))
    test = Tally(counts[0], 0, np.arange(0, dtype=np.uint64), ())
    identity = Identity(
        input_sha256="0", noise="none", n0=5, n="100", stop_rule="", seed=7, streams="cpu",
        classes=3, model="m", weights_sha256="w", scale="1", backend="torch", precision="float32",
    )  # fmt: skip
    PartialStore(path, REQUEST, "0", 7, Partial(pilot, test, identity)).save()


def toml(path: Path) -> None:
    tree = 'classes = ["a", "b"]\n[groups]\nall = ["a", "b"]\n'
    side = 'mean = [0.5, 0.5, 0.5]\nstd = [1.0, 1.0, 1.0]\nclasses = ["a", "b"]\n'
    path.write_text(tree if path.stem == "tree" else side)


def again(path: Path) -> object:
    return open_store(path, REQUEST, input_sha256="0", seed=None, fresh=1)


READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "photo.png": (picture, read_file),
    "photo.jpg": (picture, read_file),
    "photo.tif": (picture, read_mask),
    "grey.png": (picture, lambda path: read_numbers(path, "way out")),
    "cloud.npz": (cloud, read_cloud),
    "cloud.ply": (cloud, read_cloud),
    "text.ply": (cloud, read_cloud),
    "cloud.xyz": (cloud, read_cloud),
    "cloud.bin": (cloud, read_cloud),
    "sweep.pcd.bin": (cloud, read_cloud),
    "names.asc": (names, read_cloud),
    "lists.ply": (elements, read_cloud),
    "text.pcd": (library, read_cloud),
    "cloud.pcd": (library, read_cloud),
    "packed.pcd": (library, read_cloud),
    "cloud.las": (survey, read_cloud),
    "cloud.laz": (survey, read_cloud),
    "tree.toml": (toml, lambda path: open_hierarchy(str(path))),
    "side.toml": (toml, read_sidecar),
    "a.partial.npz": (unfinished, again),
    "net.pth": (checkpoint, read_weights),
    "old.pth": (checkpoint, read_weights),
    "net.resume.pt": (resumed, read_resume),
}


def content_of(name: str, folder: Path) -> bytes:
    """A good file."""
    write, read = READERS[name]
    write(folder / name)
    content = (folder / name).read_bytes()
    assert read(folder / name) is not None
    return content


@pytest.mark.parametrize("name", [n for n in READERS if not n.endswith((".pth", ".pt"))])
def test_files(name: str, tmp_path: Path) -> None:
    content = content_of(name, tmp_path)

    @fuzzed
    @given(EDITS)
    def run(edits: list[tuple[float, str, bytes]]) -> None:
        check(tmp_path / name, edited(content, edits), READERS[name][1])

    run()


@pytest.mark.parametrize("name", ["net.pth", "old.pth", "net.resume.pt"])
def test_weights(name: str, tmp_path: Path) -> None:
    content = content_of(name, tmp_path)

    @fuzzed
    @given(EDITS)
    def run(edits: list[tuple[float, str, bytes]]) -> None:
        check(tmp_path / name, edited(content, edits), READERS[name][1])

    run()


def test_weights_of_ours(weights: Path, tmp_path: Path) -> None:
    """Only the front of the file is damaged: the rest are numbers, which may be any."""
    content = weights.read_bytes()

    @fuzzed
    @given(EDITS)
    def run(edits: list[tuple[float, str, bytes]]) -> None:
        changed = edited(content[:2000], edits) + content[2000:]
        check(tmp_path / "a.safetensors", changed, load_weights)

    run()


@pytest.mark.parametrize("name", ["certificate.json", "counts.npz"])
def test_certificates(name: str, tmp_path: Path) -> None:
    model = sc.as_segmenter(lambda batch: (batch[:, 0] > 0.5).long(), classes=2)
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    counts = sc.sample(model, image, noise=sc.LatticeGaussianNoise(0.25), n0=3, n=30, seed=1)
    sc.certify(counts, tau=0.6, alpha=0.1).save(tmp_path)
    content = (tmp_path / name).read_bytes()

    @fuzzed
    @given(EDITS)
    def run(edits: list[tuple[float, str, bytes]]) -> None:
        check(
            tmp_path / name, edited(content, edits), lambda path: sc.load_certificate(path.parent)
        )

    run()


CONFIG = EvaluationConfig(
    data="d", note="", images=1, inputs_sha256="0", classes=("a", "b"), model="m",
    weights_sha256="w", n0=4, alpha=0.1, seed="5", device="cpu",
    settings=all_settings(sigma=(0.25,), scale=(1.0,), tau=(0.6,), n=(40,), correction=("holm",)),
)  # fmt: skip


def store_of(folder: Path) -> None:
    """A run of one image."""
    confusion, certified = np.array([[3, 1], [0, 2]]), np.array([[2, 1], [0, 1]])
    row = Row(0, "one", "0", 0, 6, 4, confusion, certified, 30, 0, 1.0)
    with opened(folder, write=True) as store:
        start(store, CONFIG)
        add(store, [row], CONFIG)


def test_run_stores(tmp_path: Path) -> None:
    store_of(tmp_path)
    assert len(load_results(tmp_path).rows) == 1
    content = (tmp_path / RECORDS).read_bytes()

    @fuzzed
    @given(EDITS)
    def run(edits: list[tuple[float, str, bytes]]) -> None:
        check(tmp_path / RECORDS, edited(content, edits), lambda path: load_results(path.parent))

    run()


def test_damaged_names_in_the_schema_of_a_run_store(tmp_path: Path) -> None:
    """SQLite quotes the damage in its message, which then is no text."""
    store_of(tmp_path)
    content = (tmp_path / RECORDS).read_bytes()
    at = content.index(b"CREATE TABLE")
    (tmp_path / RECORDS).write_bytes(content[: at + 2] + b"\xc5" + content[at + 3 :])
    with pytest.raises(sc.InputError, match="is damaged"):
        load_results(tmp_path)


VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=9),
    st.sampled_from(["[2,[0,0,3]]", "[2,[0,5,3]]", "[2,[-1,0,3]]", "[1000000000]", "[" * 5000]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
)  # fmt: skip
COLUMNS = st.sampled_from([
    "number", "name", "input_sha256", "setting", "components", "certified", "confusion",
    "certified_confusion", "threshold", "invalid", "seconds",
])  # fmt: skip


def test_rows_and_configurations_of_runs(tmp_path: Path) -> None:
    """A whole store whose values are any, in half of the cases sealed again by a forger."""
    store_of(tmp_path)
    content = (tmp_path / RECORDS).read_bytes()

    @fuzzed
    @given(COLUMNS, VALUES, st.booleans())
    def run(column: str, value: object, sealed: bool) -> None:
        path = tmp_path / RECORDS
        path.write_bytes(content)
        with sqlite3.connect(path) as store:
            try:
                store.execute(f"UPDATE results SET {column} = ?", (value,))
                if sealed:
                    line = store.execute(f"SELECT {', '.join(ROW)} FROM results").fetchone()
                    with suppress(TypeError, ValueError):
                        seal = (digest(line, CONFIG.sha256),)
                        store.execute("UPDATE results SET sha256 = ?", seal)
                store.execute("UPDATE run SET config = coalesce(?, config)", (value,))
                store.rollback() if column == "name" else store.commit()
            except sqlite3.IntegrityError:  # the schema refuses it already
                pass
        store.close()
        check(path, path.read_bytes(), lambda path: load_results(path.parent))

    run()
