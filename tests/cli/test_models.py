"""``segcert models``: what is shipped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segcert.models import denoisers
from segcert.models import shipped as module
from segcert.models.files.checkpoints import DenoiserDescription, save_weights
from segcert.models.nets.denoising import ResidualDenoiser


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


def test_denoisers_are_listed_apart(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "soft.safetensors"
    about = DenoiserDescription(
        sigma=0.5, data="streets", licence="CC0", training={}, trained_for="plain"
    )
    save_weights(path, ResidualDenoiser(), about)
    monkeypatch.setattr(denoisers, "shipped_denoisers", lambda: {"soft": path})
    done = command("models")
    assert (done.status, done.err) == (0, "")
    *listed, apart = done.out.split("\n\n")
    assert all("soft" not in table for table in listed)
    for word in ("denoiser", "soft", "streets", "0.5", "plain", "MiB", "CC0"):
        assert word in apart
    monkeypatch.setattr(denoisers, "shipped_denoisers", dict)
    assert "denoiser" not in command("models").out
