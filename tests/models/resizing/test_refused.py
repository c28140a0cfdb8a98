"""What is said of a network that fails on a size."""

import pytest

from segcert.models.resizing.refused import refused
from segcert.models.resizing.scale import parse_resizing


@pytest.mark.parametrize(
    ("height", "width", "size"), [(48, 100, "96x64"), (5, 7, "32x32"), (64, 32, "32x64")]
)
def test_the_size_that_is_named_is_near_and_can_be_given(
    height: int, width: int, size: str
) -> None:
    """Width before height, as ``--scale`` takes them."""
    said = refused("net", (1, 3, height, width), "no.", scale="0.5")
    assert f"{height}x{width} (height x width) at scale 0.5 (no): " in said
    assert f"--scale {size} (WIDTHxHEIGHT" in said
    assert "--pad 32" in said
    found = parse_resizing(size).size
    assert found is not None
    assert abs(found[0] - height) <= 27
    assert abs(found[1] - width) <= 25


def test_volumes_and_clouds_are_not_resized() -> None:
    assert "pad=" in refused("net", (1, 1, 5, 6, 7), "no")
    assert "--scale" not in refused("net", (1, 1, 5, 6, 7), "no")
    assert refused("net", (1, 9, 3), "no") == "model net fails on inputs of shape (9, 3) (no)"
