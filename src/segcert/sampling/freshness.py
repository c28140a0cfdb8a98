"""Does a model that draws randomness of its own draw it anew for each draw of a batch?

What a batch shares (a coin for the whole call, a mask of dropout, a seed that each call sets) makes
draws depend on each other, and counts of dependent draws prove nothing. One draw in a batch shares
with no other one, so that is what such models get unless batches are asked for, and then too where
anything looks shared. The test sees what is shared by and large, not the least of it: that
randomness is fresh for each draw is what a user declares by ``stochastic=True``
(docs/decisions/0003).
"""

from itertools import combinations, permutations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int16
from torch import Tensor

from segcert.sampling.counting import Task

CALLS = 6  # with the same batch; an honest model loses its batches once in 100 times
RATIO = 2.0  # of distances that would be equal on average

Labels = Int16[Tensor, " calls *components"]


def is_fresh_for_each_draw(task: Task, pair: Float[Tensor, " 2 *shape"]) -> bool:
    """Tell whether draws in a batch look as random, and as independent, as draws alone.

    A batch of two equal copies and another draw is given to the model several times, and so is
    each draw alone. If randomness is fresh for each draw of a batch, all labels of equal draws are
    exchangeable: copies are no more alike, nor more different, if they were in one batch, and the
    place in a batch or its absence cannot be told. A model whose labels never differ is not told
    from one that shares.

    Args:
        task: What is sampled.
        pair: Two different draws.

    Source:
        Permutation tests: Fisher (1935), "The design of experiments"; of two samples by distances:
        Székely & Rizzo (2004), "Testing for equal distributions in high dimension".
    """
    components, segmenter = task.components, task.segmenter

    def labels(batch: Tensor) -> Tensor:
        return segmenter.to_labels(segmenter.output(batch.clone()), components)

    three = torch.stack([pair[0], pair[0], pair[1]])
    first, second, other = torch.stack([labels(three) for _ in range(CALLS)]).unbind(1)
    copies = distances(first, second)
    if not copies.trace():
        return False
    alone, other_alone = (torch.cat([labels(one[None]) for _ in range(CALLS)]) for one in pair)
    usual = float(distances(alone, alone).sum()) / (CALLS * (CALLS - 1))
    return (
        alike(float(copies.trace()) / CALLS, usual)
        and not paired(copies)
        and not apart(first, second)
        and not apart(first, alone)
        and not apart(other, other_alone)
    )


def distances(rows: Labels, columns: Labels) -> Float64[np.ndarray, "calls calls"]:
    """Share of components with different labels, for each row and column."""
    found = [[(one != other).double().mean() for other in columns] for one in rows]
    return torch.stack([torch.stack(row) for row in found]).cpu().numpy()


def alike(found: float, usual: float) -> bool:
    """Tell whether two distances could be the same on average, were they of a few coins only."""
    return found > 0 and found <= RATIO * usual and usual <= RATIO * found


def paired(copies: Float64[np.ndarray, "calls calls"]) -> bool:
    """Tell whether copies of one batch are more alike, or less, than in every other pairing."""
    calls = np.arange(len(copies))
    own, *others = [copies[calls, list(order)].sum() for order in permutations(calls)]
    return bool(own < min(others) or own > max(others))


def apart(one: Labels, other: Labels) -> bool:
    """Tell whether two groups of labels are further from each other than in every other split."""
    found, calls = distances(torch.cat([one, other]), torch.cat([one, other])), 2 * len(one)
    own, *others = [
        found[np.ix_(group, [k for k in range(calls) if k not in group])].sum()
        for group in combinations(range(calls), len(one))
        if 0 in group
    ]
    return bool(own > max(others))
