"""``segcert attack``: try to break a model, and to contradict a certificate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from segcert.cli.arguments import DenoiserName, Device, whole

if TYPE_CHECKING:
    import numpy as np

    from segcert.certificates.result import Certificate
    from segcert.models.reference import AnyModel


def attack(
    image: Annotated[Path, Parameter(help="The image or point cloud that was certified.")],
    *,
    certificate: Annotated[Path, Parameter(help="Folder that `segcert certify` wrote for it.")],
    model: Annotated[
        str | None,
        Parameter(help="The plain model, without noise; by default the certified one."),
    ] = None,
    smoothed: Annotated[
        str | None, Parameter(help="The certified model, by default the recorded name.")
    ] = None,
    against: Annotated[
        Literal["plain", "smoothed"],
        Parameter(
            help="Which to attack: the plain model, or the smoothed one (gradients averaged over "
            "--draws of noise), at its certified pixels."
        ),
    ] = "plain",
    radius: Annotated[
        float | None, Parameter(help="l2 norm of the attack, by default the certified radius.")
    ] = None,
    target: Annotated[
        int | None,
        Parameter(converter=whole, help="Class that all pixels should get; by default any other."),
    ] = None,
    truth: Annotated[
        Path | None, Parameter(help="Image of true class numbers, 255 = not labelled.")
    ] = None,
    steps: Annotated[int, Parameter(converter=whole, help="Gradient steps.")] = 40,
    restarts: Annotated[
        int, Parameter(converter=whole, help="Climbs more, from random points.")
    ] = 0,
    draws: Annotated[
        int, Parameter(converter=whole, help="Of --against smoothed: draws of noise at each step.")
    ] = 8,
    n: Annotated[
        int, Parameter(converter=whole, help="Fresh draws that check the certificate.")
    ] = 100,
    denoiser: DenoiserName = None,
    seed: Annotated[
        int | None,
        Parameter(
            converter=whole,
            help="Seed of what the attack draws (random points, its noise); by default from the "
            "operating system, and recorded. The check draws afresh.",
        ),
    ] = None,
    device: Device = "auto",
    out: Annotated[Path, Parameter(help="Folder of the results.")] = Path("attacked"),
) -> None:
    """Attack an image in an l2 ball, and check its certificate at the attacked image.

    Writes `attacked.npy` (the attacked image), `attacked.png` (rounded, for the eye),
    `figure1.png` (attacked image, truth, labels of the plain model, certified labels) and
    `attack.json`. Exit status 1 if the certificate is contradicted.

    Of a point cloud the coordinates are attacked, in the units of the file; a certificate of
    rotations or poses is attacked by `--steps` of them, of at most the certified size. It gets
    `attacked.npz`, `figure1.png` and `attack.json`.
    """
    from segcert.attacks.attack import Search, certified_only, plain_labels
    from segcert.attacks.attack import attack as search_attack
    from segcert.attacks.check import check_attack, check_attackable
    from segcert.certificates.certified_model import check_same
    from segcert.certificates.result import load_certificate
    from segcert.cli.attack_cloud import CloudSearch, attack_cloud
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, results, say
    from segcert.errors import VerificationError
    from segcert.files import check_writable, remove_drafts_in
    from segcert.inputs.input import read_path
    from segcert.inputs.kind import CLOUD, kind_of
    from segcert.locks import held
    from segcert.models.reference import ModelReference, recorded
    from segcert.report.attacks import PlainEffect, attack_table, write_attack
    from segcert.sampling.setup import check_draw_numbers
    from segcert.sampling.streams import check_seed, fresh_seed

    found = load_certificate(certificate)
    check_draw_numbers(0, n)
    if seed is not None:
        check_seed(seed)
    if kind_of(found.provenance.input_shape) == CLOUD:
        given = CloudSearch(
            against=against, radius=radius, target=target, steps=steps, restarts=restarts,
            draws=draws, n=n, seed=seed, device=device, out=out,
        )  # fmt: skip
        attack_cloud(image, found, given, model=model, smoothed=smoothed)
        return
    check_attackable(found)
    source = found.provenance
    whole_model = recorded(
        source.model, scale=source.scale, given=smoothed, denoiser=denoiser
    ).open()
    photo = read_path(image)
    check_same(found, whole_model, photo)
    plain = whole_model
    if model is not None:
        plain = ModelReference(model, scale=source.scale).open()
    true = None if truth is None else read_truth(truth, found, plain)
    check_writable(out / "attack.json")
    before = plain_labels(plain, photo.tensor / 255, device=device)
    search = Search(
        radius=found.radius if radius is None else radius, steps=steps, restarts=restarts,
        target=target, noise=found.counts.noise if against == "smoothed" else None, draws=draws,
        seed=fresh_seed() if seed is None else seed,
    )  # fmt: skip
    if against == "smoothed":
        labels = certified_only(found.labels, found.certified)
    else:
        labels = before if true is None else true
    with held(out), DrawProgress(messages) as bar:
        attacked = search_attack(
            plain if against == "plain" else whole_model, photo, labels, search, device=device,
            progress=lambda done, total: bar("attack", done, total),
        )  # fmt: skip
        checked = check_attack(
            found, whole_model, photo, attacked.best, n=n, device=device,
            progress=lambda done, total: bar("check", done, total),
        )  # fmt: skip
        after = plain_labels(plain, attacked.best, device=device)
        effect = PlainEffect(plain.name, before, after, true)
        write_attack(
            out, found, attacked.best.numpy(), search, effect, checked, palette=plain.palette
        )
        remove_drafts_in(out)
    results.print(attack_table(effect, checked))
    results.print()
    say(f"Open {out / 'figure1.png'}")
    if checked.contradicted:
        raise VerificationError(
            f"the certificate is contradicted: {int(checked.lost.sum())} certified pixels provably "
            f"changed within its radius, {checked.errors_allowed} are allowed"
        )


def read_truth(path: Path, found: "Certificate", plain: "AnyModel") -> "np.ndarray":
    """Read true classes that fit a certificate and a model.

    Raises:
        InputError: If it cannot be read, the shape differs, or a class is neither known nor 255.
    """
    from segcert.inputs.labels import read_numbers, translate

    classes = min(found.counts.classes, plain.classes or found.counts.classes)
    meaning = {number: number for number in (*range(classes), 255)}
    size = found.labels.shape
    return translate(path, read_numbers(path, "--truth"), meaning, size, "--truth")
