"""A folder with what the pages name."""

from pathlib import Path

import pytest
from cloud_files import mug
from foreign_models import segformer, write_folder
from PIL import Image

from segcert.inputs.cloud_files import write_cloud
from segcert_scenes.streets import street_scene


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photograph, a folder of them, masks and a mug; the test runs in it."""
    monkeypatch.chdir(tmp_path)
    scene = street_scene(3, height=48, width=64)
    for folder in (Path(), Path("drive"), Path("street"), Path("folder")):
        folder.mkdir(exist_ok=True)
        Image.fromarray(scene.image).save(folder / "photo.png")
    Image.fromarray(scene.labels).save("labels.png")
    Image.fromarray((scene.labels == 3).astype("uint8")).save("bonnet.png")
    for name in ("mug.npz", "mug.ply"):
        write_cloud(Path(name), mug(512))
    return tmp_path


@pytest.fixture
def hugging_face(desk: Path) -> Path:
    """A folder as Hugging Face saves it."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    normalised = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    return write_folder(desk / "hf_folder", segformer(), **normalised)
