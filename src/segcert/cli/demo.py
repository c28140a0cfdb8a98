"""``segcert demo``: from nothing to a certificate that a person can look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.arguments import Draws, PilotDraws, Seed, Tau, whole

if TYPE_CHECKING:
    from segcert.certificates.result import Certificate
    from segcert.cli.demo_subjects import Subject
    from segcert.plan import Plan

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
    from segcert.errors import InputError
    from segcert.plan import Plan

    if scene is None:
        scene = DEFAULT_SHAPE if points else DEFAULT_SCENE
    if scene < 0:
        raise InputError(f"--scene must be an integer from 0, got {scene}")
    plan = Plan(tau=tau, n0=n0, n=n)  # with the noise of the training of both models
    from segcert.cli.demo_subjects import shape, street

    subject = (shape if points else street)(scene)
    attack_subject(subject, certify_subject(subject, plan, seed, out), out)


def certify_subject(subject: "Subject", plan: "Plan", seed: int | None, out: Path) -> "Certificate":
    """Certify what was drawn, compare with the truth, and print the figures.

    Raises:
        InputError: If a number is out of range, or the folder cannot be written.
    """
    from segcert.cli.demo_table import print_demo
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages
    from segcert.files import prepare_folder
    from segcert.metrics.score import score
    from segcert.runs.certify_inputs import certify_inputs, check_input
    from segcert.runs.request import Request
    from segcert.sampling.streams import check_seed

    model, path, truth = subject.model, out / subject.file, subject.drawn.truth
    request = Request(plan, model.name, model.weights_sha256)
    if seed is not None:
        check_seed(seed)
    check_input(plan, subject.drawn, model)
    prepare_folder(out)
    subject.save(path)
    with DrawProgress(messages) as progress:
        (done,) = certify_inputs(
            model, {path.stem: path}, request, out=out, seed=seed, overwrite=True,
            progress=progress, write=subject.write,
        )  # fmt: skip
    found = done.certificate
    if subject.finish:
        subject.finish(found, out)
    assert truth is not None
    judged = score(
        found.labels, found.certified, truth.astype("uint8"), classes=found.counts.classes
    )
    parts = subject.drawn.kind.parts
    print_demo(found, judged, done.folder, done.seconds, subject.radius(found), parts)
    return found


def attack_subject(subject: "Subject", found: "Certificate", out: Path) -> None:
    """Attack within the certified radius and beyond, and say what happened.

    What is certified is checked at each attacked input.

    Raises:
        VerificationError: If the certificate is contradicted.
    """
    from segcert.attacks.ways import Wish
    from segcert.cli.attack import attack_opened
    from segcert.cli.shell import results

    plain, given = subject.plain(), subject.model.given(subject.drawn)
    for folder, radius in (("attack", found.radius), *subject.further):
        if radius:
            results.print()
            wish = Wish(radius=radius, steps=ATTACK_STEPS, n=CHECK_DRAWS)
            attack_opened(
                given, found, wish, plain=plain, certified=subject.model, out=out / folder,
                truth=given.truth if subject.compared else None,
            )  # fmt: skip
