"""A plan as flat text: what its file holds, field by field, in TOML or JSON."""

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from segcert.certificates.strict_json import without_repeats
from segcert.errors import InputError
from segcert.files import atomic_write, read_regular
from segcert.text import one_line

MOST_BYTES = 1 << 24  # of a file; a mask of a photograph takes some thousands
SUFFIXES = (".toml", ".json")
MOST_SHOWN = 60  # characters of a value, in an error


class Strict(BaseModel):
    """Nothing more than is named, no guessing of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TreeRecord(Strict):
    """A class tree that is none of those that come with segcert."""

    names: list[str]
    parents: list[int]


class PlanRecord(Strict):
    """What a file says about a plan; the names are those of the options of the command line.

    A field that is added here is left out of files where it has its default, so that the digest
    of a plan stays what it was.

    Args:
        version: Of the format.
        noise: A name of `segcert.noise.registry`, or the name that records have for a noise.
        sigma: Its scale.
        shift_sigma: Of a pose.
        jitter_sigma: Of a pose.
        axis: Of a rotation: "x", "y", "z", or a direction.
        tau: Probability threshold.
        alpha: Allowed probability that a statement is wrong.
        n0: Draws that choose the class.
        n: Draws that are counted, at most.
        correction: As `str` of a correction prints it.
        tree: Name of a class tree that comes with segcert, or a whole one.
        blocks: Side of the blocks that are tested together.
        drop_below: Components whose pilot promises less are not tested.
        ignore: As `str` of a `Mask` prints it.
        stop_when: As `str` of a rule to stop prints it.
        looks: How often the rule is asked, or 0 for the e-process.
        statement: What is stated, as `str` of a `CountChosen` prints it; left out, it names
            components.
    """

    version: Literal[1] = 1
    noise: str = "gaussian"
    sigma: float = 0.25
    shift_sigma: float | None = None
    jitter_sigma: float | None = None
    axis: str | list[float] | None = None
    tau: float = 0.75
    alpha: float = 1e-3
    n0: int | None = None
    n: int = 100
    correction: str | None = None
    tree: str | TreeRecord | None = None
    blocks: int | None = None
    drop_below: float | None = None
    ignore: str | None = None
    stop_when: str | None = None
    looks: int = 4
    statement: str | None = None

    @property
    def written(self) -> dict[str, Any]:
        """The fields that say something."""
        return self.model_dump(exclude_none=True)


def parse_record(content: str, *, toml: bool) -> PlanRecord:
    """Read a plan.

    Raises:
        InputError: In one line, with the first thing that cannot be.
    """
    try:
        if toml:
            found: Any = tomllib.loads(content)
        else:
            found = json.loads(content, object_pairs_hook=without_repeats)
    except RecursionError as error:
        raise InputError("a plan is not nested: this one is, too deeply") from error
    except ValueError as error:
        raise InputError(f"it cannot be read: {one_line(error)}") from error
    if not isinstance(found, dict):
        raise InputError("a plan is a table of names and values")
    check_names(found)
    try:
        return PlanRecord.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        got = shown(first["input"])
        raise InputError(f"{where}: {first['msg']}, got {got}") from error


def check_names(found: dict[str, Any]) -> None:
    """Refuse names that a plan does not have, and versions that this program does not know.

    Raises:
        InputError: With the first of them.
    """
    version = found.get("version", 1)
    if version != 1 or isinstance(version, bool):
        raise InputError(f"it has version {shown(version)}, this segcert reads plans of version 1")
    for name in found:
        if name not in PlanRecord.model_fields:
            known = ", ".join(PlanRecord.model_fields)
            raise InputError(f"a plan has no {shown(name)}, but {known}")


def shown(value: object) -> str:
    """The beginning of a value, for the error."""
    return repr(value)[:MOST_SHOWN]


def read_record(path: Path) -> PlanRecord:
    """Read the file of a plan; no path in it is followed.

    Raises:
        InputError: If it is missing, too large, or no plan.
    """
    check_suffix(path)
    content = read_regular(path, what="plan", most=MOST_BYTES)
    try:
        return parse_record(content.decode(), toml=path.suffix == ".toml")
    except UnicodeDecodeError as error:
        raise InputError(f"plan {path} is no text: {error}") from error
    except InputError as error:
        raise InputError(f"plan {path}: {error}") from error


def write_record(record: PlanRecord, path: Path) -> None:
    """Write the file of a plan.

    Raises:
        InputError: If the suffix is neither .toml nor .json.
    """
    check_suffix(path)
    text = to_toml(record) if path.suffix == ".toml" else json_text(record, indent=2) + "\n"
    with atomic_write(path) as file:
        file.write(text.encode())


def check_suffix(path: Path) -> None:
    """Refuse a file of another kind.

    Raises:
        InputError: With the kinds that there are.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"a plan is a file {' or '.join(SUFFIXES)}, got {path}")


def json_text(record: PlanRecord, indent: int | None = None) -> str:
    """The plan as JSON; without indent, the canonical text of which the digest is taken."""
    separators = (",", ":") if indent is None else None
    return json.dumps(record.written, sort_keys=True, indent=indent, separators=separators)


def to_toml(record: PlanRecord) -> str:
    """The plan as TOML, in the order of the fields; a table comes last."""
    plain = {name: value for name, value in record.written.items() if not isinstance(value, dict)}
    lines = [f"{name} = {toml_value(value)}" for name, value in plain.items()]
    if isinstance(record.tree, TreeRecord):
        lines += ["", "[tree]"]
        lines += [
            f"{name} = {toml_value(value)}" for name, value in record.tree.model_dump().items()
        ]
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A text, number or list in TOML: as in JSON, but DEL is written as an escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
