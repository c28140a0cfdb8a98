"""Decompress LZF, of which compressed .pcd files are made.

No package for it comes without a compiler, and the format is two rules.

Source:
    Lehmann, LibLZF: lzf_d.c.
"""

LITERALS = 32  # a control byte below begins so many literal bytes and one, at most
LONGEST = 264  # bytes that three bytes can stand for


def decompress(data: bytes, size: int) -> bytes:
    """Decompress.

    Args:
        data: The compressed bytes.
        size: Of the result, which must be met.

    Raises:
        ValueError: If they are no such bytes, or of another size.
    """
    if size > LONGEST * len(data):
        raise ValueError(f"{len(data)} bytes cannot stand for {size}")
    out, at = bytearray(), 0
    while at < len(data) and len(out) <= size:
        control = data[at]
        at += 1
        if control < LITERALS:
            out += data[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[at]
            at += 1
        back = ((control & 31) << 8 | data[at]) + 1
        at += 1
        copy_back(out, back, length + 2)
    if len(out) != size or at != len(data):
        raise ValueError(f"it has {len(out)} bytes decompressed, must have {size}")
    return bytes(out)


def copy_back(out: bytearray, back: int, length: int) -> None:
    """Append bytes that are there already; they may overlap what they make.

    Raises:
        ValueError: If they would begin before the first.
    """
    start = len(out) - back
    if start < 0:
        raise ValueError("it refers to what is before its beginning")
    part = bytes(out[start : start + length])
    out += (part * (length // len(part) + 1))[:length]
