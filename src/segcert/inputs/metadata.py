"""Leave the metadata out of picture files, so that pixels are read where they are sound."""

from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT")
ORIENTATION = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")  # keywords of texts
MOST_TEXT = 1 << 16  # bytes of a text that is kept
JPEG, SCAN, END = b"\xff\xd8", 0xDA, 0xD9
COMMENT, FIRST_APP, LAST_APP = 0xFE, 0xE0, 0xEF
OF_PIXELS = (0xE0, 0xEE)  # JFIF, and how Adobe stores colours


def without_metadata(content: bytes) -> Iterator[bytes]:
    """Leave out metadata: first all but what may tell the orientation, then that as well.

    Args:
        content: Of a file; nothing is yielded of formats other than PNG and JPEG.

    Source:
        Portable Network Graphics (third edition, 2025), section 5; ITU-T T.81 (1992), annex B.
    """
    if content.startswith(PNG):
        yield PNG + b"".join(png_chunks(content, orientation=True))
        yield PNG + b"".join(png_chunks(content, orientation=False))
    elif content.startswith(JPEG):
        yield b"".join(jpeg_segments(content))


def png_chunks(content: bytes, *, orientation: bool) -> Iterator[bytes]:
    """The chunks that pixels need, whole as they are stored; and those that tell how to turn."""
    start = len(PNG)
    while start + 8 <= len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        kind, end = content[start + 4 : start + 8], start + 12 + length
        text = content[start + 8 : start + 40].startswith(ORIENTATION) and length <= MOST_TEXT
        if kind in PIXELS or (orientation and (kind == b"eXIf" or text)):
            yield content[start:end]
        start = end


def jpeg_segments(content: bytes) -> Iterator[bytes]:
    """The segments that pixels need; from the first scan on, everything."""
    yield JPEG
    start = len(JPEG)
    while start + 4 <= len(content):
        marker, kind = content[start], content[start + 1]
        if marker != 0xFF or kind in (SCAN, END):
            yield content[start:]
            return
        end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        told = FIRST_APP <= kind <= LAST_APP and kind not in OF_PIXELS
        if not told and kind != COMMENT:
            yield content[start:end]
        start = end
