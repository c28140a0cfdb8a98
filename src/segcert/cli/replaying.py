"""What ``segcert verify --replay`` does and says."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from segcert.certificates.claim import Claim
    from segcert.certificates.replayed import Replay
    from segcert.inputs.input import Input
    from segcert.models.protocol import SegmentationModel

CHOSEN = "seed, tau, alpha and correction"


def check_replayable(*, replay: bool, image: Path | None) -> None:
    """Refuse a replay without an input.

    Raises:
        InputError: If so.
    """
    from segcert.errors import InputError

    if replay and image is None:
        raise InputError("--replay needs the image or cloud: add --image FILE")


def check_mask(found: "Claim", ignore: Path | None) -> "np.ndarray | None":
    """Read the mask that a certificate must have, and refuse another one.

    Raises:
        InputError: If it cannot be read, or the certificate is of a cloud.
        VerificationError: If the certificate has another one, or none.
    """
    from segcert.certificates.replay import check_family
    from segcert.errors import InputError
    from segcert.inputs.finding import find_mask

    if ignore is None:
        return None
    mask = find_mask(ignore)
    if found.counts.labels.ndim != mask.ndim:
        raise InputError("--ignore is a mask of the pixels of an image: leave it out")
    check_family(found, mask, None)
    return mask


def replay_and_print(
    found: "Claim",
    segmenter: "SegmentationModel",
    given: "Input",
    *,
    device: str,
    fresh: bool,
    ignore: "np.ndarray | None",
) -> None:
    """Draw again, decide again, and print how it compares and what it proves.

    Raises:
        VerificationError: If the certificate does not follow from what was drawn.
    """
    from segcert.certificates.replay import replay
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, say

    with DrawProgress(messages) as bar:
        again = replay(
            found, segmenter, given, device=device, fresh=fresh, ignore=ignore,
            progress=lambda done, total: bar("replay", done, total),
        )  # fmt: skip
    lines = fresh_lines(found, again) if again.independent else same_lines(found, again)
    for line in lines:
        say(f"replay: {line}")


def same_lines(found: "Claim", again: "Replay") -> list[str]:
    """What the recorded draws gave when they were drawn again."""
    lines = ["the noise of every draw matches bit for bit"]
    if again.identical:
        lines.append("every count matches")
    else:
        lines.append(
            f"{again.labels_differ} of {again.components} components get another class, "
            f"{again.hits_differ} another count, {again.pilot_differs} another promise of the "
            f"pilot; near ties of the model's scores ({again.near_ties} of {again.labels} labels) "
            "explain them all"
        )
    undecided = again.certified - again.again
    ties = f"; {undecided} hang on near ties" if undecided else ""
    lines.append(
        f"decided again, {again.again} of {again.certified} {passed_words(found)} are{ties}"
    )
    mask = "" if found.family.ignore is None else ", nor the mask (compare it with --ignore)"
    lines.append(
        "this proves that the recorded seed gives these counts with this model and input, and "
        f"that the certificate follows; not that {CHOSEN} were chosen before the counts were "
        f"known{mask}: --fresh does not need that"
    )
    return lines


def passed_words(found: "Claim") -> str:
    """What a mask of a claim marks."""
    named = found.chosen.count is None
    return "certified components" if named else "components with enough hits, of those counted,"


def fresh_lines(found: "Claim", again: "Replay") -> list[str]:
    """What an independent run says of the certificate."""
    draws = found.counts.n
    return [
        f"{draws} fresh draws (seed {again.fresh_seed}) do not contradict the recorded counts",
        f"by themselves they certify {again.again} of {again.certified} {passed_words(found)} by "
        "the same plan",
        f"this proves these {again.again}, whenever {CHOSEN} were chosen, as they were fixed "
        "before these draws; not that the recorded seed gives the recorded counts",
    ]
