"""Nothing in a file is executed: no reader unpickles, evaluates, starts a program or unpacks."""

import ast
import contextlib
import io
import os
import pickle
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from requests_of_runs import request_with

import segcert as sc
import segcert_scenes
from segcert.certificates.hierarchies import open_hierarchy
from segcert.inputs.cloud_files import read_cloud
from segcert.inputs.images import read_file
from segcert.models.files.weights_files import read_weights
from segcert.models.opening import open_foreign
from segcert.runs.evaluate import load_results
from segcert.runs.record_store import RECORDS
from segcert.runs.store import open_store
from segcert.training.resume import read as read_resume

SOURCES = [Path(package.__file__).parent for package in (sc, segcert_scenes)]
BANNED = {  # names that run what they are given, or unpack what they read
    "eval", "exec", "compile", "__import__", "system", "popen", "Popen", "check_output",
    "extractall", "unpack_archive", "load_extension", "import_module", "unsafe_load",
}  # fmt: skip
BANNED_MODULES = {"yaml", "subprocess", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
ALLOWED = {  # with the reason that each is safe
    ("__init__.py", "import_module"),  # names of our own
    ("noise/registry.py", "import_module"),  # names of our own
    ("stats/correction_names.py", "import_module"),  # names of our own
    ("training/devices.py", "import_module"),  # a fixed name
    ("models/backends/compiled.py", "compile"),  # torch.compile of a network in memory
    ("runs/engines/processes.py", "pickle.loads"),  # from a process that we started
    ("models/confined/process.py", "Popen"),  # our own interpreter, a fixed line of code
    ("models/confined/process.py", "import_module"),  # fixed names, to ask where they are
    ("models/confined/server.py", "import_module"),  # fixed names
    ("models/files/own_code.py", "compile"),  # --model net.py:make, which asks to execute it
    ("models/files/own_code.py", "exec"),  # likewise
}


def files() -> Iterator[tuple[str, ast.Module]]:
    """Every file of our packages: its name within its package, and what it says."""
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            yield str(path.relative_to(source)), ast.parse(path.read_text())


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in our packages: file, name with its module, call."""
    for file, tree in files():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield file, ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> object:
    """The constant given by name in a call."""
    found = [k.value for k in call.keywords if k.arg == name]
    return ast.literal_eval(found[0]) if found else None


def test_no_call_can_execute_what_a_file_says() -> None:
    wrong = set()
    for file, name, call in calls():
        last = name.rpartition(".")[2]
        safe = {
            "torch.load": keyword(call, "weights_only") is True if name == "torch.load" else True,
            "np.load": keyword(call, "allow_pickle") is False if name == "np.load" else True,
        }.get(name, True)
        if last in ("Unpickler",) or name in ("pickle.load", "pickle.loads", "torch.jit.load"):
            safe, last = False, name
        harmless = name == "re.compile" or (last == "eval" and name != "eval")  # net.eval()
        if (last in BANNED and not harmless) or not safe:
            wrong.add((file, last))
    assert wrong == ALLOWED


def test_images_are_decoded_by_the_listed_formats_only() -> None:
    opened = [call for _, name, call in calls() if name == "Image.open"]
    assert len(opened) == 2
    assert all("formats" in [k.arg for k in call.keywords] for call in opened)


def test_no_module_that_runs_or_unpickles_is_imported() -> None:
    found = set()
    for file, tree in files():
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            modules = {name.partition(".")[0] for name in names} & BANNED_MODULES
            found |= {(file, module) for module in modules}
    assert found == {("models/confined/process.py", "subprocess")}  # see ALLOWED


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def npz_of(trap: Trap) -> bytes:
    file = io.BytesIO()
    array = np.array([trap], dtype=object)
    names = ("points", "header", "labels", "hits", "xyz")
    np.savez(file, allow_pickle=True, **dict.fromkeys(names, array))
    return file.getvalue()


def checkpoint_of(trap: Trap) -> bytes:
    file = io.BytesIO()
    torch.save({"state_dict": trap, "identity": trap}, file)
    return file.getvalue()


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "image": ("a.png", read_file),
    "cloud": ("a.npz", read_cloud),
    "scan": ("a.bin", read_cloud),
    "table of points": ("a.txt", read_cloud),
    "mesh": ("a.ply", read_cloud),
    "checkpoint": ("a.pth", read_weights),
    "program": ("a.pt2", open_foreign),
    "network": ("a.onnx", open_foreign),
    "weights": ("a.safetensors", sc.open_model),
    "resume file": ("a.resume.pt", read_resume),
    "hierarchy": ("a.toml", lambda path: open_hierarchy(str(path))),
    "unfinished work": (
        "a.partial.npz",
        lambda path: open_store(
            path, request_with(model="m", weights_sha256="w"), input_sha256="0", seed=None, fresh=1
        ),
    ),
    "run": (RECORDS, lambda path: load_results(path.parent)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["plain", "old", "npz", "checkpoint", "npy"])
def test_a_trap_in_the_place_of_any_file_does_not_snap(
    tmp_path: Path, reader: str, kind: str
) -> None:
    name, read = READERS[reader]
    mark, path = tmp_path / "mark", tmp_path / name
    trap, npy = Trap(mark), io.BytesIO()
    np.save(npy, np.array([trap], dtype=object), allow_pickle=True)
    content = {
        "plain": pickle.dumps(trap), "old": pickle.dumps(trap, 0), "npz": npz_of(trap),
        "checkpoint": checkpoint_of(trap), "npy": npy.getvalue(),
    }[kind]  # fmt: skip
    # a size that is no whole number of points, however long the temporary path in it is
    path.write_bytes(content + bytes(17 - len(content) % 16))
    with pytest.raises(sc.InputError) as caught:
        read(path if reader != "weights" else str(path))
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_trap_that_is_as_long_as_a_scan_is_numbers_or_refused(tmp_path: Path) -> None:
    """Four float32 a point: any file of so many bytes can be a scan, and is nothing else."""
    mark, path = tmp_path / "mark", tmp_path / "a.bin"
    content = pickle.dumps(Trap(mark))
    path.write_bytes(content + bytes(-len(content) % 16))
    with contextlib.suppress(sc.InputError):
        assert read_cloud(path).points.shape == (path.stat().st_size // 16, 3)
    assert not mark.exists()


def test_the_trap_snaps_where_pickles_are_read(tmp_path: Path) -> None:
    for number, load in enumerate(
        (
            lambda trap: pickle.loads(pickle.dumps(trap)),
            lambda trap: np.load(io.BytesIO(npz_of(trap)), allow_pickle=True)["hits"],
            lambda trap: torch.load(io.BytesIO(checkpoint_of(trap)), weights_only=False),
        )
    ):
        mark = tmp_path / str(number)
        load(Trap(mark))
        assert mark.exists()


def test_a_page_of_postscript_starts_no_program(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript."""
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(sc.InputError, match="no image that can be read"):
        read_file(path)


def test_checkpoints_that_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    for name in ("a.pth", "a.pt2"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", bytes(1 << 20))
        with pytest.raises(sc.InputError, match=r"unpacks to 1048576 bytes from \d+"):
            open_foreign(tmp_path / name)


def test_paths_inside_archives_are_not_followed(tmp_path: Path) -> None:
    """Members above the folder, absolute ones and links: no file appears, none is read."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for member in ("../out.npy", str(tmp_path / "out.npy"), "points.npy"):
        with zipfile.ZipFile(inside / "a.npz", "w") as archive:
            entry = zipfile.ZipInfo(member)
            entry.external_attr = 0o120777 << 16  # a symbolic link
            archive.writestr(entry, "/etc/passwd")
        with pytest.raises(sc.InputError) as caught:
            read_cloud(inside / "a.npz")
        assert "root:" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]
    assert [p.name for p in inside.iterdir()] == ["a.npz"]


def test_a_store_that_computes_is_refused(tmp_path: Path) -> None:
    """A view in the place of the table of results could compute for ever."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    with sqlite3.connect(tmp_path / RECORDS) as store:
        store.execute("CREATE TABLE run (version INTEGER, config TEXT, sha256 TEXT)")
        store.execute(f"CREATE VIEW results AS {endless}")
        store.execute("PRAGMA user_version = 1")
    store.close()
    with pytest.raises(sc.InputError, match="views or triggers"):
        load_results(tmp_path)


def test_weights_declare_no_code(tmp_path: Path) -> None:
    """Also not in the description of a file of ours."""
    path = tmp_path / "a.safetensors"
    deep = "[" * 100_000
    for text in (deep, '{"architecture": "os.system"}', "__import__('os')"):
        safetensors.torch.save_file({"w": torch.zeros(1)}, path, {"segcert": text})
        with pytest.raises(sc.InputError) as caught:
            sc.open_model(str(path))
        assert "\n" not in str(caught.value)
