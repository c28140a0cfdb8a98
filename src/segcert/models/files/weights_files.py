"""Read weights that other programs wrote with ``torch.save``, without running their code."""

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.files import LONGEST_FILE, read_regular
from segcert.models.identity.file_hashes import hash_bytes
from segcert.text import one_line, reason

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
)  # keys under which checkpoints keep the weights
PREFIXES = ("module.", "model.")  # of data parallelism, and of a network stored with its loss
BESIDE = re.compile(r"loss\..*|std|mean")  # what is stored beside a network: loss, normalisation
COUNTER = "num_batches_tracked"  # of batch norm; nothing is computed with it in eval mode
NAMED = 3  # mismatching keys that an error names
NUMBERS = ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")
OTHERS = (
    "other networks come as .pt2 (torch.export.save), as .onnx, as module.py:make (your own code), "
    "or in Python as as_segmenter(net)"
)
SAFE_FORM = "torch.save(net.state_dict(), 'weights.pth')"

Weights = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint that was read once: weights and hash are of the same bytes.

    Args:
        weights: By their names without wrappers and prefixes.
        sha256: Hash of the file.
    """

    weights: Weights
    sha256: str


def read_weights(path: Path) -> Weights:
    """Read the weights of a checkpoint; see `read_checkpoint`."""
    return read_checkpoint(path).weights


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Only tensors and plain containers are unpickled; nothing in the file is executed.

    Args:
        path: File that ``torch.save`` wrote: a state dict, or a dictionary with one.

    Raises:
        InputError: If the file is missing, damaged, no checkpoint, or would run code.
    """
    content = read_regular(path, what="checkpoint", most=LONGEST_FILE)
    check_sums(content, path)
    weights = without_prefixes(state_dict_in(unpickled(content, path), path), path)
    return Checkpoint(weights, hash_bytes(content))


def numbers_of_numpy() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """List what numpy's numbers unpickle to: checkpoints keep accuracies beside the weights."""
    scalar: Any = np.float64(0).__reduce__()[0]
    named = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    kinds = [type(np.dtype(name)) for name in NUMBERS]
    return [*named, np.dtype, *kinds]


def state_dict_in(content: object, path: Path) -> Weights:
    """Find the weights in what a file holds.

    Raises:
        InputError: If there are none, or anything else among them.
    """
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not any(is_weight(v) for v in content.values()):
        raise InputError(f"checkpoint {path} holds no state dict: write it with {SAFE_FORM}")
    foreign = [k for k, v in content.items() if not (isinstance(k, str) and is_weight(v))]
    if foreign:
        raise InputError(
            f"checkpoint {path} holds {shorten(repr(foreign[0]), 80)} among the weights, which is "
            f"no dense tensor with a name: write it with {SAFE_FORM}"
        )
    return dict(content)


def check_sums(content: bytes, path: Path) -> None:
    """Compare the checksums of a zip archive, which torch does not; older files have none.

    Raises:
        InputError: If one is wrong.
    """
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_no_script(archive, path)
            check_stored(archive, path, len(content))
            damaged = archive.testzip()
    except InputError:
        raise
    except Exception as error:  # damaged archives fail in every way
        raise InputError(f"checkpoint {path} is damaged: {one_line(error)}") from error
    if damaged is not None:
        raise InputError(f"checkpoint {path} is damaged: the checksum of {damaged} is wrong")


def check_no_script(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse TorchScript by its name: it is a program, not weights.

    Raises:
        InputError: If it is one.
    """
    if any(re.fullmatch(r"[^/]*/code/.*", name) for name in archive.namelist()):
        raise InputError(
            f"model {path} is TorchScript (torch.jit.save), which is not read, as it could run "
            "anything: export the network with torch.export.save to a .pt2 file, or open it in "
            "Python, as_segmenter(torch.jit.load(path).eval())"
        )


def check_stored(archive: zipfile.ZipFile, path: Path, there: int) -> None:
    """Refuse compressed archives: PyTorch writes none, and a small one could fill the memory.

    Args:
        archive: The archive.
        path: Of its file, for errors.
        there: Bytes of the file.

    Raises:
        InputError: If its members are larger than the file.
    """
    size = sum(member.file_size for member in archive.infolist())
    if size > there:
        raise InputError(
            f"model {path} unpacks to {size} bytes from {there}: PyTorch compresses nothing, so "
            "write it with torch.save or torch.export.save"
        )


def unpickled(content: bytes, path: Path) -> object:
    """Unpickle tensors and plain containers only.

    Raises:
        InputError: If the file is damaged, no checkpoint, or would run code.
    """
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(numbers_of_numpy()):
            warnings.simplefilter("ignore")  # a TorchScript archive warns before it fails
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        unsafe = re.search(r"GLOBAL (\S+)", str(error))
        if unsafe is None:
            raise InputError(f"checkpoint {path} is damaged or no checkpoint") from error
        raise InputError(
            f"checkpoint {path} would run code ({shorten(unsafe[1], 80)}), only weights are read: "
            f"if you trust it, rewrite it with {SAFE_FORM}; {OTHERS}"
        ) from error
    except Exception as error:  # damaged pickles fail in every way
        raise InputError(
            f"checkpoint {path} is damaged or no checkpoint: {type(error).__name__} {reason(error)}"
        ) from error


def is_weight(value: object) -> bool:
    """Tell dense tensors with numbers in memory from everything else."""
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_meta


def without_prefixes(weights: Weights, path: Path) -> Weights:
    """Strip the prefixes of wrappers off the names, in any order.

    Raises:
        InputError: If two weights would get the same name.
    """
    for prefix in PREFIXES * 2:
        stripped = {name.removeprefix(prefix): weight for name, weight in weights.items()}
        if len(stripped) != len(weights):
            twice = next(n for n in weights if not n.startswith(prefix) and prefix + n in weights)
            raise InputError(f"checkpoint {path} holds two of {twice}: with and without {prefix}")
        weights = stripped
    return weights


def fit_weights(
    net: nn.Module, weights: Weights, *, path: Path, architecture: str, way_out: str = ""
) -> None:
    """Put weights into a network that has exactly these.

    What is stored beside a network is left out (the loss, normalisation constants), and so are
    the counters of batch norm, which older programs did not write; they are set to 0.

    Args:
        net: The network; changed in place.
        weights: By name, as ``read_weights`` returns them.
        path: Named in errors.
        architecture: Name of the network and its classes, for errors.
        way_out: For whom has another network, for errors.

    Raises:
        InputError: If names or shapes differ, or a number is not finite.
    """
    wanted = net.state_dict()
    weights = {
        name: weight
        for name, weight in weights.items()
        if not name.endswith(COUNTER) and (name in wanted or not BESIDE.fullmatch(name))
    }
    differences = mismatches(wanted, weights)
    if differences:
        more = len(differences) - NAMED
        raise InputError(
            f"weights {path} do not fit {architecture}: {'; '.join(differences[:NAMED])}"
            + (f"; and {more} more" if more > 0 else "")
            + (f": {way_out}" if way_out else "")
        )
    broken = [name for name, weight in weights.items() if not torch.isfinite(weight).all()]
    if broken:
        raise InputError(f"weights {path} are damaged: {broken[0]} is not finite everywhere")
    counters = {n: torch.zeros_like(w) for n, w in wanted.items() if n.endswith(COUNTER)}
    net.load_state_dict(counters | weights)


def mismatches(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Say what is missing, of another shape or unknown, in the order of the network.

    Args:
        wanted: State dict of the network; its counters of batch norm are not looked for.
        found: Weights of a file.
    """
    said = []
    for name, weight in wanted.items():
        if name.endswith(COUNTER):
            continue
        if name not in found:
            said.append(f"{name} is missing")
        elif found[name].shape != weight.shape:
            said.append(f"{name} is {tuple(found[name].shape)}, not {tuple(weight.shape)}")
        elif found[name].dtype.is_floating_point != weight.dtype.is_floating_point:
            said.append(f"{name} is {found[name].dtype}, not {weight.dtype}")
    return said + [f"{shorten(name, 80)} is unknown" for name in found if name not in wanted]
