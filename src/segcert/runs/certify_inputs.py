"""Certify files, one after the other; what is done is kept, what is not is resumed."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from segcert.certificates.claim import Claim
from segcert.certificates.claim_files import CERTIFICATE, read_claim, with_trace
from segcert.certificates.count import CountClaim
from segcert.certificates.counted import CountCertificate
from segcert.certificates.hierarchies import check_class_names
from segcert.certificates.pictures import ABSTAIN
from segcert.certificates.result import Certificate
from segcert.certificates.stopping import StopWhen
from segcert.errors import InputError, SegcertError
from segcert.files import remove_drafts
from segcert.inputs.held import Inputs, held
from segcert.inputs.input import Input
from segcert.locks import Held
from segcert.locks import held as held_folder
from segcert.models.fits import check_fits
from segcert.models.protocol import WrappedModel
from segcert.plan import Plan
from segcert.runs.request import Request
from segcert.runs.store import open_store
from segcert.sampling.partial import Keeping, OtherWorkError, Partial
from segcert.sampling.sampler import sample
from segcert.sampling.setup import check_batch_size, choose_device
from segcert.sampling.streams import check_seed, fresh_seed


@runtime_checkable
class Writer(Protocol):
    """Writes all files of one certified input into a folder."""

    def __call__(self, folder: Path, given: Input, certificate: Any) -> None:
        """Write them."""
        ...


@dataclass(frozen=True, eq=False)
class CertifiedInput:
    """One certified input.

    Args:
        name: Of the input.
        folder: Where its files are.
        claim: What is claimed about it.
        resumed: Whether it was there before this run.
        seconds: What this run spent on it.
    """

    name: str
    folder: Path
    claim: Claim
    resumed: bool
    seconds: float

    @property
    def certificate(self) -> Certificate:
        """Its certificate, if components are named."""
        return self.claim if isinstance(self.claim, Certificate) else Certificate.of(self.claim)

    @property
    def counted(self) -> CountCertificate:
        """Its certificate, if components are counted."""
        return CountCertificate.of(self.claim)


def issued(claim: Claim) -> Certificate | CountCertificate:
    """What users hold of a claim."""
    return CountCertificate(claim) if isinstance(claim, CountClaim) else Certificate.of(claim)


def check_request(
    request: Request,
    inputs: Mapping[str, Path] | Inputs,
    segmenter: WrappedModel,
    *,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
) -> None:
    """Refuse, before the first draw and the first file, what could not end well.

    Raises:
        InputError: If an argument is out of range, an input too small, or n too small for it.
    """
    if request.plan.tree:
        check_class_names(request.plan.tree, segmenter.class_names)
    choose_device(device, segmenter)
    check_batch_size(batch_size)
    if seed is not None:
        check_seed(seed)
    for whole in held(inputs).values():
        check_input(request.plan, whole, segmenter)


def check_input(plan: Plan, whole: Input, segmenter: WrappedModel) -> None:
    """Refuse what could not end well with one input; see `check_request`."""
    given = segmenter.given(whole)
    check_fits(given, segmenter)
    check_classes(segmenter)
    segmenter.check_truth(given)
    if plan.mask is not None:
        given.kind.check_mask(plan.mask.array, given.components)
    plan.check_input(given.tensor)


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
        overwrite: Replace certificates of other settings; never a folder without certificate.
        progress: Called with name, draws done and draws in all.

    Yields:
        Each input, when its files are written.

    Raises:
        InputError: If ``out/NAME`` holds something else, another process works on ``out``, or an
            input is changed or ``out`` is deleted meanwhile.
    """
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
            claim = certify_one(
                segmenter, name, given, request,
                out=out, seed=seed, device=device, batch_size=batch_size,
                progress=progress, place=place,
            )  # fmt: skip
            claim = with_trace(claim, folder)
            place.check()
            inputs.check_unchanged(name)
            put_in_place(folder, partial(write, given=whole, certificate=issued(claim)))
            clear(out, name, request, claim)
            yield CertifiedInput(name, folder, claim, False, time.monotonic() - start)


def clear(out: Path, name: str, request: Request, claim: Claim) -> None:
    """Remove the work on an input that is done, and what killed processes left of it."""
    source, store = claim.provenance, out / f".{name}.partial.npz"
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
    progress: Callable[[str, int, int], None] | None,
    place: Held,
) -> Claim:
    """Certify one input; interrupted, it keeps its draws in ``out/.NAME.partial.npz``."""
    store = open_store(
        out / f".{name}.partial.npz", request,
        input_sha256=given.sha256, seed=seed, fresh=fresh_seed(),
    )  # fmt: skip

    plan = request.plan
    stop = None if plan.stop is None else StopWhen(plan.stop, plan.decide, store.history)

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
            noise=plan.noise, n0=plan.n0,
            n=plan.sequential(given.components) or plan.n, stop=stop,
            seed=store.seed, device=device, batch_size=batch_size,
            progress=report,
            partial=store.partial, keeping=Keeping(keep, ends_block=lambda: store.due),
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
    return plan.claim(counts)


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


def reuse(folder: Path, given: Input, request: Request, seed: int | None) -> Claim:
    """Take the certificate that is already there, if it is what is asked for.

    Raises:
        InputError: If the folder holds something else.
    """
    way_out = "choose another --out, or --overwrite"
    if not (folder / CERTIFICATE).is_file():
        raise InputError(f"{folder} exists and holds no certificate: choose another --out")
    try:
        claim = read_claim(folder)
    except SegcertError as error:
        raise InputError(f"{folder} holds an unusable certificate ({error}): {way_out}") from error
    difference = request.differences(request.recorded(claim))
    if difference:
        raise InputError(
            f"{folder} holds a certificate of other settings ({difference}): {way_out}"
        )
    source = claim.provenance
    if source.input_sha256 != given.sha256 or seed not in (None, source.seed):
        raise InputError(
            f"{folder} holds a certificate of another {given.kind.word} or seed: {way_out}"
        )
    return claim


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
