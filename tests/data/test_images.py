"""The name that code imports `read_image` by since before images moved."""

from segcert.data import images
from segcert.inputs.images import read_image


def test_it_is_the_same_function() -> None:
    assert images.read_image is read_image
