"""``segcert doctor`` and ``segcert --version``."""

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

from segcert.doctor import examination
from segcert.doctor.checks import CHECKS, Check
from segcert.doctor.machine import Backend, Packages, Room
from segcert.stats import binomial

Command = Callable[..., Any]


def test_version_is_printed_and_nothing_else(command: Command) -> None:
    done = command("--version")
    assert (done.status, done.out, done.err) == (0, f"{version('segcert')}\n", "")


def test_a_table_of_what_is_there(command: Command) -> None:
    done = command("doctor")
    assert (done.status, done.err) == (0, "")
    for word in (version("segcert"), "device cpu", "backend torch", "GiB free", "0.1.0"):
        assert word in done.out
    assert "failed" not in done.out
    assert sum(name.split()[0] in done.out for name in CHECKS) == len(CHECKS)


def test_a_broken_statistic_fails(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the JSON on standard output stays JSON."""
    right = binomial.tails
    monkeypatch.setattr(binomial, "tails", lambda n, p: right(n, p) * 0.99)
    done = command("doctor", "--json")
    done.refuses("1 of 4 checks failed", "binomial tails", "worth nothing", status=1)
    record = json.loads(done.out)
    assert not record["passed"]
    assert record["segcert"] == version("segcert")
    assert [check["name"] for check in record["checks"]] == list(CHECKS)
    assert [check["passed"] for check in record["checks"]] == [False, True, True, True]


def test_a_failed_check_is_marked(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Check("tails [exact]", False, "P = [0]", 0.0)
    monkeypatch.setattr(examination, "run_checks", lambda: (failed,))
    done = command("doctor")
    assert done.status == 1
    assert "failed tails [exact] P = [0] (0.0 s)" in " ".join(done.out.split())


def test_what_is_missing_is_a_note_with_the_way_out(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "run_checks", tuple)
    monkeypatch.setattr(examination, "packages", lambda: (Packages("hf", {"transformers": None}),))
    monkeypatch.setattr(
        examination, "backends", lambda: (Backend("onnx", False, "No module named 'x[y]'"),)
    )
    monkeypatch.setattr(examination, "rooms", lambda: (Room("results", "/[red]", False, 2**29),))
    done = command("doctor")
    assert done.status == 0
    out = " ".join(done.out.split())
    assert "note extra hf transformers –: pip install 'segcert[hf]'" in out
    assert "note backend onnx No module named 'x[y]'" in out
    assert "note room for results /[red], 0.5 GiB free, cannot be written" in out
