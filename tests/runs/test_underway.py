"""Inputs on their way: each job has the noise, scale, category and batch of its settings."""

from dataclasses import replace

import pytest
import torch
from engine_models import open_images, open_net

from segcert.data.sets import Arguments, LabelledSet, open_evaluation_set
from segcert.errors import InputError
from segcert.models.identity.runtime import Runtime
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.registry import CLOUD, named_noise
from segcert.runs.config import EvaluationConfig
from segcert.runs.engines.local import LocalEngine
from segcert.runs.inventory import take_inventory
from segcert.runs.jobs import Job
from segcert.runs.setting import all_settings
from segcert.runs.underway import Underway, work_of

SHAPES = open_evaluation_set("shapes", Arguments(scenes=3))
IMAGES = open_images(2)


def config_of(data: LabelledSet, settings: tuple[object, ...], n0: int = 4) -> EvaluationConfig:
    return EvaluationConfig(
        data=data.name, note=data.note, images=len(data.items), inputs_sha256="",
        classes=data.classes, model="tiny", weights_sha256="abc", settings=settings, n0=n0,
        alpha=0.3, seed="5", device="cpu",
    )  # fmt: skip


def cloud_net(columns: int = 6, **options: object) -> PointSegmenter:
    def zeros(points: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(points), 50, points.shape[1])

    return as_point_segmenter(zeros, columns=columns, name="tiny", classes=50, **options)


def jobs_of(segmenter: object, data: LabelledSet, config: EvaluationConfig) -> list[Job]:
    with LocalEngine(segmenter, device="cpu") as engine:
        found = Underway(
            segmenter, data, take_inventory(data), config,
            engine=engine, batch_size="auto", progress=None,
        )  # fmt: skip
        return list(found.jobs(range(len(data.items))))


def test_jobs_of_images_have_the_noise_and_scale_of_their_settings() -> None:
    settings = all_settings(
        sigma=(0.25, 0.5), scale=("1", "0.5"), tau=(0.6,), n=(40, 60), correction=("holm",)
    )
    net = replace(open_net(), runtime=Runtime("onnx"))
    works = [job.work for job in jobs_of(net, IMAGES, config_of(IMAGES, settings))]
    asked = [(named_noise("gaussian", s), f) for s in (0.25, 0.5) for f in ("1", "0.5")]
    assert [(work.noise, work.scale) for work in works] == asked * 2
    assert {(w.seed, w.weights_sha256, w.category, w.backend) for w in works} == {
        (5, "abc", None, "onnx")
    }
    assert len({work.x.numpy().tobytes() for work in works}) == 2


def test_jobs_of_clouds_have_the_noise_of_their_settings_and_their_category(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The automatic batch goes by the number of points."""
    monkeypatch.setattr("segcert.sampling.setup.COMPONENTS_PER_BATCH", (2**13, 2**13))
    settings = all_settings(
        noise=["gaussian", "rotation"], sigma=[0.1], tau=[0.6], n=[40], correction=["holm"]
    )
    jobs = jobs_of(cloud_net(), SHAPES, config_of(SHAPES, settings))
    noises = [named_noise(name, 0.1, inputs=CLOUD) for name in ("gaussian", "rotation")]
    assert [job.work.noise for job in jobs] == noises * 3
    categories = [SHAPES.items.item(k).category for k in range(3)]
    assert [job.work.category for job in jobs[::2]] == categories
    assert len(set(categories)) == 3
    points = jobs[0].work.x.shape[0]
    assert 1024 < points <= 2048
    assert jobs[0].ready().batch_size == 4
    voting = jobs_of(cloud_net(votes=3), SHAPES, config_of(SHAPES, settings))
    assert voting[0].ready().batch_size == 1  # draws with randomness of their own share none


def test_normals_that_a_model_does_not_trust_stay_behind() -> None:
    (setting,) = all_settings(
        noise=["gaussian"], sigma=[0.1], tau=[0.6], n=[40], correction=["holm"]
    )
    config, cloud = config_of(SHAPES, (setting,)), SHAPES.input(0)
    columns = {
        "trusted": cloud_net(), "computed": cloud_net(normal_neighbours=16), "none": cloud_net(3),
    }  # fmt: skip
    found = {k: work_of(net, cloud, setting, config).x.shape[1] for k, net in columns.items()}
    assert found == {"trusted": 6, "computed": 3, "none": 3}


def test_an_input_without_category_is_refused() -> None:
    (setting,) = all_settings(
        noise=["gaussian"], sigma=[0.1], tau=[0.6], n=[40], correction=["holm"]
    )
    config = config_of(SHAPES, (setting,))
    for item in (
        IMAGES.input(0),
        replace(SHAPES.input(0), category=None, truth=None),
    ):
        with pytest.raises(InputError, match="model tiny labels clouds of a category, got"):
            work_of(cloud_net(), item, setting, config)
