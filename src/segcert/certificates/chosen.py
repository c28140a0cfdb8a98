"""What is chosen before the counts are seen."""

from dataclasses import dataclass, field

from segcert.certificates.count_chosen import CountChosen
from segcert.certificates.family import Family
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm


@dataclass(frozen=True, eq=False)
class Chosen:
    """How counts become a claim.

    Args:
        tau: Probability threshold, in [1/2, 1).
        alpha: Allowed probability that the whole statement is wrong, in (0, 1).
        correction: For many tests; trees have one of their own.
        family: What is tested.
        tree: Classes and their groups, if groups may be certified.
        count: What a count needs, if components are counted and none is named.
    """

    tau: float
    alpha: float
    correction: AbstractCorrection = holm
    family: Family = field(default_factory=Family)
    tree: ClassTree | None = None
    count: CountChosen | None = None
