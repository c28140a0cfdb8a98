"""All corrections by name, and the well-known ones that are not valid here, with the reason."""

from segcert.errors import InputError
from segcert.stats.bonferroni import Bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import Holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.ordered import Ordered

CORRECTIONS: dict[str, type[AbstractCorrection]] = {
    kind.name: kind for kind in (Holm, Bonferroni, KFwer, Capped, Ordered)
}
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
EXAMPLES = "holm, bonferroni, k-fwer:k=10, capped:cap=1000, ordered, ordered:budget=500"


def parse_correction(text: str) -> AbstractCorrection:
    """Read ``name`` or ``name:parameter=value,...``, as `str` of a correction prints it.

    Raises:
        InputError: If there is no such correction, or with the reason why it is not valid.
    """
    name, _, rest = text.strip().partition(":")
    key = name.strip().lower().replace("_", "-").replace(" ", "-")
    if key in REFUSED:
        raise InputError(f"correction {name!r} is refused: it {REFUSED[key]}; use holm")
    if key not in CORRECTIONS:
        raise InputError(f"correction must be one of {EXAMPLES}; got {text!r}")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair.strip()]
    try:
        return CORRECTIONS[key](**{left.strip(): value(right) for left, _, right in pairs})
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


def check_correction(correction: object) -> None:
    """Refuse what is no correction of ours; every one has to be valid under any dependence.

    Raises:
        InputError: With the way out, or the reason why a procedure of that name is not valid.
    """
    if type(correction) in CORRECTIONS.values():
        return
    kind = getattr(correction, "__name__", type(correction).__name__)
    name = correction if isinstance(correction, str) else kind
    key = str(name).lower().replace("_", "-")
    if key in REFUSED:
        raise InputError(f"correction {name!r} is refused: it {REFUSED[key]}; use sc.holm")
    raise InputError(
        f"correction must be sc.holm, sc.bonferroni, sc.KFwer(k), sc.Capped(cap) or sc.Ordered(), "
        f"got {correction!r}"
    )
