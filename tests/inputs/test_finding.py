"""Which images a command line means."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.finding import LONGEST_NAME, find_inputs, find_mask, kind_of_files, skipped_in
from segcert.inputs.held import Inputs
from segcert.inputs.kind import CLOUD, IMAGE


@pytest.fixture
def album(tmp_path: Path, photo: Path) -> Path:
    """A folder of images in several spellings, a text file, and a folder below."""
    album = tmp_path / "album"
    (album / "deeper").mkdir(parents=True)
    for name in ("b.png", "a.PNG", "c.Png", "deeper/d.png"):
        shutil.copy(photo, album / name)
    (album / "notes.txt").write_text("no image")
    return album


def test_files_come_in_the_order_given(album: Path) -> None:
    found = find_inputs([str(album / "b.png"), str(album / "a.PNG")])
    assert list(found.items()) == [("b", album / "b.png"), ("a", album / "a.PNG")]


def test_a_folder_means_the_images_in_it_in_order(album: Path) -> None:
    assert list(find_inputs([str(album)])) == ["a", "b", "c"]


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["b"]),
        ("*.[Pp]*", ["a", "b", "c"]),
        ("?.png", ["b"]),
        ("**/*.png", ["b", "d"]),
        ("*/*.png", ["d"]),
    ],
)
def test_globs(
    album: Path, pattern: str, names: list[str], absolute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    assert list(find_inputs([str(album / pattern) if absolute else pattern])) == names


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path, photo: Path) -> None:
    shutil.copy(photo, tmp_path / "[a]*.png")
    assert find_inputs([str(tmp_path / "[a]*.png")]) == {"[a]*": tmp_path / "[a]*.png"}


def test_the_same_file_twice_is_one_image(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(album)
    assert list(find_inputs(["b.png", str(album / "b.png"), "./deeper/../b.png"])) == ["b"]


def test_two_images_of_one_name_are_refused(album: Path) -> None:
    shutil.copy(album / "b.png", album / "deeper" / "b.png")
    with pytest.raises(InputError, match=r"album/b\.png and .*deeper/b\.png would both .*rename"):
        find_inputs([str(album / "**/*.png")])


@pytest.mark.parametrize("name", ["..png", "...png", "n" * (LONGEST_NAME + 1) + ".png"])
def test_names_that_cannot_name_a_folder_are_refused(
    tmp_path: Path, photo: Path, name: str
) -> None:
    """``...png`` would be written to ``OUT/..``."""
    path = tmp_path / name
    shutil.copy(photo, path)
    if path.stem == path.name:
        pytest.skip("this Python sees no suffix here")
    with pytest.raises(InputError, match="rename the image"):
        find_inputs([str(path)])


def test_names_that_are_no_text_are_refused(tmp_path: Path, photo: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        shutil.copy(photo, path)
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(InputError, match=r"caf\\udce9.*rename the image"):
        find_inputs([str(path)])


def test_what_is_not_there_is_named(album: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (album / "notes.md").write_text("no image")
    for argument, rule in (
        (album / "x.png", "does not exist"),
        (album / "*.jpg", "no file matches"),
        (album / "x*" / "**", "no file matches"),
        (tmp_path / "empty", r"holds no \.png"),
        (album / "notes.txt", "must be a table of numbers"),
        (album / "notes.md", "no image that can be read"),
    ):
        with pytest.raises(InputError, match=rule) as caught:
            Inputs(find_inputs([str(argument)]))
        assert str(argument) in str(caught.value)
    with pytest.raises(InputError, match="no image given: name PNG"):
        find_inputs([])


def test_a_folder_of_folders_and_texts_holds_no_images(album: Path) -> None:
    for image in album.glob("*.[Pp]*"):
        image.unlink()
    with pytest.raises(InputError, match=r"not searched deeper: use '.*\*\*/\*\.png'"):
        find_inputs([str(album)])


def test_what_a_folder_or_pattern_holds_besides_is_said(album: Path) -> None:
    for name in ("._a.png", "Thumbs.db", "z.heic", "y.md"):
        (album / name).write_bytes(b"no image")
    for argument in (str(album), str(album / "*")):
        found = find_inputs([argument]).values()
        assert {path.suffix.lower() for path in found} == {".png"}
        (line,) = skipped_in([argument, argument], found)
        where = f"folder {album}" if argument == str(album) else argument
        assert line.startswith(f"{where}: skipped Thumbs.db, ")
        assert "._a.png" not in line
    assert skipped_in([str(album / "*.png")], find_inputs([str(album / "*.png")]).values()) == []
    with pytest.raises(InputError, match=r"no image that can be read"):
        Inputs(find_inputs([str(album / "*.db")]))


def test_lists_of_paths_are_no_inputs(album: Path) -> None:
    first = next(path for path in album.iterdir() if path.suffix == ".png")
    for line in (first.name, str(first)):
        (album / "list.txt").write_text(f"{line}\nother.png\n")
        with pytest.raises(InputError, match=r"list\.txt is a list of paths.*\$\(cat .*list"):
            find_inputs([str(album / "list.txt")])
    (album / "list.txt").write_text("0 0 1\n")
    assert list(find_inputs([str(album / "list.txt")])) == ["list"]


def test_one_unreadable_image_stops_all(album: Path) -> None:
    (album / "z.png").write_text("no image")
    with pytest.raises(InputError, match=r"z\.png"):
        Inputs(find_inputs([str(album)]))


def test_a_mask_is_read_or_refused_by_its_option(tmp_path: Path) -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[1, 2], mask[3, 0] = 1, 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert np.array_equal(find_mask(tmp_path / "mask.png"), mask > 0)
    with pytest.raises(InputError, match=r"--ignore: image .*none\.png does not exist"):
        find_mask(tmp_path / "none.png")


def test_kinds_are_told_apart_by_suffix(tmp_path: Path) -> None:
    """A folder with images stands for them, whatever else it holds; text alone is no cloud."""
    for name in ("a/photo.png", "a/notes.txt", "a/scan.ply", "b/scan.ply", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    told = {name: str(tmp_path / name) for name in ("a", "b", "a/photo.png", "b/scan.ply")}
    assert kind_of_files([told["a"]]) == IMAGE
    assert kind_of_files([told["a/photo.png"], told["a"]]) == IMAGE
    assert kind_of_files([told["b"]]) == CLOUD
    assert kind_of_files([told["b"], told["b/scan.ply"]]) == CLOUD
    with pytest.raises(InputError, match="one kind at a time"):
        kind_of_files([told["a"], told["b"]])
