"""Rewrite a ``.pt2`` archive so that nothing of a file reaches PyTorch that was not looked at.

``torch.export.load`` unpickles (example inputs, weights marked as pickles, custom objects),
evaluates expressions of sizes, compiles guards, writes names of the file into code that it runs,
and calls any attribute of ``torch`` that the file names, such as ``torch.os.system``. So the
archive is made anew from what `exported_schema` describes, `exported_operators` lists and raw
tensors; the guards go another way (`exported_guards`).
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from segcert.errors import InputError
from segcert.files import LONGEST_FILE, read_regular
from segcert.models.files.exported_expressions import UnknownExpressionError
from segcert.models.files.exported_guards import Guards
from segcert.models.files.exported_operators import UnknownOperatorError, check_operators
from segcert.models.files.exported_schema import Payloads, ProgramFile
from segcert.models.files.weights_files import check_stored
from segcert.models.identity.file_hashes import hash_bytes
from segcert.text import one_line

GRAPH = "models/model.json"
EXAMPLES = "data/sample_inputs/model.pt"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
KEPT = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|archive_format|archive_version|byteorder"
    r"|\.data/(version|serialization_id)"
)
LARGEST_JSON = 1 << 28  # bytes of a member that is parsed; HRNetV2 has 3 MB
ADVICE = (
    "export the network with torch.export.save, in eval mode, or open its weights in Python with "
    "as_segmenter"
)

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class CleanProgram:
    """A program that holds only what was looked at.

    Args:
        archive: What ``torch.export.load`` reads.
        guards: Of the program.
        sha256: Hash of the file that it was made from.
    """

    archive: bytes
    guards: Guards
    sha256: str


def clean_archive(path: Path) -> CleanProgram:
    """Read an archive of ``torch.export.save`` and rewrite what is safe.

    Raises:
        InputError: If it is damaged, of another kind, or holds what is not known to be safe.
    """
    content = read_regular(path, what="model", most=LONGEST_FILE)
    members = members_in(content, path)
    if GRAPH not in members:
        raise InputError(f"model {path} holds no exported program: {ADVICE} (torch >= 2.8)")
    for name in CONFIGS:
        members[name] = dumped(described(Payloads, members, name, path))
    program = described(ProgramFile, members, GRAPH, path)
    try:
        check_operators(program.graph_module.graph)
        guards = Guards(input_names(program), guards_of(program, path))
    except (UnknownOperatorError, UnknownExpressionError) as error:
        raise InputError(f"model {path}: {error}") from error
    members[GRAPH] = dumped(program.model_copy(update={"guards_code": []}))
    cleaned = io.BytesIO()
    with zipfile.ZipFile(cleaned, "w") as archive:  # stored, not compressed
        for name, member in (members | {EXAMPLES: b""}).items():
            archive.writestr(f"model/{name}", member)
    return CleanProgram(cleaned.getvalue(), guards, hash_bytes(content))


def members_in(content: bytes, path: Path) -> dict[str, bytes]:
    """Read the members that are used, without the folder around them; checksums are compared.

    Raises:
        InputError: If the archive is damaged or holds what could run code.
    """
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_stored(archive, path, len(content))
            for whole in archive.namelist():
                name = whole.partition("/")[2]
                if name in members:
                    raise InputError(f"model {path} holds {shown(name)} twice: {ADVICE}")
                if name in (GRAPH, *CONFIGS) or KEPT.fullmatch(name):
                    members[name] = archive.read(whole)
                elif name != EXAMPLES and not name.startswith("extra/"):
                    raise InputError(
                        f"model {path} holds {shown(name)}, which could run code: {ADVICE}"
                    )
    except InputError:
        raise
    except Exception as error:  # damaged archives fail in every way
        raise InputError(
            f"model {path} is damaged or no .pt2 archive: {one_line(error)}"
        ) from error
    return members


def described(kind: type[Model], members: dict[str, bytes], name: str, path: Path) -> Model:
    """Parse a member and check it against its description.

    Raises:
        InputError: If it is missing, no JSON, or holds what is not described.
    """
    if len(members.get(name, b"")) > LARGEST_JSON:
        raise InputError(f"model {path}: {name} has more than {LARGEST_JSON} bytes")
    try:
        return kind.model_validate(json.loads(members[name]))
    except ValidationError as error:
        raise InputError(f"model {path} {first_fault(error)}: {ADVICE}") from error
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(f"model {path} is damaged: {name} is missing or no JSON") from error


def first_fault(error: ValidationError) -> str:
    """Say what of a program is not described, and where it stands."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"][-6:])
    if first["type"] == "extra_forbidden" and "use_pickle" not in place:
        return f"uses {shown(str(first['loc'][-1]))} (at {place}), which is not known to be safe"
    if first["loc"] and first["loc"][-1] == "use_pickle":
        return "holds a pickle, which could run code"
    given = shown(first["input"])
    said = first["msg"].removeprefix("Value error, ")
    return f"holds {given} at {place}, which is not known to be safe ({shorten(said, 120)})"


def shown(value: Any) -> str:
    """Print a value of a file, shortened."""
    return shorten(repr(value), 80, placeholder=" ...")


def dumped(described_part: BaseModel) -> bytes:
    """Write what was described, and nothing else."""
    return json.dumps(described_part.model_dump(exclude_unset=True)).encode()


def input_names(program: ProgramFile) -> tuple[str, ...]:
    """Names of the inputs that the caller gives, in order."""
    given = program.graph_module.signature.input_specs
    told = [spec.user_input.arg for spec in given if spec.user_input is not None]
    signature = program.graph_module.module_call_graph[0].signature
    called = signature.forward_arg_names
    if called and len(called) == len(told):
        return tuple(called)
    return tuple(arg.value.name if arg.kind == "as_tensor" else arg.kind for arg in told)


def guards_of(program: ProgramFile, path: Path) -> tuple[str, ...]:
    """The guards of a program.

    Raises:
        InputError: If it was written by a PyTorch that does not write them, and takes any size.
    """
    if program.guards_code is not None:
        return tuple(program.guards_code)
    if program.range_constraints:
        raise InputError(
            f"model {path} was written by torch {program.torch_version}, which does not write down "
            "for which sizes it holds: export it again with torch >= 2.9, or for one size"
        )
    return ()
