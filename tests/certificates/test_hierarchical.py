"""Certificates by a class tree: against brute force, with a mask, with looks, on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binom

import segcert as sc
from segcert.stats.looks import even_looks

NAMES = ("road", "car", "truck", "sky")
TREE = sc.ClassTree(names=(*NAMES, "vehicle", "ground", "anything"), parents=(5, 4, 4, 6, 5, 6, 6))
GROUPS = {0: {0}, 1: {1}, 2: {2}, 3: {3}, 4: {1, 2}, 5: {0, 1, 2}, 6: {0, 1, 2, 3}}
TAU, ALPHA, N = 0.7, 0.1, 80
IMAGE = np.linspace(0, 255, 60).astype(np.uint8).reshape(1, 6, 10)
MASK = np.zeros((6, 10), dtype=bool)
MASK[:, 7:] = True


def model(x: torch.Tensor) -> torch.Tensor:
    """Four classes by grey level."""
    return ((x[:, 0] * 255).round().clamp(0, 255).long() // 64).clamp(0, 3)


SEGMENTER = sc.as_segmenter(model, classes=4, class_names=NAMES)


def draw(**options: object) -> sc.Counts:
    given = {"noise": sc.LatticeGaussianNoise(0.15), "n0": 0, "n": N, "seed": 2, "device": "cpu"}
    return sc.sample(SEGMENTER, IMAGE, **(given | options))  # type: ignore[arg-type]


def slow(counts: sc.Counts, *, tested: np.ndarray, level: float) -> tuple[list[int], int]:
    """The smallest group of each component that has enough draws, by SciPy and sets."""
    size = int(tested.sum())
    p = binom.sf(np.arange(counts.n + 1) - 1, counts.n, TAU)
    p += binom.sf(np.arange(counts.n + 1) - 1, counts.n, 1 - TAU)
    k = int(np.flatnonzero((p <= level / size) & (np.arange(counts.n + 1) > counts.n / 2))[0])
    assert counts.class_counts is not None
    nodes = []
    for place in np.ndindex(*tested.shape):
        drawn = counts.class_counts[(slice(None), *place)]
        fitting = [node for node, group in GROUPS.items() if sum(drawn[list(group)]) >= k]
        node = min(fitting, key=lambda some: len(GROUPS[some]), default=6)
        nodes.append(node if tested[place] else -1)
    return nodes, k


@pytest.mark.parametrize("ignore", [None, MASK])
@pytest.mark.parametrize("n", [N, even_looks(N, 3)])
def test_nodes_are_the_smallest_groups_that_pass(ignore: np.ndarray | None, n: object) -> None:
    counts = draw(n=n)
    cert = sc.certify_tree(counts, TREE, tau=TAU, alpha=ALPHA, ignore=ignore)
    tested = np.ones((6, 10), bool) if ignore is None else ~ignore
    level = ALPHA if n == N else ALPHA / 3
    nodes, k = slow(counts, tested=tested, level=level)
    assert cert.threshold == k
    for node, label, certified in zip(
        nodes, cert.labels.ravel().tolist(), cert.certified.ravel().tolist(), strict=True
    ):
        assert certified == (node not in (-1, 6))
        assert not certified or label == node
    assert len({node for node in nodes if node >= 4}) >= 2  # groups, not only classes
    assert {0, 3} <= set(nodes)
    assert not (cert.certified & ~tested).any()


def test_fewer_components_need_fewer_hits() -> None:
    most = np.ones((6, 10), dtype=bool)
    most[0, :2] = False
    whole = sc.certify_tree(draw(), TREE, tau=TAU, alpha=ALPHA)
    few = sc.certify_tree(draw(), TREE, tau=TAU, alpha=ALPHA, ignore=most)
    assert few.threshold < whole.threshold


@pytest.mark.parametrize("n", [N, even_looks(N, 3)])
@pytest.mark.parametrize("ignore", [None, MASK])
def test_trees_survive_the_disk(tmp_path: Path, n: object, ignore: np.ndarray | None) -> None:
    cert = sc.certify_tree(draw(n=n), TREE, tau=TAU, alpha=ALPHA, ignore=ignore)
    cert.save(tmp_path / "one")
    again = sc.load_certificate(tmp_path / "one")
    assert again.tree == TREE
    assert (again.labels == cert.labels).all()
    assert (again.certified == cert.certified).all()
    assert (again.statement, again.threshold) == (cert.statement, cert.threshold)
    assert again.counts.sequential == cert.counts.sequential
    again.save(tmp_path / "two")
    for name in ("certificate.json", "counts.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_early_look_that_is_too_early_certifies_nothing() -> None:
    """Eight draws prove nothing about 60 components; the run goes on, it does not break."""
    seen: list[int] = []

    def stop(counts: sc.Counts) -> bool:
        cert = sc.certify_tree(counts, TREE, tau=TAU, alpha=ALPHA)
        seen.append(int(cert.certified.sum()))
        return False

    counts = draw(n=sc.Looks((8, 40, N)), stop=stop)
    assert counts.n == N
    assert seen[0] == 0 < seen[1]
    too_early = draw(n=sc.Looks((8, 40, N)), stop=lambda _: True)
    cert = sc.certify_tree(too_early, TREE, tau=TAU, alpha=ALPHA)
    assert (cert.counts.n, cert.threshold) == (8, 9)
    assert not cert.certified.any()


def test_what_a_tree_cannot_do_is_refused() -> None:
    counts = draw()
    with pytest.raises(sc.InputError, match="needs the counts of all classes: sample with n0 = 0"):
        sc.certify_tree(draw(n0=3), TREE, tau=TAU, alpha=ALPHA)
    with pytest.raises(sc.InputError, match=r"n = 80 draws cannot certify any of 60.* class tree"):
        sc.certify_tree(counts, TREE, tau=0.99, alpha=ALPHA)
    with pytest.raises(sc.InputError, match="cannot stop at any time: use planned looks"):
        sc.certify_tree(replace(counts, sequential=sc.Anytime(N)), TREE, tau=TAU, alpha=ALPHA)
    with pytest.raises(sc.InputError, match=r"class 0 is 'road' in the hierarchy"):
        sc.certify_tree(replace(counts, class_names=NAMES[::-1]), TREE, tau=TAU, alpha=ALPHA)
    with pytest.raises(sc.InputError, match=r"ignore has shape \(2, 2\)"):
        sc.certify_tree(counts, TREE, tau=TAU, alpha=ALPHA, ignore=np.zeros((2, 2), bool))


FALSE_ALARM, REPETITIONS = 1e-6, 800


@pytest.mark.repeats
def test_error_at_groups_of_exactly_tau() -> None:
    """Eight components with a group of tau, divided in two classes, and a class with the rest.

    Detected: the level not divided by the number of components.
    """
    n, components, steps = 60, 8, 43
    most = int(binom.isf(FALSE_ALARM, REPETITIONS, ALPHA))
    rng = np.random.default_rng(7)
    drawn = rng.random((REPETITIONS, components, n))
    tau = 0.7525
    in_group = (drawn < tau).sum(-1)
    first = (drawn < tau / 2).sum(-1)
    counts = np.stack([first, in_group - first, n - in_group]).astype(np.int32)
    tree = sc.ClassTree(names=("a", "b", "c", "ab", "all"), parents=(3, 3, 4, 4, 4))
    image = np.full((1, 1, components), 100, dtype=np.uint8)
    base = sc.sample(
        sc.as_segmenter(
            lambda x: ((x[:, 0] * 255).round() <= 100 + steps).long(), classes=3,
            class_names=("a", "b", "c"),
        ),
        image, noise=sc.LatticeGaussianNoise(0.25), n0=0, n=n, seed=1, device="cpu",
    )  # fmt: skip

    def errors(alpha: float) -> int:
        wrong = 0
        for row in range(REPETITIONS):
            some = counts[:, row][:, None]
            part = replace(
                base, labels=some.argmax(0).astype(np.int16), hits=some.max(0), class_counts=some
            )
            wrong += bool(sc.certify_tree(part, tree, tau=tau, alpha=alpha).certified.any())
        return wrong

    found = errors(ALPHA)
    assert 0 < found <= most
    assert errors(ALPHA * components) > most  # power
