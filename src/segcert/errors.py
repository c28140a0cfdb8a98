"""Errors that a user can meet, each one clear line."""

LONGEST = 1200  # characters of a message


def printable(message: str) -> str:
    """Make one line of a message, whatever a file or a library put into it.

    Line breaks become spaces, control characters question marks (a file could steer the terminal
    with them), and the middle of a very long message is left out.
    """
    text = "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in message
    ).strip()
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} ... {text[-half:]}"


class SegcertError(Exception):
    """Base of every error raised on purpose by segcert; its message is one printable line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class InputError(SegcertError, ValueError):
    """An argument or an input breaks a rule: what, the rule, the value, the way out."""


class ModelError(SegcertError, ValueError):
    """A model cannot be certified: train mode, wrong shapes, mixed draws."""


class SamplingError(SegcertError, RuntimeError):
    """Sampling cannot go on: repeated noise, or no memory even for one draw."""


class VerificationError(SegcertError, RuntimeError):
    """A certificate does not follow from its counts, or a replay does not match it."""
