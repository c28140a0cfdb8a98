"""Names of corrections, and the ones that are refused."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_laws import worst_error

from segcert.errors import InputError
from segcert.stats.bonferroni import Bonferroni, bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import (
    AbstractCorrection,
    Decision,
    Evidence,
    first_count_at_most,
)
from segcert.stats.correction_names import (
    REFUSED,
    check_correction,
    claim_in_words,
    corrections,
    parse_correction,
)
from segcert.stats.holm import Holm, holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.ordered import Ordered

ALPHA = 0.1


@st.composite
def any_correction(draw: st.DrawFn) -> AbstractCorrection:
    """Any correction with any parameters."""
    reserve = draw(st.floats(0, 1, exclude_max=True))
    return draw(
        st.sampled_from(
            [
                holm,
                bonferroni,
                KFwer(draw(st.integers(1, 10**9))),
                Capped(draw(st.integers(0, 10**9)), draw(st.integers(1, 99)), reserve),
                Ordered(
                    draw(st.none() | st.integers(1, 10**9)),
                    draw(st.sampled_from(["margin", "agreement"])),
                    reserve,
                ),
            ]
        )
    )


@settings(derandomize=True, deadline=None)
@given(any_correction())
def test_printed_corrections_are_read_again(correction: AbstractCorrection) -> None:
    assert parse_correction(str(correction)) == correction
    check_correction(correction)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("holm", holm),
        (" Bonferroni ", bonferroni),
        ("k-fwer:k=10", KFwer(10)),
        ("k_FWER: k = 10 ", KFwer(10)),
        ("capped:cap=1000", Capped(1000)),
        ("capped:cap=5,k=3,reserve=0", Capped(5, 3, 0.0)),
        ("ordered", Ordered()),
        ("ordered:", Ordered()),
        ("ordered:budget=500,by=agreement", Ordered(500, "agreement")),
        ("ordered:budget=None", Ordered()),
    ],
)
def test_names_with_parameters(text: str, expected: AbstractCorrection) -> None:
    assert parse_correction(text) == expected


def test_every_correction_has_its_name() -> None:
    assert {"holm", "bonferroni", "k-fwer", "capped", "ordered"} == set(corrections())
    assert all(kind.name == name for name, kind in corrections().items())
    assert [str(some) for some in (holm, bonferroni, KFwer(3))] == [
        "holm",
        "bonferroni",
        "k-fwer:k=3",
    ]
    assert not set(REFUSED) & set(corrections())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "correction must be one of holm, bonferroni"),
        ("holms", "correction must be one of holm, bonferroni"),
        ("k-fwer", "'k-fwer' has a wrong or missing parameter: use one of holm"),
        ("holm:k=2", "'holm:k=2' has a wrong or missing parameter"),
        ("capped:5", "'capped:5' has a wrong or missing parameter"),
        ("ordered:=5", "'ordered:=5' has a wrong or missing parameter"),
        ("ordered:reserve=nan", r"reserve of ordered must be in \[0, 1\), got nan"),
        ("k-fwer:k=0", "k of k-fwer must be an integer >= 1, got 0"),
        ("capped:cap=-1", "cap of capped must be an integer >= 0, got -1"),
        ("ordered:budget=0", "budget of ordered must be an integer >= 1, got 0"),
    ],
)
def test_what_is_no_correction_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_correction(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(REFUSED))
@pytest.mark.parametrize("spelling", [str, str.upper, lambda name: name.replace("-", "_")])
def test_invalid_procedures_are_refused_with_the_reason(name: str, spelling: object) -> None:
    text = spelling(name)  # type: ignore[operator]
    with pytest.raises(InputError, match=r"is refused: it .*; use holm") as caught:
        parse_correction(text)
    assert REFUSED[name] in str(caught.value)
    assert text in str(caught.value)


@dataclass(frozen=True)
class Hochberg(AbstractCorrection):
    """Hochberg's step-up procedure: valid under independence, not under any dependence."""

    name: ClassVar[str] = "holm"  # under a false flag

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Reject all up to the last test that passes its level."""
        tests, above = evidence.tests, len(evidence.p_values)
        smaller = 0
        for count in reversed(range(above)):
            smaller += int(evidence.histogram[count])
            if evidence.histogram[count] and evidence.p_values[count] <= alpha / (
                tests - smaller + 1
            ):
                above = count
        return Decision(above)

    def first_level(self, tests: int, *, alpha: float) -> float:  # noqa: ARG002
        """The level of the largest p-value."""
        return alpha


def hommel() -> None:
    """A function with the name of a procedure."""


def test_only_ours_are_accepted() -> None:
    """A class of one's own would not be one whose proof is known here, whatever it is called."""
    with pytest.raises(
        InputError, match=r"'Hochberg' is refused: it needs independence.*use sc.holm"
    ):
        check_correction(Hochberg())
    with pytest.raises(InputError, match="'hommel' is refused"):
        check_correction(hommel)
    with pytest.raises(InputError, match="'fdr_bh' is refused: it bounds the expected share"):
        check_correction("fdr_bh")
    for other in (None, 3, "holm", Holm, KFwer):
        with pytest.raises(
            InputError, match=r"correction must be sc.holm, sc.bonferroni, sc.KFwer"
        ):
            check_correction(other)
    for ours in (Holm(), Bonferroni(), KFwer(2), Capped(1), Ordered()):
        check_correction(ours)


@pytest.mark.parametrize("tests", [2, 3])
def test_why_step_up_is_refused(tests: int) -> None:
    """Hochberg under the worst dependence errs more often than alpha; Holm does not."""
    levels = [ALPHA / i for i in range(1, tests + 1)]
    table = np.array([1.0, *levels])

    def some(correction: AbstractCorrection) -> float:
        def wrong(outcome: tuple) -> bool:
            histogram = np.bincount(outcome, minlength=len(table)).astype(np.int64)
            decision = correction.decide(Evidence(table, histogram), alpha=ALPHA)
            return bool(decision.mask(np.array(outcome)).any())

        return worst_error(table, tests, wrong)

    assert some(holm) == pytest.approx(ALPHA)
    assert some(Hochberg()) > 1.3 * ALPHA


def test_why_sidak_is_refused() -> None:
    """Exactly one of two nulls passes at 1 - sqrt(1 - alpha): the error is above alpha."""
    level = 1 - (1 - ALPHA) ** 0.5
    found = worst_error(np.array([1.0, level]), 2, lambda outcome: max(outcome) == 1)
    assert found == pytest.approx(2 * level)
    assert found > 1.02 * ALPHA


def test_why_false_discovery_rates_are_refused() -> None:
    """Benjamini-Hochberg beside 99 sure tests: ten nulls are tested at nearly alpha each."""
    nulls, sure = 10, 99
    levels = ALPHA * np.arange(1, nulls + sure + 1) / (nulls + sure)
    independent = 1 - (1 - levels[sure]) ** nulls  # P(the smallest null p-value passes), at least
    assert independent > 5 * ALPHA


@dataclass(frozen=True)
class Own(AbstractCorrection):
    """Bonferroni's correction by somebody else, who says what it controls."""

    share: float = 1.0

    name: ClassVar[str] = "own"
    controls: ClassVar[str] = "FWER"

    def decide(self, evidence: Evidence, *, alpha: float) -> Decision:
        """Reject at the level of every test."""
        level = self.first_level(evidence.tests, alpha=alpha)
        return Decision(first_count_at_most(evidence.p_values, level))

    def first_level(self, tests: int, *, alpha: float) -> float:
        """The level of every test."""
        return self.share * alpha / max(tests, 1)


def test_one_of_ones_own_is_taken_if_it_says_what_it_controls() -> None:
    check_correction(Own())
    assert claim_in_words(Own(0.5)) == (
        "The correction 'own:share=0.5' is none of segcert's: that it controls the FWER under any "
        "dependence is the word of its author, unproved here."
    )
    assert all(claim_in_words(ours) == "" for ours in (holm, bonferroni, KFwer(2), Ordered()))


def test_a_class_that_says_nothing_of_its_own_is_refused() -> None:
    """What a parent class controls, a child that decides otherwise may not."""

    class Silent(Own):
        name: ClassVar[str] = "silent"

    class Mild(Ordered):
        name: ClassVar[str] = "mild"

    for other in (Silent(), Mild()):
        with pytest.raises(InputError, match=r"whose class says what it controls"):
            check_correction(other)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"controls": "FDR"}, "needs one of FWER, k-FWER under any dependence"),
        ({"controls": ""}, "says that it controls ''"),
        ({"name": "Holm"}, "the name 'Holm' is that of a correction of segcert"),
        ({"name": "fdr_by"}, "'fdr_by' is refused: it bounds the expected share"),
        ({"errors_allowed": 3}, "controls FWER and allows 3 errors"),
        ({"controls": "k-FWER", "errors_allowed": -1}, "allows -1 errors"),
    ],
)
def test_claims_that_no_certificate_makes_are_refused(said: dict[str, Any], words: str) -> None:
    other = type("Other", (Own,), {"controls": "FWER", **said})
    with pytest.raises(InputError, match=words):
        check_correction(other())
