"""All corrections, one line each, and the well-known ones that are not valid here, with the reason.

A new one adds its line here, and the rest is in its file. What a user may ask for is told without
importing any, so that the command line prints its help without numpy.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from segcert.errors import InputError

if TYPE_CHECKING:
    from segcert.stats.correction import AbstractCorrection


@dataclass(frozen=True)
class Entry:
    """A correction, by the name that a user gives it.

    Args:
        at: Its class.
        examples: How it is asked for on the command line; the first word is its name.
        in_python: How it is asked for in Python.
        about: What it does, for the help.
    """

    at: str
    examples: str
    in_python: str
    about: str = ""

    @property
    def name(self) -> str:
        """The name."""
        return self.examples.split(":")[0].split(",")[0]

    @property
    def family(self) -> "type[AbstractCorrection]":
        """The class."""
        module, name = self.at.rsplit(".", 1)
        return cast("type[AbstractCorrection]", getattr(import_module(module), name))


ENTRIES = (
    Entry("segcert.stats.holm.Holm", "holm", "sc.holm"),
    Entry("segcert.stats.bonferroni.Bonferroni", "bonferroni", "sc.bonferroni"),
    Entry(
        "segcert.stats.k_fwer.KFwer", "k-fwer:k=10", "sc.KFwer(k)",
        "fewer than k errors in place of none",
    ),
    Entry(
        "segcert.stats.capped.Capped", "capped:cap=1000", "sc.Capped(cap)",
        "all or nothing under a cap on abstentions",
    ),
    Entry(
        "segcert.stats.ordered.Ordered", "ordered, ordered:budget=500", "sc.Ordered()",
        "certifies most, and with fewest draws; needs a pilot",
    ),
)  # fmt: skip
UNKNOWN_DEPENDENCE = (
    "needs independence, or a known dependence, and how the "
    "components of a model depend on each other is unknown: errors can exceed alpha"
)
FALSE_DISCOVERIES = (
    "bounds the expected share of false rejections, not the probability of any: with it a "
    "certificate would be allowed to be wrong somewhere nearly always"
)
REFUSED: dict[str, str] = {
    "sidak": UNKNOWN_DEPENDENCE,
    "holm-sidak": UNKNOWN_DEPENDENCE,
    "hochberg": UNKNOWN_DEPENDENCE,
    "simes": UNKNOWN_DEPENDENCE,
    "hommel": UNKNOWN_DEPENDENCE,
    "benjamini-hochberg": FALSE_DISCOVERIES,
    "fdr-bh": FALSE_DISCOVERIES,
    "fdr": FALSE_DISCOVERIES,
    "benjamini-yekutieli": FALSE_DISCOVERIES,
    "fdr-by": FALSE_DISCOVERIES,
    "none": "tests N components at alpha each: about alpha N of them would be wrong",
}
EXAMPLES = ", ".join(entry.examples for entry in ENTRIES)
CLAIMS = ("FWER", "k-FWER")  # what a correction may control: fewer than 1, or k, false rejections


def what_they_do() -> str:
    """What each correction does, for the help."""
    shown = [(entry.examples.split(", ")[0], entry.about) for entry in ENTRIES]
    return ", ".join(f"{name} ({about})" if about else name for name, about in shown)


@cache
def corrections() -> "dict[str, type[AbstractCorrection]]":
    """All corrections by name."""
    return {entry.name: entry.family for entry in ENTRIES}


def key_of(name: str) -> str:
    """A name as names are compared."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def parse_correction(text: str) -> "AbstractCorrection":
    """Read ``name`` or ``name:parameter=value,...``, as `str` of a correction prints it.

    Raises:
        InputError: If there is no such correction, or with the reason why it is not valid.
    """
    name, _, rest = text.strip().partition(":")
    key = key_of(name)
    if key in REFUSED:
        raise InputError(f"correction {name!r} is refused: it {REFUSED[key]}; use holm")
    if key not in corrections():
        raise InputError(f"correction must be one of {EXAMPLES}; got {text!r}")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair.strip()]
    try:
        return corrections()[key](**{left.strip(): value(right) for left, _, right in pairs})
    except TypeError as error:
        raise InputError(
            f"correction {text!r} has a wrong or missing parameter: use one of {EXAMPLES}"
        ) from error


def value(text: str) -> int | float | str | None:
    """Read the value of a parameter: a number, None, or a word."""
    if text.strip() == "None":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def is_ours(correction: "AbstractCorrection") -> bool:
    """Whether its proof is known here."""
    return type(correction) in corrections().values()


def check_correction(correction: object) -> None:
    """Refuse what is no correction: one of ours, or one whose author says what it controls.

    Every one has to be valid under any dependence; see docs/decisions/0022.

    Raises:
        InputError: With the way out, or the reason why a procedure of that name is not valid.
    """
    from segcert.stats.correction import AbstractCorrection

    if type(correction) in corrections().values():
        return
    kind = getattr(correction, "__name__", type(correction).__name__)
    name = correction if isinstance(correction, str) else kind
    if key_of(str(name)) in REFUSED:
        reason = REFUSED[key_of(str(name))]
        raise InputError(f"correction {name!r} is refused: it {reason}; use sc.holm")
    if isinstance(correction, AbstractCorrection) and "controls" in vars(type(correction)):
        check_own(correction)
        return
    *most, last = (entry.in_python for entry in ENTRIES)
    raise InputError(
        f"correction must be {', '.join(most)} or {last}, or one of your own whose class says what "
        f"it controls (controls = 'FWER'), got {correction!r}"
    )


def as_correction(said: "AbstractCorrection | str") -> "AbstractCorrection":
    """Take a correction as it is, or by its text, as on the command line.

    Raises:
        InputError: If there is none of that text, or it is not valid.
    """
    return parse_correction(said) if isinstance(said, str) else said


def check_own(correction: "AbstractCorrection") -> None:
    """Refuse a correction of somebody else that claims what no certificate says, or our name.

    Raises:
        InputError: If so.
    """
    name, claim = correction.name, correction.controls
    if key_of(name) in REFUSED:
        raise InputError(f"correction {name!r} is refused: it {REFUSED[key_of(name)]}; use sc.holm")
    if key_of(name) in corrections():
        raise InputError(f"the name {name!r} is that of a correction of segcert: give another one")
    if claim not in CLAIMS:
        raise InputError(
            f"correction {name!r} says that it controls {claim!r}, and a certificate needs one of "
            f"{', '.join(CLAIMS)} under any dependence: a rate of false discoveries is none"
        )
    allowed = correction.errors_allowed
    if not isinstance(allowed, int) or allowed < 0 or (claim == "FWER" and allowed):
        raise InputError(
            f"correction {name!r} controls {claim} and allows {allowed!r} errors: a FWER allows 0, "
            "a k-FWER k - 1"
        )


def claim_in_words(correction: "AbstractCorrection") -> str:
    """Say of a correction that is none of ours that we did not prove it; empty for ours."""
    if is_ours(correction):
        return ""
    return (
        f"The correction {str(correction)!r} is none of segcert's: that it controls the "
        f"{correction.controls} under any dependence is the word of its author, unproved here."
    )
