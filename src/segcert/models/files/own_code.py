"""Networks that a user's own Python file makes: ``net.py:make``, which is executed.

Nothing is confined: whoever names a file runs it, as ``python net.py`` would. What it makes is
hashed like any model in Python, and the file with it; modules that it imports are not.
"""

import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from segcert.errors import ExecutedCodeWarning, InputError, SegcertError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.models.identity.file_hashes import hash_bytes
from segcert.text import one_line

NAMED = re.compile(r"(?P<file>.+\.py):(?P<function>[A-Za-z_]\w*)")
EXAMPLE = "net.py:make, where def make() returns the network"


def is_code(path: Path) -> bool:
    """Tell Python files, with or without the name of a function."""
    return NAMED.fullmatch(str(path)) is not None or path.suffix == ".py"


def split_code(path: Path) -> tuple[Path, str]:
    """The file, and the function in it that makes the network.

    Raises:
        InputError: If no function is named.
    """
    found = NAMED.fullmatch(str(path))
    if found is None:
        raise InputError(
            f"model {path} is Python code: name the function in it that makes the network, as "
            f"{EXAMPLE}"
        )
    return Path(found["file"]), found["function"]


def made_by(path: Path) -> tuple[Any, str]:
    """Execute a file, and call the function in it that makes the network.

    Args:
        path: Of the file, with the function: ``net.py:make``.

    Returns:
        What it made, and the hash of the file.

    Raises:
        InputError: If there is no such file or function, or one of them fails.
    """
    file, function = split_code(path)
    content = read_regular(file, what="model", most=LONGEST_TEXT)
    warnings.warn(
        f"{file} is executed: its code can do whatever you can do", ExecutedCodeWarning,
        stacklevel=2,
    )  # fmt: skip
    try:
        with beside(file):
            module = executed(file, content)
            make = getattr(module, function, None)
            if not callable(make):
                raise InputError(f"model {path}: there is no function {function} in {file}")
            made = make()
    except SegcertError:
        raise
    except Exception as error:  # the user's own code fails in every way
        reason = f"{type(error).__name__}: {one_line(error)}{line_in(file, error)}"
        raise InputError(f"model {path} cannot be made: {reason}") from error
    return made, hash_bytes(content)


def executed(file: Path, content: bytes) -> ModuleType:
    """Execute the content of a file as a module."""
    name = f"segcert_own_{file.stem}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(file))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(file.absolute())
    sys.modules[name] = module  # dataclasses and pickles look there
    exec(compile(content, str(file), "exec"), module.__dict__)
    return module


@contextmanager
def beside(file: Path) -> Iterator[None]:
    """Let a file import what lies beside it."""
    folder = str(file.absolute().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def line_in(file: Path, error: BaseException) -> str:
    """Say in which line of a file it failed; empty if it did not get there."""
    found, step = "", error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(file):
            found = f" ({file.name}, line {step.tb_lineno})"
        step = step.tb_next
    return found
