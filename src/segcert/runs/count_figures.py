"""How many components of a data set are robust: one statement about all inputs of a setting."""

from dataclasses import dataclass

from segcert.certificates.count_chosen import parse_statement
from segcert.runs.rows import Totals
from segcert.runs.setting import Setting
from segcert.stats.count import count_levels


@dataclass(frozen=True)
class DataCount:
    """A count over a data set.

    Args:
        k: Fewest hits of a component that passes.
        components: Of all inputs.
        passed: That have so many hits.
        wrong: How many of these may be wrong.
        labelled: Components with a truth.
        passed_right: That passed with their true class.
    """

    k: int
    components: int
    passed: int
    wrong: int
    labelled: int
    passed_right: int

    @property
    def at_least(self) -> int:
        """So many components are robust."""
        return self.passed - self.wrong

    @property
    def right_at_least(self) -> int:
        """So many are robust and have their true class: those are a region like any other."""
        return max(0, self.passed_right - self.wrong)


def count_of(setting: Setting, totals: Totals, *, alpha: float) -> DataCount:
    """Count over all inputs of a setting.

    With confidence ``1 - alpha``, for all inputs together and all regions of them at once.

    Source:
        docs/decisions/0028: the components of all inputs are one family.
    """
    chosen = parse_statement(setting.statement or "")
    assert chosen is not None
    assert chosen.k is not None
    score = totals.score
    given = count_levels(score.components, setting.n, tau=setting.tau, alpha=alpha, pilot=True)
    failed = score.components - score.certified
    wrong = given.bound(chosen.k).wrong(passed=score.certified, failed=failed)
    return DataCount(
        chosen.k, score.components, score.certified, wrong, score.labelled,
        score.certified_correct,
    )  # fmt: skip


def count_figures(setting: Setting, totals: Totals, *, alpha: float) -> dict[str, object]:
    """All figures of a setting in which components are counted."""
    found = count_of(setting, totals, alpha=alpha)
    return {
        **setting.model_dump(),
        "radius": setting.radius,
        "inputs": totals.inputs,
        "components": found.components,
        "passed": found.passed,
        "wrong_at_most": found.wrong,
        "robust_at_least": found.at_least,
        "robust_share": found.at_least / found.components,
        "labelled": found.labelled,
        "robust_and_right_at_least": found.right_at_least,
        "robust_accuracy": found.right_at_least / max(found.labelled, 1),
        "accuracy": totals.score.accuracy,
        "mean_iou": totals.score.mean_iou,
        "invalid": totals.invalid,
    }
