"""Evaluate: the figures, kill -9 at any point, one process at a time, no other configuration."""

import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from segcert.errors import InputError, VerificationError
from segcert.inputs.labels import IGNORE
from segcert.locks import held
from segcert.metrics.score import Score, score
from segcert.metrics.worst_case import WorstCase, worst_of_labels
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.runs.evaluate import SUMMARY, Results, load_results
from segcert.runs.record_store import RECORDS
from segcert.runs.rows import Row, from_json, to_json
from segcert.sampling.sampler import sample

PROGRAM = Path(__file__).with_name("evaluation_run.py")
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluation_run", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five tiny images of a dark and a bright class, with wrong and with ignored pixels."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for name in NAMES:
        pixels = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
        truth = (pixels[..., 0] > 110).astype(np.uint8)
        truth[0, :4] = IGNORE
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
        Image.fromarray(truth).save(folder / "masks" / f"{name}.png")
    (folder / "names.txt").write_text("dark\nbright\n")
    return folder


@pytest.fixture(scope="module")
def whole(program: ModuleType, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was never stopped."""
    out = tmp_path_factory.mktemp("whole")
    program.run(data, out)
    return out


def values(row: Row) -> dict[str, object]:
    """A row without its time."""
    found = {field.name: getattr(row, field.name) for field in fields(row)}
    del found["seconds"]
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}


def all_values(folder: Path) -> list[dict[str, object]]:
    return [values(row) for row in load_results(folder).rows]


def same(one: object, other: object) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(one)
    )


def test_rows_are_the_metrics_of_single_certificates(data: Path, whole: Path) -> None:
    """Each input drawn again by itself, with its own n; Score and WorstCase by their functions."""
    results = load_results(whole)
    config = results.config
    assert results.complete
    assert [(r.number, r.setting) for r in results.rows] == [
        (i, s) for i in range(5) for s in range(16)
    ]
    model = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2, name="bright")
    shares = set()
    for row in results.rows[:32]:
        setting = config.settings[row.setting]
        truth = np.array(Image.open(data / "masks" / f"{row.name}.png"))
        counts = sample(
            model, data / "images" / f"{row.name}.png",
            noise=GaussianNoise(setting.sigma), n0=4, n=setting.n, seed=5,
        )  # fmt: skip
        alone = config.plan(setting).decide(counts)
        assert row.input_sha256 == counts.provenance.input_sha256
        assert same(row.score, score(alone.labels, alone.certified, truth, classes=2))
        assert same(
            row.worst_case, worst_of_labels(alone.labels, alone.certified, truth, classes=2)
        )
        assert row.threshold == alone.threshold
        assert row.seconds > 0
        shares.add(row.certified)
    assert len(shares) > 8  # not all or nothing


def test_the_summary_adds_up(whole: Path) -> None:
    found = json.loads((whole / SUMMARY).read_text())
    results = load_results(whole)
    assert found["config_sha256"] == results.config.sha256
    assert found["alpha_is"] == "per input and setting"
    for number, line in enumerate(found["results"]):
        setting = results.config.settings[number]
        rows = [row for row in results.rows if row.setting == number]
        assert line["inputs"] == 5
        assert line["labelled"] == 5 * (120 - 4)
        assert line["certified"] == sum(row.certified for row in rows)
        correct = sum(int(np.trace(row.certified_confusion)) for row in rows)
        assert line["certified_accuracy"] == correct / 580
        assert line["radius"] == setting.radius > 0
        assert (line["worst_case_mean_iou"] is None) == setting.correction.startswith("k-fwer")
        if not setting.correction.startswith("k-fwer"):
            assert line["worst_case_mean_iou"] < line["mean_iou"]
    by = {(r["sigma"], r["tau"], r["n"], r["correction"]): r for r in found["results"]}
    holm = by[0.25, 0.75, 60, "holm"]["certified"]
    assert by[0.25, 0.75, 40, "holm"]["certified"] < holm < by[0.25, 0.6, 60, "holm"]["certified"]


def test_kill_at_any_point_and_go_on(data: Path, whole: Path, tmp_path: Path) -> None:
    """SIGKILL before two batches; then the run ends as one that was never stopped."""
    command = [sys.executable, PROGRAM, data, tmp_path]
    seen = []
    for batch in ("14", "23"):
        done = subprocess.run([*command, "kill", batch], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        if (tmp_path / RECORDS).exists():
            with sqlite3.connect(tmp_path / RECORDS) as store:
                tables = store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                query = "SELECT number, count(*) FROM results GROUP BY number"
                by_input = store.execute(query).fetchall() if tables else []
            store.close()
            assert all(rows == 16 for _, rows in by_input)  # an input is there, or it is not
            seen.append(len(by_input))
    assert seen == sorted(seen)  # nothing is lost
    assert seen[-1] > 0
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / SUMMARY).read_bytes() == (whole / SUMMARY).read_bytes()
    assert all_values(tmp_path) == all_values(whole)


class Stop:
    """A progress bar that breaks after some draws of an input."""

    def __init__(self, name: str, at: int) -> None:
        self.name, self.at, self.calls = name, at, []

    def __call__(self, name: str, done: int, total: int) -> None:
        self.calls.append((name, done, total))
        if name.endswith(self.name) and done >= self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("name", "at"), [("1/5 a", 1), ("3/5 c", 100), ("5/5 e", 128)])
def test_what_is_done_is_not_drawn_again(
    program: ModuleType, data: Path, whole: Path, tmp_path: Path, name: str, at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        program.run(data, tmp_path, progress=Stop(name, at))
    assert not (tmp_path / SUMMARY).exists()
    rest = Stop("nothing", 0)
    program.run(data, tmp_path, progress=rest)
    assert rest.calls[0][0] == name
    assert rest.calls[-1] == ("5/5 e", 128, 128)  # 2 groups of 4 + 60
    assert (tmp_path / SUMMARY).read_bytes() == (whole / SUMMARY).read_bytes()
    again = Stop("nothing", 0)
    program.run(data, tmp_path, progress=again)
    assert again.calls == []


def test_another_configuration_is_refused(program: ModuleType, data: Path, whole: Path) -> None:
    before = all_values(whole)
    for changed, words in (
        ({"alpha": 0.05}, "alpha 0.1 -> 0.05"),
        ({"seed": "6"}, "seed 5 -> 6"),
        ({"inputs_sha256": "0"}, "inputs_sha256"),
        ({"weights_sha256": "0"}, "weights_sha256 none -> 0"),
        ({"settings": program.SETTINGS[:3]}, "-> sigma=0.25 scale=1 tau=0.6 n=40 holm;"),
    ):
        with pytest.raises(InputError, match="another configuration") as caught:
            program.run(data, whole, **changed)
        assert words in str(caught.value)
    assert all_values(whole) == before


def test_any_seed_goes_on_with_the_stored_one(program: ModuleType, data: Path, whole: Path) -> None:
    found = program.run(data, whole, seed="77", any_seed=True)
    assert isinstance(found, Results)
    assert found.config.seed == "5"


def test_two_processes_on_one_folder(program: ModuleType, data: Path, tmp_path: Path) -> None:
    holder = "import sys; from pathlib import Path; from segcert.locks import held\n"
    holder += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holder, tmp_path]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another process works on"):
            program.run(data, tmp_path)
        assert [*tmp_path.iterdir()] == []
    finally:
        process.kill()
        process.communicate()
    with held(tmp_path):  # the lock ended with its process
        pass


def test_damaged_and_foreign_stores(
    program: ModuleType, data: Path, whole: Path, tmp_path: Path
) -> None:
    content = bytearray((whole / RECORDS).read_bytes())
    for name, bad in (
        ("text", b"nothing of the kind" * 99),
        ("torn", bytes(content[: len(content) // 2])),
        ("zeros", bytes(content[:4096]) + bytes(len(content) - 4096)),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORDS).write_bytes(bad)
        for action in (lambda out: program.run(data, out), load_results):
            with pytest.raises(InputError, match=r"is damaged .*delete it") as caught:
                action(tmp_path / name)
            assert "\n" not in str(caught.value)
    with sqlite3.connect(tmp_path / RECORDS) as store:
        store.execute("CREATE TABLE other (x)")
    store.close()
    with pytest.raises(InputError, match="no store of an evaluation"):
        program.run(data, tmp_path)
    with pytest.raises(InputError, match="is a file"):
        program.run(data, data / "names.txt")


def test_a_changed_configuration_in_the_store_is_noticed(
    program: ModuleType, data: Path, tmp_path: Path
) -> None:
    program.run(data, tmp_path)
    with sqlite3.connect(tmp_path / RECORDS) as store:
        store.execute("UPDATE run SET config = replace(config, '0.1', '0.2')")
    store.close()
    for action in (lambda out: program.run(data, out), load_results):
        with pytest.raises(VerificationError, match="its configuration has another hash"):
            action(tmp_path)


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no records\.sqlite"):
        load_results(tmp_path)
    (tmp_path / RECORDS).touch()  # killed before the first transaction
    with pytest.raises(InputError, match="has no result yet"):
        load_results(tmp_path)


def test_an_empty_store_is_started(
    program: ModuleType, data: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / RECORDS).touch()
    program.run(data, tmp_path)
    assert all_values(tmp_path) == all_values(whole)


def test_matrices_go_there_and_back() -> None:
    matrix = np.zeros((59, 59), np.int64)
    matrix[3, 58] = 2**40
    matrix[58, 0] = 1
    assert to_json(matrix) == f"[59,[3,58,{2**40}],[58,0,1]]"
    assert np.array_equal(from_json(to_json(matrix)), matrix)


def test_sums_of_scores_and_bounds_keep_their_types(whole: Path) -> None:
    total = load_results(whole).totals[0]
    assert isinstance(total.score, Score)
    assert isinstance(total.worst_case, WorstCase)
    assert total.worst_case.truth.sum() == total.score.labelled
