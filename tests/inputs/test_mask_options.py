"""What users say about masks becomes one table, or is refused."""

import pytest

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE
from segcert.inputs.mask_options import MaskOptions, parse_values, refuse_if_upright, usual_rule

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_nothing_said_is_class_numbers_and_the_colours_of_the_list() -> None:
    found = MaskOptions().rule(3, colours=(RED, None, BLUE), where="w")
    assert found.numbers == {0: 0, 1: 1, 2: 2, IGNORE: IGNORE}
    assert found.colours == {0xFF0000: 0, 0x0000FF: 2}
    assert (found.told, found.orientation, found.where) == (False, None, "w")
    assert set(usual_rule(None, ()).numbers) == set(range(256))
    assert not MaskOptions().settles
    assert MaskOptions().words == ""


def test_values_stand_for_the_classes_in_their_order() -> None:
    found = MaskOptions("0, 255").rule(2, where="")
    assert found.told
    assert found.numbers == {0: 0, 255: 1}
    assert MaskOptions("1..3").rule(3, where="").numbers == {1: 0, 2: 1, 3: 2, 255: 255}
    assert MaskOptions("none,0..1").rule(3, where="").numbers == {0: 1, 1: 2, 255: 255}
    shown = MaskOptions("#000000,#FF0000", "#00ff00").rule(2, colours=(BLUE, RED), where="")
    assert (shown.numbers, shown.colours) == ({}, {0: 0, 0xFF0000: 1, 0x00FF00: IGNORE})


def test_ignored_values_come_on_top() -> None:
    found = MaskOptions(ignored="254,-1,65535,#000000", orientation="stored").rule(2, where="")
    assert found.numbers == {0: 0, 1: 1, 254: 255, -1: 255, 65535: 255, 255: 255}
    assert found.colours == {0: IGNORE}
    assert found.orientation == "stored"
    assert not MaskOptions(ignored="254").settles
    for settled in (MaskOptions("0,1"), MaskOptions(ignored="255"), MaskOptions(ignored="#000000")):
        assert settled.settles
    assert MaskOptions("0,1", "2", "upright").words == (
        "--mask-values 0,1 --mask-ignore 2 --mask-orientation upright"
    )


@pytest.mark.parametrize(
    ("values", "ignored", "rule"),
    [
        ("0,1,2", None, "one value for each of the 2 classes, in their order .*got 3"),
        ("0", None, "one value for each of the 2 classes"),
        ("0,0", None, "have 0 twice"),
        ("0,1", "1", "have 1 twice"),
        ("0,#000000", None, "all numbers or all colours"),
        ("0,x", None, r"--mask-values must be numbers \(0,255\), spans .*got 'x'"),
        ("0,70000", None, "got '70000'"),
        ("3..1,0", None, r"got '3\.\.1'"),
        ("0,1", "#12345", "--mask-ignore must be .*got '#12345'"),
        ("0,,1", None, "got ''"),
    ],
)
def test_what_does_not_fit_is_refused(values: str, ignored: str | None, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        MaskOptions(values, ignored).rule(2, where="")


def test_classes_may_be_unknown_but_not_more_than_there_are_numbers() -> None:
    assert len(MaskOptions("0..254").rule(None, where="").numbers) == 256
    with pytest.raises(InputError, match="1 to 255 values, got 256"):
        MaskOptions("0..255").rule(None, where="")
    assert parse_values("--mask-ignore", None) == ()


def test_an_orientation_needs_a_photograph_that_has_one() -> None:
    refuse_if_upright([1, 1], MaskOptions())
    refuse_if_upright([1, 6], MaskOptions(orientation="stored"))
    with pytest.raises(InputError, match=r"--mask-orientation is for photographs .* leave it out"):
        refuse_if_upright([1, 1], MaskOptions(orientation="stored"))
