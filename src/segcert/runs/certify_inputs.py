"""Certify files, one after the other; what is done is kept, what is not is resumed."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from segcert.certificates.claim_files import CERTIFICATE, with_trace
from segcert.certificates.hierarchies import check_class_names
from segcert.certificates.pictures import ABSTAIN
from segcert.certificates.result import Certificate, load_certificate
from segcert.certificates.stopping import StopWhen
from segcert.certificates.variation import check_variation
from segcert.errors import InputError, SegcertError
from segcert.files import remove_drafts
from segcert.inputs.held import Inputs, held
from segcert.inputs.input import Input
from segcert.inputs.kind import fitted_noise
from segcert.locks import Held
from segcert.locks import held as held_folder
from segcert.models.fits import check_fits
from segcert.models.identity.runtime import recorded_precision
from segcert.models.protocol import WrappedModel
from segcert.runs.request import Mask, Request
from segcert.runs.store import open_store
from segcert.sampling.counts import Counts
from segcert.sampling.partial import OtherWorkError, Partial
from segcert.sampling.sampler import sample
from segcert.sampling.setup import check_batch_size, choose_device
from segcert.sampling.streams import check_seed, fresh_seed
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks


@runtime_checkable
class Writer(Protocol):
    """Writes all files of one certified input into a folder."""

    def __call__(self, folder: Path, given: Input, certificate: Certificate) -> None:
        """Write them."""
        ...


@dataclass(frozen=True, eq=False)
class CertifiedInput:
    """One certified input.

    Args:
        name: Of the input.
        folder: Where its files are.
        certificate: Its certificate.
        resumed: Whether it was there before this run.
        seconds: What this run spent on it.
    """

    name: str
    folder: Path
    certificate: Certificate
    resumed: bool
    seconds: float


def check_request(
    request: Request,
    inputs: Mapping[str, Path] | Inputs,
    segmenter: WrappedModel,
    *,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    ignore: Mask | None = None,
) -> None:
    """Refuse, before the first draw and the first file, what could not end well.

    Raises:
        InputError: If an argument is out of range, an input too small, or n too small for it.
    """
    request.check()
    if request.hierarchy:
        check_class_names(request.hierarchy, segmenter.class_names)
    choose_device(device, segmenter)
    check_batch_size(batch_size)
    if seed is not None:
        check_seed(seed)
    for whole in held(inputs).values():
        check_input(request, whole, segmenter, ignore)


def check_input(
    request: Request, whole: Input, segmenter: WrappedModel, ignore: Mask | None = None
) -> None:
    """Refuse what could not end well with one input; see `check_request`."""
    given = segmenter.given(whole)
    check_fits(given, segmenter)
    check_classes(segmenter)
    segmenter.check_truth(given)
    if ignore is not None:
        given.kind.check_mask(ignore, given.components)
    request.check(components=given.components, ignore=ignore)
    noise, draws = fitted_noise(request.drawn_noise, given.tensor), request.n0 + request.n
    check_variation(noise, given.shape, draws, alpha=request.alpha)


def check_classes(segmenter: WrappedModel) -> None:
    """Refuse, before the first draw, more classes than files of labels have numbers for.

    Raises:
        InputError: If the model is known to have more than 255.
    """
    classes = segmenter.classes or len(segmenter.class_names)
    if classes > ABSTAIN:
        raise InputError(
            f"model {segmenter.name} has {classes} classes, and pictures and pages number at most "
            f"{ABSTAIN}: certify it from Python, sc.certify_image(model, image)"
        )


def certify_inputs(
    segmenter: WrappedModel,
    inputs: Mapping[str, Path] | Inputs,
    request: Request,
    *,
    out: Path,
    write: Writer,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    ignore: Mask | None = None,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[CertifiedInput]:
    """Certify inputs into ``out/NAME/``, each complete or absent.

    Args:
        segmenter: The base model.
        inputs: Files by name, or what was read of them.
        request: What is asked; see `check_request`.
        out: Folder of the results.
        write: Writes the files of one input into a folder.
        seed: Of all streams, or None for a fresh one per input.
        device: Where to sample.
        batch_size: Draws that go through the model together.
        ignore: Components that are not tested.
        overwrite: Replace certificates of other settings; never a folder without certificate.
        progress: Called with name, draws done and draws in all.

    Yields:
        Each input, when its files are written.

    Raises:
        InputError: If ``out/NAME`` holds something else, another process works on ``out``, or an
            input is changed or ``out`` is deleted meanwhile.
    """
    request = request.model_copy(update={"ignore_sha256": hash_mask(ignore)})
    inputs = held(inputs)
    with held_folder(out) as place:
        for name, whole in inputs.items():
            start, given = time.monotonic(), segmenter.given(whole)
            folder = out / name
            if overwrite:
                check_replaceable(folder)
            elif folder.exists():
                found = reuse(folder, given, request, seed)
                clear(out, name, request, found)
                yield CertifiedInput(name, folder, found, True, 0.0)
                continue
            certificate = certify_one(
                segmenter, name, given, request,
                out=out, seed=seed, device=device, batch_size=batch_size, ignore=ignore,
                progress=progress, place=place,
            )  # fmt: skip
            certificate = Certificate.of(with_trace(certificate, folder))
            place.check()
            inputs.check_unchanged(name)
            put_in_place(folder, partial(write, given=whole, certificate=certificate))
            clear(out, name, request, certificate)
            yield CertifiedInput(name, folder, certificate, False, time.monotonic() - start)


def clear(out: Path, name: str, request: Request, certificate: Certificate) -> None:
    """Remove the work on an input that is done, and what killed processes left of it."""
    source, store = certificate.provenance, out / f".{name}.partial.npz"
    with contextlib.suppress(InputError):  # it is work on something else
        open_store(
            store, request, input_sha256=source.input_sha256, seed=source.seed, fresh=source.seed
        )
        store.unlink(missing_ok=True)
    for path in (out / name, store):
        remove_drafts(path)


def certify_one(
    segmenter: WrappedModel,
    name: str,
    given: Input,
    request: Request,
    *,
    out: Path,
    seed: int | None,
    device: str,
    batch_size: int | str,
    ignore: Mask | None,
    progress: Callable[[str, int, int], None] | None,
    place: Held,
) -> Certificate:
    """Certify one input; interrupted, it keeps its draws in ``out/.NAME.partial.npz``."""
    store = open_store(
        out / f".{name}.partial.npz", request,
        input_sha256=given.sha256, seed=seed, fresh=fresh_seed(),
    )  # fmt: skip

    certify = partial(request.certify, ignore=ignore)
    stop = None if request.stop is None else StopWhen(request.stop, certify, store.history)

    def report(done: int, total: int) -> None:
        if progress:
            progress(name, done, total)

    def keep(part: Partial) -> None:
        place.check()
        store.history = stop.history if stop else ()
        store.keep(part)

    try:
        counts = sample(
            segmenter, given,
            noise=request.drawn_noise, n0=request.n0,
            n=request.planned(given.components, ignore) or request.n, stop=stop,
            seed=store.seed, device=device, batch_size=batch_size,
            progress=report,
            partial=store.partial, after_block=keep, ends_block=lambda: store.due,
        )  # fmt: skip
        if counts.sequential and counts.n < counts.sequential.at[-1]:
            report(counts.n0 + counts.n, counts.n0 + counts.n)  # it is done
    except OtherWorkError as error:
        raise InputError(f"{store.path}: {error}, by deleting that file") from error
    except KeyboardInterrupt as interrupt:
        place.check()
        store.history = stop.history if stop else ()
        store.save()
        raise KeyboardInterrupt(
            "interrupted; the same command goes on where this one stopped"
        ) from interrupt
    place.check()
    store.save()
    return certify(counts)


def check_replaceable(folder: Path) -> None:
    """Refuse to replace anything but an earlier result.

    Raises:
        InputError: If there is something else.
    """
    if folder.is_dir() and ((folder / CERTIFICATE).exists() or not any(folder.iterdir())):
        return
    if os.path.lexists(folder):
        raise InputError(
            f"{folder} exists and holds no certificate, so it is not overwritten: "
            "choose another --out, or move it away"
        )


def reuse(folder: Path, given: Input, request: Request, seed: int | None) -> Certificate:
    """Take the certificate that is already there, if it is what is asked for.

    Raises:
        InputError: If the folder holds something else.
    """
    way_out = "choose another --out, or --overwrite"
    if not (folder / CERTIFICATE).is_file():
        raise InputError(f"{folder} exists and holds no certificate: choose another --out")
    try:
        certificate = load_certificate(folder)
    except SegcertError as error:
        raise InputError(f"{folder} holds an unusable certificate ({error}): {way_out}") from error
    difference = request.differences(request_of(certificate, request))
    if difference:
        raise InputError(
            f"{folder} holds a certificate of other settings ({difference}): {way_out}"
        )
    source = certificate.provenance
    if source.input_sha256 != given.sha256 or seed not in (None, source.seed):
        raise InputError(
            f"{folder} holds a certificate of another {given.kind.word} or seed: {way_out}"
        )
    return certificate


def request_of(certificate: Certificate, asked: Request) -> Request:
    """What a certificate was asked for, in the words of ``asked`` where they mean the same."""
    counts, source, family = certificate.counts, certificate.provenance, certificate.family
    same_noise = counts.noise.without_grid() in (asked.drawn_noise, asked.fitted_noise)
    plan = asked.planned(counts.labels.shape, family.ignore)
    drawn = asked.model_dump(include=asked.noise_fields) if same_noise else asked.said(counts.noise)
    found = Request(
        model=source.model,
        weights_sha256=source.weights_sha256,
        tau=certificate.tau,
        alpha=certificate.alpha,
        n0=counts.n0,
        n=counts.n if counts.sequential is None else counts.sequential.at[-1],
        correction=asked.correction
        if asked.correct == certificate.correction
        else str(certificate.correction),
        blocks=family.regions.side if isinstance(family.regions, Blocks) else None,
        drop_below=family.drop_below,
        tree=tree_name(certificate, asked),
        ignore_sha256=hash_mask(family.ignore),
        stop_when=asked.stop_when
        if str(asked.stop or "") == source.stop_rule
        else source.stop_rule or None,
        looks=asked.looks if plan == counts.sequential else number_of_looks(counts),
        scale=source.scale,
        backend=source.backend,
        precision=recorded_precision(source.precision),
    )
    return type(asked).model_validate(found.model_dump() | drawn)


def hash_mask(ignore: Mask | None) -> str | None:
    """Hash a mask, with its shape."""
    if ignore is None:
        return None
    return hashlib.sha256(f"{ignore.shape}|".encode() + ignore.tobytes()).hexdigest()


def tree_name(certificate: Certificate, asked: Request) -> str | None:
    """Name the class tree of a certificate as asked, if it is the same one."""
    if certificate.tree is None:
        return None
    return asked.tree if asked.hierarchy == certificate.tree else "another one"


def number_of_looks(counts: Counts) -> int:
    """How many looks were planned; 0 for the e-process."""
    return len(counts.sequential.at) if isinstance(counts.sequential, Looks) else 0


def put_in_place(folder: Path, write: Callable[..., None]) -> None:
    """Let ``write(folder=...)`` fill a new folder, and put it in place when it is complete.

    Raises:
        InputError: If the file system refuses; what was in place before stays there.
    """
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    old = draft.with_name(f"{draft.name}.old")
    try:
        write(folder=draft)
        draft.chmod(0o755)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        if isinstance(error, OSError):
            raise InputError(
                f"{folder} cannot be written: {error.strerror or error}; the draws are kept, so "
                "the same command goes on when that is mended"
            ) from error
        raise
    shutil.rmtree(old, ignore_errors=True)
