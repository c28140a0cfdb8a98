"""Picture files: every format, one page of them, upright, whatever their metadata are."""

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import BAD_EXIF, chunk, exif_of, tiff_of_bands, with_chunks
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.decoder_words import complaint, overheard
from segcert.inputs.images import read_file, read_image
from segcert.inputs.input import read_path
from segcert.inputs.pictures import (
    ARRAY_TURNS,
    TURNS,
    files_in,
    name_of,
    read_picture,
    split_page,
    turned,
)

DrawPixels = Callable[..., np.ndarray]


@pytest.fixture
def image(draw_pixels: DrawPixels) -> Image.Image:
    """A small picture in colour."""
    return Image.fromarray(draw_pixels(height=6, width=9))


def values(path: Path) -> np.ndarray:
    """What is read of a file, channels last."""
    return read_file(path).movedim(0, 2).numpy()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}), ("webp", {"lossless": True}), ("bmp", {}), ("ppm", {}), ("tif", {}),
        ("dib", {}), ("tiff", {"compression": "tiff_lzw"}), ("apng", {"format": "PNG"}),
    ],
)  # fmt: skip
def test_formats_that_keep_every_value(
    tmp_path: Path, image: Image.Image, suffix: str, options: dict[str, object]
) -> None:
    image.save(tmp_path / f"a.{suffix}", **options)
    assert (values(tmp_path / f"a.{suffix}") == np.array(image)).all()


def test_formats_that_change_values_are_read_as_they_show(
    tmp_path: Path, image: Image.Image
) -> None:
    image.save(tmp_path / "a.jfif", "JPEG")
    image.save(tmp_path / "a.gif")
    for name in ("a.jfif", "a.gif"):
        with Image.open(tmp_path / name) as shown:
            assert (values(tmp_path / name) == np.array(shown.convert("RGB"))).all()


@pytest.mark.parametrize("suffix", ["tif", "gif", "png", "webp"])
def test_one_page_of_several_must_be_named(tmp_path: Path, image: Image.Image, suffix: str) -> None:
    path, other = tmp_path / f"a.{suffix}", Image.fromarray(255 - np.array(image))
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(path, save_all=True, append_images=[other], **options)
    with pytest.raises(InputError, match=rf"has 2 pages: name one .*a\.{suffix}#1 for the first"):
        read_file(path)
    first, second = values(Path(f"{path}#1")), values(Path(f"{path}#2"))
    if suffix != "gif":  # which has 256 colours
        assert (first == np.array(image)).all()
        assert (second == np.array(other)).all()
    assert not (first == second).all()
    with pytest.raises(InputError, match=rf"a\.{suffix}#3: the file has 2 pages"):
        read_file(Path(f"{path}#3"))
    assert read_path(Path(f"{path}#2")).name == "a-2"


def test_a_name_with_a_number_sign_is_a_name(tmp_path: Path, image: Image.Image) -> None:
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "a.png#2", "PNG")
    assert split_page(tmp_path / "a.png#2") == (tmp_path / "a.png#2", None)
    assert split_page(tmp_path / "a.png#3") == (tmp_path / "a.png", 3)
    assert [name_of(tmp_path / f"a.png#{n}") for n in (2, 3)] == ["a", "a-3"]
    assert (values(tmp_path / "a.png#2") == np.array(image)).all()
    with pytest.raises(InputError, match=r"b\.png does not exist|b\.png#2 does not exist"):
        read_file(tmp_path / "b.png#2")


def test_previews_are_no_pages(tmp_path: Path, image: Image.Image) -> None:
    small = image.resize((3, 2))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    image.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert (values(tmp_path / "a.tif") == np.array(image)).all()


@pytest.mark.parametrize(
    "spoiled",
    [
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"tEXt", b"a\0b")[:-1] + b"\7",
        chunk(b"iCCP", b"no profile"),
        chunk(b"gAMA", b"1"),
        chunk(b"pHYs", b"1"),
        chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3 << 20))),
    ],
    ids=["large text", "wrong sum", "no profile", "cut gamma", "cut size", "large profile"],
)
def test_metadata_do_not_decide_whether_a_png_is_read(
    tmp_path: Path, image: Image.Image, spoiled: bytes
) -> None:
    image.save(tmp_path / "whole.png", exif=exif_of(3))
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "a.png").write_bytes(with_chunks(content, spoiled))
    found = read_path(tmp_path / "a.png")
    assert torch.equal(found.tensor, read_file(tmp_path / "whole.png"))  # the orientation, too
    assert all("metadata cannot be read and were left out" in note for note in found.notes)


def test_much_text_in_many_chunks(tmp_path: Path, image: Image.Image) -> None:
    image.save(tmp_path / "a.png")
    text = [chunk(b"zTXt", b"a%d\0\0" % k + zlib.compress(bytes(1_000_000))) for k in range(70)]
    (tmp_path / "a.png").write_bytes(with_chunks((tmp_path / "a.png").read_bytes(), *text))
    assert (values(tmp_path / "a.png") == np.array(image)).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_damaged_exif_turns_nothing(tmp_path: Path, image: Image.Image, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    image.save(path, exif=BAD_EXIF)
    found = read_path(path)
    assert found.components == (6, 9)
    if suffix == "png":
        (note,) = found.notes
        assert "EXIF metadata cannot be read" in note


def test_a_jpeg_with_metadata_that_pillow_refuses(
    tmp_path: Path, image: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The segments of metadata are left out, those that pixels need are not."""
    image.save(tmp_path / "a.jpg", exif=exif_of(6), comment=b"hello")
    opened, plain = Image.open, read_file(tmp_path / "a.jpg")

    def picky(stream: object, **options: object) -> Image.Image:
        found = opened(stream, **options)
        if "exif" in found.info:
            raise SyntaxError("bad metadata")
        return found

    monkeypatch.setattr(Image, "open", picky)
    found = read_path(tmp_path / "a.jpg")
    assert torch.equal(found.tensor.rot90(-1, (1, 2)), plain)
    assert "left out (bad metadata)" in found.notes[0]


def test_an_orientation_behind_the_pixels_counts(tmp_path: Path, image: Image.Image) -> None:
    image.save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    late = chunk(b"eXIf", exif_of(6).tobytes()[6:])
    (tmp_path / "a.png").write_bytes(content[:-12] + late + content[-12:])
    assert (values(tmp_path / "a.png") == np.rot90(np.array(image), -1)).all()


def test_pixels_that_are_damaged_are_refused_with_their_own_reason(
    tmp_path: Path, image: Image.Image
) -> None:
    image.save(tmp_path / "a.png")
    content = with_chunks((tmp_path / "a.png").read_bytes(), chunk(b"gAMA", b"1"))
    (tmp_path / "a.png").write_bytes(content[:-60])
    with pytest.raises(InputError, match=r"a\.png cannot be read"):
        read_file(tmp_path / "a.png")


def damaged_tiff(path: Path, pixels: np.ndarray, *, mode: str, compression: str) -> Path:
    """A compressed file whose strips hold what its decoder complains of."""
    Image.fromarray(pixels).convert(mode).save(path, compression=compression)
    content = bytearray(path.read_bytes())
    with Image.open(path) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]  # of the first strip
    for at in range(start + 20, start + length - 4, 50):
        content[at] ^= 0x5A
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("compression", "reason"), [("tiff_lzw", "not yet in table"), ("tiff_adobe_deflate", "ZIPDec")]
)
def test_what_the_decoder_prints_is_the_reason(
    tmp_path: Path, draw_pixels: DrawPixels, capfd: pytest.CaptureFixture[str],
    compression: str, reason: str,
) -> None:  # fmt: skip
    path = damaged_tiff(
        tmp_path / "a.tif", draw_pixels(height=64, width=64), mode="RGB", compression=compression
    )
    with pytest.raises(InputError, match=rf"a\.tif cannot be read: .*{reason}") as caught:
        read_picture(path, "image")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_what_the_decoder_prints_of_pixels_that_it_makes_up_is_a_note(
    tmp_path: Path, draw_pixels: DrawPixels, capfd: pytest.CaptureFixture[str]
) -> None:
    path = damaged_tiff(
        tmp_path / "a.tif", draw_pixels(height=64, width=64), mode="1", compression="group4"
    )
    (note,) = read_picture(path, "mask").notes
    assert re.fullmatch(
        r"its decoder says: Fax4Decode: .*\): some of its pixels may be damaged", note
    )
    assert capfd.readouterr() == ("", "")


def test_what_others_print_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as lines:
        os.write(2, b"\x1b[2Ka bar\ntempfile.tif: a word.\n\n")
    assert lines == ["a word."]
    assert complaint([*lines, "another"]) == "a word (and 1 more)"
    assert capfd.readouterr().err == "\x1b[2Ka bar\n"


def test_bands_that_would_be_lost_are_refused(tmp_path: Path, draw_pixels: DrawPixels) -> None:
    bands = np.dstack([draw_pixels(height=4, width=5), np.arange(20, dtype=np.uint8).reshape(4, 5)])
    with pytest.raises(InputError, match="has 4 bands, of which one is neither colour nor"):
        read_file(tiff_of_bands(tmp_path / "infrared.tif", bands, 0))
    with pytest.raises(InputError, match="translucent"):
        read_file(tiff_of_bands(tmp_path / "glass.tif", bands, 2))
    bands[..., 3] = 255
    assert (values(tiff_of_bands(tmp_path / "opaque.tif", bands, 2)) == bands[..., :3]).all()
    image = Image.fromarray(bands[..., :3]).convert("RGBX")
    assert read_image(image).shape == (3, 4, 5)
    image.putpixel((0, 0), (0, 0, 0, 7))
    with pytest.raises(InputError, match="fourth band that is no transparency"):
        read_image(image)
    with pytest.raises(InputError, match="premultiplied grey"):
        read_image(Image.new("LA", (4, 4)).convert("La"))


def test_deep_ppm_files_are_refused_where_pillow_would_halve_them(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6 2 1 65535\n" + bytes(range(12)))
    with pytest.raises(InputError, match=r"a\.ppm has more than 8 bits .* convert it to 8 bits"):
        read_file(tmp_path / "a.ppm")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("scan.nii.gz", r"of a volume, \(1, d, h, w\).*Hounsfield"), ("scan.dcm", "Hounsfield"),
        ("a.npy", "give the array to sc.certify_image"), ("a.heic", "give PNG, JPEG or TIFF"),
    ],
)  # fmt: skip
def test_other_files_are_refused_with_the_way_out(tmp_path: Path, name: str, way: str) -> None:
    (tmp_path / name).write_bytes(b"\1\2\3")
    with pytest.raises(InputError, match=f"{name} is no image that can be read: .*{way}"):
        read_file(tmp_path / name)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (np.array([["a"]]), "array of numbers"),
        (np.full((1, 2, 2, 2), -1000, np.int16), "Hounsfield units, window them first"),
        (np.full((1, 2, 2, 2), -1000.0), "Hounsfield units, window them first"),
        (["a.png", "b.png"], "a list of 2 is no image: give one at a time"),
        (b"bytes", "must be a path, a PIL image, an array or a tensor, got bytes"),
    ],
)
def test_what_is_no_image_is_named(source: object, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        read_image(source)  # type: ignore[arg-type]


def test_four_channels_last_are_channels() -> None:
    assert read_image(np.zeros((5, 6, 4), np.uint8)).shape == (4, 5, 6)
    assert read_image(np.zeros((1, 6, 4), np.uint8)).shape == (4, 1, 6)
    assert read_image(np.zeros((4, 6, 4), np.uint8)).shape == (4, 6, 4)
    assert read_image(np.zeros((4, 6, 3), np.uint8)).shape == (3, 4, 6)


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "._a.png", ".png", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in files_in(tmp_path, (".png",))] == ["a.PNG", "b.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_arrays_are_turned_as_pictures(orientation: int, draw_pixels: DrawPixels) -> None:
    array = draw_pixels(height=4, width=6)[..., 0]
    image = Image.fromarray(array)
    shown = image.transpose(TURNS[orientation]) if orientation > 1 else image
    assert set(ARRAY_TURNS) == {1, *TURNS}
    assert (turned(array, orientation) == np.array(shown)).all()
