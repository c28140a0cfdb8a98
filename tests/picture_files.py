"""Picture files that libraries do not write: damaged metadata, odd bands, odd palettes."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
BAD_EXIF = b"Exif\0\0\x00\x08\x00\x02\x01\x12\x00\x03"


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(content: bytes, *chunks: bytes) -> bytes:
    """A PNG file with more chunks behind its header."""
    at = len(PNG) + 25
    return content[:at] + b"".join(chunks) + content[at:]


def exif_of(orientation: int) -> Image.Exif:
    """Metadata that tell an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def tiff_of_bands(path: Path, bands: np.ndarray, extra: int | None) -> Path:
    """Write an uncompressed TIFF file of some bands of 8 bits.

    Args:
        path: Where to.
        bands: Shape (h, w, bands).
        extra: What the file says of the last band: 0 anything, 2 transparency; None nothing.
    """
    height, width, count = bands.shape
    data = np.ascontiguousarray(bands).tobytes()
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, count, 200), (259, 3, 1, 1),
        (262, 3, 1, 2), (273, 4, 1, 300), (277, 3, 1, count), (278, 3, 1, height),
        (279, 4, 1, len(data)),
    ]  # fmt: skip
    if extra is not None:
        entries.append((338, 3, 1, extra))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    depths = struct.pack(f"<{count}H", *[8] * count)
    path.write_bytes((head.ljust(200, b"\0") + depths).ljust(300, b"\0") + data)
    return path


def with_palette(numbers: np.ndarray, palette: list[int]) -> Image.Image:
    """A picture of numbers and the colours that they are shown in."""
    image = Image.new("P", numbers.shape[::-1])
    image.putdata(numbers.ravel().tolist())
    image.putpalette(palette)
    return image
