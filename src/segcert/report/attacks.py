"""What an attack did: figures, record, files, and a table for the terminal."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer, UInt8
from PIL import Image
from rich.table import Table
from torch import Tensor

from segcert.attacks.check import AttackCheck
from segcert.attacks.ways import Found
from segcert.certificates.pictures import Colour, png_bytes
from segcert.certificates.result import Certificate
from segcert.files import atomic_write
from segcert.inputs.input import Input
from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.report.cloud_attacks import write_cloud
from segcert.report.points_view import Up
from segcert.report.strip import attack_figure
from segcert.text import floor_text, percent_text

NO_TRUTH = 255


@dataclass(frozen=True, eq=False)
class PlainEffect:
    """Labels that a model gives without noise, before and after an attack.

    Args:
        model: Its name.
        before: Labels of the image.
        after: Labels of the attacked image.
        truth: True classes, 255 = ignored; None if unknown.
    """

    model: str
    before: Integer[np.ndarray, " *components"]
    after: Integer[np.ndarray, " *components"]
    truth: Integer[np.ndarray, " *components"] | None = None

    @property
    def changed(self) -> int:
        """Components whose label is another one after the attack."""
        return int((self.before != self.after).sum())

    @property
    def labelled(self) -> int:
        """Components with a truth."""
        return 0 if self.truth is None else int((self.truth != NO_TRUTH).sum())

    def right(self, labels: Integer[np.ndarray, " *components"]) -> int:
        """Components with the true class."""
        return 0 if self.truth is None else int((labels == self.truth).sum())


def write_attack(
    folder: Path,
    certificate: Certificate,
    given: Input,
    found: Found,
    effect: PlainEffect,
    *,
    palette: tuple[Colour, ...] = (),
    up: Up = "y",
) -> None:
    """Write the attacked input, ``figure1.png`` and, last, ``attack.json``.

    Args:
        folder: Where to: gets ``attacked.npy`` and ``attacked.png``, or for a cloud
            ``attacked.npz``. Arrays are the attacked input, exactly; a picture is rounded to
            bytes, and so is another image, which may be outside of the ball.
        certificate: The certificate.
        given: The input that it is about.
        found: What the attack found.
        effect: On the plain model.
        palette: Colours of its labels; by default those of the certificate.
        up: Axis that points up in pictures of clouds.
    """
    writers: Mapping[InputKind, Callable[[], bytes]] = {
        IMAGE: lambda: write_image(folder, certificate, found.attacked, effect, palette),
        CLOUD: lambda: write_cloud(
            folder, certificate, given.tensor, found.attacked, (effect.before, effect.after), up=up
        ),
    }
    figure = writers[given.kind]()
    with atomic_write(folder / "figure1.png") as file:
        file.write(figure)
    text = json.dumps(record(certificate, given.kind, found, effect), indent=2)
    with atomic_write(folder / "attack.json") as file:
        file.write(f"{text}\n".encode())


def write_image(
    folder: Path,
    certificate: Certificate,
    attacked: Float32[Tensor, " 3 h w"],
    effect: PlainEffect,
    palette: tuple[Colour, ...],
) -> bytes:
    """Write ``attacked.npy`` and ``attacked.png``, and draw the figure."""
    pixels = attacked.numpy()
    with atomic_write(folder / "attacked.npy") as file:
        np.save(file, pixels, allow_pickle=False)
    seen = viewed(pixels)
    with atomic_write(folder / "attacked.png") as file:
        file.write(png_bytes(Image.fromarray(seen)))
    return png_bytes(
        attack_figure(certificate, seen, effect.after, truth=effect.truth, palette=palette)
    )


def viewed(attacked: Float32[np.ndarray, " 3 h w"]) -> UInt8[np.ndarray, " h w 3"]:
    """Round an image to bytes, for the eye."""
    seen: np.ndarray = np.rint(255 * attacked.clip(0, 1)).astype(np.uint8).transpose(1, 2, 0)
    return seen


def record(
    certificate: Certificate, kind: InputKind, found: Found, effect: PlainEffect
) -> dict[str, object]:
    """Everything about an attack that a file should say."""
    return {
        f"{kind.word}_sha256": certificate.provenance.input_sha256,
        "certified_model": certificate.provenance.model,
        "certified_radius": certificate.radius,
        "unit": certificate.unit,
        "search": found.record,
        "norm": found.check.norm,
        "inside": found.check.inside,
        "plain": plain_record(effect),
        "smoothed": smoothed_record(found.check),
    }


def plain_record(effect: PlainEffect) -> dict[str, object]:
    """What a file should say about the plain model."""
    return {
        "model": effect.model,
        "components": int(effect.before.size),
        "changed": effect.changed,
        "labelled": effect.labelled,
        "right_before": effect.right(effect.before),
        "right_after": effect.right(effect.after),
    }


def smoothed_record(check: AttackCheck) -> dict[str, object]:
    """What a file should say about the check of the certificate."""
    return {
        "draws": check.n,
        "alpha": check.alpha,
        "seed": check.seed,
        "certified": int(check.certified.sum()),
        "survivors": int(check.survivors.sum()),
        "proved_kept": int(check.kept.sum()),
        "proved_lost": int(check.lost.sum()),
        "errors_allowed": check.errors_allowed,
        "contradicted": check.contradicted,
    }


def attack_table(
    effect: PlainEffect, check: AttackCheck, *, size: str = "l2 norm", parts: str = "pixels"
) -> Table:
    """Say in a few rows what the attack did to the plain model and to what was certified.

    Args:
        effect: On the plain model.
        check: Of the certificate.
        size: How the attack is measured.
        parts: What components are called.
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    where = "within" if check.inside else "outside"
    table.add_row(
        "attack", f"{size} {check.norm:.4f}, {where} the certified {floor_text(check.radius)}"
    )
    if effect.truth is not None:
        before, after = (
            percent_text(effect.right(labels), effect.labelled)
            for labels in (effect.before, effect.after)
        )
        table.add_row("plain accuracy", f"{before} before, {after} after")
    pixels = effect.before.size
    changed = percent_text(effect.changed, pixels)
    table.add_row("plain, changed", f"{effect.changed} of {pixels} {parts} ({changed})")
    certified, kept = int(check.certified.sum()), int(check.survivors.sum())
    table.add_row(
        "certified, survive",
        f"{kept} of {certified} {parts} ({percent_text(kept, certified)}) "
        f"have the majority of {check.n} fresh draws",
    )
    lost = int(check.lost.sum())
    table.add_row("certified, changed", f"{lost} of {certified} {parts} provably")
    return table
