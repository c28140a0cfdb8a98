"""Table 2: the runs have the settings of the paper, and the page shows what the runs found."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.table2 import clouds, page  # noqa: E402
from segcert.errors import InputError  # noqa: E402
from segcert.text import floor_text, percent_text  # noqa: E402

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks of all four names: one small network that was hardly trained."""
    from segcert.cli.main import run

    folder = tmp_path_factory.mktemp("weights")
    for name, (sigma, columns) in clouds.NETWORKS.items():
        path = folder / f"{name}.safetensors"
        with torch.random.fork_rng():
            status = run([
                "train", "--data", "shapes", "--scenes", "2", "--architecture", "pointnet",
                "--epochs", "1", "--batch-size", "2", "--points", "64", "--sigma", str(sigma),
                "--out", str(path), *(["--no-normals"] if columns == 3 else []),
            ])  # fmt: skip
        assert status == 0
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run."""
    found: list[list[str]] = []
    monkeypatch.setattr(clouds, "run", lambda given: found.append(given) or 0)
    return found


def values(given: list[str], name: str) -> list[str]:
    """All values of an option."""
    return [given[place + 1] for place, word in enumerate(given) if word == name]


def test_the_runs_have_the_settings_of_the_paper(asked: list[list[str]], weights: Path) -> None:
    clouds.evaluate(weights=weights, out=Path("runs"))
    assert len(asked) == 2 * 4 * 2
    assert len({given[-1] for given in asked}) == len(asked)  # each its own folder
    for given in asked:
        assert given[0] == "evaluate"
        assert values(given, "--n0") == ["100"]
        assert values(given, "--tau") == ["0.75", "0.85", "0.95", "0.99"]
        assert values(given, "--correction") == ["bonferroni", "holm"]
        assert values(given, "--data") == ["shapes"]
        (model,), (noise,) = values(given, "--model"), values(given, "--noise")
        own = "0.5" if "0.5" in Path(model).name else "0.25"
        wanted = {"gaussian": [own], "rotation": ["0.125", "0.25"]}[noise]
        assert values(given, "--sigma") == wanted
    assert [values(given, "--n") for given in asked] == [["1000"]] * 8 + [["10000"]] * 8
    asked.clear()
    clouds.evaluate(
        weights=weights, data="shapenet_part_cap", root=Path("caps"), shapes=3, n=[200],
        only=["shapes-0.5"], noise=["rotations"],
    )  # fmt: skip
    (given,) = asked
    assert values(given, "--root") == ["caps"]
    assert values(given, "--split") == ["test"]
    assert values(given, "--subset") == ["3"]
    assert values(given, "--model") == [str(weights / "shapes-0.5.safetensors")]


def test_the_shipped_network_is_taken_for_the_one_it_is(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shapes.safetensors"
    shutil.copy(weights / "shapes-normals-0.25.safetensors", shipped)
    monkeypatch.setattr(clouds, "shipped_points", lambda: {"shapes": shipped})
    assert clouds.find_network("shapes-normals-0.25", tmp_path) == shipped
    for other in ("shapes-0.25", "shapes-normals-0.5"):
        with pytest.raises(InputError, match=f"network {other} is neither in .* nor shipped"):
            clouds.find_network(other, tmp_path)
    own = weights / "shapes-normals-0.25.safetensors"
    assert clouds.find_network("shapes-normals-0.25", weights) == own


def test_a_run_that_fails_ends_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "run", lambda _: 2)
    with pytest.raises(SystemExit, match="2"):
        clouds.evaluate(weights=weights)


@pytest.mark.slow
def test_the_page_shows_what_the_runs_found(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    clouds.evaluate(weights=weights, out=runs, shapes=1, n=[60], only=["shapes-normals-0.25"])
    written = tmp_path / "page.md"
    written.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    capsys.readouterr()
    page.page(runs, write=written, out=tmp_path / "results")
    text = written.read_text()
    assert text.startswith(f"before\n{page.BEGIN}\n### Procedural shapes, n = 60\n")
    assert text.endswith(f"{page.END}\nafter\n")
    assert "old" not in text
    assert (tmp_path / "results" / "shapes-n60-coordinates" / "table.csv").is_file()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if "| shapes-" in line]
    assert [row[1:3] for row in rows] == [
        ["gaussian 0.25", "0.75"], ["rotation 0.125", "0.75"], ["rotation 0.25", "0.75"],
    ]  # fmt: skip
    (path,) = runs.glob("shapes/n60/shapes-normals-0.25/coordinates/summary.json")
    found = {one["correction"]: one for one in json.loads(path.read_text())["results"]}
    labelled = found["holm"]["labelled"]
    shares = [found[name]["certified_correct"] for name in ("bonferroni", "holm")]
    lost = [labelled - found[name]["certified_labelled"] for name in ("bonferroni", "holm")]
    assert rows[0][3:] == [
        floor_text(found["holm"]["radius"]),
        percent_text(round(found["holm"]["accuracy"] * labelled), labelled),
        floor_text(found["holm"]["instance_iou"], 3),
        *(percent_text(one, labelled) for one in (*shares, *lost)),
    ]


def test_a_page_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run: python -m experiments\.table2\.clouds"):
        page.page(tmp_path)
    text = (ROOT / "docs" / "table2.md").read_text()
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_cells_are_of_bonferroni_then_holm() -> None:
    def entry(certified: int, right: int) -> SimpleNamespace:
        score = SimpleNamespace(
            confusion=np.diag([50, 40]), labelled=100, certified_labelled=certified,
            certified_correct=right,
        )  # fmt: skip
        setting = SimpleNamespace(noise_text="gaussian 0.25", tau=0.75, radius=0.16862)
        totals = SimpleNamespace(score=score, parts=SimpleNamespace(instance=0.71239))
        return SimpleNamespace(label="net", setting=setting, totals=totals)

    assert page.cells({"bonferroni": entry(70, 60), "holm": entry(80, 65)}) == (
        "net", "gaussian 0.25", "0.75", "0.1686", "90.0%", "0.712", "60.0%", "65.0%", "30.0%",
        "20.0%",
    )  # fmt: skip
