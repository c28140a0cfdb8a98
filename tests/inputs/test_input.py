"""One input, however it is given."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cloud_files import mug, mug_file
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.images import hash_tensor, read_file
from segcert.inputs.input import Input, as_cloud, of_cloud, read
from segcert.inputs.kind import CLOUD, IMAGE


def test_a_file_of_an_image(photo: Path) -> None:
    given = read(photo)
    assert (given.kind, given.name, given.path) == (IMAGE, photo.stem, photo)
    assert torch.equal(given.tensor, read_file(photo))
    assert given.sha256 == hash_tensor(given.tensor)
    assert given.components == given.shape[1:]
    assert given.dtype == "uint8"
    assert (given.truth, given.category, given.notes) == (None, None, ())
    assert read(str(photo)).sha256 == read(Image.open(photo)).sha256 == given.sha256


def test_a_file_of_a_cloud_with_all_that_it_says(tmp_path: Path) -> None:
    shape, given = mug(), read(mug_file(tmp_path))
    assert (given.kind, given.name, given.category) == (CLOUD, "mug", shape.category)
    assert given.shape == (512, 6)
    assert given.components == (512,)
    assert given.truth is not None
    assert np.array_equal(given.truth, shape.labels)
    assert given.sha256 == of_cloud(shape).sha256


def test_a_cloud_comes_back_as_it_went_in() -> None:
    shape = mug()
    again = as_cloud(of_cloud(shape))
    for name in ("name", "category", "notes"):
        assert getattr(again, name) == getattr(shape, name)
    for name in ("points", "normals", "labels"):
        assert np.array_equal(getattr(again, name), getattr(shape, name)), name
    bare = as_cloud(of_cloud(shape).cut((512, 3)))
    assert bare.normals is None
    assert np.array_equal(bare.points, shape.points)


def test_an_input_is_read_once(photo: Path) -> None:
    given = read(photo)
    assert read(given) is given
    photo.unlink()
    assert len(given.sha256) == 64


def test_the_hash_is_that_of_the_tensor_without_what_is_cut_off() -> None:
    given = of_cloud(mug())
    whole = given.sha256
    cut = given.cut((512, 3))
    assert cut.sha256 == hash_tensor(given.tensor[:, :3].contiguous()) != whole
    assert given.cut(given.shape) is given


@pytest.mark.parametrize("name", ["what.png", "what.ply", "what.npz"])
def test_errors_name_the_file_and_what_it_should_be(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("nothing")
    word = "image" if name.endswith("png") else "cloud"
    with pytest.raises(InputError, match=f"{word} .*{name}"):
        read(tmp_path / name)


def test_numbers_on_two_axes_are_a_cloud_only_if_they_are_floats() -> None:
    assert read(np.zeros((4, 3), np.float32)).kind == CLOUD
    with pytest.raises(InputError, match="an image must have shape"):
        read(np.zeros((4, 3), np.uint8))


def test_where_names_a_file_or_the_input() -> None:
    assert Input(IMAGE, torch.zeros(3, 2, 2), "one").where == "image one"
    assert Input(CLOUD, torch.zeros(3, 3), "one", Path("a/one.ply")).where == "cloud a/one.ply"
