"""What is left of picture files without their metadata."""

from pathlib import Path

from picture_files import PNG, chunk, exif_of
from PIL import Image

from segcert.inputs.metadata import without_metadata


def test_a_png_keeps_its_pixels_and_first_what_turns_it() -> None:
    pixels = (chunk(b"IHDR", bytes(13)), chunk(b"IDAT", b"1"), chunk(b"IEND", b""))
    turns = (chunk(b"eXIf", b"2"), chunk(b"iTXt", b"XML:com.adobe.xmp\0rest"))
    dropped = (chunk(b"tEXt", b"a\0b"), chunk(b"iCCP", b"3"), chunk(b"tIME", b"4"))
    content = PNG + pixels[0] + b"".join((*turns, *dropped)) + pixels[1] + pixels[2]
    first, second = without_metadata(content)
    assert first == PNG + pixels[0] + b"".join(turns) + pixels[1] + pixels[2]
    assert second == PNG + b"".join(pixels)


def test_a_jpeg_keeps_what_pixels_need(tmp_path: Path) -> None:
    image = Image.linear_gradient("L").resize((16, 16)).convert("CMYK")
    image.save(tmp_path / "a.jpg", exif=exif_of(6), comment=b"hello", icc_profile=b"x" * 200)
    content = (tmp_path / "a.jpg").read_bytes()
    (bare,) = without_metadata(content)
    assert len(bare) < len(content) - 200
    (tmp_path / "bare.jpg").write_bytes(bare)
    with Image.open(tmp_path / "a.jpg") as one, Image.open(tmp_path / "bare.jpg") as other:
        assert one.tobytes() == other.tobytes()
        assert not other.getexif()


def test_other_formats_and_stumps_give_nothing_or_what_is_there() -> None:
    assert list(without_metadata(b"GIF89a")) == []
    assert list(without_metadata(PNG + b"\0\0")) == [PNG, PNG]
    assert list(without_metadata(b"\xff\xd8\xff\xe1\xff\xff")) == [b"\xff\xd8"]
