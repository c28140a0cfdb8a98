"""What comes after the noise, from the command line: scales and denoisers, recorded, replayed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from requests_of_runs import request_with
from torch import nn

from segcert.certificates.result import load_certificate
from segcert.runs.config import Setting
from segcert.runs.evaluate import load_results

Command = Callable[..., Any]
QUICK = ("--tau", 0.6, "--alpha", 0.1, "--n0", 2, "--n", 30, "--seed", 4)


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blur, exported for images of any size."""
    net = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False).eval()
    path = tmp_path_factory.mktemp("denoisers") / "blur.pt2"
    sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    example = (torch.rand(2, 3, 12, 20),)
    torch.export.save(torch.export.export(net, example, dynamic_shapes=[sizes]), path)
    return path


@pytest.fixture
def certified(command: Command, photo: Path, weights: Path, tmp_path: Path) -> Command:
    """Certify the tiny photograph with more options; return the certificate's folder."""

    def call(*options: object) -> Path:
        done = command(
            "certify", photo, "--model", weights, "--out", tmp_path / "out", *QUICK, *options
        )
        assert done.status == 0, done.err
        return tmp_path / "out" / "photo"

    return call


@pytest.fixture
def replayed(command: Command, photo: Path, weights: Path) -> Command:
    """Replay a certificate."""

    def call(folder: Path, *options: object) -> Any:
        return command("verify", folder, "--replay", "--image", photo, "--model", weights, *options)

    return call


@pytest.mark.parametrize(
    ("scale", "recorded"),
    [
        ("1.0", 1.0),
        ("0.5", 0.5),
        ("1,0.5+flip", "0.5,1+flip"),
        pytest.param("multi", "multi", marks=pytest.mark.slow),
        ("64x32", "64x32"),
    ],
)
@pytest.mark.sampled
def test_every_kind_of_scale_is_certified_recorded_and_replayed(
    certified: Command, replayed: Command, scale: str, recorded: float | str
) -> None:
    """One factor is a number in the file, as it always was; all else is text."""
    folder = certified("--scale", scale)
    record = json.loads((folder / "certificate.json").read_text())
    assert record["provenance"]["scale"] == recorded
    assert type(record["provenance"]["scale"]) is type(recorded)
    text = f"{recorded:g}" if isinstance(recorded, float) else recorded
    assert load_certificate(folder).provenance.scale == text
    assert f">{text}<" in (folder / "report.html").read_text()
    again = replayed(folder)
    assert again.status == 0, again.err
    assert "every count matches" in again.out


@pytest.mark.slow
def test_another_scale_gives_other_counts_and_is_not_resumed(
    command: Command, certified: Command, photo: Path, weights: Path
) -> None:
    folder = certified("--scale", "0.5,1")
    first = load_certificate(folder).counts
    certified("--scale", "1,0.5")  # the same in other words: resumed
    other = command(
        "certify", photo, "--model", weights, "--out", folder.parent, *QUICK, "--scale", "multi"
    )
    other.refuses("scale 0.5,1 -> multi")
    certified("--scale", "multi", "--overwrite")
    second = load_certificate(folder).counts
    assert (first.test_fingerprints == second.test_fingerprints).all()  # noise comes before
    assert (first.hits != second.hits).any()


def test_numbers_in_files_of_before_are_read_and_written_as_numbers() -> None:
    """Requests and settings of before hold ``1.0``; their text, hence their hash, stays."""
    request = request_with(model="camvid", weights_sha256="x", scale=0.5)
    assert json.dumps(request.record).endswith(
        '"scale": 0.5, "backend": "torch", "precision": "fp32"}'
    )
    assert request.differences(json.loads(json.dumps(request.record))) == ""
    setting = '{"sigma":0.25,"scale":1.0,"tau":0.75,"n":100,"correction":"holm"}'
    assert Setting.model_validate_json(setting).model_dump_json() == setting
    for text in ("multi", "480x480"):
        again = request_with(model="camvid", weights_sha256="x", scale=text)
        assert f'"scale": "{text}"' in json.dumps(again.record)
        assert again.differences(json.loads(json.dumps(again.record))) == ""
        assert "scale 0.5 -> " in again.differences(request.record)


def test_a_denoiser_is_part_of_the_certified_model(
    certified: Command, replayed: Command, command: Command, photo: Path, weights: Path,
    denoiser: Path, tmp_path: Path,
) -> None:  # fmt: skip
    plain = load_certificate(certified())
    folder = certified("--denoiser", denoiser, "--overwrite")
    found = load_certificate(folder)
    assert found.provenance.model == "tiny+blur"
    assert found.provenance.weights_sha256 != plain.provenance.weights_sha256
    assert (found.counts.test_fingerprints == plain.counts.test_fingerprints).all()
    assert (found.counts.hits != plain.counts.hits).any()
    assert replayed(folder, "--denoiser", denoiser).status == 0
    replayed(folder).refuses("is not the one that was certified (tiny+blur)", status=1)
    command("verify", folder, "--replay", "--image", photo).refuses(
        "tiny+blur, with denoiser blur: name it with --denoiser"
    )
    attacked = command(
        "attack", photo, "--certificate", folder, "--smoothed", weights, "--denoiser", denoiser,
        "--steps", 2, "--n", 20, "--out", tmp_path / "attacked",
    )  # fmt: skip
    assert attacked.status == 0, attacked.err


def test_multi_scale_certificates_can_be_attacked(
    certified: Command, command: Command, photo: Path, weights: Path, tmp_path: Path
) -> None:
    folder = certified("--scale", "0.5,1+flip")
    done = command(
        "attack", photo, "--certificate", folder, "--smoothed", weights, "--against", "smoothed",
        "--draws", 1, "--steps", 2, "--n", 20, "--seed", 1, "--out", tmp_path / "attacked",
    )  # fmt: skip
    assert done.status == 0, done.err


def test_plan_hands_scale_and_denoiser_on(
    command: Command, photo: Path, weights: Path, denoiser: Path
) -> None:
    done = command(
        "plan", photo, "--model", weights, "--probe", 12, "--tau", 0.55, "--scale", "1,0.5+flip",
        "--denoiser", denoiser, "--json", "--seed", 1,
    )  # fmt: skip
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["settings"]["scale"] == "0.5,1+flip"
    assert f"--scale 0.5,1+flip --denoiser {denoiser}" in found["command"]


@pytest.mark.slow
def test_evaluate_takes_several_scales_and_a_denoiser(
    command: Command, denoiser: Path, tmp_path: Path
) -> None:
    done = command(
        "evaluate", "--data", "synthetic", "--scenes", 1, "--model", "synthetic", "--n", 45,
        "--n0", 1, "--tau", 0.6, "--scale", 0.25, "--scale", "0.1,0.25", "--seed", 3,
        "--denoiser", denoiser, "--out", tmp_path,
    )  # fmt: skip
    assert done.status == 0, done.err
    found = load_results(tmp_path)
    assert [setting.scale for setting in found.config.settings] == ["0.25", "0.1,0.25"]
    assert found.config.model == "synthetic+blur"
    assert "0.1,0.25" in done.out
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [one["scale"] for one in summary["results"]] == [0.25, "0.1,0.25"]


@pytest.mark.parametrize("scale", ["1", "0.5", "multi", "480x320"])
def test_pascal_context_resized_inside_has_one_scale(
    command: Command, tmp_path: Path, scale: str
) -> None:
    given = ("--root", tmp_path, "--label-order", "voc first", "--resize", "inside the model")
    command(
        "evaluate", "--data", "pascal_context", *given, "--scale", scale, "--out", tmp_path / "run"
    ).refuses("'inside the model' is --scale 480x480", f"got --scale {scale}", "before noise")


def test_pascal_context_resized_inside_needs_no_scale() -> None:
    from segcert.cli.evaluate import scales_of

    assert scales_of("pascal_context", "inside the model", None) == ("480x480",)
    assert scales_of("pascal_context", "inside the model", ["480x480"]) == ("480x480",)
    assert scales_of("pascal_context", "before noise", None) == ("1",)
    assert scales_of("camvid", None, ["0.5", "multi"]) == ("0.5", "multi")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--scale", "large", ["scale 'large' is unknown", "480x480, or multi"]),
        ("--scale", "0.5,0.5", ["each named once"]),
        ("--scale", "0.25,1", ["48x32 pixels (scale 0.25,1)", "needs 16"]),
        ("--scale", "40x12", ["(scale 40x12)", "needs 16"]),
        ("--denoiser", "magic", ["unknown denoiser 'magic'"]),
        ("--denoiser", "none.pt2", ["none.pt2"]),
    ],
)
def test_refusals(
    command: Command, photo: Path, weights: Path, tmp_path: Path,
    option: str, value: str, words: list[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    done = command("certify", photo, "--model", weights, "--out", out, *QUICK, option, value)
    done.refuses(*words)
    assert not out.exists()
