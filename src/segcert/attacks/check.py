"""Try a certificate: does the smoothed model keep its classes at an attacked image or cloud?"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32
from torch import Tensor

from segcert.attacks.projection import distance, exact_values
from segcert.certificates.certified_model import check_same
from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.noise.off_grid import noise_off_grid
from segcert.noise.points import PointNoise
from segcert.sampling.counting import Task, count_block
from segcert.sampling.fingerprints import check_distinct
from segcert.sampling.sampler import BATCHES_PER_BLOCK
from segcert.sampling.setup import as_base_model, check_draw_numbers, choose_batch_size, make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, no_draws
from segcert.stats.binomial import tails

UP = 1 + 1e-9  # on the norm: more than the error of a float64 norm


@dataclass(frozen=True, eq=False)
class AttackCheck:
    """What fresh draws at an attacked image say about the classes of a certificate.

    A certified class has a probability above tau at the image, hence above 1/2 within the radius.
    It is ``lost`` where its upper Clopper-Pearson bound at alpha / N is below 1/2, and ``kept``
    where the lower one is above; N counts the certified components, and either set is right with
    confidence ``1 - alpha``. If the attack is within the radius and the procedure is sound, more
    components than the correction allows are lost with a probability of at most ``2 alpha``:
    ``alpha`` that the certificate is wrong, and ``alpha`` that these draws mislead.

    Args:
        norm: The l2 norm of the attack in the certificate's unit, or its angle; never rounded down.
        radius: That of the certificate.
        alpha: Allowed probability that ``lost`` has a component that is not.
        n: Draws.
        seed: Of the draws.
        hits: Draws that gave the class of the certificate.
        certified: Certified components.
        kept: Certified components whose class has a probability above 1/2.
        lost: Certified components whose class has one below 1/2.
        errors_allowed: False certificates that the statement allows.

    Source:
        Clopper & Pearson (1934); docs/attack.md.
    """

    norm: float
    radius: float
    alpha: float
    n: int
    seed: int
    hits: Int32[np.ndarray, " *components"]
    certified: Bool[np.ndarray, " *components"]
    kept: Bool[np.ndarray, " *components"]
    lost: Bool[np.ndarray, " *components"]
    errors_allowed: int

    @property
    def inside(self) -> bool:
        """Whether the attack is within the certified radius."""
        return self.norm <= self.radius

    @property
    def contradicted(self) -> bool:
        """Whether the certificate is contradicted; never by an attack outside of its radius."""
        return self.inside and int(self.lost.sum()) > self.errors_allowed

    @property
    def survivors(self) -> Bool[np.ndarray, " *components"]:
        """Certified components whose class had more than half of the draws: an estimate."""
        survivors: np.ndarray = self.certified & (2 * self.hits > self.n)
        return survivors


def check_attack(
    certificate: Certificate,
    model: Model | SegmentationModel,
    image: Source,
    attacked: Float32[Tensor, " *shape"],
    *,
    n: int = 100,
    alpha: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> AttackCheck:
    """Sample the smoothed model at an attacked image, with noise that no attack has seen.

    Args:
        certificate: Of classes under Gaussian noise.
        model: The model that was certified.
        image: The image or cloud that was certified.
        attacked: The attacked image in input units, in [0, 1]; or the attacked cloud.
        n: Draws.
        alpha: Of the check; by default that of the certificate.
        seed: Of the draws; None takes one from the operating system. It must not be known to the
            attack.
        device: Where to draw.
        batch_size: Draws that go through the model together.
        progress: Called with draws done and draws in all.

    Raises:
        InputError: If model or image are not those of the certificate, it certifies groups of
            classes or no l2 ball, or an argument is out of range.
    """
    check_attackable(certificate)
    segmenter = as_base_model(model)
    given = read(image)
    check_same(certificate, segmenter, given)
    check_numbers(certificate, n, alpha)
    x, kind = given.tensor.cpu(), given.kind
    if attacked.shape != x.shape:
        raise InputError(
            f"the attacked input has shape {tuple(attacked.shape)}, the given one {tuple(x.shape)}"
        )
    if not torch.equal(kind.with_free(x, kind.free(attacked.cpu())), attacked.cpu()):
        raise InputError("the attack changed normals, which the certificate trusts")
    noise = noise_off_grid(certificate.counts.noise)
    task = make_task(
        segmenter,
        attacked.cpu(),
        noise=noise,
        seed=seed,
        device=device,
        batch_size=batch_size,
        recorded=True,
    )
    norm = distance(attacked.cpu(), exact_values(x)) * UP
    return judge(
        certificate, task, norm, n=n, alpha=alpha, batch_size=batch_size, progress=progress
    )


def check_numbers(certificate: Certificate, n: int, alpha: float | None) -> None:
    """Refuse numbers of a check that are out of range.

    Raises:
        InputError: If so.
    """
    check_draw_numbers(0, n)
    alpha = certificate.alpha if alpha is None else alpha
    if not 0 < alpha < 1:
        raise InputError(f"alpha must be in (0, 1), got {alpha}")


def judge(
    certificate: Certificate,
    task: Task,
    norm: float,
    *,
    n: int,
    alpha: float | None,
    batch_size: int | str,
    progress: Callable[[int, int], None] | None,
) -> AttackCheck:
    """Draw at a changed input, and say which certified components kept their class.

    Args:
        certificate: The certificate.
        task: The model under its noise at the changed input.
        norm: Size of the change, as the certificate measures it; not rounded down.
        n: Draws.
        alpha: Of the check; None is that of the certificate.
        batch_size: Draws that go through the model together.
        progress: Called with draws done and draws in all.
    """
    alpha = certificate.alpha if alpha is None else alpha
    hits = count_label(task, certificate, n, choose_batch_size(batch_size, task), progress)
    lowest, highest = surprising_counts(n, level=alpha / max(int(certificate.certified.sum()), 1))
    return AttackCheck(
        norm=norm,
        radius=certificate.radius,
        alpha=alpha,
        n=n,
        seed=task.streams.seed,
        hits=hits,
        certified=certificate.certified,
        kept=certificate.certified & (hits >= highest),
        lost=certificate.certified & (hits <= lowest),
        errors_allowed=certificate.correction.errors_allowed,
    )


def check_attackable(certificate: Certificate) -> None:
    """Refuse certificates whose statement is not one on classes in an l2 ball.

    Raises:
        InputError: If it certifies groups of classes, or another noise than Gaussian was used.
    """
    if certificate.tree:
        raise InputError("the certificate is one of groups of classes (a tree): attack one without")
    if not is_gaussian(certificate.counts.noise):
        raise InputError(
            f"the certificate is one of {certificate.norm} changes: attacks are made in l2 balls, "
            "which Gaussian noise certifies"
        )


def is_gaussian(noise: AbstractNoise) -> bool:
    """Tell whether a noise certifies the l2 balls that attacks are made in."""
    return isinstance(noise, (GaussianNoise, LatticeGaussianNoise, PointNoise))


def count_label(
    task: Task,
    certificate: Certificate,
    n: int,
    batch_size: int,
    progress: Callable[[int, int], None] | None,
) -> Int32[np.ndarray, " *components"]:
    """Count the draws that give each component the class of the certificate."""
    guess = torch.from_numpy(certificate.labels).to(task.x.device)
    tally = no_draws(task.components, n=n, device=task.x.device)
    length = BATCHES_PER_BLOCK * batch_size
    for start in range(0, n, length):
        block = DrawBlock(Stage.TEST, start, min(start + length, n))
        tally = tally.plus(count_block(task, block, guess, batch_size=batch_size))
        if progress:
            progress(tally.draws, n)
    check_distinct(tally.fingerprints, task.noise.repeat_probability(task.x))
    hits: np.ndarray = tally.counts.cpu().numpy().astype(np.int32)
    return hits


def surprising_counts(n: int, *, level: float) -> tuple[int, int]:
    """Largest count that proves a probability below 1/2 at a level, and smallest for one above.

    Returns:
        -1 and n + 1 where n draws cannot prove it.

    Source:
        Clopper & Pearson (1934): the upper bound of K is below 1/2 iff P(Bin(n, 1/2) <= K) is below
        the level, and Bin(n, 1/2) is symmetric.
    """
    enough = np.flatnonzero(tails(n, 0.5) < math.nextafter(level, 0))
    highest = int(enough[0]) if len(enough) else n + 1
    return n - highest, highest
