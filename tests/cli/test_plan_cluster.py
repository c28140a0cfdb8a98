"""``segcert plan --cluster``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segcert.cli.plan_cluster import duration

Command = Callable[..., Any]


def test_a_given_time_is_multiplied_out(command: Command) -> None:
    done = command("plan", "--cluster", "--seconds-per-draw", 0.1, "--price", 2)
    assert (done.status, done.err) == (0, "")
    head, _, names, *rows = done.out.splitlines()
    assert head == "500 images, 10000 draws each, 0.1 s a draw (given); 31500 blocks of 160 draws"
    assert names.split() == ["GPUs", "time", "GPU", "hours", "cost", "GPUs", "busy", "limit"]
    cells = [row.split() for row in rows[:5]]
    assert [row[0] for row in cells] == ["1", "8", "10", "100", "1000"]
    assert cells[0][1:3] == ["5.8", "d"]  # 500 x 10^4 x 0.1 s
    assert float(cells[0][4]) == pytest.approx(2 * 139, rel=0.01)
    assert [row[-1] for row in cells] == ["draws", "draws", "draws", "driver", "driver"]
    assert "the serial part" in " ".join(done.out.split())


def test_a_probe_measures_the_time_of_a_draw(command: Command, weights: Path, photo: Path) -> None:
    done = command("plan", "--cluster", photo, "--model", weights, "--inputs", 3, "--draws", 100)
    assert done.status == 0
    assert done.out.startswith("3 images, 100 draws each, ")
    assert "(measured on this machine's c" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "got neither"),
        (("x.png", "--seconds-per-draw", 1), "got both"),
        (("x.png", "y.png"), "--cluster measures on one IMAGE, got 2"),
        (("--seconds-per-draw", -1), "seconds per draw must be a positive number"),
        (("--seconds-per-draw", 1, "--inputs", 0), "images must be at least 1"),
        (("--seconds-per-draw", 1, "--price", -1), "price must be a number >= 0"),
    ],
)
def test_refusals(command: Command, arguments: tuple[object, ...], words: str) -> None:
    command("plan", "--cluster", *arguments).refuses(words)


def test_durations() -> None:
    assert [duration(s) for s in (3, 130, 7200, 200_000)] == ["3.0 s", "2.2 min", "2.0 h", "2.3 d"]
