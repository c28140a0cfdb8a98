"""``segcert demo --points``: from nothing to a certified shape that a person can turn."""

from functools import partial
from pathlib import Path

import numpy as np

from segcert.attacks.ways import Wish
from segcert.cli.attack import attack_opened
from segcert.cli.demo_table import print_demo
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results
from segcert.data.drawn_shapes import FIRST_TEST_SHAPE, Shapes
from segcert.files import prepare_folder
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.clouds import diameter
from segcert.inputs.input import of_cloud
from segcert.metrics.score import score
from segcert.models import opening_points
from segcert.models.opening_points import PointOptions
from segcert.noise.gaussian import GaussianNoise
from segcert.plan import Plan
from segcert.report.cloud_files import write_cloud_files
from segcert.report.cloud_radius import cloud_radius_line
from segcert.runs.base_prediction import base_prediction
from segcert.runs.certify_inputs import certify_inputs, check_input
from segcert.runs.request import Request
from segcert.sampling.streams import check_seed

MODEL = "shapes"
SIGMA = 0.25  # of the training of the model
ATTACK_STEPS = 10
CHECK_DRAWS = 50


def demo_points(index: int, *, tau: float, n0: int, n: int, seed: int | None, out: Path) -> None:
    """Draw a shape, certify its parts, compare with the truth, and attack its coordinates.

    Args:
        index: Which shape, from 0; none was trained on.
        tau: Probability threshold.
        n0: Pilot draws.
        n: Draws that are counted.
        seed: Of all noise; None takes one from the operating system.
        out: Folder of the results.

    Raises:
        InputError: If a number is out of range, or the folder cannot be written.
        VerificationError: If the attack contradicts the certificate.
    """
    shape = Shapes(1, first=FIRST_TEST_SHAPE + index)[0]
    model = opening_points.open_point_model(MODEL, PointOptions(category=str(shape.category)))
    plan = Plan(noise=GaussianNoise(SIGMA), tau=tau, n0=n0, n=n)
    request = Request(plan, model.name, model.weights_sha256)
    if seed is not None:
        check_seed(seed)
    whole, path = of_cloud(shape), out / f"{shape.name}.npz"
    check_input(plan, whole, model)
    prepare_folder(out)
    write_cloud(path, shape)
    write = partial(write_cloud_files, with_truth=True, base=base_prediction(model))
    with DrawProgress(messages) as progress:
        (done,) = certify_inputs(
            model, {path.stem: path}, request, out=out, seed=seed, overwrite=True,
            progress=progress, write=write,
        )  # fmt: skip
    found = done.certificate
    truth = np.asarray(shape.labels).astype(np.uint8)
    judged = score(found.labels, found.certified, truth, classes=found.counts.classes)
    line = cloud_radius_line(found, diameter=diameter(shape.points))
    print_demo(found, judged, done.folder, done.seconds, radius=line, parts="points")
    if found.radius:
        results.print()
        wish = Wish(steps=ATTACK_STEPS, n=CHECK_DRAWS)
        given = model.given(whole)
        attack_opened(given, found, wish, plain=model, certified=model, out=out / "attack")
