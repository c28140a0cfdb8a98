"""The attack finds what is known in closed form, and never leaves its ball."""

import pytest
import torch
from torch import Tensor

from segcert.attacks.ascent import Ascent, look_at_plain
from segcert.attacks.objective import objective
from segcert.attacks.pgd import pgd
from segcert.attacks.projection import Neighbourhood, distance
from segcert.errors import InputError, ModelError
from segcert.models.wrapping import as_segmenter

CPU = torch.device("cpu")
CENTRE = torch.full((1, 4, 6), 0.5, dtype=torch.float64)


def linear(x: Tensor) -> Tensor:
    """Two classes at each pixel; class 1 above 0.5 + 0.01."""
    return torch.cat([0 * x, 20 * (x - 0.51)], 1)


def attack(radius: float, **options: object) -> tuple[Neighbourhood, Tensor]:
    ball = Neighbourhood(CENTRE, radius)
    goal = objective(torch.zeros(4, 6, dtype=torch.int64), device=CPU)
    look = look_at_plain(as_segmenter(linear), goal)
    rng = torch.Generator().manual_seed(0)
    return ball, pgd(look, ball, rng=rng, **options).best


def test_all_pixels_flip_as_soon_as_the_radius_allows() -> None:
    """24 pixels have to move by 0.01 each: sqrt(24) * 0.01 = 0.049."""
    _, image = attack(0.052, steps=40)
    assert as_segmenter(linear).labels(image[None]).min() == 1
    _, image = attack(0.047, steps=40)
    assert as_segmenter(linear).labels(image[None]).min() == 0


@pytest.mark.parametrize("steps", [1, 3, 10])
@pytest.mark.parametrize("size", [None, 100.0])
def test_the_projection_is_applied(steps: int, size: float | None) -> None:
    """The published code computes the projection and drops it: a long step would stay outside."""
    ball, image = attack(0.05, steps=steps, step_size=size)
    assert distance(image, CENTRE) <= 0.05
    unprojected = CENTRE + 100 * torch.ones(CENTRE.shape) / 24**0.5
    assert not ball.holds(unprojected.float())  # power: the long step does leave the ball


def test_every_image_looked_at_is_in_ball_and_box() -> None:
    ball, seen = Neighbourhood(CENTRE + 0.45, 0.3), []

    def look(x: Tensor) -> Ascent:
        seen.append(x)
        return Ascent(0.0, 0.0, torch.ones_like(x))

    pgd(look, ball, steps=5, restarts=2, rng=torch.Generator().manual_seed(0))
    assert len(seen) == 3 * 6
    assert all(ball.holds(x) and x.max() <= 1 for x in seen)
    assert torch.equal(seen[0], ball.centre.float())
    assert len({float(x.sum()) for x in seen[::6]}) == 3  # restarts begin elsewhere


def test_the_best_look_is_kept_not_the_last() -> None:
    """Gains 0, 1, ..., then worse: the third image must come back."""
    shares, seen = iter([0.1, 0.2, 0.9, 0.3]), []

    def look(x: Tensor) -> Ascent:
        seen.append(x)
        return Ascent(1.0, next(shares), torch.ones_like(x))

    found = pgd(look, Neighbourhood(CENTRE, 0.1), steps=3, rng=torch.Generator().manual_seed(0))
    assert (found.reached, found.clean) == (0.9, 0.1)
    assert torch.equal(found.best, seen[2])


def test_a_flat_model_changes_nothing() -> None:
    found = pgd(
        lambda x: Ascent(0.0, 0.0, torch.zeros_like(x)), Neighbourhood(CENTRE, 0.1), steps=2,
        rng=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert torch.equal(found.best, CENTRE.float())


def test_targeted_and_ignored() -> None:
    """Only the pixels that count are moved, towards the target, and down if the target is below."""
    labels = torch.ones(4, 6, dtype=torch.int64)
    labels[:, 3:] = 255
    goal = objective(labels, target=1, device=CPU)
    look = look_at_plain(as_segmenter(linear), goal)
    rng = torch.Generator().manual_seed(0)
    image = pgd(look, Neighbourhood(CENTRE, 0.05), steps=60, rng=rng).best
    got = as_segmenter(linear).labels(image[None])[0]
    assert got[:, :3].min() == 1
    assert float((image[0, :, 3:] - 0.5).abs().max()) < 0.01
    assert look(image).reached == 1


def test_same_seed_same_attack() -> None:
    assert torch.equal(attack(0.05)[1], attack(0.05)[1])


def test_gain_is_the_cross_entropy() -> None:
    scores = torch.tensor([[[[2.0, 0.0]], [[0.0, 1.0]]]])
    labels = torch.tensor([[0, 255]])
    loss = -torch.log_softmax(torch.tensor([2.0, 0.0]), 0)
    assert float(objective(labels, device=CPU).gain(scores)) == pytest.approx(float(loss[0]))
    towards = objective(labels, target=1, device=CPU)
    assert float(towards.gain(scores)) == pytest.approx(-float(loss[1]))
    assert (float(towards.reached(scores)), float(objective(labels, device=CPU).reached(scores))) \
        == (0, 0)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"), [({"steps": 0}, "steps >= 1"), ({"restarts": -1}, "restarts >= 0"),
                           ({"step_size": -1.0}, "step size > 0")],
)  # fmt: skip
def test_bad_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        attack(0.05, **options)


def test_bad_goals_are_refused() -> None:
    nothing = torch.full((4, 6), 255)
    with pytest.raises(InputError, match="every component is ignored"):
        objective(nothing, device=CPU)
    labels = torch.zeros(4, 6, dtype=torch.int64)
    with pytest.raises(InputError, match="class number from 0"):
        objective(labels, target=-1, device=CPU)
    for wrong in (objective(labels, target=2, device=CPU), objective(labels + 2, device=CPU)):
        with pytest.raises(InputError, match=r"0\.\.1"):
            look_at_plain(as_segmenter(linear), wrong)(CENTRE.float())


def test_models_without_gradient_are_refused() -> None:
    goal = objective(torch.zeros(4, 6, dtype=torch.int64), device=CPU)
    labelling = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    with pytest.raises(ModelError, match="gradient needs floating-point scores"):
        look_at_plain(labelling, goal)(CENTRE.float())
    cut = as_segmenter(lambda x: linear(x.detach()))
    with pytest.raises(ModelError, match="passes no gradient"):
        look_at_plain(cut, goal)(CENTRE.float())
    wild = as_segmenter(lambda x: linear(x) + 0 * (x - 0.5).sqrt())
    with pytest.raises(ModelError, match="NaN or infinite"):
        look_at_plain(wild, goal)(CENTRE.float())
