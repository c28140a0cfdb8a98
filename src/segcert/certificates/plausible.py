"""What the record of a certificate may say at all, before its counts are read.

Nothing here proves a certificate; it refuses what no run of segcert can have written, and sizes
that would make reading expensive. Limits come from here, never from the file.
"""

import math
import re
from collections.abc import Iterable

from segcert.certificates.earlier import MOST
from segcert.certificates.records import EarlierRecord, ModelRecord, TodaysRecord
from segcert.certificates.records import ProvenanceRecord as Source
from segcert.errors import InputError
from segcert.inputs.kind import components_of
from segcert.models.identity.runtime import ARITHMETIC, BACKENDS
from segcert.models.resizing.outputs import MOST_CLASSES
from segcert.models.resizing.scale import Resizing, parse_resizing
from segcert.noise.registry import check_kind
from segcert.sampling.setup import MOST_TOGETHER, check_draw_numbers
from segcert.sampling.streams import check_seed, check_stream_version
from segcert.stats.levels import MOST_DRAWS, check_tau_alpha
from segcert.stats.sequential import MOST_LOOKS

MOST_VALUES = 1 << 31  # of an input; images from files have at most 178 megapixels
LONGEST = 1000  # characters of a text
HASH = re.compile(r"[0-9a-f]{64}")
VERSION = re.compile(r"[0-9]+(\.[0-9]+)+[0-9A-Za-z]*([-.+/][0-9A-Za-z]+)*")  # one way to match
PROGRAM = re.compile(r"[A-Za-z][-_.0-9A-Za-z]*")
PROGRAMS = ("segcert", "python", "torch", "numpy")  # what always runs
TYPES = ("uint8", "float32")  # of inputs
FLOATING = re.compile(r"(float16|bfloat16|float32|float64)( \(tf32 convolutions\))?")


def check_record(record: TodaysRecord) -> None:
    """Refuse a record that no run can have written.

    Raises:
        InputError: With the first field that cannot be.
    """
    chosen, source = record.parameters, record.provenance
    check_tau_alpha(tau=chosen.tau, alpha=chosen.alpha)
    check_draw_numbers(chosen.n0, chosen.n)
    if chosen.n > MOST_DRAWS:
        raise InputError(f"n must be at most {MOST_DRAWS}, got {chosen.n}")
    if chosen.sequential and not 1 <= len(chosen.sequential.at) <= MOST_LOOKS:
        raise InputError(f"at most {MOST_LOOKS} looks are read, got {len(chosen.sequential.at)}")
    check_input(source, chosen.noise.kind)
    check_classes(record.model)
    check_provenance(source)
    check_stop(record)
    check_runs(source)
    labels = (chosen.n0 + chosen.n) * math.prod(components_of(tuple(source.input_shape)))
    if not 0 <= record.result.invalid <= labels:
        raise InputError(
            f"result.invalid must be a part of the {labels} labels that were drawn, "
            f"got {record.result.invalid}"
        )


def check_input(source: Source, noise: str) -> None:
    """Refuse an input that cannot be, or cannot have this noise."""
    shape, dtype = source.input_shape, source.input_dtype
    if len(shape) not in (2, 3, 4) or min(shape) < 1 or math.prod(shape) > MOST_VALUES:
        raise InputError(
            f"provenance.input_shape must be that of a cloud, an image or a volume of at most "
            f"{MOST_VALUES} values, got {shape[:9]}"
        )
    if dtype not in TYPES:
        raise InputError(f"provenance.input_dtype must be one of {TYPES}, got {dtype!r}")
    check_kind(noise, tuple(shape), dtype)


def check_classes(model: ModelRecord) -> None:
    """Refuse names and colours that do not fit the classes."""
    if not 1 <= model.classes <= MOST_CLASSES:
        raise InputError(f"model.classes must be 1 to {MOST_CLASSES}, got {model.classes}")
    for name, values in (("class_names", model.class_names), ("palette", model.palette)):
        if len(values) not in (0, model.classes):
            raise InputError(f"model.{name} has {len(values)} entries for {model.classes} classes")
    for colour in model.palette:
        if len(colour) != 3 or min(colour) < 0 or max(colour) > 255:
            raise InputError(f"model.palette holds {colour[:9]}, which is no colour")
    check_texts("model.class_names", model.class_names)


def check_provenance(source: Source) -> None:
    """Refuse hashes, seeds, devices, programs and texts that cannot be."""
    for name in ("input_sha256", "noise_sha256"):
        check_hash(f"provenance.{name}", getattr(source, name))
    if source.weights_sha256 != "none":
        check_hash("provenance.weights_sha256", source.weights_sha256)
    if source.identity_sha256 not in ("", "none"):
        check_hash("provenance.identity_sha256", source.identity_sha256)
    for name in ("model", "device_name", "stop_rule"):
        check_texts(f"provenance.{name}", [getattr(source, name)])
    check_seed_text("provenance.seed", source.seed)
    resizing = parse_resizing(source.scale)
    only_padded = len(source.input_shape) == 4 and not resizing.resizes
    if resizing != Resizing() and len(source.input_shape) != 3 and not only_padded:
        raise InputError(f"provenance.scale must be 1 for clouds and volumes, got {source.scale}")
    if source.device != source.streams:
        raise InputError(
            f"provenance.device must be that of streams {source.streams}, got {source.device!r}"
        )
    check_stream_version(source.stream_version, source.streams)
    if source.backend not in BACKENDS:
        raise InputError(f"provenance.backend must be one of {BACKENDS}, got {source.backend!r}")
    inexact = source.precision in ARITHMETIC.values()
    if not inexact and not FLOATING.fullmatch(source.precision):
        raise InputError(f"provenance.precision {source.precision!r} is no arithmetic")
    if (source.precision == ARITHMETIC["int8"]) != (source.backend == "openvino-int8"):
        raise InputError(
            f"provenance.precision {source.precision!r} is not that of backend {source.backend!r}"
        )
    check_versions(source.versions)
    if len(source.earlier) > MOST:
        raise InputError(f"at most {MOST} earlier draws are read, got {len(source.earlier)}")
    for earlier in source.earlier:
        check_earlier(earlier)


def check_versions(versions: dict[str, str]) -> None:
    """Refuse versions that are no versions, or of too few programs."""
    missing = [name for name in PROGRAMS if name not in versions]
    if missing:
        raise InputError(f"provenance.versions must name {', '.join(PROGRAMS)}: no {missing[0]}")
    for name, version in versions.items():
        if len(version) > 60 or not VERSION.fullmatch(version):
            raise InputError(f"provenance.versions: {version[:60]!r} of {name!r} is no version")
        if len(name) > 60 or not PROGRAM.fullmatch(name):
            raise InputError(f"provenance.versions: {name[:60]!r} is no name of a program")


def check_earlier(earlier: EarlierRecord) -> None:
    """Refuse an earlier draw that is told in part, or cannot be."""
    check_hash("provenance.earlier.file_sha256", earlier.file_sha256)
    said = earlier.model_dump(exclude={"file_sha256"})
    if set(said.values()) == {None}:
        return
    if None in said.values():
        raise InputError("an earlier draw must be told with seed, hashes, settings and share")
    certified, components = said["certified"], said["components"]
    check_seed_text("provenance.earlier.seed", said["seed"])
    check_hash("provenance.earlier.input_sha256", earlier.input_sha256)
    if earlier.weights_sha256 != "none":
        check_hash("provenance.earlier.weights_sha256", earlier.weights_sha256)
    check_texts("provenance.earlier.settings", [said["settings"]])
    if not 0 <= certified <= components or not 1 <= components <= MOST_VALUES:
        raise InputError(f"an earlier draw cannot have certified {certified} of {components}")


def check_stop(record: TodaysRecord) -> None:
    """Refuse a rule to stop where nothing could stop, and a stop without a rule."""
    chosen, rule = record.parameters, record.provenance.stop_rule
    if chosen.sequential is None:
        if rule:
            raise InputError("provenance.stop_rule belongs to draws that may stop early")
        return
    at = chosen.sequential.at
    if max(at) > MOST_DRAWS:
        raise InputError(f"looks must be after at most {MOST_DRAWS} draws, got {max(at)}")
    most = at[-1] if chosen.sequential.kind == "looks" else at[0]
    if chosen.n < most and not rule:
        raise InputError(f"sampling stopped after {chosen.n} of {most} draws without a stop rule")


def check_runs(source: Source) -> None:
    """Refuse batches of impossible sizes."""
    for row in (*source.pilot_runs, *source.test_runs):
        if len(row) != 3 or not 1 <= row[2] <= MOST_TOGETHER:
            raise InputError(
                f"provenance: {row[:9]} is no run: start, stop, and 1 to {MOST_TOGETHER} draws "
                "together"
            )


def check_seed_text(name: str, text: str) -> None:
    """Refuse a seed that is no whole number in its range, or written in another way."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,38}", text):
        raise InputError(f"{name} must be a whole number of at most 39 digits, got {text[:60]!r}")
    check_seed(int(text))


def check_hash(name: str, text: str | None) -> None:
    """Refuse what is no SHA-256 in hexadecimal digits."""
    if text is None or not HASH.fullmatch(text):
        raise InputError(f"{name} must be 64 hexadecimal digits, got {text and text[:70]!r}")


def check_texts(name: str, texts: Iterable[str]) -> None:
    """Refuse very long texts."""
    for text in texts:
        if len(text) > LONGEST:
            raise InputError(f"{name} has {len(text)} characters, at most {LONGEST} are read")
