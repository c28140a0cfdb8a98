#!/usr/bin/env python3
"""Check a segcert certificate by Python's standard library alone: ``python verify.py FOLDER``.

FOLDER holds certificate.json and counts.npz; the rules are those of docs/specification.md, in exact
arithmetic; no code is shared with segcert. Exit status: 0 right, 1 wrong, 2 it cannot be read.
"""

import ast
import hashlib
import json
import math
import sys
import zipfile
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist

BITS = 1200  # of p-values, which are integers over 2^1200: far finer than 1e-200
ONE = 1 << BITS
BETS = [Fraction(u, 100) for u in (0, 3, 7, 12, 18, 25, 33, 42, 52, 64, 76, 88)]
WEIGHTS = [Fraction(w, 1000) for w in (220, 150, 110, 150, 130, 100, 70, 35, 15, 10, 5, 5)]
TYPES = {"|b1": "B bool", "|u1": "B uint8", "<u2": "H uint16", "<u4": "I uint32", "<u8": "Q uint64",
         "|i1": "b int8", "<i2": "h int16", "<i4": "i int32", "<i8": "q int64"}  # fmt: skip


class Refused(Exception):  # noqa: N818  # which it is
    """The certificate does not follow from its counts; the text says what is wrong."""


def need(condition, text):
    """Refuse with a text unless a condition holds."""
    if not condition:
        raise Refused(text)


def tails(n, p):
    """P(Bin(n, p) >= k) for k = 0, ..., n: terms from the largest one outwards, then sums."""
    hit, miss = p.numerator, p.denominator - p.numerator
    terms, mode = [0] * (n + 1), min(n, (n + 1) * hit // p.denominator)
    terms[mode] = ONE
    for k in range(mode, n):
        terms[k + 1] = terms[k] * (n - k) * hit // ((k + 1) * miss)
    for k in range(mode, 0, -1):
        terms[k - 1] = terms[k] * k * miss // ((n - k + 1) * hit)
    total = sum(terms)
    return [(above << BITS) // total for above in accumulate(reversed(terms))][::-1]


def e_process(n, tau):
    """One over the wealth of the mixture of bets, at most 1."""
    wealth = [0] * (n + 1)
    for bet, weight in zip(BETS, WEIGHTS):
        hit = (1 - bet * (1 - tau)) / tau
        now, step = int(weight * hit**n * ONE), bet / hit
        for k in range(n, -1, -1):
            wealth[k] += now
            now = now * step.numerator // step.denominator
    return [min(ONE, ONE * ONE // w) if w else ONE for w in wealth]


def levels(components, chosen, up):
    """The p-value of each count, and what of alpha is left for the correction."""

    def rounded(values, slack):
        return [min(ONE, v + int(v * slack) + (2 << BITS) // 10**200) if up else v for v in values]

    n, tau, alpha = chosen["n"], Fraction(chosen["tau"]), Fraction(chosen["alpha"])
    stops = chosen["sequential"] or {"kind": "", "at": [n]}
    if stops["kind"] == "anytime":
        need(chosen["n0"] and not chosen["tree"], "stopping at any time needs a pilot")
        return rounded(e_process(n, tau), Fraction(2 * (n + 1000), 10**13)), alpha
    alpha /= len(stops["at"])
    right, wrong = (rounded(tails(n, p), Fraction(2, 10**10)) for p in (tau, 1 - tau))
    if chosen["n0"]:
        return right, alpha
    least = max(tau * (n - 1) + 1, Fraction(n + 1, 2))
    found = [min(ONE, right[k] + wrong[k]) if k >= least else ONE for k in range(n + 1)]
    if chosen["tree"]:
        return found, alpha
    for k in range(n + 1):
        reserve = Fraction(components * wrong[k], ONE)
        if found[k] <= alpha * ONE and reserve <= alpha / 3:
            return [ONE] * k + found[k:], alpha - reserve
    return [ONE] * (n + 1), alpha


def first_at_most(p_values, level):
    """The smallest count whose p-value is at most a level; n + 1 if none."""
    most = math.floor(level * ONE)
    return next((k for k, p in enumerate(p_values) if p <= most), len(p_values))


def step_down(p_values, alpha, hits, k):
    """Lehmann and Romano's procedure, Holm's if k = 1: equal counts stand or fall together."""
    tests, smallest, rank, number = len(hits), len(p_values), 1, [0] * len(p_values)
    for count in hits:
        number[count] += 1
    k = min(k, max(tests, 1))
    for count in range(len(p_values) - 1, -1, -1):
        if number[count]:
            if p_values[count] > k * alpha * ONE / (tests + k - max(rank, k)):
                break
            smallest, rank = count, rank + number[count]
    return smallest


def ordered(p_values, alpha, hits, promises, budget, reserve, any_time):
    """Test in the order of falling promise until the budget of failures is spent."""
    mild, top = (1 - reserve) * alpha, len(p_values) - 1
    budget = budget or max(1, sum(p < promise(2.0) for p in promises) // 4)
    first, paid = first_at_most(p_values, mild / budget), budget
    if not any_time:
        above = min(first, top)
        below = max(above - 1, 0)
        near = Fraction(p_values[below] * p_values[above], ONE * ONE) <= (mild / budget) ** 2
        first = max(below if near else above, min(first_at_most(p_values, mild), top))
        paid = int(mild / Fraction(p_values[first], ONE))
    paid = min(paid, len(hits))
    last = max(first, first_at_most(p_values, reserve * alpha / max(len(hits) - paid, 1)))
    rejected, failures = [h >= last for h in hits], 0
    if paid == 0:
        return last, rejected
    for test in sorted(range(len(hits)), key=lambda i: -promises[i]):
        rejected[test] |= hits[test] >= first
        failures += hits[test] < first
        if failures == paid:
            break
    return first, rejected


def correct(correction, p_values, alpha, hits, promises, any_time):
    """Run a correction by its record: the smallest count, and which tests are rejected."""
    name, given = correction["name"], correction["parameters"]
    k, cap, budget = given.get("k", 1), given.get("cap", 0), given.get("budget")
    reserve = Fraction(given.get("reserve", 0))
    fits = k >= 1 and cap >= 0 and 0 <= reserve < 1 and (budget is None or budget >= 1)
    need(fits, f"correction {name} has a parameter out of range")
    if name == "ordered":
        need(promises is not None, "ordered testing needs a pilot")
        return ordered(p_values, alpha, hits, promises, budget, reserve, any_time)
    need(name in ("bonferroni", "holm", "k-fwer", "capped"), f"no correction {name!r} is known")
    if name == "bonferroni":
        smallest = first_at_most(p_values, alpha / max(len(hits), 1))
    elif name == "capped":  # all passes at a mild level if few enough fail, or the fallback
        mild = first_at_most(p_values, min((1 - reserve) * alpha * k / (k + cap), Fraction(1)))
        smallest = step_down(p_values, reserve * alpha, hits, k)
        smallest = min(smallest, mild) if sum(h < mild for h in hits) <= cap else smallest
    else:
        smallest = step_down(p_values, alpha, hits, k)
    return smallest, [h >= smallest for h in hits]


def promise(ratio):
    """The 16-bit number of a margin over its spread."""
    return min(max(round(ratio * 2048) + 32768, 0), 65535)


def promises_of(arrays, n0, by="margin"):
    """The promises in the file, or those of plain agreement among the pilot draws."""
    if by == "margin" and "promise" in arrays:
        return arrays["promise"]
    means = [2 * agreed / n0 - 1 for agreed in range(n0 + 1)]
    table = [promise(mean / (math.sqrt(1 - mean * mean) + 0.1)) for mean in means]
    return [table[agreed] for agreed in arrays["pilot_hits"]]


def regions_of(arrays, shape, side, n0):
    """What the tests are: a key for each component, in the order in which tests are numbered."""
    if "regions" in arrays:
        return arrays["regions"]
    if side is None:
        return range(math.prod(shape))
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    blocks = [
        tuple(i // stride % length // side for stride, length in zip(strides, shape))
        for i in range(math.prod(shape))
    ]
    if not n0:
        return blocks
    grades = [sum(p >= promise(r) for r in (0, 1, 2, 3, 4, 6)) for p in promises_of(arrays, n0)]
    return list(zip(blocks, arrays["labels"], grades))


def decide(chosen, arrays, shape, up=False):
    """Labels, which components are certified, and the smallest count, by flattened arrays."""
    n0, family, size, tree = chosen["n0"], chosen["family"], math.prod(shape), chosen["tree"]
    need(0.5 <= chosen["tau"] < 1 and 0 < chosen["alpha"] < 1, "tau or alpha is out of range")
    tested = [i for i in range(size) if not arrays.get("ignore", b"\0" * size)[i]]
    need(tested, "every component is ignored")
    if family["drop_below"] is not None and not tree:
        need(n0, "drop_below is a rule on pilot draws, and there are none")
        margin = promises_of(arrays, n0)
        tested = [i for i in tested if margin[i] >= promise(family["drop_below"])]
    p_values, alpha = levels(len(tested), chosen, up)
    if tree:
        need(not n0, "a class tree needs the counts of all classes")
        smallest, root = first_at_most(p_values, alpha / len(tested)), len(tree["parents"]) - 1
        labels = deepest(tree["parents"], arrays["class_counts"], size, smallest)
        right = {i for i in tested if labels[i] < root}
        return labels, [i in right for i in range(size)], smallest
    by = chosen["correction"]["parameters"].get("by", "margin")
    promises = promises_of(arrays, n0, by) if n0 else None
    keys, groups = regions_of(arrays, shape, family["block_side"], n0), {}
    for i in tested:
        groups.setdefault(keys[i], []).append(i)
    members, hits = [groups[key] for key in sorted(groups)], arrays["hits"]
    least = promises and [min(promises[i] for i in group) for group in members]
    any_time = (chosen["sequential"] or {}).get("kind") == "anytime"
    worst = [min(hits[i] for i in group) for group in members]
    smallest, rejected = correct(chosen["correction"], p_values, alpha, worst, least, any_time)
    right = {i for group, yes in zip(members, rejected) if yes for i in group}
    return arrays["labels"], [i in right for i in range(size)], smallest


def deepest(parents, class_counts, size, smallest):
    """The deepest node of a class tree that is counted often enough, at each component."""
    root, leaves = len(parents) - 1, min(parents)
    counts = [class_counts[k * size : (k + 1) * size] for k in range(leaves)]
    counts += [[0] * size] * (root + 1 - leaves)
    for node in range(root):
        counts[parents[node]] = [a + b for a, b in zip(counts[parents[node]], counts[node])]
    return [next((v for v in range(root) if counts[v][i] >= smallest), root) for i in range(size)]


def radius(noise, tau):
    """The radius of a noise at a probability, in real numbers."""
    scale, quantile = next(iter(noise["parameters"].values())), NormalDist().inv_cdf(tau)
    kind = noise["kind"].removeprefix("lattice-")
    if kind in ("gaussian", "points", "brightness", "contrast", "axis-rotation"):
        return scale * quantile
    others = {"uniform": 2 * scale * (tau - 0.5), "laplace": -scale * math.log(2 - 2 * tau),
              "rotation": math.sqrt(2 * math.expm1(min(scale, 2) ** 2 / 2)) * quantile,
              "pose": quantile, "axis-angle": 0.0}  # fmt: skip
    return others[kind]


def read(folder):
    """The record, the arrays flattened, and the hash of the arrays."""
    record = json.loads((folder / "certificate.json").read_text("utf-8"))
    arrays, digest = {}, hashlib.sha256()
    with zipfile.ZipFile(folder / "counts.npz") as stored:
        for name in sorted(stored.namelist()):
            raw = stored.read(name)
            head = 10 + int.from_bytes(raw[8:10], "little")
            said = ast.literal_eval(raw[10:head].decode())
            letter, long = TYPES[said["descr"]].split()
            digest.update(f"{name[:-4]}|{long}|{said['shape']}|".encode() + raw[head:])
            arrays[name[:-4]] = memoryview(raw[head:]).cast(letter)
    return record, arrays, digest.hexdigest()


def check_counts(record, arrays, size):
    """Refuse counts that no draws can give."""
    chosen, classes = record["parameters"], record["model"]["classes"]
    n0, n, hits, labels = chosen["n0"], chosen["n"], arrays["hits"], arrays["labels"]
    draws = len(arrays["pilot_fingerprints"]), len(arrays["test_fingerprints"])
    need(len(hits) == len(labels) == size and draws == (n0, n), "arrays of another length")
    need(max(labels) < classes and max(hits) <= n, "labels or hits are too large")
    stops = chosen["sequential"] or {"kind": "", "at": [n]}
    most, every = stops["at"] if stops["kind"] == "anytime" else (n, n)
    looks = {*range(every, most, every), most} if stops["kind"] == "anytime" else stops["at"]
    need(n in looks, "sampling stopped where there is no look")
    for i in range(0 if n0 else size):
        counted = list(arrays["class_counts"][i::size])
        first = max(counted) == hits[i] and counted.index(hits[i]) == labels[i]
        need(first and sum(counted) <= n, "labels and hits do not follow from the class counts")


def verify(record, arrays, counts_sha256):
    """Check everything; the claim in words, from what was recomputed alone."""
    chosen, result, text = record["parameters"], record["result"], record["statement"]
    need(record["version"] == 3, "only version 3 is specified: older ones need segcert verify")
    content = json.dumps(record | {"digest": ""}, sort_keys=True).encode()
    need(hashlib.sha256(content).hexdigest() == record["digest"], "the record was changed")
    need(counts_sha256 == record["counts_sha256"], "the counts were changed")
    given = record["provenance"]["input_shape"]  # of clouds: points, columns; else channels first
    size = math.prod(shape := given[1:] if len(given) > 2 else given[:1])
    check_counts(record, arrays, size)
    found = {(sum(d[1]), d[2]) for d in (decide(chosen, arrays, shape, up) for up in (False, True))}
    said = result["certified"], result["threshold"]
    need(said in found, f"it says {said} are certified from which count on, the counts {found}")
    right = radius(chosen["noise"], chosen["tau"])
    need(right * (1 - 1e-12) <= result["radius"] <= right, f"the radius is {right}, no other")
    places = max(4, 3 - Decimal(result["radius"]).adjusted()) if result["radius"] else 4
    shown = Decimal(result["radius"]).quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR)
    claim = f"{said[0]} certified components of {size}"
    need(f" {claim}" in text and f"at most {shown:f}" in text, "the statement says something else")
    return f"{claim}, radius {shown:f}, alpha {chosen['alpha']!r}"


if __name__ == "__main__":
    try:
        print("follows from its counts:", verify(*read(Path(sys.argv[1]))))
    except Refused as error:
        sys.exit(f"refused: {error}")
    except Exception as error:  # damaged bytes raise anything
        print(f"cannot be read: {error!r}")
        sys.exit(2)
