"""Data sets of clouds by name, to train and to evaluate on."""

from dataclasses import dataclass, replace

from segcert.data.clouds import Cloud, unit_sphere
from segcert.data.labelled_clouds import FIRST_TEST_SHAPE, AbstractLabelledClouds, Shapes
from segcert.errors import InputError


@dataclass(frozen=True)
class OnUnitSphere(AbstractLabelledClouds):
    """Clouds that are centred and scaled to the unit sphere before anything else.

    So the units of the noise and of the radii are those of the published experiments.

    Args:
        clouds: In any units.
    """

    clouds: AbstractLabelledClouds

    def __len__(self) -> int:
        """Count the clouds."""
        return len(self.clouds)

    def item(self, index: int) -> Cloud:
        """Scale one cloud."""
        cloud = self.clouds.item(index)
        return replace(cloud, points=unit_sphere(cloud.points))


def shapes(count: int, *, first: int = 0) -> OnUnitSphere:
    """Make procedural shapes of at most ``FIRST_TEST_SHAPE`` to train on, or others to test on.

    Raises:
        InputError: If the number is impossible.
    """
    if not 1 <= count <= FIRST_TEST_SHAPE:
        raise InputError(f"scenes must be in 1..{FIRST_TEST_SHAPE}, got {count}")
    return OnUnitSphere(Shapes(count, first=first))
