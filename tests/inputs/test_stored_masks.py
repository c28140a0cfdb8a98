"""Masks as they are stored: numbers, colours, palettes; what no mask can be is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from picture_files import exif_of, with_palette
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.stored_masks import hex_of, packed, read_mask, read_numbers, read_stored

NUMBERS = np.array([[0, 1, 2], [2, 1, 7]], np.uint8)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    """Write a picture."""
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pgm"])
def test_bytes_are_numbers_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = saved(Image.fromarray(NUMBERS), tmp_path / f"a.{suffix}")
    assert (read_numbers(path, "") == NUMBERS).all()


def test_numbers_of_every_depth(tmp_path: Path) -> None:
    deep = NUMBERS.astype(np.uint16) * 9000
    assert (read_numbers(saved(Image.fromarray(deep), tmp_path / "a.png"), "") == deep).all()
    whole = NUMBERS.astype(np.float32) - 1
    assert (read_numbers(saved(Image.fromarray(whole), tmp_path / "a.tif"), "") == whole).all()
    bits = NUMBERS > 1
    assert (read_numbers(saved(Image.fromarray(bits), tmp_path / "b.png"), "") == bits).all()
    grey = Image.fromarray(NUMBERS).convert("LA")
    assert (read_numbers(saved(grey, tmp_path / "la.png"), "") == NUMBERS).all()


def test_a_palette_has_numbers_and_colours(tmp_path: Path) -> None:
    palette = [k % 256 for k in range(7, 31)]
    found = read_stored(saved(with_palette(NUMBERS, palette), tmp_path / "a.png"), "")
    assert found.has_palette
    assert (found.numbers == NUMBERS).all()
    assert found.colours is not None
    assert found.colours[0, 1] == packed((10, 11, 12)) == 0x0A0B0C
    assert hex_of(0x0A0B0C) == "#0a0b0c"


def test_colours_without_or_with_an_opaque_alpha(tmp_path: Path) -> None:
    planes = np.stack([NUMBERS, NUMBERS * 2, NUMBERS * 3], -1)
    for mode in ("RGB", "RGBA"):
        image = Image.fromarray(planes).convert(mode)
        found = read_stored(saved(image, tmp_path / f"{mode}.png"), "")
        assert found.numbers is None
        assert found.colours is not None
        assert (found.colours == NUMBERS.astype(int) * 0x010203).all()
        assert found.grey is None
    grey = read_stored(saved(Image.fromarray(NUMBERS).convert("RGB"), tmp_path / "g.png"), "")
    assert grey.grey is not None
    assert (grey.grey == NUMBERS).all()


@pytest.mark.parametrize(
    ("image", "name", "options", "rule"),
    [
        (Image.new("L", (4, 4)), "a.jpg", {}, "a format that changes values .* as PNG"),
        (Image.new("RGB", (4, 4)), "a.webp", {}, "a format that changes values"),
        (Image.new("L", (4, 4)), "a.tif", {"compression": "jpeg"}, "that changes values"),
        (Image.new("CMYK", (4, 4)), "a.tif", {}, "single channel, got mode CMYK: way"),
        (Image.new("LA", (4, 4)), "a.png", {}, "got mode LA, translucent in places: way"),
        (Image.new("RGBA", (4, 4)), "a.png", {}, "got mode RGBA, translucent in places: way"),
        (Image.new("F", (4, 4), 0.5), "a.tif", {}, "single channel, got mode F: way"),
    ],
)
def test_what_no_mask_can_be_is_refused(
    tmp_path: Path, image: Image.Image, name: str, options: dict[str, object], rule: str
) -> None:
    path = saved(image, tmp_path / name, **options)
    with pytest.raises(InputError, match=rf"{re.escape(name)}.*{rule}"):
        read_stored(path, "way out")


def test_lossless_webp_keeps_colours(tmp_path: Path) -> None:
    planes = np.stack([NUMBERS * 9, NUMBERS, NUMBERS], -1)
    found = read_stored(saved(Image.fromarray(planes), tmp_path / "a.webp", lossless=True), "")
    assert found.colours is not None
    assert (found.colours == NUMBERS.astype(int) * 0x090101).all()


@pytest.mark.parametrize(("magic", "data"), [("P5", b"\1\2"), ("P2", b"1 2")])
def test_grey_maps_whose_numbers_would_be_stretched_are_refused(
    tmp_path: Path, magic: str, data: bytes
) -> None:
    (tmp_path / "a.pgm").write_bytes(f"{magic} 2 1 149\n".encode() + data)
    with pytest.raises(InputError, match="changes values"):
        read_stored(tmp_path / "a.pgm", "")
    (tmp_path / "b.pgm").write_bytes(f"{magic} 2 1 255\n".encode() + data)
    assert read_numbers(tmp_path / "b.pgm", "").tolist() == [[1, 2]]


def test_pages_and_orientations_of_masks(tmp_path: Path) -> None:
    pages = [Image.fromarray(NUMBERS), Image.fromarray(NUMBERS + 1)]
    path = saved(pages[0], tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"labels .*a\.tif cannot be read: .*has 2 pages"):
        read_numbers(path, "")
    assert (read_numbers(Path(f"{path}#2"), "") == NUMBERS + 1).all()
    found = read_stored(saved(pages[0], tmp_path / "a.png", exif=exif_of(6)), "")
    assert found.turned
    assert found.numbers is not None
    assert (found.numbers == np.rot90(NUMBERS, -1)).all()


def test_masks_of_what_is_not_tested_count_by_number(tmp_path: Path) -> None:
    """As truth does: a palette may show 0 in any colour."""
    expected = NUMBERS != 0
    for name, image in {
        "grey": Image.fromarray(NUMBERS),
        "deep": Image.fromarray(NUMBERS.astype(np.uint16) * 300),
        "palette": with_palette(NUMBERS, [120, 120, 120, 0, 0, 0, 9, 9, 9]),
        "colours": Image.fromarray(np.stack([NUMBERS, NUMBERS * 0, NUMBERS * 0], -1)),
    }.items():
        assert (read_mask(saved(image, tmp_path / f"{name}.png")) == expected).all(), name


@pytest.mark.parametrize("palette", [[255] * 3 + [0] * 3, [255] * 3 + [0] * 3 + [255] * 3])
def test_a_palette_that_shows_the_contrary_is_refused(tmp_path: Path, palette: list[int]) -> None:
    path = saved(with_palette(NUMBERS % 2, palette), tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has a palette in which 0 is white or black is"):
        read_mask(path)
    white = saved(with_palette(NUMBERS * 0, palette), tmp_path / "b.png")
    with pytest.raises(InputError, match="0 is white"):
        read_mask(white)
    plain = saved(with_palette(NUMBERS % 2, [0] * 3 + [255] * 3), tmp_path / "c.png")
    assert (read_mask(plain) == NUMBERS % 2).all()
