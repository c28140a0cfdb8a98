"""What a count needs to be chosen before the draws that are tested, besides tau and alpha.

As text, of plans and of the command line: ``count``, ``count:parts=classes``, ``count:k=92``.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from segcert.errors import InputError

Parts = Literal["whole", "classes"]


@dataclass(frozen=True)
class CountChosen:
    """What a count needs to be chosen before the draws that are tested.

    Args:
        k: Fewest hits of a component that passes; None lets the pilot choose.
        parts: "whole" for one count, "classes" for one of each class that the pilot chose
            anywhere, with an equal share of alpha each.

    Raises:
        InputError: If one of them cannot be.
    """

    k: int | None = None
    parts: Parts = "whole"

    def __post_init__(self) -> None:
        """Check both."""
        if self.k is not None and (type(self.k) is not int or self.k < 0):
            raise InputError(f"k must be a whole number of hits, or None, got {self.k!r}")
        if self.parts not in get_args(Parts):
            raise InputError(f"parts must be one of {get_args(Parts)}, got {self.parts!r}")

    def __str__(self) -> str:
        """As it is asked for; what is usual is left out."""
        said = [] if self.k is None else [f"k={self.k}"]
        said += [] if self.parts == "whole" else [f"parts={self.parts}"]
        return ":".join(["count", ",".join(said)]) if said else "count"


LABELS = "labels"  # the statement that names components
STATEMENTS = "labels, count or count:parts=classes"


def parse_statement(text: str) -> CountChosen | None:
    """Read which statement is asked for; None for one that names components.

    Raises:
        InputError: If there is no such statement.
    """
    name, _, rest = text.strip().partition(":")
    if text.strip() == LABELS:
        return None
    pairs = dict(pair.partition("=")[::2] for pair in rest.split(",") if pair)
    if name != "count" or not set(pairs) <= {"k", "parts"}:
        raise InputError(f"statement must be {STATEMENTS}, got {text!r}")
    k = pairs.get("k")
    if k is not None and not k.isdecimal():
        raise InputError(f"k of statement {text!r} must be a whole number of hits")
    return CountChosen(None if k is None else int(k), pairs.get("parts", "whole"))  # type: ignore[arg-type]  # checked there


def statement_text(text: str) -> str:
    """The one way to write a statement.

    Raises:
        InputError: If there is no such statement.
    """
    found = parse_statement(text)
    return LABELS if found is None else str(found)
