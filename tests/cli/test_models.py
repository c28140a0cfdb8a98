"""``segcert models``: what is shipped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segcert.models import shipped as module


def test_models_are_listed_with_their_licence(
    command: Callable[..., Any], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "shipped", lambda: {"tiny": weights})
    done = command("models")
    assert (done.status, done.err) == (0, "")
    for word in ("tiny", "nothing", "0.25", "3", "MiB", "Apache-2.0"):
        assert word in done.out


def test_everything_shipped_is_listed(command: Callable[..., Any]) -> None:
    done = command("models")
    assert done.status == 0
    for name in module.shipped():
        assert name in done.out


def test_options_are_refused(command: Callable[..., Any]) -> None:
    command("models", "--all").refuses("--all")
