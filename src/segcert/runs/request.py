"""What a run was asked for: fixed before the first draw, compared when work is resumed."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from segcert.certificates.claim import Claim
from segcert.errors import InputError
from segcert.models.identity.runtime import Precision, recorded_precision
from segcert.models.resizing.scale import resizing_record, resizing_text
from segcert.noise.base import AbstractNoise
from segcert.noise.registry import name_of, on_points
from segcert.plan import Plan
from segcert.plan_texts import correction_text, plain, tree_text
from segcert.sampling.counts import Counts
from segcert.stats.correction_names import parse_correction
from segcert.stats.looks import Looks
from segcert.stats.regions import Blocks
from segcert.stats.stop_rules import parse_stop

Record = Mapping[str, object]
NOISE = ("noise", "sigma", "shift_sigma", "jitter_sigma", "axis")  # fields that say which noise
TEXTS: dict[str, Callable[[str], object]] = {  # that may be written in several ways
    "correction": lambda text: correction_text(parse_correction(text)),
    "stop_when": lambda text: str(parse_stop(text)),
}


@dataclass(frozen=True)
class Request:
    """Every choice that a certificate depends on, besides input and seed.

    Args:
        plan: What is fixed before the draws.
        model: Name of the model.
        weights_sha256: Hash of its weights.
        scale: Resizing inside the base model; see `parse_resizing`.
        backend: What runs the model.
        precision: Arithmetic of the model: "fp32", "bf16", "fp16" or "int8".
    """

    plan: Plan
    model: str
    weights_sha256: str
    scale: str | float = "1"
    backend: str = "torch"
    precision: Precision = "fp32"

    @cached_property
    def record(self) -> dict[str, object]:
        """All of it in flat fields, as unfinished work keeps it; of a mask, its hash."""
        said = self.plan.record.written
        del said["version"]
        if self.plan.mask is not None:
            said |= {"ignore": None, "ignore_sha256": self.plan.mask.sha256}
        return said | {
            "model": self.model, "weights_sha256": self.weights_sha256,
            "scale": resizing_record(resizing_text(self.scale)),
            "backend": self.backend, "precision": self.precision,
        }  # fmt: skip

    def differences(self, other: Record) -> str:
        """Say in words what differs from the record of another request; empty if nothing.

        What is None in one need not be in the other; texts mean the same in other words.
        """
        mine, theirs = self.record, {key: in_our_words(key, one) for key, one in other.items()}
        keys = [*mine, *(key for key in theirs if key not in mine)]
        return ", ".join(
            f"{key} {shown(theirs.get(key))} -> {shown(mine.get(key))}"
            for key in keys
            if mine.get(key) != theirs.get(key)
        )

    def recorded(self, certificate: Claim) -> Record:
        """What a certificate was asked for, in the words of this request where it is the same."""
        counts, source, family = certificate.counts, certificate.provenance, certificate.family
        mine, plan = self.record, self.plan
        if counts.noise.without_grid() in drawn(plan.noise):
            noise = {key: mine.get(key) for key in NOISE}
        else:
            options = {key: plain(one) for key, one in counts.noise.options().items()}
            noise = {"noise": name_of(counts.noise), **options}
        planned = plan.sequential(counts.labels.shape) == counts.sequential
        return noise | {
            "tau": certificate.tau,
            "alpha": certificate.alpha,
            "n0": counts.n0,
            "n": counts.n if counts.sequential is None else counts.sequential.at[-1],
            "correction": correction_text(certificate.correction),
            "blocks": family.regions.side if isinstance(family.regions, Blocks) else None,
            "regions": None if family.regions is None or family.block_side else "an array",
            "drop_below": family.drop_below,
            "tree": tree_text(certificate.tree),
            "statement": statement_of(certificate),
            "ignore_sha256": None if family.mask is None else family.mask.sha256,
            "stop_when": source.stop_rule or None,
            "looks": plan.looks if planned else number_of_looks(counts),
            "model": source.model,
            "weights_sha256": source.weights_sha256,
            "scale": resizing_record(source.scale),
            "backend": source.backend,
            "precision": recorded_precision(source.precision),
        }


def statement_of(claim: Claim) -> str | None:
    """What is stated, as a plan says it; None if components are named."""
    count = claim.chosen.count
    return None if count is None else str(count)


def drawn(noise: AbstractNoise) -> tuple[AbstractNoise, ...]:
    """What a noise becomes, by the type of the input, but for its grid."""
    found = [noise]
    with suppress(InputError):  # it is too large for the grid
        found.append(noise.on_grid())
    with suppress(InputError):  # it is none for clouds
        found.append(on_points(noise))
    return tuple(found)


def number_of_looks(counts: Counts) -> int:
    """How many looks were planned; 0 for the e-process."""
    return len(counts.sequential.at) if isinstance(counts.sequential, Looks) else 0


def in_our_words(key: str, value: object) -> object:
    """Say a recorded choice as `Request.record` does."""
    if key in TEXTS and isinstance(value, str):
        with suppress(InputError):
            return TEXTS[key](value)
    return value


def shown(value: object) -> str:
    """A choice in an error."""
    return "another one" if isinstance(value, dict) else str(value)
