"""How the vectors were made: ``python tests/vectors/make.py``; a verifier must agree with each.

``edges.json`` holds cases by hand, ``random.json`` cases at random, ``refused.json`` cases that
must be refused. What is expected is segcert's answer; tests hold it to two others.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

from conformance import (  # noqa: E402
    CORRECTIONS,
    TREE,
    Case,
    case,
    decided,
    family,
    random_case,
)

from segcert.errors import InputError  # noqa: E402

NUMBER = 160  # of cases at random
HOLM, BONFERRONI, K_FWER, _, CAPPED, CAPPED_2, ORDERED, BY_AGREEMENT, ORDERED_5 = CORRECTIONS


def edges() -> dict[str, Case]:
    """Cases in which a slip shows."""
    n, most = 40, [40] * 6
    ladder = [40, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30]
    promises = [50000, 49000, 48000, 47000, 46000, 45000, 44000, 43000, 42000, 41000, 40000, 39000]
    margins = {"promise": promises}
    found = {
        "one component": case([40], n=n),
        "all hits": case(most, n=n),
        "no hit at all": case([40, 0], n=n),
        "tau of one half": case(ladder, n=n, tau=0.5),
        "alpha near one": case(ladder, n=n, alpha=0.999),
        "a tiny alpha": case([2000, 1650, 1640, 1630], n=2000, alpha=1e-12),
        "tau near one": case([3000, 2999, 2990], n=3000, tau=0.995),
        "many draws": case([9000, 7700, 7650, 7600], n=10000),
        "equal counts stand or fall together": case([36] * 12, n=n),
        "holm goes where bonferroni does not": case([40] * 11 + [34], n=n),
        "bonferroni stays": case([40] * 11 + [34], n=n, correction=BONFERRONI),
        "two axes": case(ladder, n=n, shape=(3, 4)),
        "without pilot": case(ladder, n=n, n0=0),
        "without pilot, tau of one half": case(ladder, n=n, n0=0, tau=0.5),
        "without pilot, a tie of classes": case([20, 40], n=n, n0=0),
        "looks": case(ladder, n=n, sequential={"kind": "looks", "at": [20, 40, 60]}),
        "one look is none": case(ladder, n=n, sequential={"kind": "looks", "at": [40]}),
        "any time": case(ladder, n=n, sequential={"kind": "anytime", "at": [60, 10]}),
        "any time, at the end": case(ladder, n=n, sequential={"kind": "anytime", "at": [40, 7]}),
        "any time, many draws": case([3000, 2500, 2400], n=3000,
                                     sequential={"kind": "anytime", "at": [3000, 100]}),
        "a mask": case(ladder, n=n, ignore=[0, 1] * 6),
        "a mask that leaves one": case(ladder, n=n, ignore=[1] * 11 + [0]),
        "dropped by agreement": case(ladder, n=n, n0=4, pilot_hits=[4, 3] * 6,
                                     family=family(drop_below=2.0)),
        "dropped by margin": case(ladder, n=n, family=family(drop_below=5.0), **margins),
        "dropped at a half step": case(ladder, n=n, family=family(drop_below=2.5 / 2048),
                                       promise=[32770, 32771] * 6),
        "regions of one": case(ladder, n=n, regions=list(range(12))),
        "one region": case(ladder, n=n, regions=[7] * 12),
        "regions with negative numbers": case(ladder, n=n, regions=[-5, 9, 0] * 4),
        "regions far apart": case(ladder, n=n, regions=[-(2**62), 2**62] * 6),
        "blocks": case(ladder, n=n, shape=(3, 4), family=family(block_side=2)),
        "blocks wider than the input": case(ladder, n=n, shape=(3, 4), family=family(block_side=9)),
        "blocks cut by class and grade": case(ladder, n=n, shape=(3, 4), labels=[0, 1] * 6,
                                              family=family(block_side=2), **margins),
        "blocks without pilot": case(ladder, n=n, n0=0, shape=(3, 4), family=family(block_side=2)),
        "ordered": case(ladder, n=n, correction=ORDERED, **margins),
        "ordered by agreement": case(ladder, n=n, correction=BY_AGREEMENT, **margins),
        "ordered without reserve": case(ladder, n=n, correction=ORDERED_5, **margins),
        "ordered, equal promises": case(ladder, n=n, correction=BY_AGREEMENT),
        "ordered, the wrong way round": case(ladder, n=n, correction=BY_AGREEMENT,
                                             pilot_hits=[1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]),
        "ordered at looks": case(ladder, n=n, correction=ORDERED_5, **margins,
                                 sequential={"kind": "looks", "at": [40, 80]}),
        "ordered at any time": case(ladder, n=n, correction=BY_AGREEMENT, **margins,
                                    sequential={"kind": "anytime", "at": [80, 10]}),
        "ordered regions": case(ladder, n=n, correction=BY_AGREEMENT, **margins,
                                regions=[0, 1, 2, 3] * 3),
        "all are doubtful": case(ladder, n=n, correction=ORDERED, promise=[100] * 12),
        "a class tree": case([40] * 4, n=n, n0=0, tree=TREE, classes=4,
                             class_counts=[40, 20, 0, 10, 0, 20, 0, 10, 0, 0, 40, 10, 0, 0, 0, 10],
                             labels=[0, 0, 2, 0], hits=[40, 20, 40, 10]),
        "a class tree with a mask": case([40] * 4, n=n, n0=0, tree=TREE, classes=4,
                                         ignore=[1, 0, 0, 0], labels=[0, 0, 2, 0],
                                         class_counts=[40, 20, 0, 10, 0, 20, 0, 10, 0, 0, 40, 10,
                                                       0, 0, 0, 10], hits=[40, 20, 40, 10]),
    }  # fmt: skip
    for failing in range(2, 6):  # around the cap
        for one in (CAPPED, CAPPED_2):
            cap = one["parameters"]["cap"]
            hits = [40] * (12 - failing) + [20] * failing
            found[f"capped by {cap}, {failing} fail"] = case(hits, n=n, correction=one)
    for k in (1, 2, 11, 12, 13, 100):
        one = {"name": "k-fwer", "parameters": {"k": k}}
        found[f"fewer than {k} errors among 12"] = case(ladder, n=n, correction=one)
    return found


def refused() -> dict[str, Case]:
    """Cases that no valid certificate is."""
    ladder = [40, 39, 38, 37]
    broken: dict[str, dict[str, Any]] = {
        "tau below one half": {"tau": 0.49},
        "tau of one": {"tau": 1.0},
        "alpha of zero": {"alpha": 0.0},
        "alpha of one": {"alpha": 1.0},
        "any time without pilot": {"n0": 0, "sequential": {"kind": "anytime", "at": [40, 10]}},
        "ordered without pilot": {"n0": 0, "correction": ORDERED},
        "dropped without pilot": {"n0": 0, "family": family(drop_below=2.0)},
        "everything ignored": {"ignore": [1, 1, 1, 1]},
        "a tree with pilot": {"tree": TREE, "classes": 4},
        "a correction that is not valid": {"correction": {"name": "hochberg", "parameters": {}}},
        "k of zero": {"correction": {"name": "k-fwer", "parameters": {"k": 0}}},
        "a negative cap": {
            "correction": {"name": "capped", "parameters": {"cap": -1, "k": 1, "reserve": 0.1}}
        },
        "a reserve of one": {
            "correction": {"name": "capped", "parameters": {"cap": 1, "k": 1, "reserve": 1.0}}
        },
        "a budget of zero": {
            "correction": {
                "name": "ordered", "parameters": {"budget": 0, "by": "margin", "reserve": 0.1},
            }
        },
    }  # fmt: skip
    return {name: case(ladder, n=40, **options) for name, options in broken.items()}


def at_random() -> dict[str, Case]:
    """Cases at random that segcert decides, half of them with something to certify and to leave."""
    rng, found = np.random.default_rng(2026), {}
    while len(found) < NUMBER:
        one = random_case(rng)
        try:
            certified = decided(one)["certified"]
        except InputError:
            continue
        if 0 < sum(certified) < len(certified) or len(found) % 2:
            found[f"at random {len(found)}"] = one
    return found


def main() -> None:
    """Write all vectors."""
    for name, cases in (("edges", edges()), ("random", at_random())):
        vectors = [{"name": key, **one, "expected": decided(one)} for key, one in cases.items()]
        write(name, vectors)
    write("refused", [{"name": key, **one, "expected": None} for key, one in refused().items()])


def write(name: str, vectors: list[Case]) -> None:
    """Write a file, one vector a line."""
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in vectors)
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
