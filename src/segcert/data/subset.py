"""Some images of a data set, evenly spaced: the 100 of the paper's protocol."""

from dataclasses import dataclass

from segcert.data.clouds import Cloud
from segcert.data.labelled import AbstractLabelledImages, LabelledImage
from segcert.data.labelled_clouds import AbstractLabelledClouds
from segcert.errors import InputError


@dataclass(frozen=True)
class Subset(AbstractLabelledImages):
    """Some images of a data set, read on demand.

    Args:
        images: The data set.
        numbers: Which of its images, counted from 0.
    """

    images: AbstractLabelledImages
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        """Count the chosen images."""
        return len(self.numbers)

    def item(self, index: int) -> LabelledImage:
        """Read one image."""
        return self.images.item(self.numbers[index])


@dataclass(frozen=True)
class CloudSubset(AbstractLabelledClouds):
    """Some clouds of a data set, read on demand.

    Args:
        clouds: The data set.
        numbers: Which of its clouds, counted from 0.
    """

    clouds: AbstractLabelledClouds
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        """Count the chosen clouds."""
        return len(self.numbers)

    def item(self, index: int) -> Cloud:
        """Read one cloud."""
        return self.clouds.item(self.numbers[index])


def evenly_spaced(
    images: AbstractLabelledImages | AbstractLabelledClouds, count: int
) -> Subset | CloudSubset:
    """Choose every m-th image or cloud, m = floor(size / count), from the first, ``count`` in all.

    This is the rule of the paper's published code: of the 500 of Cityscapes val, 100 are
    0, 5, ..., 495. Where ``count`` does not divide the size, the last images are never chosen: of
    the 5,105 of Pascal Context val, 100 are 0, 51, ..., 5049.

    Args:
        images: The data set, of images or clouds.
        count: How many, in 1, ..., size.

    Raises:
        InputError: If ``count`` is out of range.

    Source:
        Fischer, Baader, Vechev (2021), section 6.2; the rule is that of its published code.
    """
    if not 1 <= count <= len(images):
        raise InputError(
            f"a subset must have 1..{len(images)} images, the size of the data set, got {count}"
        )
    step = len(images) // count
    numbers = tuple(range(0, step * count, step))
    if isinstance(images, AbstractLabelledClouds):
        return CloudSubset(images, numbers)
    return Subset(images, numbers)
