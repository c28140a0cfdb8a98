"""What the page of a certificate says about how it was made, in words."""

import numpy as np
from jaxtyping import Int16

from segcert.certificates.components import largest_n
from segcert.certificates.earlier_words import earlier_lines
from segcert.certificates.result import Certificate
from segcert.inputs.kind import kind_of
from segcert.sampling.counts import Counts, Provenance
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.regions import Blocks
from segcert.text import floor_text

Fact = tuple[str, str]


def rule_in_words(certificate: Certificate) -> str:
    """Say when a component is certified, after the number of draws was said."""
    k, n, part = certificate.threshold, certificate.counts.n, parts_of(certificate)[:-1]
    if k > n:
        return "no count is high enough to be certified"
    if certificate.tree:
        return (
            f"a class or group is certified if at least {k} gave it, or a class in it; "
            "the finest such one is shown"
        )
    regions = certificate.family.regions is not None
    where = f" at each tested {part} of a region" if regions else ""
    if isinstance(certificate.correction, Ordered):
        return (
            f"at least {k} must agree{where}, and more in what is tested after the budget of "
            "failures is spent"
        )
    if regions:
        return f"a region is certified as a whole if at least {k} agreed{where}"
    return f"a {part} is certified if at least {k} agreed"


def parts_of(certificate: Certificate) -> str:
    """What its components are called."""
    return kind_of(certificate.provenance.input_shape).parts


def shortfall_in_words(certificate: Certificate) -> str:
    """Say why a tested component with enough draws may not be certified; empty if it always is."""
    reasons = []
    if certificate.family.regions is not None:
        reasons.append("not everywhere in its region")
    if isinstance(certificate.correction, Ordered):
        reasons.append("tested after the budget of failures was spent")
    return " or ".join(reasons)


def stopped(counts: Counts) -> bool:
    """Whether sampling stopped before the largest number of draws."""
    return counts.n < largest_n(counts)


def draws_in_words(counts: Counts) -> str:
    """Say how many draws did what, and whether they stopped early."""
    pilot = f"{counts.n0} choose the class, " if counts.n0 else ""
    if counts.sequential is None:
        return f"{pilot}{counts.n} are counted"
    ending = f"stopped: {counts.provenance.stop_rule}" if stopped(counts) else "not stopped"
    return f"{pilot}{counts.n} of {largest_n(counts)} are counted, {ending}"


def looks_in_words(counts: Counts) -> str:
    """Say when sampling might have stopped."""
    if counts.sequential is None:
        return "one, after all draws"
    if isinstance(counts.sequential, Looks):
        at = counts.sequential.at
        return f"{len(at)}, after {', '.join(map(str, at))} draws, each with alpha / {len(at)}"
    every = counts.sequential.every
    return f"by an e-process, after {'each draw' if every == 1 else f'every {every} draws'}"


def family_facts(certificate: Certificate) -> tuple[Fact, ...]:
    """Say what was not tested, and what was tested together; nothing if all was tested alone."""
    family, counts, parts = certificate.family, certificate.counts, parts_of(certificate)
    facts: list[Fact] = []
    ignored = 0 if family.ignore is None else int(family.ignore.sum())
    if family.ignore is not None:
        facts.append(("ignored", f"{ignored} {parts} of a mask were not tested"))
    if family.drop_below is not None:
        dropped = int((~family.tested(counts)).sum()) - ignored
        facts.append((
            "dropped",
            f"{dropped} {parts} were not tested because the pilot promises less than "
            f"{family.drop_below:g}",
        ))  # fmt: skip
    region = family.region(counts)
    if region is not None:
        number = len(np.unique(region[family.tested(counts)]))
        blocks = family.regions
        cut = f", blocks of side {blocks.side}" if isinstance(blocks, Blocks) else ""
        cut += ", cut by the pilot's class and promise" if cut and counts.n0 else ""
        facts.append(("regions", f"{number} are tested{cut}"))
    if certificate.tree:
        classes = certificate.tree.classes
        groups = certificate.tree.root + 1 - classes
        facts.append(("class tree", f"{groups} groups of {classes} classes, with the root"))
    return tuple(facts)


def facts(certificate: Certificate) -> tuple[Fact, ...]:
    """Parameters and provenance: name, value."""
    counts, source = certificate.counts, certificate.provenance
    kind, shape = kind_of(source.input_shape), source.input_shape
    scale = (("scale inside the model", source.scale),) if kind.resizable else ()
    size = "x".join(map(str, reversed(kind.components(shape))))
    return (
        ("noise", counts.noise.description),
        ("radius", f"{floor_text(certificate.radius)} {certificate.unit}"),
        ("tau", f"{certificate.tau:g}"),
        ("alpha", f"{certificate.alpha:g}"),
        ("draws", draws_in_words(counts)),
        ("method", certificate.method),
        ("correction", str(certificate.correction)),
        *family_facts(certificate),
        ("looks", looks_in_words(counts)),
        ("stop rule", source.stop_rule or "none"),
        ("count needed", needed(certificate)),
        ("labels lost to NaN or infinity", str(counts.invalid)),
        ("model", source.model),
        *scale,
        ("weights (sha256)", source.weights_sha256),
        (f"{kind.word} (sha256)", source.input_sha256),
        (kind.word, f"{size} {kind.parts}, {source.input_dtype}"),
        ("seed", str(source.seed)),
        *earlier_facts(source),
        ("device", f"{source.device} ({source.device_name}), {source.precision}"),
        ("backend", source.backend),
        ("versions", ", ".join(f"{name} {number}" for name, number in source.versions)),
    )


def earlier_facts(source: Provenance) -> tuple[Fact, ...]:
    """Say which certificates were replaced; nothing if none was."""
    return tuple(
        (name, said) for name, _, said in (line.partition(": ") for line in earlier_lines(source))
    )


def base_fact(
    certificate: Certificate, base: Int16[np.ndarray, " *components"] | str | None
) -> tuple[Fact, ...]:
    """Say what the base prediction is, or why there is none; nothing if none was asked for."""
    if base is None:
        return ()
    if isinstance(base, str):
        return (("base prediction", f"none: {base}"),)
    said = f"one pass of {certificate.provenance.model} without noise; no part of the certificate"
    return (("base prediction", said),)


def needed(certificate: Certificate) -> str:
    """The smallest count that can be certified, of how many."""
    if certificate.threshold > certificate.counts.n:
        return "no count is high enough"
    return f"{certificate.threshold} of {certificate.counts.n}"
