"""Changed certificates, a thousand in `make test-slow`; `verify` accepts none.

A mutant counts if it says something else than the original: another JSON value, or an array of
another name, type, shape or value. White space, the order of keys, and 0.60 for 0.6 say the same
and are refused in a test of their own; bytes of the zip file that describe no array say the same,
too, and nothing is claimed of them.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutants import MUTATIONS, Files, hashed, read, sealed, write

import segcert as sc
from segcert.certificates.replay import replay
from segcert.cli.verify import verify

MUTANTS = [300, pytest.param(1000, marks=pytest.mark.slow)]
MOST_TRIES = 1.1  # times the mutants: flips of a bit that describes nothing are few


@pytest.fixture(scope="module")
def originals(
    counts: sc.Counts, cert_no_pilot: sc.Certificate, tmp_path_factory: pytest.TempPathFactory
) -> list[Files]:
    """Certificates of four kinds, as their files."""
    shape = counts.labels.shape
    ignore = np.zeros(shape, bool)
    ignore[0] = True
    tree = sc.ClassTree(("low", "high", "never", "all"), (3, 3, 3, 3))
    kinds = [
        sc.certify(counts, tau=0.6, alpha=0.1),
        sc.certify(counts, tau=0.6, alpha=0.1, ignore=ignore, regions=sc.Blocks(2), drop_below=0.5),
        cert_no_pilot,
        sc.certify_tree(cert_no_pilot.counts, tree, tau=0.6, alpha=0.1),
    ]
    found = []
    for number, kind in enumerate(kinds):
        folder = tmp_path_factory.mktemp(f"kind{number}")
        kind.save(folder)
        parts = (folder / name for name in ("certificate.json", "counts.npz"))
        found.append(Files(*(part.read_bytes() for part in parts)))
    return found


def put(files: Files, folder: Path) -> Path:
    (folder / "certificate.json").write_bytes(files.record)
    (folder / "counts.npz").write_bytes(files.counts)
    return folder


def test_originals_hold_and_so_do_arrays_packed_again(
    originals: list[Files], tmp_path: Path
) -> None:
    for files in originals:
        sc.load_certificate(put(files, tmp_path))
        other = write(*read(files))
        assert other.record == files.record
        sc.load_certificate(put(other, tmp_path))


@pytest.mark.parametrize(
    "layout",
    [
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n",
        lambda text: text + "\n",
        lambda text: text.replace('"tau": 0.6,', '"tau": 0.60,'),
        lambda text: text.replace('"tau": 0.6,', '"tau": 6e-1,'),
        lambda text: text.replace('"low"', '"\\u006cow"', 1),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
    ],
)
def test_one_layout_of_the_record_is_ours(
    originals: list[Files], tmp_path: Path, layout: Callable[[str], str]
) -> None:
    """Bytes that say the same in another way are bytes that segcert did not write."""
    changed = layout(originals[0].record.decode())
    assert changed != originals[0].record.decode()
    with pytest.raises(sc.VerificationError, match=r"laid out|no JSON"):
        sc.load_certificate(put(Files(changed.encode(), originals[0].counts), tmp_path))


def test_the_forger_knows_both_hashes(originals: list[Files]) -> None:
    for files in originals:
        record, arrays = read(files)
        assert sealed(record) == hashed(record, arrays) == record


@pytest.mark.repeats
@pytest.mark.parametrize("mutants", MUTANTS)
def test_verify_accepts_no_mutant(
    originals: list[Files], tmp_path: Path, command: Callable[..., object], mutants: int
) -> None:
    seen: Counter[str] = Counter()
    accepted, tries = [], 0
    while seen.total() < mutants:
        rng = np.random.default_rng([7, tries])
        mutation, original = MUTATIONS[tries % len(MUTATIONS)], originals[tries // 3 % 4]
        tries += 1
        mutant = mutation(original, rng)
        if mutant.meaning == original.meaning:
            continue
        seen[mutation.__name__] += 1
        try:
            verify(put(mutant, tmp_path))
        except sc.VerificationError as error:
            if not seen.total() % 20:  # the same through the command line, which takes longer
                command("verify", tmp_path).refuses(" ".join(str(error).split()), status=1)
            continue
        accepted.append((mutation.__name__, tries - 1))
    assert accepted == []
    assert tries <= MOST_TRIES * mutants
    assert min(seen[mutation.__name__] for mutation in MUTATIONS) >= 0.06 * mutants


def test_a_whole_forgery_is_found_by_a_replay(
    originals: list[Files], segmenter: sc.Segmenter, image: np.ndarray, tmp_path: Path
) -> None:
    """Two components change places with all their counts: every sum stays, both hashes are new."""
    record, arrays = read(originals[0])
    for name in ("labels", "hits", "pilot_hits"):
        flat = arrays[name].reshape(-1)
        flat[[3, 40]] = flat[[40, 3]]
    forged = write(hashed(record, arrays), arrays)
    assert forged.meaning != originals[0].meaning
    found = sc.load_certificate(put(forged, tmp_path))
    with pytest.raises(sc.VerificationError, match="2 of 126 components get another class"):
        replay(found, segmenter, image)
