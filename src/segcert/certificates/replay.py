"""Replay: draw the counts of a certificate again, and decide again from what was drawn.

On the recorded streams the noise must match bit for bit, the counts but for near ties of the
model's scores (`segcert.certificates.same_draws`). On other streams it is an independent run, and
is tested as one (`segcert.certificates.fresh_draws`).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Integer

from segcert.certificates.certified_model import check_model, check_same
from segcert.certificates.claim import Claim
from segcert.certificates.counted import CountCertificate
from segcert.certificates.fresh_draws import fresh_draws
from segcert.certificates.origin import check_origin
from segcert.certificates.replayed import Replay as Replay
from segcert.certificates.same_draws import same_draws
from segcert.errors import InputError, VerificationError
from segcert.inputs.input import Source
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.sampling.counting import Task, noisy_batch
from segcert.sampling.fingerprints import fingerprints
from segcert.sampling.setup import as_base_model, choose_device, make_task, stream_kind_of
from segcert.sampling.streams import Stage, fresh_seed


def replay(
    certificate: Claim | CountCertificate,
    model: Model | SegmentationModel,
    image: Source,
    *,
    device: str = "auto",
    fresh: bool = False,
    seed: int | None = None,
    ignore: Bool[np.ndarray, " *components"] | None = None,
    regions: Integer[np.ndarray, " *components"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """Draw again, and decide again by the recorded plan.

    Guarantee: if it returns, the same draws, in the arithmetic of this machine, give what is
    certified, but for labels that hang on near ties and are counted; or, on other streams, fresh
    draws do not contradict the certificate, where an honest one is refused with a probability of at
    most 1e-6. It cannot see whether seed, threshold, alpha, correction, mask and regions were
    chosen before the recorded counts were known. Fresh draws need not: what they certify by
    themselves holds whatever was chosen before them.

    Args:
        certificate: What is to be checked.
        model: The same model.
        image: The same image or cloud.
        device: Where to replay.
        fresh: Whether to make an independent run even where the recorded draws could be repeated.
        seed: Of an independent run; None takes one from the operating system, as a verifier should.
        ignore: The mask that the certificate must have; None compares none.
        regions: The regions that it must have; None compares none.
        progress: Called with draws done and draws in all.

    Returns:
        What was found.

    Raises:
        InputError: If image, model or device are not those of the certificate.
        VerificationError: If the certificate cannot be, or does not follow from what was drawn.

    Source:
        docs/decisions/0014.
    """
    certificate = certificate.claim if isinstance(certificate, CountCertificate) else certificate
    source, segmenter = certificate.provenance, as_base_model(model)
    check_origin(certificate)
    check_same(certificate, segmenter, image)
    check_family(certificate, ignore, regions)
    kind = stream_kind_of(choose_device(device, segmenter))
    fresh = fresh or segmenter.stochastic or (source.streams, kind) == ("cuda", "cpu")
    task = make_task(
        segmenter, image, noise=certificate.counts.noise, device=device,
        seed=source.seed, stream_kind=source.streams if not fresh else None,
        stream_version=source.stream_version if not fresh else 0, recorded=True,
    )  # fmt: skip
    check_model(certificate, task)
    if not fresh and not of_another_kind(certificate, task):
        if seed is not None:
            raise InputError("the recorded draws have their own seed: leave out seed, or add fresh")
        return same_draws(certificate, task, progress)
    chosen = fresh_seed() if seed is None else seed
    streams = replace(task.streams, seed=chosen, kind=kind, version=0)
    return fresh_draws(certificate, replace(task, streams=streams), progress)


def of_another_kind(certificate: Claim, task: Task) -> bool:
    """Whether this is another kind of CUDA device, whose generator gives other numbers.

    How PyTorch spreads a tensor over a CUDA device, hence which numbers it gets, depends on the
    number of its processors. Only devices of another name are asked.
    """
    source, counts = certificate.provenance, certificate.counts
    device = task.x.device
    if source.streams != "cuda" or torch.cuda.get_device_name(device) == source.device_name:
        return False
    stage, prints = (
        (Stage.PILOT, counts.pilot_fingerprints)
        if counts.n0
        else (Stage.TEST, counts.test_fingerprints)
    )
    first = fingerprints(noisy_batch(task, stage, range(1)))
    return bool(first[0] != prints[0])


def check_family(certificate: Claim, ignore: np.ndarray | None, regions: np.ndarray | None) -> None:
    """Refuse another mask or other regions than those that are given.

    Raises:
        VerificationError: If they differ.
    """
    family = certificate.family
    for name, given, recorded in (
        ("mask", ignore, family.ignore),
        ("regions", regions, family.regions),
    ):
        if given is None:
            continue
        if not isinstance(recorded, np.ndarray):
            raise VerificationError(f"the certificate has no such {name}: it was made without")
        if recorded.shape != given.shape:
            raise VerificationError(
                f"the {name} of the certificate has shape {recorded.shape}, not {given.shape}"
            )
        different = int((recorded != given).sum())
        if different:
            raise VerificationError(
                f"the {name} of the certificate is another one at {different} of {given.size} "
                "components"
            )
