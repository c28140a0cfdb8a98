"""Evaluate on clouds: each is told its category, figures are those of the field, runs go on."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segcert.data.part_numbers import CATEGORIES, PARTS
from segcert.data.sets import Arguments, open_evaluation_set
from segcert.errors import InputError
from segcert.metrics.part_iou import part_iou, shape_category, shape_iou
from segcert.models.nets.pointnet import PointNet
from segcert.models.point_segmenter import of_category
from segcert.models.wrapping import as_segmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.registry import CLOUD, named_noise
from segcert.report.comparison import compare
from segcert.report.run_tables import caption, comma_separated, table
from segcert.runs.config import EvaluationConfig
from segcert.runs.evaluate import SUMMARY, Results, evaluate, load_results
from segcert.runs.inventory import take_inventory
from segcert.runs.setting import all_settings
from segcert.sampling.sampler import sample

DATA = open_evaluation_set("shapes", Arguments(scenes=3))
SETTINGS = (
    *all_settings(
        noise=["gaussian"], sigma=[0.1], tau=[0.75], n=[35, 60], correction=["bonferroni", "holm"]
    ),
    *all_settings(
        noise=["rotation"], sigma=[0.1], tau=[0.75], n=[60], correction=["holm"]
    ),
)  # fmt: skip


def model() -> object:
    torch.manual_seed(0)
    net = PointNet(50, columns=6, categories=16, width=4).eval()
    return as_point_segmenter(net, columns=6, name="tiny", classes=50)


def config() -> EvaluationConfig:
    segmenter = model()
    return EvaluationConfig(
        data=DATA.name, note=DATA.note, images=3, inputs_sha256=take_inventory(DATA).sha256,
        classes=DATA.classes, model="tiny", weights_sha256=segmenter.weights_sha256,
        settings=SETTINGS, n0=4, alpha=0.3, seed="5", device="cpu", stream_version=2,
    )  # fmt: skip


def run(out: Path, progress: object = None) -> Results:
    return evaluate(
        model(), DATA, take_inventory(DATA), config(), out=out, device="cpu", progress=progress
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    run(out)
    return out


def test_rows_are_those_of_single_certificates(whole: Path) -> None:
    results = load_results(whole)
    assert results.complete
    assert results.config == config()
    for row in results.rows:
        setting, cloud = results.config.settings[row.setting], DATA.items[row.number]
        counts = sample(
            of_category(model(), cloud.category), cloud,
            noise=named_noise(setting.noise, setting.sigma, inputs=CLOUD),
            n0=4, n=setting.n, seed=5,
        )  # fmt: skip
        alone = results.config.plan(setting).decide(counts)
        assert row.certified == int(alone.certified.sum())
        assert row.category == cloud.category
        assert set(np.flatnonzero(row.confusion.sum(0))) <= set(PARTS[cloud.category])
        ious = []
        for part in PARTS[cloud.category]:
            truth, found = cloud.labels == part, alone.labels == part
            both = (truth | found).sum()
            ious.append((truth & found).sum() / both if both else 1.0)
        assert abs(row.shape_iou - np.mean(ious)) < 1e-12
    assert any(row.certified for row in results.rows)


def test_the_summary_holds_the_ious_of_the_field(whole: Path) -> None:
    found = json.loads((whole / SUMMARY).read_text())["results"]
    results = load_results(whole)
    for number, line in enumerate(found):
        rows = [row for row in results.rows if row.setting == number]
        assert abs(line["instance_iou"] - np.mean([row.shape_iou for row in rows])) < 1e-12
        names = {CATEGORIES[row.category] for row in rows}
        assert set(line["category_iou"]) == names
        assert line["radius"] == results.config.settings[number].radius > 0
    assert found[-1]["noise"] == "rotation"
    assert found[0]["radius"] == pytest.approx(0.1 * 0.6744897501960817, rel=1e-9)
    shown = compare([results], ["net"])
    assert "3 clouds" in caption(shown)
    assert table(shown)[-1][5] == "rotation 0.1"
    lines = list(csv.DictReader(io.StringIO(comma_separated(shown))))
    assert {(line["noise"], line["sigma"]) for line in lines} >= {("gaussian", "0.1")}
    assert float(lines[0]["instance_iou"]) == pytest.approx(found[0]["instance_iou"])


def test_a_run_that_was_stopped_ends_as_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    def stop(name: str, done: int, total: int) -> None:
        if name.startswith("2/3") and done * 2 > total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop)
    run(tmp_path)
    assert (tmp_path / SUMMARY).read_bytes() == (whole / SUMMARY).read_bytes()


def test_a_model_of_images_is_refused(tmp_path: Path) -> None:
    images = as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=50, name="tiny")
    with pytest.raises(InputError, match="the data are point clouds, but model tiny"):
        evaluate(images, DATA, take_inventory(DATA), config(), out=tmp_path)


@pytest.mark.parametrize("category", range(16))
def test_a_part_in_neither_counts_one(category: int) -> None:
    confusion, parts = np.zeros((50, 50), np.int64), PARTS[category]
    confusion[parts[0], parts[0]], confusion[parts[0], parts[1]] = 3, 1
    assert shape_category(confusion) == category
    expected = (3 / 4 + 0 + (len(parts) - 2)) / len(parts)
    assert abs(shape_iou(confusion) - expected) < 1e-12
    perfect = np.zeros((50, 50), np.int64)
    perfect[0, 0] = 7
    found = part_iou([confusion, confusion, perfect])
    assert abs(found.instance - (2 * expected + 1) / 3) < 1e-12
    if category:
        assert abs(found.category_mean - (expected + 1) / 2) < 1e-12
    confusion[PARTS[(category + 1) % 16][0], 0] = 1
    with pytest.raises(InputError, match="not those of one category"):
        shape_category(confusion)


@pytest.mark.parametrize("category", range(16))
def test_models_answer_the_parts_of_the_category(category: int) -> None:
    told = of_category(model(), CATEGORIES[category])
    labels = told.labels(torch.randn(2, 32, 6, generator=torch.Generator().manual_seed(0)))
    assert set(labels.unique().tolist()) <= set(PARTS[category])
    assert told.category == category


def test_settings_of_other_axes_share_no_draws_and_files_without_axis_stay_as_they_were() -> None:
    about = {"noise": ["yaw"], "sigma": [0.1], "tau": [0.75], "n": [60], "correction": ["holm"]}
    x, y = (all_settings(**about, axis=axis)[0] for axis in "xy")
    (plain,) = all_settings(**about)
    assert len({x.draws, y.draws, plain.draws}) == 3
    assert (x.drawn_noise.direction, y.drawn_noise.direction) == ((1.0, 0, 0), (0, 1.0, 0))
    assert plain.drawn_noise.direction == (0, 0, 1.0)
    assert "axis" not in plain.model_dump()
    assert y.model_dump()["axis"] == "y"
    assert type(y).model_validate_json(y.model_dump_json()) == y
    assert all_settings(**(about | {"noise": ["gaussian"]}), axis="y")[0].axis is None
