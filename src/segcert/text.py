"""Numbers in words, never more than is true; and texts of others, made harmless."""

import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

LEAST_ALPHA = 1e-6  # from here on, ten digits after the point say enough of a confidence
LONGEST_REASON = 600  # letters of what a library says
STACKS = (  # what begins the parts of messages that are for the developers of a library
    "\nException raised from ", "\nC++ CapturedTraceback", "\nTraceback (most recent call last)",
    "\nStacktrace:", "\nStack trace", "\nframe #0:", "\nFrom user code", "\nSet TORCH_LOGS",
    "\nSet TORCHDYNAMO_VERBOSE",
)  # fmt: skip
ASCII = {
    "\u2013": "-", "\u2014": "-", "\u2026": "...", "\u00d7": "x", "\u2192": "->", "\u2265": ">=",
    "\u2264": "<=", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2022": "*",
    "\u2501": "-", "\u2500": "-", "\u2502": "|", "\u2503": "|", "\u256d": "+", "\u256e": "+",
    "\u2570": "+", "\u256f": "+", "\u2578": "-", "\u257a": "-", "\u00a0": " ", "\u00b1": "+-",
}  # fmt: skip
FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last are wide ones


def floor_text(value: float, digits: int = 4) -> str:
    """Print a number rounded down, in exact decimal arithmetic.

    What is printed is at most ``value``: a radius or a share is never rounded up.

    Args:
        value: Any finite number.
        digits: Decimals; below 1, as many more as give ``digits`` significant figures.

    Returns:
        Plain digits, such as ``0.1686``, ``0.0002341`` or ``42.9980``.

    Raises:
        ValueError: If ``value`` is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value}")
    exact = Decimal(value)
    decimals = max(digits, digits - 1 - exact.adjusted()) if exact else digits
    return f"{exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR):f}"


def confidence_text(alpha: float, less: float = 0.0) -> str:
    """Print ``1 - alpha``, never more: ``0.999``, or ``1 - 1e-12`` where digits run out.

    Args:
        alpha: In (0, 1), as the decimal that it prints as.
        less: What is to be taken off besides; it is rounded up.

    Returns:
        Such as ``0.999`` or, with something to be taken off, ``0.999 - 7.1e-7``.
    """
    exact = 1 - Decimal(repr(float(alpha)))
    floored = exact.quantize(Decimal("1e-10"), rounding=ROUND_FLOOR).normalize()
    plain = f"{floored:f}" if exact == floored or alpha >= LEAST_ALPHA else f"1 - {float(alpha)!r}"
    return f"{plain} - {ceiling_text(less)}" if less else plain


def ceiling_text(value: float) -> str:
    """Print a positive number with two digits, rounded up: ``7.1e-7``."""
    exact = Decimal(value)
    with localcontext(prec=2, rounding=ROUND_CEILING):
        return f"{+exact:.1e}"


def percent_text(part: int, whole: int) -> str:
    """Print a share in percent, rounded down in integer arithmetic: 100% means all.

    Returns:
        Such as ``81.3%``; ``<0.1%`` for a little; a dash if there is no whole.
    """
    if not whole:
        return "–"
    thousandths = 1000 * part // whole
    if part and not thousandths:
        return "<0.1%"
    return f"{thousandths // 10}.{thousandths % 10}%"


def one_line(error: BaseException) -> str:
    """Print what an error says in one line, also where a library or a file broke it into many."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def reason(error: BaseException) -> str:
    """Print why a library failed: what it says without its stack, whole or its end.

    Libraries put where they are first and what is wrong last, so a long text keeps little of its
    beginning and more of its end.
    """
    said = str(error)
    for mark in STACKS:
        said = said.partition(mark)[0] or said
    line = printable(" ".join(said.split())) or type(error).__name__
    if len(line) <= LONGEST_REASON:
        return line
    return f"{line[: LONGEST_REASON // 3].rstrip()} ... {line[-2 * LONGEST_REASON // 3 :].lstrip()}"


def in_ascii(text: str) -> str:
    """Print a text in letters that every terminal has; what none of them is becomes a "?"."""
    return "".join(letter if letter.isascii() else ASCII.get(letter, "?") for letter in text)


def printable(text: object) -> str:
    """Make one harmless line of a text that a user, a file, a path or a library names.

    White space becomes spaces. What else is not printable becomes a question mark: control
    characters (ESC steers a terminal), marks of direction and of no width (what is read is then not
    what is there), halves of a character (which cannot be written).

    Args:
        text: A text, or what has one (a path).
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in line
    )


def csv_text(text: str) -> str:
    """Make a text a cell of CSV that no spreadsheet takes for a formula.

    Source:
        OWASP, CSV Injection: a quote before what begins with one of ``= + - @``.
    """
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(FORMULAS) else line


def markdown_text(text: str) -> str:
    """Make a text plain in Markdown: no link, picture, code, HTML, emphasis, nor another cell."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", printable(text))
