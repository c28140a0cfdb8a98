"""Errors that a user can meet, each one clear line."""

import re

from segcert.text import printable

LONGEST = 1200  # characters of a message
ARGUMENT = re.compile(r"<(\w+(?:=[^<>\s]+)?)>")


def as_message(text: str) -> str:
    """Make one line of a message, and leave out the middle of a very long one."""
    text, half = printable(text).strip(), LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} ... {text[-half:]}"


class SegcertError(Exception):
    """Base of every error raised on purpose by segcert; its message is one printable line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(as_message(message))


class InputError(SegcertError, ValueError):
    """An argument or an input breaks a rule: what, the rule, the value, the way out."""


class ArgumentError(InputError):
    """Arguments break a rule that Python and the command line share.

    Args:
        text: With the arguments as ``<n0>``, which is n0 or --n0, or ``<n0=1>``, n0=1 or --n0 1.

    Attributes:
        typed: The message as the command line says it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(ARGUMENT.sub(r"\1", text))
        self.typed = as_message(ARGUMENT.sub(option, text))


def option(argument: re.Match[str]) -> str:
    """An argument as an option of the command line."""
    return "--" + argument[1].replace("_", "-").replace("=", " ")


class ModelError(SegcertError, ValueError):
    """A model cannot be certified: train mode, wrong shapes, mixed draws."""


class SamplingError(SegcertError, RuntimeError):
    """Sampling cannot go on: repeated noise, or no memory even for one draw."""


class VerificationError(SegcertError, RuntimeError):
    """A certificate does not follow from its counts, or a replay does not match it."""


class ExecutedCodeWarning(UserWarning):
    """A Python file of the user's own is executed."""


NO_MEMORY = (  # as torch and ONNX Runtime say it, on any device
    "can't allocate memory", "out of memory", "Failed to allocate memory", "bad allocation",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Tell an allocation failure, of any library and device, from other errors."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
