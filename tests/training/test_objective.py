"""The loss of a batch."""

import pytest
import torch
from torch.nn import functional

from segcert.inputs.labels import IGNORE
from segcert.training.consistency import Consistency
from segcert.training.objective import objective
from segcert.training.recipe import Recipe


def batch(copies: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (2, 4, 5), generator=rng)
    truth[0, :2] = IGNORE
    return torch.randn(2 * copies, 3, 4, 5, generator=rng), truth


def test_the_default_is_plain_cross_entropy_bit_for_bit() -> None:
    scores, truth = batch(1)
    plain = functional.cross_entropy(scores, truth, ignore_index=IGNORE)
    assert torch.equal(objective(scores, truth, Recipe()), plain)


def test_copies_are_averaged_and_their_disagreement_added() -> None:
    scores, truth = batch(2)
    one, two = (
        functional.cross_entropy(half, truth, ignore_index=IGNORE) for half in scores.chunk(2)
    )
    extra = Consistency().loss(torch.stack(scores.chunk(2)), truth != IGNORE)
    total = objective(scores, truth, Recipe(consistency=Consistency()))
    assert extra > 0
    assert total.item() == pytest.approx(((one + two) / 2 + extra).item(), rel=1e-6)


def test_class_weights_reach_the_cross_entropy() -> None:
    scores, truth = batch(1)
    weights = torch.tensor([1.0, 3.0, 0.0])
    log_p = functional.log_softmax(scores, 1).movedim(1, -1)[truth != IGNORE]
    known = truth[truth != IGNORE]
    wanted = -(weights[known] * log_p[torch.arange(len(known)), known]).sum() / weights[known].sum()
    found = objective(scores, truth, Recipe(class_weights=(1.0, 3.0, 0.0)))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
