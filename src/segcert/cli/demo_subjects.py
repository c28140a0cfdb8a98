"""What ``segcert demo`` certifies: a drawn street, or a drawn shape of points."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from segcert.certificates.pictures import png_bytes
from segcert.certificates.result import Certificate
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.data.drawn_shapes import FIRST_TEST_SHAPE, Shapes
from segcert.files import atomic_write
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.clouds import diameter
from segcert.inputs.input import Input, of_cloud
from segcert.models import opening_points
from segcert.models.opening_points import PointOptions
from segcert.models.protocol import WrappedModel
from segcert.models.reference import ModelReference
from segcert.report.cloud_radius import cloud_radius_line
from segcert.report.radius import radius_in_words
from segcert.runs.base_prediction import base_prediction

PLAIN = "synthetic-plain"  # the same network, trained without noise: what is attacked
FAR_ATTACK = 1.0  # l2 norm that breaks the plain model for all to see; the certified one does not
TRUTH = "truth.png"  # true class numbers, beside the scene
Attacks = tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class Subject:
    """A drawn input with its truth, and what is done for its kind.

    Args:
        drawn: The input.
        file: Its file.
        save: Writes that file, and what belongs to it.
        model: Labels it.
        write: Writes the files of its certificate.
        radius: Says the certified radius.
        plain: Opens the model that is attacked.
        further: Folder and radius of attacks beyond the certified one.
        compared: Whether labels are compared with the truth before and after an attack.
        finish: Writes what else there is to see.
    """

    drawn: Input
    file: str
    save: Callable[[Path], None]
    model: WrappedModel
    write: Callable[..., None]
    radius: Callable[[Certificate], str]
    plain: Callable[[], WrappedModel]
    further: Attacks = ()
    compared: bool = False
    finish: Callable[[Certificate, Path], None] | None = None


def street(number: int) -> Subject:
    """A street that no network was trained on, and the network without noise to attack."""
    from segcert.report.image_files import write_files
    from segcert.report.strip import strip

    model, scenes = ModelReference("synthetic").open(), Scenes(1, first=FIRST_TEST_SCENE + number)
    scene = scenes[0]

    def write_image(path: Path, image: Image.Image) -> None:
        with atomic_write(path) as file:
            file.write(png_bytes(image))

    def save(path: Path) -> None:
        write_image(path, Image.fromarray(scene.image))
        write_image(path.parent / TRUTH, Image.fromarray(scene.labels))

    return Subject(
        scenes.input(0), f"street{number}.png", save, model,
        partial(write_files, truth=scene.labels, base=base_prediction(model)),
        lambda found: radius_in_words(found).line,
        ModelReference(PLAIN).open, (("attack-outside", FAR_ATTACK),), compared=True,
        finish=lambda found, out: write_image(out / "strip.png", strip(found, scene.image)),
    )  # fmt: skip


def shape(number: int) -> Subject:
    """A shape that no network was trained on; the certified network itself is attacked."""
    from segcert.report.cloud_files import write_cloud_files

    cloud = Shapes(1, first=FIRST_TEST_SHAPE + number)[0]
    model = opening_points.open_point_model("shapes", PointOptions(category=str(cloud.category)))
    return Subject(
        of_cloud(cloud), f"{cloud.name}.npz", partial(write_cloud, cloud=cloud), model,
        partial(write_cloud_files, with_truth=True, base=base_prediction(model)),
        lambda found: cloud_radius_line(found, diameter=diameter(cloud.points)),
        lambda: model,
    )  # fmt: skip
