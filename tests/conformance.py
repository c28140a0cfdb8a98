"""Cases for everyone who decides from counts: made at random or read, and decided by segcert.

A case is plain data, as JSON has it: ``shape`` of the components, number of ``classes``,
``parameters`` as in certificate.json, ``arrays`` as in counts.npz, flattened.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import segcert as sc
from segcert.certificates.again import claim_as_chosen
from segcert.certificates.chosen import Chosen
from segcert.certificates.reading import to_correction, to_family, to_sequential, to_tree
from segcert.certificates.records import (
    CorrectionRecord,
    FamilyRecord,
    SequentialRecord,
    TreeRecord,
)
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.tally import Run

ROOT = Path(__file__).parents[1]
Case = dict[str, Any]
CORRECTIONS: tuple[Case, ...] = (
    {"name": "holm", "parameters": {}},
    {"name": "bonferroni", "parameters": {}},
    {"name": "k-fwer", "parameters": {"k": 3}},
    {"name": "k-fwer", "parameters": {"k": 50}},
    {"name": "capped", "parameters": {"cap": 3, "k": 1, "reserve": 0.1}},
    {"name": "capped", "parameters": {"cap": 8, "k": 2, "reserve": 0.0}},
    {"name": "ordered", "parameters": {"budget": None, "by": "margin", "reserve": 0.1}},
    {"name": "ordered", "parameters": {"budget": 2, "by": "agreement", "reserve": 0.1}},
    {"name": "ordered", "parameters": {"budget": 5, "by": "margin", "reserve": 0.0}},
)
TREE = {"names": ["a", "b", "c", "d", "ab", "cd", "all"], "parents": [4, 4, 5, 5, 6, 6, 6]}
NOISE = {"kind": "lattice-gaussian", "parameters": {"sigma": 0.25}, "norm": "l2",
         "unit": "input units"}  # fmt: skip


def family(*, drop_below: float | None = None, block_side: int | None = None) -> Case:
    """A family of tests; masks and regions are among the arrays."""
    return {"ignored": 0, "drop_below": drop_below, "block_side": block_side,
            "regions_given": False}  # fmt: skip


def case(
    hits: list[int],
    /,
    *,
    n: int,
    n0: int = 5,
    tau: float = 0.75,
    alpha: float = 0.1,
    correction: Case = CORRECTIONS[0],
    shape: tuple[int, ...] | None = None,
    sequential: Case | None = None,
    tree: Case | None = None,
    **more: Any,
) -> Case:
    """A case of two classes, all components of the second one, or with ``arrays`` of its own."""
    size = len(hits)
    arrays: Case = {"labels": [1] * size, "hits": hits}
    if n0:
        arrays["pilot_hits"] = [n0] * size
    else:
        arrays["class_counts"] = [n - h for h in hits] + hits
        arrays["labels"] = [int(2 * h > n) for h in hits]
        arrays["hits"] = [max(h, n - h) for h in hits]
    chosen = {"tau": tau, "alpha": alpha, "correction": correction, "n0": n0, "n": n,
              "family": more.pop("family", family()), "tree": tree, "sequential": sequential,
              "noise": NOISE}  # fmt: skip
    return {"shape": list(shape or (size,)), "classes": more.pop("classes", 2),
            "parameters": chosen, "arrays": arrays | more}  # fmt: skip


def random_case(rng: np.random.Generator) -> Case:
    """Any correction, way of stopping, family and kind of test, at sizes of a few dozen."""
    n, n0 = int(rng.integers(20, 120)), int(rng.choice([0, 1, 4, 7]))
    tau, alpha = float(rng.choice([0.5, 0.6, 0.75, 0.8, 0.9])), float(rng.choice([0.3, 0.1, 0.01]))
    shape = [(24,), (4, 6), (2, 3, 4), (7,)][rng.integers(4)]
    size = int(np.prod(shape))
    pick = CORRECTIONS[: len(CORRECTIONS) if n0 else 6]
    sequential, tree = ways_to_stop(rng, n, n0), None
    chances = rng.choice([0.99, 0.97, 0.9, tau, 0.5], size)
    if n0:
        classes = 3
        arrays = {
            "labels": rng.integers(0, classes, size), "hits": rng.binomial(n, chances),
            "pilot_hits": rng.binomial(n0, np.maximum(chances, 0.5)),
        }  # fmt: skip
        if rng.random() < 0.7:
            arrays["promise"] = rng.choice([30000, 32768, 36863, 36864, 40000, 41000, 50000], size)
    else:
        classes, tree = 4, TREE if rng.random() < 0.4 else None
        drawn = np.array([rng.multinomial(n, spread(p, rng)) for p in chances]).T
        arrays = {"class_counts": drawn, "labels": drawn.argmax(0), "hits": drawn.max(0)}
    tested = family(
        drop_below=float(rng.choice([0.0, 2.0, 3.5])) if n0 and rng.random() < 0.3 else None,
        block_side=2 if rng.random() < 0.3 and not tree else None,
    )
    if rng.random() < 0.3:
        arrays["ignore"] = rng.random(size) < 0.3
        arrays["ignore"][0] = False
    if tested["block_side"] is None and not tree and rng.random() < 0.2:
        arrays["regions"] = rng.integers(-3, 6, size)
        tested["regions_given"] = True
    return {
        "shape": list(shape), "classes": classes,
        "parameters": {
            "tau": tau, "alpha": alpha, "correction": pick[rng.integers(len(pick))], "n0": n0,
            "n": n, "family": tested, "tree": tree, "sequential": sequential, "noise": NOISE,
        },
        "arrays": {name: np.ravel(values).tolist() for name, values in arrays.items()},
    }  # fmt: skip


def spread(p: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of four classes: one of p, wherever it is, and the rest mostly of another."""
    return rng.permutation([p, (1 - p) * 0.8, (1 - p) * 0.15, (1 - p) * 0.05])


def ways_to_stop(rng: np.random.Generator, n: int, n0: int) -> Case | None:
    """No look before the end, planned looks, or any time; it stopped after n draws."""
    way = rng.integers(4)
    if way == 0:
        return {"kind": "looks", "at": [n, n + 10, n + 40]}
    if way == 1:
        return {"kind": "looks", "at": [n // 2, n]}
    if way == 2 and n0:
        return {"kind": "anytime", "at": [n, 10]}
    return None


def decided(one: Case) -> Case:
    """Decide by segcert: labels, certified, threshold, flattened.

    Raises:
        InputError: If it refuses to.
    """
    claim = claim_as_chosen(counts_of(one), chosen_of(one))
    return {"labels": claim.labels.ravel().tolist(), "threshold": claim.threshold,
            "certified": claim.certified.ravel().astype(int).tolist()}  # fmt: skip


def shaped(one: Case, name: str, dtype: type) -> np.ndarray | None:
    """An array of a case in its shape; None if it has none."""
    values = one["arrays"].get(name)
    if values is None:
        return None
    shape = (-1, *one["shape"]) if name == "class_counts" else one["shape"]
    return np.array(values, dtype=dtype).reshape(shape)


def chosen_of(one: Case) -> Chosen:
    """What was chosen before the counts were seen."""
    said = one["parameters"]
    stored = {"ignore": shaped(one, "ignore", bool), "regions": shaped(one, "regions", np.int64)}
    given = {name: array for name, array in stored.items() if array is not None}
    tree = None if said["tree"] is None else TreeRecord(**said["tree"])
    return Chosen(
        said["tau"], said["alpha"], to_correction(CorrectionRecord(**said["correction"])),
        to_family(FamilyRecord(**said["family"]), given), to_tree(tree),
    )  # fmt: skip


def counts_of(one: Case) -> Counts:
    """The counts, as if they had been drawn from an image of one channel."""
    said = one["parameters"]
    n0, n, stops = said["n0"], said["n"], said["sequential"]
    runs = ((Run(0, n0, 1),) if n0 else (), (Run(0, n, 1),))
    source = Provenance(
        input_sha256="0", input_shape=(1, *one["shape"]), input_dtype="uint8", model="m",
        weights_sha256="none", scale="1", seed=0, stop_rule="", streams="cpu", device="cpu",
        device_name="", precision="float32", pilot_runs=runs[0], test_runs=runs[1], versions=(),
    )  # fmt: skip
    labels, hits = shaped(one, "labels", np.int16), shaped(one, "hits", np.int32)
    assert labels is not None
    assert hits is not None
    return Counts(
        labels=labels, hits=hits, pilot_hits=shaped(one, "pilot_hits", np.uint16),
        promise=shaped(one, "promise", np.uint16),
        class_counts=shaped(one, "class_counts", np.int32), n0=n0, n=n,
        sequential=to_sequential(stops and SequentialRecord(**stops), n=n),
        classes=one["classes"], class_names=tuple("abcd"[: one["classes"]]), palette=(),
        noise=sc.LatticeGaussianNoise(0.25),
        invalid=0, pilot_fingerprints=np.arange(n0, dtype=np.uint64),
        test_fingerprints=np.arange(n0, n0 + n, dtype=np.uint64), provenance=source,
    )  # fmt: skip


def script() -> ModuleType:
    """The verifier that needs the standard library alone."""
    path = ROOT / "verifiers" / "verify.py"
    spec = importlib.util.spec_from_file_location("verify_alone", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def decided_alone(verify: ModuleType, one: Case, *, up: bool = False) -> Case:
    """Decide by the verifier that needs the standard library alone.

    Raises:
        Refused: If it refuses to; a class of its own.
    """
    decide: Callable[..., tuple[Any, Any, int]] = verify.decide
    labels, certified, threshold = decide(one["parameters"], one["arrays"], one["shape"], up)
    return {
        "labels": list(labels),
        "threshold": threshold,
        "certified": [int(c) for c in certified],
    }
