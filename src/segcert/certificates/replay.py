"""Replay: draw the counts of a certificate again and compare."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segcert.certificates.result import Certificate
from segcert.data.images import hash_image
from segcert.errors import InputError, VerificationError
from segcert.models.adapter import Model
from segcert.models.base import BaseModel
from segcert.models.runtime import recorded_precision
from segcert.sampling.conclude import most_frequent, runtime_of, scale_of, to_counts
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.inputs import Input, is_cloud, read_input
from segcert.sampling.partial import nothing_done
from segcert.sampling.setup import as_base_model, make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import Block, Run, Tally


@dataclass(frozen=True)
class Replay:
    """What a replay found, once the noise matched bit for bit.

    Args:
        components: Number of components.
        labels_differ: Components that got another class.
        hits_differ: Components that got another count.
        pilot_differs: Components of which the pilot agreed or promised otherwise.
        same_device: Whether the device is of the recorded type.
        same_backend: Whether what ran the model is what is recorded.
    """

    components: int
    labels_differ: int
    hits_differ: int
    pilot_differs: int
    same_device: bool
    same_backend: bool = True

    @property
    def identical(self) -> bool:
        """Whether every count came out as recorded."""
        return self.labels_differ == self.hits_differ == self.pilot_differs == 0


def replay(
    certificate: Certificate,
    model: Model | BaseModel,
    image: Input,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """Draw again with the recorded seed and batches, and compare noise and counts.

    Args:
        certificate: What is to be checked.
        model: The same model.
        image: The same image or cloud.
        device: Where to replay.
        progress: Called with draws done and draws in all.

    Returns:
        How many components differ. On the type of device and with the backend that were recorded,
        none should.

    Raises:
        InputError: If image, model or device are not those of the certificate.
        VerificationError: If a noisy draw differs in any bit.
    """
    counts, source = certificate.counts, certificate.provenance
    segmenter = as_base_model(model)
    check_same(certificate, segmenter, image)
    if source.streams == "cuda" and not torch.cuda.is_available():
        raise InputError("the certificate was drawn with CUDA streams: replay it on a CUDA device")
    task = make_task(
        segmenter, image, noise=counts.noise, seed=source.seed, device=device,
        stream_kind=source.streams, batch_size=largest_batch(source),
    )  # fmt: skip
    done = nothing_done(task, n0=counts.n0, n=counts.n)

    def report(before: int) -> Callable[[int], None] | None:
        return progress and (lambda draws: progress(before + draws, counts.n0 + counts.n))

    pilot = recount(task, Stage.PILOT, done.pilot, source.pilot_runs, None, report(0))
    check_noise(Stage.PILOT, counts.pilot_fingerprints, pilot.fingerprints)
    guess = most_frequent(pilot) if counts.n0 else None
    test = recount(task, Stage.TEST, done.test, source.test_runs, guess, report(counts.n0))
    check_noise(Stage.TEST, counts.test_fingerprints, test.fingerprints)
    again = to_counts(task, pilot, test, guess)
    return Replay(
        components=counts.components,
        labels_differ=int((again.labels != counts.labels).sum()),
        hits_differ=int((again.hits != counts.hits).sum()),
        pilot_differs=differences_of_pilots(counts, again),
        same_device=again.provenance.device == source.device,
        same_backend=again.provenance.backend == source.backend,
    )


def largest_batch(source: Provenance) -> int:
    """Most draws that went through the model together."""
    return max(run.batch_size for run in (*source.pilot_runs, *source.test_runs))


def differences_of_pilots(recorded: Counts, again: Counts) -> int:
    """Count the components of which the pilot found something else; it orders and drops tests."""
    differ = np.zeros(recorded.labels.shape, dtype=bool)
    for was, now in (
        (recorded.pilot_hits, again.pilot_hits),
        (recorded.promise, again.promise),
    ):
        if was is not None and now is not None:
            differ |= was != now
        elif was is not now:
            differ[:] = True
    return int(differ.sum())


def check_same(certificate: Certificate, segmenter: BaseModel, image: Input) -> None:
    """Refuse another input, other weights, another arithmetic or another scale.

    Raises:
        InputError: If one differs.
    """
    source = certificate.provenance
    x = read_input(image)
    if hash_image(x) != source.input_sha256:
        kind, parts = ("cloud", "points") if is_cloud(x) else ("image", "pixels")
        raise InputError(
            f"the {kind} is not the one that was certified: its {parts} hash differently"
        )
    was, now = recorded_precision(source.precision), runtime_of(segmenter).precision
    if was != now:
        raise InputError(
            f"the certificate is about {source.model} in {was}, not in {now}: that is another base "
            "model"
        )
    if segmenter.weights_sha256 != source.weights_sha256:
        raise InputError(
            f"the model is not the one that was certified ({source.model}): "
            "its weights hash differently"
        )
    scale = scale_of(segmenter)
    if scale != source.scale:
        raise InputError(f"the certificate was made at scale {source.scale}, not {scale}")
    identity = source.identity_sha256  # empty in older formats
    if identity and segmenter.identity_sha256 != identity:
        raise InputError(
            f"the model is not the one that was certified ({source.model}): its weights are, but "
            "mean, std, grid, parts, votes, names of classes or the network around the weights "
            "differ; wrap it as it was (see docs/your-model.md)"
        )


def recount(
    task: Task,
    stage: Stage,
    tally: Tally,
    runs: tuple[Run, ...],
    guess: Tensor | None,
    report: Callable[[int], None] | None,
) -> Tally:
    """Count the recorded runs again, in the recorded batches."""
    for run in runs:
        block = Block(stage, run.start, run.stop)
        counted = count_block(
            task, block, guess,
            batch_size=run.batch_size, margins=tally.margins, after_batch=report,
        )  # fmt: skip
        tally = tally.plus(counted)
    return tally


def check_noise(stage: Stage, recorded: np.ndarray, drawn: np.ndarray) -> None:
    """Refuse noise that is not the recorded one.

    Raises:
        VerificationError: With the first draw that differs.
    """
    if len(recorded) != len(drawn):
        raise VerificationError(f"{stage} draws: {len(recorded)} recorded, {len(drawn)} replayed")
    different = np.flatnonzero(recorded != drawn)
    if len(different):
        raise VerificationError(
            f"noise of {len(different)} {stage} draws is not the recorded one, "
            f"first that of draw {different[0]}: the seed or the noise was changed"
        )
