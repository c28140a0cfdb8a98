"""Keep the state of a training run beside its weights, and take it up after a kill."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from segcert.errors import InputError
from segcert.files import LONGEST_FILE, atomic_write, read_regular
from segcert.locks import Held
from segcert.models.files.weights_files import check_sums
from segcert.signals import Deferred
from segcert.training.examples import Examples, hash_examples
from segcert.training.recipe import Recipe, choices
from segcert.training.state import EpochTally, State

VERSION = 1  # of the file
EVERY = 300.0  # seconds between two writes within an epoch
SHOWN = 3  # differences that an error names


def resume_path(out: Path) -> Path:
    """Name the file in which the run that writes the weights ``out`` keeps its state."""
    return out.with_name(f"{out.name}.resume.pt")


class ResumeFile:
    """A file that holds the state of a run after every epoch and every few minutes.

    A run that takes it up ends with the same weights, bit for bit, as one that was never
    stopped, on the same device (one) and version of torch.

    Args:
        path: The file.
        every: Seconds between two writes within an epoch.

    Attributes:
        stop: A signal that asks to stop after the step at hand.
        place: The lock file of the run, which goes where its folder goes.
    """

    def __init__(self, path: Path, *, every: float = EVERY) -> None:
        self.path, self.every = path, every
        self.identity: dict[str, str] = {}
        self.before, self.start = 0.0, time.monotonic()
        self.written = self.start
        self.stop = Deferred()
        self.place: Held | None = None

    def seconds(self) -> float:
        """Say how long the run has taken, with what it took before it was stopped."""
        return self.before + time.monotonic() - self.start

    def take_up(self, state: State, examples: Examples, recipe: Recipe) -> EpochTally | None:
        """Set the state to what the file holds; None if there is no file.

        Raises:
            InputError: If the file is damaged, or of another run; it says how they differ.
        """
        self.identity = identify(state, examples, recipe)
        if not self.path.exists():
            return None
        content = read(self.path)
        check_same(content["identity"], self.identity, self.path)
        try:
            tally = state.unpack(content["state"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise damaged(self.path) from error
        self.before = content["seconds"]
        return tally

    def after_step(self, state: State, tally: EpochTally) -> None:
        """Write the file if the last time is long ago, or a signal asks to stop here."""
        if self.stop or time.monotonic() - self.written >= self.every:
            self.after_epoch(state, tally)
        if self.stop:
            self.stop.go()

    def after_epoch(self, state: State, tally: EpochTally) -> None:
        """Write the file."""
        if state.devices.rank > 0:
            return
        content = {
            "version": VERSION, "identity": self.identity, "seconds": self.seconds(),
            "state": state.pack(tally),
        }  # fmt: skip
        self.check()
        with atomic_write(self.path) as file:
            save(content, file)
        self.written = time.monotonic()

    def check(self) -> None:
        """Notice that the folder was deleted.

        Raises:
            InputError: If it was.
        """
        if self.place:
            self.place.check()

    def remove(self) -> None:
        """Remove the file: the run is done."""
        self.path.unlink(missing_ok=True)


def save(content: dict[str, Any], file: BinaryIO) -> None:
    """Let torch write.

    Raises:
        OSError: As the file says it (disk full); torch itself speaks of positions only.
    """
    try:
        torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def identify(state: State, examples: Examples, recipe: Recipe) -> dict[str, str]:
    """Say in words what a run is; two runs with the same words are the same run."""
    shapes = [f"{name}{tuple(part.shape)}" for name, part in state.net.state_dict().items()]
    return {
        **choices(recipe),
        **state.task.words(),
        "network": f"{type(state.net).__name__} {' '.join(shapes)}",
        "data": f"{len(examples)} images of hash {hash_examples(examples)}",
        "device": state.device.type,
        "devices": str(state.devices.count),
    }


def read(path: Path) -> dict[str, Any]:
    """Read a resume file; nothing in it is executed.

    Raises:
        InputError: If it is damaged or another file.
    """
    stored = read_regular(path, what="resume file", most=LONGEST_FILE)
    try:
        check_sums(stored, path)
        content = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files fail in every way
        raise damaged(path) from error
    if not isinstance(content, dict):
        raise damaged(path)
    version = content.pop("version", VERSION)  # the first files did not name it
    if version != VERSION:
        raise InputError(
            f"resume file {path} has format version {version!r}, this segcert reads {VERSION}: "
            "finish the training with the segcert that began it, or delete it"
        )
    if {*content} != {"identity", "seconds", "state"}:
        raise damaged(path)
    return content


def damaged(path: Path) -> InputError:
    """Make the error about a file that cannot be taken up."""
    return InputError(f"resume file {path} is damaged: delete it to start the training again")


def check_same(there: Mapping[str, str], here: Mapping[str, str], path: Path) -> None:
    """Refuse to go on with another run.

    Raises:
        InputError: If they differ; it names the first differences.
    """
    names = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    if not names:
        return
    told = [
        f"{name} is {here.get(name, 'not set')[:80]} and was {there.get(name, 'not set')[:80]}"
        for name in names[:SHOWN]
    ]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    raise InputError(
        f"resume file {path} is of another training run: {'; '.join(told)}{more}: repeat that "
        "command, choose another --out, or delete the file to start again"
    )
