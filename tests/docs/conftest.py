"""A folder with what `segcert demo` leaves, smaller, and what pages of models name besides."""

from pathlib import Path

import pytest
from foreign_models import segformer, write_folder
from PIL import Image

from segcert.data.drawn_shapes import FIRST_TEST_SHAPE, as_cloud
from segcert.inputs.cloud_files import write_cloud
from segcert_scenes.shapes import shape
from segcert_scenes.streets import street_scene


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the two demos leave, at a smaller size; the test runs in it."""
    monkeypatch.chdir(tmp_path)
    scene = street_scene(3, height=48, width=64)
    Path("demo").mkdir()
    Image.fromarray(scene.image).save("demo/street6.png")
    Image.fromarray(scene.labels).save("demo/truth.png")
    table = as_cloud(shape(FIRST_TEST_SHAPE + 4, points=512))
    write_cloud(Path("demo", f"{table.name}.npz"), table)
    return tmp_path


@pytest.fixture
def hugging_face(desk: Path) -> Path:
    """A folder as Hugging Face saves it."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    normalised = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    return write_folder(desk / "hf_folder", segformer(), **normalised)
