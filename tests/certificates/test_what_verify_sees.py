"""Every field and every array, changed in several ways, with both hashes computed again.

Each change is refused, or it is on the list of what a file cannot prove by itself, with what does
show it. The list is in ``docs/formats.md``, too, and every line of it is tried: a line that no
change needs fails as well.
"""

import copy
import dataclasses
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificate_files import arrays_of, get, put

import segcert as sc
from segcert.certificates.result import load_certificate

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
MAKE = Path(__file__).parents[1] / "formats" / "make.py"

# Pattern of a field -> what shows that it was changed. A pattern is matched against the whole path.
UNSEEN = {
    r"provenance\.input_sha256": "`--image`",
    r"provenance\.input_dtype": "`--image`",
    r"provenance\.identity_sha256": "`--model`",
    r"provenance\.precision": "`--model`",
    r"model\.class_names(\.\d+)?": "`--model`",
    r"model\.palette(\.\d+){0,2}": "`--model`",
    r"model\.classes": "`--replay`",
    r"provenance\.seed": "`--replay`",
    r"provenance\.(pilot|test)_runs\.\d+\.2": "`--replay`",
    r"result\.invalid": "`--replay`",
    r"provenance\.device_name": "nothing",
    r"provenance\.versions\.\w+": "nothing",
    r"provenance\.stop_rule": "nothing",
    r"provenance\.earlier.*": "nothing",
    r"parameters\.correction(\.name|\.parameters\.\w+)": "nothing",
    r"parameters\.family\.drop_below": "nothing",
    r"parameters\.tree\.names\.\d+": "nothing",
}
# Arrays of which another value can be as consistent.
UNSEEN_ARRAYS = {
    "labels": "`--replay`",
    "hits": "`--replay`",
    "pilot_hits": "`--replay`",
    "promise": "`--replay`",
    "regions": "nothing",
}

FIRST_UNSAID = ("provenance", "stream_version")  # the first files do not say that it is 1
FULLY = ("regions", "looks", "earlier", "brightness", "points")  # every field, every value
EXTENTS = [False, pytest.param(True, marks=pytest.mark.slow)]  # a sixth of it all by default


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Certificates of each kind, and one that replaced another."""
    folder = tmp_path_factory.mktemp("kinds")
    for name, make in runpy.run_path(str(MAKE))["KINDS"].items():
        make().save(folder / name)
    for name in ("capped", "ordered"):  # the second replaces the first
        load_certificate(folder / name).save(folder / "earlier")
    return {kind.name: kind for kind in sorted(folder.iterdir())}


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values in nested containers, the containers of lists included."""
    if isinstance(tree, dict):
        for key in tree:
            yield from leaves(tree[key], (*path, key))
        return
    yield path
    if isinstance(tree, list):
        for number in {0, len(tree) - 1} if tree else ():
            yield from leaves(tree[number], (*path, number))


def others(value: Any) -> list[Any]:
    """Other values: near, far, impossible, of another type."""
    match value:
        case bool():
            return [not value, None, int(value)]
        case int():
            return [value + 1, value - 1, -7, 0, 10**6, 10**18, float(value), None, str(value)]
        case float():
            return [value * 1.01, value / 2, -value, 0.0, -0.0, 1e308, np.nan, np.inf, None, "0.5"]
        case str() if re.fullmatch(r"[0-9a-f]{64}", value):
            return [value[::-1], value.upper(), value[:-1], "", "none", "0" * 63 + "g", None]
        case str() if re.fullmatch(r"\d+", value):
            return [str(int(value) + 1), "-5", f"0{value}", f"+{value}", "1e3", "9" * 40, "", None]
        case str():
            texts = [f"{value}0", "", f"{value}\n", f"{value}\u202e", "x" * 2000, "99.0"]
            return [*texts, "float64", "onnx", "float32", "holm", "bonferroni", None, 5]
        case None:
            return [0, 1, 0.3, "x", []]
        case list() if value and isinstance(value[0], list):
            return [[], value[:-1], [*value, value[-1]], [[-1, 0, 256]] * len(value)]
        case list():
            return [[], value[:-1], [*value, value[-1]] if value else ["x"], value[::-1]]
    raise AssertionError(value)


def changed(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Another value in a record."""
    found = copy.deepcopy(record)
    branch = found
    for key in path[:-1]:
        branch = branch[key]
    branch[path[-1]] = value
    return found


def accepted(folder: Path) -> bool:
    """Whether a certificate holds; nothing else than a refusal may come of one that does not."""
    try:
        load_certificate(folder)
    except sc.VerificationError:
        return False
    return True


def pattern_of(name: str) -> str | None:
    """The line of the list that a field is on."""
    return next((one for one in UNSEEN if re.fullmatch(one, name)), None)


@pytest.mark.parametrize("whole", EXTENTS)
@pytest.mark.repeats
def test_every_field_is_bound_or_on_the_list(
    honest: dict[str, Path], tmp_path: Path, *, whole: bool
) -> None:
    used, wrong, tried = set(), [], 0
    for number, (kind, folder) in enumerate(honest.items()):
        record, arrays = get(folder), arrays_of(folder)
        put(tmp_path, record, arrays)
        assert accepted(tmp_path), kind
        for path in leaves(record):
            if path in (("digest",), ("counts_sha256",)):
                continue  # are computed again by the forger
            name, was = ".".join(map(str, path)), record
            for key in path:
                was = was[key]
            values = [value for value in others(was) if repr(value) != repr(was)]
            rng = np.random.default_rng([number, tried])
            if kind not in FULLY and path[:2] != ("parameters", "tree"):  # some fields, one value
                values = (
                    [values[rng.integers(len(values))]]
                    if rng.random() < (0.4 if whole else 0.1)
                    else []
                )
            elif not whole and pattern_of(name) is None:
                values = [values[rng.integers(len(values))]]
            for value in values:
                tried += 1
                put(tmp_path, changed(record, path, value))
                if accepted(tmp_path):
                    used.add(pattern_of(name))
                    if pattern_of(name) is None:
                        wrong.append((kind, name, was, value))
    assert wrong == []
    assert tried > (1500 if whole else 300)
    assert set(UNSEEN) - used == set()


@pytest.mark.parametrize("change", ["missing", "more", "another type"])
def test_fields_are_all_there_and_no_others(
    honest: dict[str, Path], tmp_path: Path, change: str
) -> None:
    record, arrays = get(honest["regions"]), arrays_of(honest["regions"])
    put(tmp_path, record, arrays)
    free = ("histogram", "versions")  # tables with keys of their own
    for path in leaves(record):
        if path[-1] == "digest" or isinstance(path[-1], int):
            continue
        found = copy.deepcopy(record)
        branch = found
        for key in path[:-1]:
            branch = branch[key]
        if change == "missing":
            del branch[path[-1]]
        elif change == "more":
            branch["more"] = 1
        else:
            branch[path[-1]] = {"a": branch[path[-1]]}
        put(tmp_path, found)
        if change == "missing" and path == FIRST_UNSAID:  # `--replay` shows it
            assert load_certificate(tmp_path).provenance.stream_version == 1
            continue
        assert not accepted(tmp_path), path
    assert {path[1] for path in leaves(record) if len(path) > 2} >= set(free)


def array_changes(array: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Other arrays of the same name."""
    if not array.size:
        yield np.zeros(1, array.dtype)
        return
    where = np.unravel_index(rng.integers(array.size), array.shape)
    for step in (1, -1, 100):
        other = array.copy()
        other[where] = ~other[where] if array.dtype == bool else (int(other[where]) + step) % 200
        yield other
    flat = array.ravel()
    yield flat[rng.permutation(flat.size)].reshape(array.shape)
    yield array[..., ::-1].copy()
    yield np.full_like(array, flat[0])
    yield np.zeros_like(array)
    yield array[..., :-1].copy()
    yield np.concatenate([array, array])
    yield array.astype(np.float64)
    yield array.astype(np.int64 if array.dtype != np.int64 else np.int32)
    yield array.astype(array.dtype.newbyteorder(">") if array.dtype.itemsize > 1 else ">u2")
    yield np.asfortranarray(array) if array.ndim > 1 else array[:0]


@pytest.mark.parametrize("whole", EXTENTS)
@pytest.mark.repeats
def test_every_array_is_bound_or_on_the_list(
    honest: dict[str, Path], tmp_path: Path, *, whole: bool
) -> None:
    used, wrong, tried = set(), [], 0
    for number, (kind, folder) in enumerate(honest.items()):
        record, arrays = get(folder), arrays_of(folder)
        for name in (*arrays, "more"):
            rng = np.random.default_rng([number, len(name)])
            more = name == "more"
            choices = iter([arrays["hits"]]) if more else array_changes(arrays[name], rng)
            for other in choices:
                thinned = not whole and name not in ("more", "regions")
                if thinned and rng.random() < 0.8:
                    continue
                same = name in arrays and other.dtype == arrays[name].dtype
                if same and other.flags.c_contiguous and np.array_equal(other, arrays[name]):
                    continue
                tried += 1
                put(tmp_path, record, arrays | {name: other})
                if accepted(tmp_path):
                    used.add(name)
                    wide = name == "regions" and other.dtype.kind == "i"  # numbers of any size
                    fits = other.shape == arrays[name].shape and (same or wide)
                    if name not in UNSEEN_ARRAYS or not fits:
                        wrong.append((kind, name, other.dtype, other.shape))
            if name in arrays and arrays[name].size:
                put(tmp_path, record, {key: arrays[key] for key in arrays if key != name})
                assert not accepted(tmp_path) or name in ("promise", "ignore"), (kind, name)
    assert wrong == []
    assert tried > (500 if whole else 100)
    assert set(UNSEEN_ARRAYS) - used == set()


PARTS = ("provenance", "parameters", "model", "result", "family", "names")  # of a record


def test_the_page_has_the_list() -> None:
    """Each field and each array, in a line that says what shows its change."""
    text = PAGE.read_text()
    table = text[text.index("## What verify proves") :]
    rows = [line for line in table.split("\n") if line.startswith("| `")]
    for pattern, shown in UNSEEN.items():
        words = re.findall(r"[a-z_0-9]{4,}", pattern)
        word = max((word for word in words if word not in PARTS), key=len)
        row = next((row for row in rows if word in row.split("|")[1]), "")
        assert shown in row, (pattern, row)
    for name, shown in (UNSEEN_ARRAYS | FORGED).items():
        row = next((row for row in rows if f"`{name}`" in row.split("|")[1]), "")
        assert shown in row, (name, row)


# What a forger can choose who computes everything again, the statement too -> what shows it.
FORGED = {
    "tau": "nothing", "alpha": "nothing", "noise": "`--replay`", "weights_sha256": "`--model`",
    "model": "nothing", "scale": "`--model`", "labels": "`--replay`", "hits": "`--replay`",
}  # fmt: skip


def forged(name: str, cert: sc.Certificate) -> sc.Certificate:
    """A certificate that is as consistent as an honest one."""
    counts, source = cert.counts, cert.provenance
    chosen = {"tau": cert.tau, "alpha": cert.alpha}
    match name:
        case "tau":
            chosen["tau"] = 0.75
        case "alpha":
            chosen["alpha"] = 0.01
        case "noise":
            counts = dataclasses.replace(counts, noise=sc.LatticeGaussianNoise(0.5))
        case "weights_sha256":
            source = dataclasses.replace(source, weights_sha256="0" * 64)
        case "model":
            source = dataclasses.replace(source, model="a better one")
        case "scale":
            source = dataclasses.replace(source, scale="0.5")
        case "labels":
            counts = dataclasses.replace(counts, labels=1 - counts.labels)
        case "hits":
            counts = dataclasses.replace(counts, hits=np.full_like(counts.hits, counts.n))
    counts = dataclasses.replace(counts, provenance=source)
    return sc.certify(counts, correction=cert.correction, **chosen)


@pytest.mark.parametrize("name", FORGED)
def test_a_forger_who_computes_everything_again_is_not_seen(
    honest: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """So the page says that verify does not prove that counts were drawn."""
    cert = load_certificate(honest["capped"])
    forged(name, cert).save(tmp_path)
    found = load_certificate(tmp_path)
    assert found.statement != cert.statement or name == "labels"
