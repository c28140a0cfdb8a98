"""``segcert demo``: from nothing to a certificate that a person can look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import Draws, PilotDraws, Seed, Tau, whole

if TYPE_CHECKING:
    from segcert.certificates.result import Certificate
    from segcert.inputs.input import Input
    from segcert.models.protocol import WrappedModel

PLAIN = "synthetic-plain"  # the same network, trained without noise: what is attacked
FAR_ATTACK = 1.0  # l2 norm that breaks the plain model for all to see; the certified one does not
TRUTH = "truth.png"  # true class numbers, beside the scene
ATTACK_STEPS = 10  # seconds
CHECK_DRAWS = 50
DEFAULT_SCENE, DEFAULT_SHAPE = 6, 4


def demo(
    *,
    points: Annotated[
        bool,
        Parameter(negative=(), help="Certify a procedural shape, a point cloud, not a street."),
    ] = False,
    scene: Annotated[
        int | None,
        Parameter(
            converter=whole,
            help="Which synthetic scene or shape, from 0; none was trained on. By default street "
            "6, or shape 4, a table.",
        ),
    ] = None,
    tau: Tau = 0.75,
    n0: PilotDraws = 10,
    n: Draws = 100,
    seed: Seed = None,
    out: Annotated[Path, Parameter(help="Folder of the results.")] = Path("demo"),
) -> None:
    """Draw a synthetic street, certify its segmentation, compare with the truth, and attack it.

    Needs no download. Writes the same files as `segcert certify` (open `report.html`), the scene,
    its true classes (`truth.png`), and `strip.png`: scene, labels, certified labels with
    abstentions in white. Two short attacks on the same network trained without noise, one of the
    certified radius and a larger one, get the files of `segcert attack` in `attack/` and
    `attack-outside/`.

    With `--points` it is a procedural shape with labelled parts: its file, the files of `segcert
    certify` with a page to turn, and an attack within the certified radius in `attack/`.
    """
    from functools import partial

    from PIL import Image

    from segcert.certificates.pictures import png_bytes
    from segcert.cli.demo_table import print_demo
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages
    from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
    from segcert.errors import InputError
    from segcert.files import atomic_write, prepare_folder
    from segcert.metrics.score import score
    from segcert.models.reference import ModelReference
    from segcert.plan import Plan
    from segcert.report.image_files import write_files
    from segcert.report.strip import strip
    from segcert.runs.base_prediction import base_prediction
    from segcert.runs.certify_inputs import certify_inputs, check_input
    from segcert.runs.request import Request
    from segcert.sampling.streams import check_seed

    if scene is None:
        scene = DEFAULT_SHAPE if points else DEFAULT_SCENE
    if scene < 0:
        raise InputError(f"--scene must be an integer from 0, got {scene}")
    if points:
        from segcert.cli.demo_points import demo_points

        demo_points(scene, tau=tau, n0=n0, n=n, seed=seed, out=out)
        return
    segmenter = ModelReference("synthetic").open()
    plan = Plan(tau=tau, n0=n0, n=n)
    request = Request(plan, segmenter.name, segmenter.weights_sha256)
    if seed is not None:
        check_seed(seed)
    scenes = Scenes(1, first=FIRST_TEST_SCENE + scene)
    street, given = scenes[0], scenes.input(0)
    check_input(plan, given, segmenter)
    prepare_folder(out)
    photo = out / f"street{scene}.png"
    with atomic_write(photo) as file:
        file.write(png_bytes(Image.fromarray(street.image)))
    with atomic_write(out / TRUTH) as file:
        file.write(png_bytes(Image.fromarray(street.labels)))
    images = {photo.stem: photo}
    with DrawProgress(messages) as progress:
        (done,) = certify_inputs(
            segmenter, images, request, out=out, seed=seed, overwrite=True, progress=progress,
            write=partial(write_files, truth=street.labels, base=base_prediction(segmenter)),
        )  # fmt: skip
    found = done.certificate
    with atomic_write(out / "strip.png") as file:
        file.write(png_bytes(strip(found, street.image)))
    truth = score(found.labels, found.certified, street.labels, classes=found.counts.classes)
    print_demo(found, truth, done.folder, done.seconds)
    attack_demo(segmenter, found, given, out)


def attack_demo(
    segmenter: "WrappedModel", found: "Certificate", street: "Input", out: Path
) -> None:
    """Attack a model without noise within the certified radius and outside, and say what happened.

    The certified pixels are checked at both attacked images.

    Raises:
        VerificationError: If the certificate is contradicted.
    """
    from segcert.attacks.ways import Wish
    from segcert.cli.attack import attack_opened
    from segcert.cli.shell import results
    from segcert.models.reference import ModelReference

    plain = ModelReference(PLAIN).open()
    for folder, radius in ((out / "attack", found.radius), (out / "attack-outside", FAR_ATTACK)):
        if radius:
            results.print()
            wish = Wish(radius=radius, steps=ATTACK_STEPS, n=CHECK_DRAWS)
            attack_opened(
                street, found, wish, plain=plain, certified=segmenter, out=folder,
                truth=street.truth,
            )  # fmt: skip
