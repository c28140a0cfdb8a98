"""What a certificate says about those that it replaced, in words."""

from segcert.sampling.counts import Counts, Earlier, Provenance
from segcert.text import percent_text


def earlier_in_words(counts: Counts) -> str:
    """One sentence for the statement; empty if nothing was replaced."""
    number = len(counts.provenance.earlier)
    if not number:
        return ""
    which = "an earlier certificate" if number == 1 else f"{number} earlier certificates"
    return (
        f"This certificate replaced {which}: the confidence is that of one draw, not of the best "
        "of several. "
    )


def earlier_lines(source: Provenance) -> tuple[str, ...]:
    """One line for each certificate that was replaced, the oldest first."""
    return tuple(
        f"earlier draw {number}: {said_of(one, source)}"
        for number, one in enumerate(source.earlier, 1)
    )


def said_of(earlier: Earlier, source: Provenance) -> str:
    """What one of them said."""
    draw = earlier.draw
    if draw is None:
        return f"its file did not verify (sha256 {earlier.file_sha256})"
    share = f"{percent_text(draw.certified, draw.components)} of {draw.components} certified"
    others = {
        "input": draw.input_sha256 != source.input_sha256,
        "model": draw.weights_sha256 != source.weights_sha256,
    }
    about = " and ".join(name for name, other in others.items() if other)
    return f"seed {draw.seed}, {share}{about and f', of another {about}'}; {draw.settings}"
