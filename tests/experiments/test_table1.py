"""Table 1: the runs have the settings of the paper, and the command line takes them."""

import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.table1 import camvid, photograph, protocol  # noqa: E402
from segcert.data.cityscapes import CLASSES  # noqa: E402
from segcert.errors import InputError  # noqa: E402
from segcert.models.files.checkpoints import read_header  # noqa: E402

PAIRS = {("0.75", "100"), ("0.95", "500")}  # tau and n


def values(given: list[str], name: str) -> list[str]:
    """All values of an option."""
    return [given[place + 1] for place, word in enumerate(given) if word == name]


@pytest.fixture(params=[camvid, protocol], ids=["camvid", "protocol"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run."""
    found: list[list[str]] = []
    monkeypatch.setattr(request.param, "run", lambda given: found.append(given) or 0)
    if request.param is camvid:
        camvid.evaluate(out=Path("runs"), root=Path("camvid"))
    else:
        protocol.protocol(
            cityscapes=Path("c"), cityscapes_checkpoint=Path("c.pth"),
            pascal_context=Path("p"), pascal_checkpoint=Path("p.pth"),
        )  # fmt: skip
    return found


def test_every_run_has_a_folder_and_the_settings_of_the_paper(asked: list[list[str]]) -> None:
    assert len(asked) >= 5
    assert len({given[-1] for given in asked}) == len(asked)
    for given in asked:
        assert set(zip(values(given, "--tau"), values(given, "--n"), strict=True)) <= PAIRS
        assert set(values(given, "--sigma")) <= {"0.25", "0.33", "0.5"}
        assert values(given, "--seed") == ["0"]


def test_the_paper_takes_100_images_ten_pilot_draws_and_holm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[list[str]] = []
    monkeypatch.setattr(protocol, "run", lambda given: found.append(given) or 0)
    protocol.protocol(cityscapes=Path("c"), cityscapes_checkpoint=Path("c.pth"))
    assert {scale for given in found for scale in values(given, "--scale")} == {
        "0.25", "0.5", "1", "multi",
    }  # fmt: skip
    for given in found:
        for option, value in (
            ("--n0", "10"), ("--alpha", "0.001"), ("--correction", "holm"), ("--subset", "100"),
        ):  # fmt: skip
            assert values(given, option) == [value]


@pytest.mark.slow
def test_the_command_line_takes_the_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every option is known; what is refused is the data that is not there."""
    checkpoint = photograph.random_checkpoint(tmp_path / "net.pth", 2)
    for name in protocol.CITYSCAPES:
        with pytest.raises(SystemExit) as stopped:
            protocol.protocol(
                cityscapes=tmp_path / "none", cityscapes_checkpoint=checkpoint, only=[name],
                out=tmp_path / "out",
            )  # fmt: skip
        assert stopped.value.code == 2
        assert str(tmp_path / "none") in capsys.readouterr().err
    for name in protocol.PASCAL:
        with pytest.raises(SystemExit):
            protocol.protocol(
                pascal_context=tmp_path / "none", pascal_checkpoint=checkpoint, only=[name],
                out=tmp_path / "out",
            )  # fmt: skip
        assert str(tmp_path / "none") in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_half_a_protocol_is_refused() -> None:
    with pytest.raises(InputError, match="--cityscapes-checkpoint"):
        protocol.protocol(cityscapes=Path("c"))


def test_a_failing_run_stops_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []
    monkeypatch.setattr(camvid, "run", lambda given: found.append(given) or 3)
    with pytest.raises(SystemExit) as stopped:
        camvid.evaluate(only=["mixed", "gaussian"])
    assert (stopped.value.code, len(found)) == (3, 1)


def test_the_networks_of_the_table_are_there() -> None:
    """Weights in the repository, of at most 16 MB together."""
    paths = sorted(camvid.WEIGHTS.glob("*.safetensors"))
    named = {word for model in camvid.MODELS.values() for word in model if word.endswith("tensors")}
    assert {str(path) for path in paths} == named
    assert all(read_header(path) for path in paths)
    assert sum(path.stat().st_size for path in paths) <= 16e6


def test_the_random_checkpoint_has_the_names_of_the_authors(tmp_path: Path) -> None:
    path = photograph.random_checkpoint(tmp_path / "net.pth", 2)
    state = torch.load(path, weights_only=True)
    assert all(name.startswith("model.") for name in state)
    assert state["model.last_layer.3.weight"].shape[0] == len(CLASSES)
