"""Draw anew: a run that owes nothing to the recorded draws, and what it says of them.

Recorded and fresh hits of a component are independent binomial counts of one probability. They
contradict each other if too many of them lie too far apart (`segcert.stats.two_samples`). What the
fresh draws certify by the recorded plan holds by itself: whatever the issuer chose, and when, was
chosen before them.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64, Int32

from segcert.certificates.again import certified_in_both, decided_again
from segcert.certificates.claim import Claim
from segcert.certificates.replayed import Replay
from segcert.errors import VerificationError
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts
from segcert.sampling.fingerprints import check_distinct
from segcert.sampling.setup import choose_batch_size
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock
from segcert.stats.two_samples import contradiction, fisher_p_values, means_contradict

FALSE_ALARM = 1e-6  # that an honest certificate is refused


def fresh_draws(
    certificate: Claim, task: Task, progress: Callable[[int, int], None] | None
) -> Replay:
    """Draw as often as the test did, compare, and decide by what was drawn.

    The pilot is not drawn again: its classes, order and regions were fixed before these draws, so
    that they are a pilot of theirs too.

    Raises:
        VerificationError: If the fresh draws contradict the recorded counts.
        SamplingError: If memory does not suffice for one draw, or a noise is repeated.
    """
    counts = certificate.counts
    labels = torch.from_numpy(counts.labels).to(task.x.device)
    test = count_block(
        task, DrawBlock(Stage.TEST, 0, counts.n), labels if counts.n0 else None,
        batch_size=choose_batch_size("auto", task),
        after_batch=progress and (lambda draws: progress(draws, counts.n)),
    )  # fmt: skip
    check_distinct(test.fingerprints, task.noise.repeat_probability(task.x))
    found = test.counts.cpu().numpy().astype(np.int32)
    again = replace(counts, hits=found, invalid=test.invalid)
    hits = found
    if not counts.n0:
        hits = np.take_along_axis(found, counts.labels[None].astype(np.int64), 0)[0]
        most = found.argmax(0).astype(np.int16)
        again = replace(again, labels=most, hits=found.max(0), class_counts=found)
    check_contradiction(counts, hits, test.invalid)
    return Replay(
        components=counts.components,
        certified=int(certificate.certified.sum()),
        again=certified_in_both(certificate, decided_again(certificate, again)),
        labels=counts.components * counts.n,
        fresh_seed=task.streams.seed,
    )


def check_contradiction(
    counts: Counts, hits: Int32[np.ndarray, " *components"], invalid: int
) -> None:
    """Refuse counts that fresh hits of the same classes contradict.

    Guarantee: counts of the same model, input and noise are refused with a probability of at most
    `FALSE_ALARM`, over both samples, whatever the dependence between components.

    Args:
        counts: As recorded.
        hits: Of the recorded class of each component, in as many other draws.
        invalid: Labels of these draws that were lost.

    Raises:
        VerificationError: With how many do.

    Source:
        docs/decisions/0014.
    """
    found = contradiction(p_values(counts, hits), level=FALSE_ALARM / 2)
    if found:
        raise VerificationError(
            f"replay: {counts.n} fresh draws contradict the recorded counts: of the tests of one "
            f"component each, {found} (an honest certificate is refused with a probability of at "
            f"most {FALSE_ALARM:g})"
        )
    n = counts.n0 + counts.n
    recorded, fresh = (
        lost / (counts.components * draws)
        for lost, draws in ((counts.invalid, n), (invalid, counts.n))
    )
    if means_contradict(recorded, fresh, n=n, m=counts.n, level=FALSE_ALARM / 2):
        raise VerificationError(
            f"replay: {fresh:.1%} of the labels of fresh draws are lost to scores that are not "
            f"finite, {recorded:.1%} are recorded"
        )


def p_values(
    counts: Counts, hits: Int32[np.ndarray, " *components"]
) -> Float64[np.ndarray, " tests"]:
    """Test each component's recorded hits, and pilot hits, against fresh ones.

    The class of a component was chosen by the pilot, or without pilot by the test draws, as one of
    all classes: there, p-values are multiplied by their number.
    """
    n, fresh = counts.n, hits.ravel()
    tested = fisher_p_values(counts.hits.ravel(), fresh, n=n, m=n)
    if counts.pilot_hits is None:
        chosen: np.ndarray = np.minimum(tested * counts.classes, 1)
        return chosen
    piloted = fisher_p_values(counts.pilot_hits.ravel(), fresh, n=counts.n0, m=n)
    return np.concatenate([tested, np.minimum(piloted * counts.classes, 1)])
