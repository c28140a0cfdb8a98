"""Images become one tensor, or are refused with the rule; nothing is silently rounded."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segcert.errors import InputError
from segcert.inputs.images import hash_tensor, read_file, read_image

DrawPixels = Callable[..., np.ndarray]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png16(colour_type: int, channels: int) -> bytes:
    """A PNG of 4x4 pixels with 16 bits per value, which Pillow cannot write in colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 4, 4, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(range(8 * channels)) for _ in range(4))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff16() -> bytes:
    """An uncompressed TIFF of 2x2 RGB pixels with 16 bits per value."""
    entries = [
        (256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 208), (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, 24),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return head.ljust(200, b"\0") + struct.pack("<HHH", 16, 16, 16) + bytes(2) + bytes(range(24))


def test_a_colour_file_keeps_every_value(photo: Path, draw_pixels: DrawPixels) -> None:
    image = read_image(photo)
    assert image.dtype == torch.uint8
    assert image.is_contiguous()
    assert (image.movedim(0, 2).numpy() == draw_pixels()).all()
    assert (read_image(str(photo)) == image).all()
    assert (read_image(Image.open(photo)) == image).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "PA", "CMYK"])
def test_what_converts_to_rgb_is_converted(tmp_path: Path, mode: str) -> None:
    image = Image.linear_gradient("L").resize((20, 10)).convert(mode)
    path = tmp_path / "image.tif"
    if mode == "PA":  # no file format of ours holds it
        found = read_image(image)
    else:
        image.save(path)
        found = read_image(path)
    assert found.shape == (3, 10, 20)
    assert (found.movedim(0, 2).numpy() == np.array(image.convert("RGB"))).all()


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "grey.png")
    image = read_file(tmp_path / "grey.png")
    assert (image[0] == image[1]).all()
    assert (image[0] == image[2]).all()
    assert image[0, :, 0].tolist() == list(range(256))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    """Values from the EXIF standard: what the upright picture shows is what is certified."""
    upright = np.zeros((4, 6, 3), np.uint8)
    upright[0, 0] = 255  # top left
    upright[0, 5] = (255, 0, 0)  # top right
    stored = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1),
    }[orientation](upright)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert (read_file(path).movedim(0, 2).numpy() == upright).all()


@pytest.mark.parametrize("alpha", [0, 254])
def test_translucent_images_are_refused(tmp_path: Path, alpha: int) -> None:
    image = Image.new("RGBA", (5, 5), (1, 2, 3, 255))
    image.putpixel((2, 2), (1, 2, 3, alpha))
    image.save(tmp_path / "glass.png")
    with pytest.raises(InputError, match=r"glass\.png is translucent: flatten"):
        read_file(tmp_path / "glass.png")


def test_a_transparent_colour_is_refused_where_it_occurs(tmp_path: Path) -> None:
    image = Image.new("RGB", (5, 5), (1, 2, 3))
    image.save(tmp_path / "unused.png", transparency=(9, 9, 9))
    assert read_file(tmp_path / "unused.png")[:, 0, 0].tolist() == [1, 2, 3]
    image.save(tmp_path / "used.png", transparency=(1, 2, 3))
    with pytest.raises(InputError, match="translucent"):
        read_file(tmp_path / "used.png")


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_grey_images_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (5, 5)).save(tmp_path / "deep.tif")
    with pytest.raises(InputError, match=r"deep\.tif has more than 8 bits .* convert it to 8 bits"):
        read_file(tmp_path / "deep.tif")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("grey.png", png16(0, 1)),
        ("rgb.png", png16(2, 3)),
        ("grey_alpha.png", png16(4, 2)),
        ("rgba.png", png16(6, 4)),
        ("rgb.tif", tiff16()),
    ],
)
def test_deep_colours_are_refused_where_pillow_would_halve_them(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    with Image.open(tmp_path / name) as image:
        image.load()  # the file as such is fine
    with pytest.raises(InputError, match="more than 8 bits"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(
    tmp_path: Path, kind: str, kept: float, draw_pixels: DrawPixels
) -> None:
    data = encoded(Image.fromarray(draw_pixels()), kind)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=r"image .*cut\.img "):
        read_file(path)


FILES = [
    encoded(Image.linear_gradient("L").resize((16, 9)).convert("RGB"), kind, **options)
    for kind, options in (
        ("PNG", {}), ("JPEG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("GIF", {}),
    )
]  # fmt: skip


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_give_an_image_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    changes: list[tuple[float, int]],
    kept: float,
) -> None:
    damaged = bytearray(data)
    for where, value in changes:
        damaged[int(where * len(data))] = value
    path = tmp_path_factory.getbasetemp() / "fuzz.img"
    path.write_bytes(damaged[: int(kept * len(data))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        try:
            image = read_file(path)
        except InputError as error:
            line = str(error)
        else:
            line = f"{path} has {image.shape[0]} channels of {image.dtype}"
    assert str(path) in line


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, rule in (
        ("text.png", "no image that can be read: give PNG, JPEG or TIFF"),
        ("empty.png", "no image that can be read"),
        ("folder.png", "is a folder"),
        ("missing.png", "does not exist"),
    ):
        with pytest.raises(InputError, match=f"{name} .*{rule}|{name} {rule}"):
            read_file(tmp_path / name)


def test_arrays_and_tensors_of_either_layout(draw_pixels: DrawPixels) -> None:
    array = draw_pixels()
    expected = torch.from_numpy(array).movedim(2, 0)
    for source in (array, array.transpose(2, 0, 1), expected):
        assert (read_image(source) == expected).all()
    scaled = array / 255
    assert read_image(scaled).dtype == torch.float32
    assert torch.equal(read_image(scaled), torch.from_numpy(scaled).float().movedim(2, 0))
    assert read_image(expected.half() / 255).dtype == torch.float32


def test_a_read_only_array_is_read_without_a_warning(draw_pixels: DrawPixels) -> None:
    array = np.ascontiguousarray(draw_pixels().transpose(2, 0, 1))
    array.flags.writeable = False
    assert read_image(array).shape == (3, 32, 48)


def test_a_tensor_that_wants_gradients_can_be_hashed() -> None:
    image = torch.rand(3, 4, 5, requires_grad=True)
    assert hash_tensor(read_image(image)) == hash_tensor(image.detach())


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        (torch.zeros(4, 5), r"shape \(c, h, w\).*got \(4, 5\)"),
        (torch.zeros(1, 3, 4, 5), r"shape \(c, h, w\)"),
        (torch.zeros(3, 0, 5), r"got \(3, 0, 5\)"),
        (torch.zeros(3, 4, 5, dtype=torch.int64), r"uint8 or floating point.*torch\.int64"),
        (np.zeros((3, 4, 5), np.uint16), r"torch\.uint16"),
        (torch.full((3, 4, 5), 1.5), r"in \[0, 1\].*\[1\.5, 1\.5\].*divide by 255"),
        (torch.full((3, 4, 5), -0.1), r"in \[0, 1\]"),
        (torch.full((3, 4, 5), torch.nan), r"in \[0, 1\].*nan"),
    ],
)
def test_other_arrays_are_refused(image: torch.Tensor | np.ndarray, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        read_image(image)


def test_the_hash_tells_type_shape_and_values_apart() -> None:
    image = torch.zeros(3, 4, 6, dtype=torch.uint8)
    other = image.clone()
    other[2, 3, 5] = 1
    hashes = {
        hash_tensor(x)
        for x in (image, other, image.reshape(3, 6, 4), image.reshape(1, 12, 6), image.float())
    }
    assert len(hashes) == 5
    assert hash_tensor(image) == hash_tensor(image.clone())
    assert hash_tensor(other.transpose(1, 2)) == hash_tensor(other.transpose(1, 2).contiguous())
