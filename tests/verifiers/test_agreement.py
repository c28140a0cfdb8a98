"""segcert, the script and the page decide alike: on vectors, at random, and on whole files."""

import ast
import hashlib
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium_or_skip
from conformance import ROOT, Case, decided, decided_alone, random_case, script
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.errors import InputError
from segcert.noise.registry import noises
from segcert.stats.correction_names import corrections
from segcert.stats.e_process import e_process_p_values
from segcert.stats.p_values import no_pilot_p_values, pilot_p_values

VECTORS = ROOT / "tests" / "vectors"
FORMATS = ROOT / "tests" / "formats" / "3"
KINDS = [FORMATS, *sorted((FORMATS / "kinds").iterdir())]
PAGE, SCRIPT = ROOT / "verifiers" / "verify.html", ROOT / "verifiers" / "verify.py"
MOST_LINES = 300
verify = script()


def vectors(name: str) -> list[Case]:
    found: list[Case] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return found


def everything() -> list[Case]:
    return [one for name in ("edges", "random", "refused") for one in vectors(name)]


def test_there_are_enough_vectors_of_every_procedure() -> None:
    found = everything()
    assert len(found) >= 200
    assert len({one["name"] for one in found}) == len(found)
    settled = [one for one in found if one["expected"]]
    assert {one["parameters"]["correction"]["name"] for one in settled} == {
        "holm", "bonferroni", "k-fwer", "capped", "ordered",
    }  # fmt: skip
    assert sum(sum(one["expected"]["certified"]) > 0 for one in settled) > 150
    for part in ("tree", "sequential"):
        assert sum(one["parameters"][part] is not None for one in settled) > 5


@pytest.mark.parametrize("name", ["edges", "random"])
def test_all_decide_vectors_alike(name: str) -> None:
    for one in vectors(name):
        assert decided(one) == one["expected"], one["name"]
        assert decided_alone(verify, one) == one["expected"], one["name"]
        assert decided_alone(verify, one, up=True) == one["expected"], one["name"]


def test_every_correction_and_noise_is_known() -> None:
    """One that is added to segcert is added to verifiers, specification and vectors."""
    page, words = PAGE.read_text("utf-8"), (ROOT / "docs" / "specification.md").read_text("utf-8")
    asked = {one["parameters"]["correction"]["name"] for one in everything()}
    assert set(corrections()) <= asked
    for name in corrections():
        assert f'"{name}"' in page
        assert f"`{name}`" in words
    for kind in noises():
        assert verify.radius({"kind": kind, "parameters": {"scale": 0.5}}, 0.75) >= 0
        assert f"`{kind.removeprefix('lattice-')}`" in words


def test_all_refuse_alike() -> None:
    for one in vectors("refused"):
        with pytest.raises(InputError):
            decided(one)
        with pytest.raises(verify.Refused):
            decided_alone(verify, one)


@pytest.mark.repeats
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_case_is_decided_alike(seed: int) -> None:
    """Where p-values tie with a level up to rounding, either answer is right; both are tried."""
    one = random_case(np.random.default_rng(seed))
    try:
        found = decided(one)
    except InputError as error:
        if "cannot certify any" not in str(error):  # which segcert says before the draws
            raise
        assert not any(decided_alone(verify, one)["certified"])
        return
    assert found in [decided_alone(verify, one, up=up) for up in (False, True)]


@pytest.mark.parametrize("tau", [0.5, 0.6, 0.75, 0.9, 0.99])
@pytest.mark.parametrize("n", [1, 7, 100, 700])
def test_p_values_lie_between_the_exact_ones_and_what_the_specification_allows(
    n: int, tau: float
) -> None:
    exact = fixed(verify.tails(n, verify.Fraction(tau)))
    other = fixed(verify.tails(n, 1 - verify.Fraction(tau)))
    for one, ours in zip(exact, pilot_p_values(n, tau=tau), strict=True):
        between(one, ours, slack=2e-10)
    for both, ours in zip(
        zip(exact, other, strict=True), no_pilot_p_values(n, tau=tau), strict=True
    ):
        if ours < 1:
            between(min(1, sum(both)), ours, slack=2e-10)
    for one, ours in zip(
        fixed(verify.e_process(n, verify.Fraction(tau))),
        e_process_p_values(n, tau=tau),
        strict=True,
    ):
        between(one, ours, slack=2e-13 * (n + 1000))


def fixed(values: list[int]) -> list[Any]:
    return [verify.Fraction(value, verify.ONE) for value in values]


def between(exact: Any, ours: float, *, slack: float) -> None:
    ours = verify.Fraction(float(ours))
    most = exact * (1 + verify.Fraction(slack)) + verify.Fraction(2, 10**200)
    assert exact - verify.Fraction(1, verify.ONE >> 20) <= ours <= most or ours == 1 <= most


@pytest.mark.parametrize("folder", KINDS, ids=lambda folder: folder.name)
def test_the_script_follows_every_kind_of_certificate(folder: Path) -> None:
    said = verify.verify(*verify.read(folder))
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    assert said.startswith(f"{record['result']['certified']} certified components of ")


CHANGES = {
    "one more certified": ("result", "certified", lambda value: value + 1),
    "another threshold": ("result", "threshold", lambda value: value - 1),
    "a radius rounded up": ("result", "radius", lambda value: value * (1 + 1e-9)),
    "a larger radius": ("result", "radius", lambda value: 2 * value),
    "a smaller tau": ("parameters", "tau", lambda _: 0.55),
    "a larger alpha": ("parameters", "alpha", lambda _: 0.4),
    "a smaller alpha": ("parameters", "alpha", lambda _: 0.001),
    "more draws": ("parameters", "n", lambda value: value + 1),
    "fewer pilot draws": ("parameters", "n0", lambda value: value - 1),
    "another correction": (
        "parameters", "correction", lambda _: {"name": "k-fwer", "parameters": {"k": 5}},
    ),
    "another noise": (
        "parameters", "noise",
        lambda value: value | {"kind": "lattice-laplace", "parameters": {"scale": 0.25}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_script_refuses_what_does_not_follow_though_every_hash_is_right(
    change: str, tmp_path: Path
) -> None:
    part, key, changed = CHANGES[change]
    folder = copied(FORMATS, tmp_path)
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    record[part][key] = changed(record[part][key])
    seal(folder, record)
    with pytest.raises(verify.Refused):
        verify.verify(*verify.read(folder))


def test_the_script_refuses_a_statement_with_other_numbers(tmp_path: Path) -> None:
    folder = copied(FORMATS, tmp_path)
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    for old, new in (("13 certified", "14 certified"), ("0.06333", "0.07")):
        seal(folder, record | {"statement": record["statement"].replace(old, new)})
        with pytest.raises(verify.Refused, match="statement"):
            verify.verify(*verify.read(folder))


def test_the_script_refuses_changed_files(tmp_path: Path) -> None:
    folder = copied(FORMATS, tmp_path)
    text = (folder / "certificate.json").read_text("utf-8")
    (folder / "certificate.json").write_text(text.replace('"seed": "1"', '"seed": "2"'), "utf-8")
    with pytest.raises(verify.Refused, match="record was changed"):
        verify.verify(*verify.read(folder))
    (folder / "certificate.json").write_text(text, "utf-8")
    with np.load(folder / "counts.npz") as stored:
        arrays = dict(stored)
    arrays["hits"][0, 0] -= 1
    np.savez_compressed(folder / "counts.npz", **arrays)
    with pytest.raises(verify.Refused, match="counts were changed"):
        verify.verify(*verify.read(folder))


def copied(folder: Path, to: Path) -> Path:
    for name in ("certificate.json", "counts.npz"):
        shutil.copyfile(folder / name, to / name)
    return to


def seal(folder: Path, record: dict[str, Any]) -> None:
    """Write a record with the digest that fits it, as anybody can."""
    content = json.dumps(record | {"digest": ""}, sort_keys=True).encode()
    sealed = record | {"digest": hashlib.sha256(content).hexdigest()}
    text = json.dumps(sealed, indent=2, ensure_ascii=False) + "\n"
    (folder / "certificate.json").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("path", [PAGE, SCRIPT], ids=lambda path: path.name)
def test_verifiers_are_small_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


def test_the_script_needs_the_standard_library_alone() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert names <= set(sys.stdlib_module_names)


def test_the_page_asks_nobody() -> None:
    text = PAGE.read_text("utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert not any(word in text for word in ("import(", "fetch(", "src=", "@import"))


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The page, opened as a file without a network."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = chromium_or_skip()
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(executable), args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        opened = context.new_page()
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.goto(PAGE.as_uri())
        yield opened
        browser.close()
        assert wrong == []


def test_the_page_decides_vectors_alike(page: Any) -> None:
    found = page.evaluate(
        """vectors => vectors.map(one => [false, true].map(up => {
            const arrays = {...one.arrays};
            if (arrays.regions) arrays.regions = arrays.regions.map(BigInt);
            try {
              const [labels, certified, threshold] = decide(one.parameters, arrays, one.shape, up);
              return {labels, threshold, certified: certified.map(Number)};
            } catch (error) { if (error instanceof Refused) return null; throw error; }
        }))""",
        everything(),
    )
    for one, answers in zip(everything(), found, strict=True):
        assert answers == [one["expected"]] * 2, one["name"]


def test_the_page_follows_every_kind_of_certificate(page: Any) -> None:
    for folder in KINDS:
        verdict, told = shown(page, folder)
        assert (verdict, folder.name) == ("Follows from its counts", folder.name), told
        record = json.loads((folder / "certificate.json").read_text("utf-8"))
        assert told.startswith(f"{record['result']['certified']} certified components of ")


def test_the_page_refuses_what_does_not_follow(page: Any, tmp_path: Path) -> None:
    folder = copied(FORMATS, tmp_path)
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    for part, key, changed in CHANGES.values():
        forged = json.loads(json.dumps(record))
        forged[part][key] = changed(forged[part][key])
        seal(folder, forged)
        assert shown(page, folder)[0] == "Refused", (part, key)


def test_the_page_says_what_is_missing_or_damaged(page: Any, tmp_path: Path) -> None:
    folder = copied(FORMATS, tmp_path)
    assert shown(page, folder, names=["counts.npz"])[0] == "Two files are needed"
    (folder / "certificate.json").write_text("{", encoding="utf-8")
    assert shown(page, folder)[0] == "Cannot be read"


def test_files_are_dropped_on_the_page(page: Any) -> None:
    page.evaluate("document.getElementById('verdict').textContent = ''")
    page.evaluate(
        """async files => {
            const carried = new DataTransfer();
            for (const [name, bytes] of files)
                carried.items.add(new File([new Uint8Array(bytes)], name));
            const target = document.getElementById('drop');
            for (const kind of ['dragover', 'drop'])
                target.dispatchEvent(new DragEvent(kind, {dataTransfer: carried}));
        }""",
        [
            [name, list((FORMATS / name).read_bytes())]
            for name in ("certificate.json", "counts.npz")
        ],
    )
    assert settled(page)[0] == "Follows from its counts"


def shown(page: Any, folder: Path, names: list[str] | None = None) -> tuple[str, str]:
    """What the page says of the files of a folder."""
    page.evaluate("document.getElementById('verdict').textContent = ''")
    page.set_input_files("#files", [])
    chosen = names or ["certificate.json", "counts.npz"]
    page.set_input_files("#files", [str(folder / name) for name in chosen])
    return settled(page)


def settled(page: Any) -> tuple[str, str]:
    """Verdict and words, once there are some."""
    page.wait_for_function(
        "!['', 'Computing'].includes(document.getElementById('verdict').textContent)"
    )
    return page.text_content("#verdict"), page.text_content("#told")


def test_the_script_says_which_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: 0 right, 1 wrong, 2 unreadable."""
    code = compile(SCRIPT.read_text("utf-8"), str(SCRIPT), "exec")
    folder = copied(FORMATS, tmp_path)
    assert run(code, folder) is None
    assert "follows from its counts: 13 certified" in capsys.readouterr().out
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    record["result"]["certified"] = 20
    seal(folder, record)
    assert str(run(code, folder)).startswith("refused: ")
    (folder / "counts.npz").write_bytes(b"PK")
    assert run(code, folder) == 2
    with zipfile.ZipFile(folder / "counts.npz", "w") as archive:
        archive.writestr("hits.npy", b"\x93NUMPY")
    assert run(code, folder) == 2


def run(code: Any, folder: Path) -> object:
    """Run the script on a folder; with what it exits, None if it does not."""
    before, sys.argv = sys.argv, ["verify.py", str(folder)]
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as error:
        return error.code
    finally:
        sys.argv = before
    return None
