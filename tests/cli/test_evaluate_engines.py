"""``segcert evaluate --engine``: whatever can be evaluated gives the rows of this process."""

import importlib.util
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import model_options
import numpy as np
import pytest
from engine_models import figures_of, save_cloud_net
from model_options import CASES, CLOUDS, NEEDS, model_of, options

from segcert.cli.application import app
from segcert.models.reference import ModelReference
from segcert.runs.evaluate import SUMMARY, load_results

Command = Callable[..., Any]
PROCESSES = ("--engine", "processes", "--workers")


@pytest.fixture
def compared(command: Command, tmp_path: Path) -> Callable[..., list[Any]]:
    """Evaluate in this process and in others; assert equal rows and files, and return the rows."""

    def call(*options: object, workers: int) -> list[Any]:
        common = ("evaluate", *options, "--seed", 3, "--device", "cpu", "--batch-size", 4)
        alone = command(*common, "--out", tmp_path / "alone")
        assert alone.status == 0, alone.err
        spread = command(*common, "--out", tmp_path / "spread", *PROCESSES, workers)
        assert spread.status == 0, spread.err
        one, other = (load_results(tmp_path / out) for out in ("alone", "spread"))
        assert figures_of(other) == figures_of(one)
        assert (tmp_path / "spread" / SUMMARY).read_bytes() == (
            tmp_path / "alone" / SUMMARY
        ).read_bytes()
        return list(other.rows)

    return call


@pytest.fixture
def photographs(tmp_path: Path, draw_pixels: Callable[..., np.ndarray]) -> tuple[object, ...]:
    """Options for a folder with two tiny photographs."""
    return model_options.photographs(tmp_path, draw_pixels)


@pytest.mark.slow
def test_clouds_in_processes_give_the_rows_of_this_process(
    compared: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """Of three categories, under two noises, with normals."""
    net = save_cloud_net(tmp_path / "net.safetensors")
    rows = compared(
        "--data", "shapes", "--scenes", 3, "--model", net, "--sigma", 0.1,
        "--noise", "gaussian", "--noise", "pose", "--shift-sigma", 0.1, "--jitter-sigma", 0.05,
        "--tau", 0.5, "--n", 14, "--n0", 2, "--alpha", 0.5, workers=2,
    )  # fmt: skip
    assert len(rows) == 6
    assert len({row.category for row in rows}) == 3
    assert sum(row.certified for row in rows) > 0


NEW = ("cloud", "recomputed normals")  # in the default suite, as it once failed


@pytest.mark.parametrize(
    ("kind", "case"),
    [pytest.param(*one, marks=[pytest.mark.slow] * (one != NEW)) for one in CASES],
)
def test_every_option_of_a_model_gives_the_same_counts_in_processes(
    compared: Callable[..., list[Any]], photographs: tuple[object, ...], weights: Path,
    tmp_path: Path, kind: str, case: str,
) -> None:  # fmt: skip
    if case in NEEDS:
        pytest.importorskip(NEEDS[case], reason=f"{NEEDS[case]} is not installed")
    given = options(kind, case, tmp_path)
    if kind == "image":
        net = model_of(case, weights, tmp_path)
        rows = compared(*photographs, "--model", net, *given, workers=1)
    else:
        net = save_cloud_net(tmp_path / "net.safetensors")
        rows = compared(*CLOUDS, "--model", net, *given, workers=1)
    assert len(rows) == 2
    assert sum(row.certified for row in rows) > 0


def test_no_option_of_a_model_is_left_out() -> None:
    """What a reference holds and ``evaluate`` takes is among the cases."""
    held = {field.name for field in fields(ModelReference)}
    taken = {one.field_info.name for one in app["evaluate"].assemble_argument_collection()}
    tried = {word for one in CASES for word in options(*one, Path()) if word.startswith("--")}
    settled = {"name", "kind", "digest", "size", "each_category"}
    by_data = {"category"}  # of evaluate: which clouds
    several = {"told": "--channels"}  # one of many options: tests/cli/test_conventions.py
    named = {"--" + name.replace("_", "-") for name in held & taken - by_data - set(several)}
    assert named | set(several.values()) == tried
    assert held - taken == settled


@pytest.mark.slow
def test_precision_and_denoiser_reach_the_workers(
    compared: Callable[..., list[Any]], photographs: tuple[object, ...], weights: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    options = ("--model", weights, "--precision", "bf16", "--denoiser", "camvid-denoiser")
    rows = compared(*photographs, *options, workers=1)
    assert sum(row.certified for row in rows) > 0
    config = load_results(tmp_path / "spread").config
    assert (config.model, config.precision) == ("tiny+camvid-denoiser", "bf16")


@pytest.mark.slow
def test_onnx_is_opened_in_each_worker(
    compared: Callable[..., list[Any]], photographs: tuple[object, ...], weights: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    rows = compared(*photographs, "--model", weights, "--backend", "onnx", workers=2)
    assert sum(row.certified for row in rows) > 0
    assert load_results(tmp_path / "spread").config.backend == "onnx"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
def test_int8_is_read_from_its_file_by_each_worker(
    compared: Callable[..., list[Any]], photographs: tuple[object, ...], weights: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / "int8" / "net.xml"
    rows = compared(
        *photographs, "--model", weights, "--backend", "openvino-int8", "--int8-file", file,
        "--calibration", tmp_path / "images", workers=2,
    )  # fmt: skip
    assert sum(row.certified for row in rows) > 0
    config = load_results(tmp_path / "spread").config
    assert (config.backend, config.precision) == ("openvino-int8", "int8")


def test_int8_needs_a_file_that_workers_read(
    command: Command, photographs: tuple[object, ...], weights: Path, tmp_path: Path
) -> None:
    done = command(
        "evaluate", *photographs, "--model", weights, "--backend", "openvino-int8", *PROCESSES, 1,
        "--out", tmp_path / "run",
    )  # fmt: skip
    done.refuses("--backend openvino-int8 with --engine processes needs --int8-file FILE")
    assert not (tmp_path / "run").exists()
