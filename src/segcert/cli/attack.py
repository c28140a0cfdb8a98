"""``segcert attack``: try to break a model, and to contradict a certificate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segcert.cli.attack_options import ATTACK_AS_USUAL, RECORDED, AttackOptions, ModelOptions
from segcert.cli.run_options import INPUT_AS_USUAL, OUTPUT, InputOptions
from segcert.cli.truth import TRUTH_AS_USUAL, TruthOptions, check_reduced

if TYPE_CHECKING:
    import numpy as np

    from segcert.attacks.ways import Wish
    from segcert.certificates.result import Certificate
    from segcert.inputs.input import Input
    from segcert.models.protocol import WrappedModel
    from segcert.report.points_view import Up


def attack(
    image: Annotated[Path, Parameter(help="The image or point cloud that was certified.")],
    *,
    certificate: Annotated[Path, Parameter(help="Folder that `segcert certify` wrote for it.")],
    files: Annotated[InputOptions, Parameter(name="*")] = INPUT_AS_USUAL,
    compared: Annotated[TruthOptions, Parameter(name="*")] = TRUTH_AS_USUAL,
    models: Annotated[ModelOptions, Parameter(name="*")] = RECORDED,
    options: Annotated[AttackOptions, Parameter(name="*")] = ATTACK_AS_USUAL,
    out: Annotated[Path, Parameter(group=OUTPUT, help="Folder of the results.")] = Path("attacked"),
) -> None:
    """Attack an image in an l2 ball, and check its certificate at the attacked image.

    Writes `attacked.npy` (the attacked image), `attacked.png` (rounded, for the eye),
    `figure1.png` (attacked image, truth, labels of the plain model, certified labels) and
    `attack.json`. Exit status 1 if the certificate is contradicted.

    Of a point cloud the coordinates are attacked, in the units of the file; a certificate of
    rotations or poses is attacked by `--steps` of them, of at most the certified size. It gets
    `attacked.npz`, `figure1.png` and `attack.json`.
    """
    from segcert.certificates.certified_model import check_same
    from segcert.certificates.result import load_certificate
    from segcert.files import check_writable, remove_drafts_in
    from segcert.inputs.cloud_columns import columns_of
    from segcert.inputs.input import read_path
    from segcert.locks import held

    found, wish = load_certificate(certificate), options.wish
    plain, certified = models.opened(found)
    given = certified.given(read_path(image, columns_of(files.columns)))
    check_same(found, certified, given)
    true = None
    if compared.truth is not None:
        check_reduced(models.model or models.smoothed or found.provenance.model, compared.told)
        true = read_true(compared, given, found, plain)
    check_writable(out / "attack.json")
    with held(out):
        attack_opened(given, found, wish, plain=plain, certified=certified, truth=true, out=out)
        remove_drafts_in(out)


def attack_opened(
    given: "Input",
    found: "Certificate",
    wish: "Wish",
    *,
    plain: "WrappedModel",
    certified: "WrappedModel",
    out: Path,
    truth: "np.ndarray | None" = None,
) -> None:
    """Attack an input that was read, with models that were opened; write files, print a table.

    Args:
        given: The input, as the certified model is given it.
        found: Its certificate.
        wish: How to attack.
        plain: The model without noise.
        certified: The model that was certified.
        out: Folder of the results.
        truth: True classes, 255 = ignored.

    Raises:
        VerificationError: If the certificate is contradicted.
    """
    from segcert.attacks.attack import certified_only, plain_labels
    from segcert.attacks.ways import Target, way_of
    from segcert.cli.progress import DrawProgress
    from segcert.cli.shell import messages, results, say
    from segcert.errors import VerificationError
    from segcert.report.attacks import PlainEffect, attack_table, write_attack

    before = plain_labels(plain, given.tensor, device=wish.device)
    labels, victim = before if truth is None else truth, plain
    if wish.against == "smoothed":
        labels, victim = certified_only(found.labels, found.certified), certified
    way = way_of(found.counts.noise)
    with DrawProgress(messages) as bar:
        worst = way.search(Target(found, given, victim, certified, labels), wish, bar)
    after = plain_labels(plain, worst.attacked, device=wish.device)
    effect, check = PlainEffect(plain.name, before, after, truth), worst.check
    write_attack(out, found, given, worst, effect, palette=plain.palette, up=up_for(certified))
    parts = given.kind.parts
    results.print(attack_table(effect, check, size=way.size, parts=parts))
    results.print()
    say(f"Open {(out / 'figure1.png')}")
    if check.contradicted:
        raise VerificationError(
            f"the certificate is contradicted: {int(check.lost.sum())} certified {parts} provably "
            f"changed within its radius, {check.errors_allowed} are allowed"
        )


def up_for(model: "WrappedModel") -> "Up":
    """The axis that points up in clouds: y in shapes of a category, z in scans."""
    return "z" if model.category is None else "y"


def read_true(
    compared: TruthOptions, given: "Input", found: "Certificate", plain: "WrappedModel"
) -> "np.ndarray":
    """Read true classes that fit a certificate and a model.

    Raises:
        InputError: If it cannot be read, the shape differs, or a class is neither known nor 255.
    """
    from segcert.data.truth import check_turned, read_truth

    check_turned([given], compared.told)
    assert compared.truth is not None
    names = plain.class_names or found.counts.class_names
    classes = min(found.counts.classes, plain.classes or found.counts.classes)
    return read_truth(compared.truth, given, compared.told, classes=classes, names=names)
