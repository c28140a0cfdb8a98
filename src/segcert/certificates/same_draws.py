"""Draw the recorded draws again: equal noise, and counts that differ in near ties at most.

A label of a draw may differ only where the lead of its best score is within the tolerance of the
arithmetic (`segcert.sampling.near_ties`). With ``d`` such draws at a component, recorded counts are
explained if they are at most ``d`` from the replayed ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int

from segcert.certificates.again import certified_in_both, decided_again
from segcert.certificates.claim import Claim
from segcert.certificates.replayed import Replay
from segcert.errors import VerificationError
from segcert.sampling.conclude import hits_of, most_frequent, precision
from segcert.sampling.counting import Task, count_block
from segcert.sampling.counts import Counts
from segcert.sampling.near_ties import tolerance_of
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Run, Tally, no_draws

MOST_NEAR_TIES = 0.1  # share of all labels: beyond, ties would explain anything
MOST_UNDECIDED = 0.01  # share of the components whose certificate may hang on near ties

Report = Callable[[int], None] | None


@dataclass(frozen=True, eq=False)
class Differences:
    """Where a stage of a replay found something else than is recorded.

    Args:
        labels: Another class.
        counts: Another count.
        promise: Another promise of the pilot.
        unexplained: More than near ties explain.
    """

    labels: Bool[np.ndarray, " *components"]
    counts: Bool[np.ndarray, " *components"]
    promise: Bool[np.ndarray, " *components"]
    unexplained: Bool[np.ndarray, " *components"]

    def check(self, stage: Stage, tolerance: float) -> None:
        """Refuse what is not explained.

        Raises:
            VerificationError: With all differences, counted.
        """
        if not self.unexplained.any():
            return
        labels, hits, promise, left = (
            int(mask.sum()) for mask in (self.labels, self.counts, self.promise, self.unexplained)
        )
        promised = f", {promise} another promise" if stage is Stage.PILOT else ""
        raise VerificationError(
            f"replay: in the {stage} draws {labels} of {self.labels.size} components get another "
            f"class, {hits} another count{promised}; near ties of the model's scores (within "
            f"{tolerance:g} of their scale) do not explain {left} of them: these are not the "
            "counts of this model on these draws"
        )


def same_draws(
    certificate: Claim, task: Task, progress: Callable[[int, int], None] | None
) -> Replay:
    """Draw again with the recorded seed and batches; compare noise, counts and decision.

    Raises:
        VerificationError: If a noisy draw differs in any bit, a count in more than near ties
            explain, or too much of what is certified hangs on them.
    """
    counts, source = certificate.counts, certificate.provenance
    now = precision(task.segmenter, on_cuda=task.x.device.type == "cuda")
    tolerance = tolerance_of(now, source.precision)
    task = replace(task, tolerance=tolerance)

    def report(before: int) -> Report:
        return progress and (lambda draws: progress(before + draws, counts.n0 + counts.n))

    again, found = counts, []
    if counts.n0:
        pilot = recount(task, Stage.PILOT, source.pilot_runs, None, report(0))
        check_noise(Stage.PILOT, counts.pilot_fingerprints, pilot.fingerprints)
        again = pilot_again(again, pilot)
        found.append(pilot_differences(counts, again, pilot, tolerance))
        found[-1].check(Stage.PILOT, tolerance)
    labels = torch.from_numpy(counts.labels).to(task.x.device) if counts.n0 else None
    test = recount(task, Stage.TEST, source.test_runs, labels, report(counts.n0))
    check_noise(Stage.TEST, counts.test_fingerprints, test.fingerprints)
    again = test_again(again, test)
    found.append(test_differences(counts, again, test))
    found[-1].check(Stage.TEST, tolerance)
    tallies = (pilot, test) if counts.n0 else (test,)
    check_invalid(counts, sum(tally.invalid for tally in tallies))
    return conclusion(certificate, again, found, tallies)


def conclusion(
    certificate: Claim, again: Counts, found: list[Differences], tallies: tuple[Tally, ...]
) -> Replay:
    """Decide by the replayed counts, and see what hangs on near ties.

    Raises:
        VerificationError: If too much does, or the decision is not that of the same counts.
    """
    counts = certificate.counts
    decided = decided_again(certificate, again)
    result = Replay(
        components=counts.components,
        certified=int(certificate.certified.sum()),
        again=certified_in_both(certificate, decided),
        labels_differ=sum(int(one.labels.sum()) for one in found),
        hits_differ=int(found[-1].counts.sum()),
        pilot_differs=int((found[0].counts | found[0].promise).sum()) if counts.n0 else 0,
        near_ties=sum(int(ties_of(tally).sum(dtype=np.int64)) for tally in tallies),
        labels=counts.components * (counts.n0 + counts.n),
    )
    undecided = result.certified - result.again
    if result.identical and undecided:
        raise VerificationError(
            f"replay: {undecided} components are said to be certified, but do not follow from the "
            "counts"
        )
    if not result.identical and result.near_ties > MOST_NEAR_TIES * result.labels:
        raise VerificationError(
            f"replay: {result.near_ties} of {result.labels} labels are near ties of the model's "
            f"scores, which would explain anything; at most {MOST_NEAR_TIES:.0%} may be: replay "
            "on the recorded kind of machine, where every count must match"
        )
    if undecided > MOST_UNDECIDED * result.components:
        raise VerificationError(
            f"replay: the replayed counts certify {result.again} of {result.certified} certified "
            f"components; at most {MOST_UNDECIDED:.0%} of {result.components} may hang on near "
            "ties: replay on the recorded kind of machine, where every count must match"
        )
    return result


def pilot_again(counts: Counts, pilot: Tally) -> Counts:
    """The recorded classes with what the replayed pilot says of them."""
    labels = torch.from_numpy(counts.labels).to(pilot.counts.device)
    margins = pilot.margins
    promise = None if margins is None else margins.promise(labels, pilot.draws).cpu().numpy()
    hits = hits_of(pilot, labels).cpu().numpy().astype(np.uint16)
    return replace(counts, pilot_hits=hits, promise=promise)


def test_again(counts: Counts, test: Tally) -> Counts:
    """The recorded counts with the replayed hits; without pilot, with the replayed classes."""
    found = test.counts.cpu().numpy().astype(np.int32)
    if counts.n0:
        return replace(counts, hits=found)
    labels = most_frequent(test).cpu().numpy()
    return replace(counts, labels=labels, hits=found.max(0), class_counts=found)


def pilot_differences(counts: Counts, again: Counts, pilot: Tally, tolerance: float) -> Differences:
    """Compare the pilot; its classes are explained if moving near ties gives them.

    Raises:
        VerificationError: If one has margins and the other none.
    """
    if (counts.promise is None) != (again.promise is None):
        has, lacks = ("file", "model") if again.promise is None else ("model", "file")
        raise VerificationError(f"replay: the {has} has margins of the pilot, the {lacks} has none")
    assert counts.pilot_hits is not None
    assert again.pilot_hits is not None
    ties = ties_of(pilot)
    most = pilot.counts.amax(0).cpu().numpy().astype(np.int32)
    now = most_frequent(pilot).cpu().numpy()
    hits = again.pilot_hits.astype(np.int32)
    other = now != counts.labels
    promise, far = np.zeros(other.shape, bool), np.zeros(other.shape, bool)
    if counts.promise is not None:
        assert pilot.margins is not None
        promise = counts.promise != again.promise
        labels = torch.from_numpy(counts.labels).to(pilot.counts.device)
        least, largest = (
            bound.cpu().numpy()
            for bound in pilot.margins.promise_range(labels, pilot.draws, tolerance=tolerance)
        )
        far = (counts.promise < least) | (counts.promise > largest)
    unexplained = other & ((most - hits > 2 * ties) | (ties == 0))
    unexplained |= np.abs(counts.pilot_hits.astype(np.int32) - hits) > ties
    unexplained |= far & (ties == 0)
    return Differences(other, counts.pilot_hits != again.pilot_hits, promise, unexplained)


def test_differences(counts: Counts, again: Counts, test: Tally) -> Differences:
    """Compare the test; one label that moves takes a hit from one class and gives it to another."""
    ties, hits = ties_of(test), np.abs(counts.hits - again.hits)
    other = counts.labels != again.labels
    nowhere = np.zeros(other.shape, bool)
    if counts.class_counts is None:
        return Differences(nowhere, hits > 0, nowhere, hits > ties)
    assert again.class_counts is not None
    moved = np.abs(counts.class_counts - again.class_counts).sum(0)
    follows = (counts.class_counts.argmax(0) == counts.labels) & (
        counts.class_counts.max(0) == counts.hits
    )
    return Differences(other, moved > 0, nowhere, (moved > 2 * ties) | ~follows)


def ties_of(tally: Tally) -> Int[np.ndarray, " *components"]:
    """How many draws were near a tie at each component."""
    assert tally.ties is not None
    ties: np.ndarray = tally.ties.cpu().numpy()
    return ties


def check_invalid(counts: Counts, found: int) -> None:
    """Refuse another number of labels that were lost.

    Raises:
        VerificationError: With both numbers.
    """
    if counts.invalid != found:
        raise VerificationError(
            f"replay: {found} labels are lost to scores that are not finite, {counts.invalid} are "
            "recorded"
        )


def recount(
    task: Task,
    stage: Stage,
    runs: tuple[Run, ...],
    guess: torch.Tensor | None,
    report: Report,
) -> Tally:
    """Count the recorded runs again, in the recorded batches."""
    shape = task.components if guess is not None else (task.classes, *task.components)
    tally = no_draws(shape, n=runs[-1].stop, device=task.x.device)
    for run in runs:
        block = DrawBlock(stage, run.start, run.stop)
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
