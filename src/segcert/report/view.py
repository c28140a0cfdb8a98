"""What the page of a certificate shows, as plain data."""

import numpy as np
from jaxtyping import Bool, Int16, Int64, Integer, UInt8

from segcert.certificates.claim_files import to_json
from segcert.certificates.components import largest_n
from segcert.certificates.legend import names_of, palette_of
from segcert.certificates.pictures import ABSTAIN
from segcert.certificates.result import Certificate
from segcert.certificates.variation import variation
from segcert.metrics.score import score
from segcert.report.evidence import make_evidence
from segcert.report.facts import (
    base_fact,
    draws_in_words,
    facts,
    parts_of,
    rule_in_words,
    shortfall_in_words,
    stopped,
)
from segcert.report.page_view import Metric, ReportView
from segcert.report.radius import RadiusWords, radius_in_words
from segcert.stats.class_tree import ClassTree, node_count
from segcert.text import confidence_text, floor_text, percent_text


def make_view(
    certificate: Certificate,
    image: UInt8[np.ndarray, " h w 3"],
    *,
    title: str,
    truth: UInt8[np.ndarray, " h w"] | None = None,
    base: Int16[np.ndarray, " h w"] | str | None = None,
) -> ReportView:
    """Turn a certificate into what the page shows.

    Args:
        certificate: The certificate.
        image: The image that was certified.
        title: Heading of the page.
        truth: True classes, 255 = ignored.
        base: Classes that the model gives the image without noise, -1 = none; or why there are
            none, in words.
    """
    counts, hits = certificate.counts, label_hits(certificate)
    radius = radius_in_words(certificate)
    return ReportView(
        title=title,
        image=image,
        labels=certificate.labels,
        certified=certificate.certified,
        tested=certificate.family.tested(counts),
        hits=hits,
        n=counts.n,
        n0=counts.n0,
        threshold=certificate.threshold,
        rule=rule_in_words(certificate),
        shortfall=shortfall_in_words(certificate),
        root=certificate.tree.root if certificate.tree else -1,
        class_names=names_of(certificate),
        palette=palette_of(certificate),
        base=base_labels(base),
        truth=truth,
        right=None if truth is None else right_labels(certificate, truth),
        statement=certificate.statement,
        radius=radius,
        radius_text=radius_text(certificate),
        evidence=make_evidence(certificate, hits),
        facts=(*facts(certificate), *base_fact(certificate, base)),
        metrics=headline(certificate, truth, radius),
        certificate_json=to_json(certificate),
    )


def radius_text(certificate: Certificate) -> str:
    """The radius with its norm."""
    return f"{floor_text(certificate.radius)} {certificate.norm}"


def base_labels(
    labels: Int16[np.ndarray, " *components"] | str | None,
) -> UInt8[np.ndarray, " *components"] | None:
    """Labels of a model without noise as a page has them: 255 where there is none."""
    if labels is None or isinstance(labels, str):
        return None
    return np.where(labels < 0, ABSTAIN, labels).astype(np.uint8)


def label_hits(certificate: Certificate) -> Integer[np.ndarray, " h w"]:
    """Draws that gave the label of each pixel; at the root of a tree see `most_frequent_member`."""
    tree, labels, counts = certificate.tree, certificate.labels, certificate.counts
    if tree is None:
        return counts.hits
    assert counts.class_counts is not None  # trees need them
    hits = most_frequent_member(tree, counts.class_counts)
    for node in np.unique(labels[labels != tree.root]):
        here = labels == node
        hits[here] = node_count(tree, counts.class_counts[:, here], int(node))
    return hits


def most_frequent_member(
    tree: ClassTree, class_counts: Integer[np.ndarray, " k h w"]
) -> Int64[np.ndarray, " h w"]:
    """Count of the most frequent member of the root: how close a pixel is to being certified."""
    members = np.flatnonzero(np.array(tree.parents[:-1]) == tree.root)
    hits = np.zeros(class_counts.shape[1:], dtype=np.int64)
    for node in members:
        np.maximum(hits, node_count(tree, class_counts, int(node)), out=hits)
    return hits


def right_labels(
    certificate: Certificate, truth: UInt8[np.ndarray, " *components"]
) -> Bool[np.ndarray, " *components"]:
    """Where the label is the true class, or a group that holds it.

    The root holds every class and says nothing, so there the most frequent class is judged.
    """
    tree, labels = certificate.tree, certificate.labels
    right: np.ndarray = certificate.counts.labels == truth
    if tree is None:
        return right
    known = truth < tree.classes
    holds = tree.covers[labels, np.where(known, truth, 0)] & known
    return np.where(labels == tree.root, right, holds)


def headline(
    certificate: Certificate,
    truth: UInt8[np.ndarray, " *components"] | None,
    radius: RadiusWords,
) -> tuple[Metric, ...]:
    """Figures at the top of the page of an image or a cloud: name, value, hint."""
    counts, parts = certificate.counts, parts_of(certificate)
    whole, certified = counts.components, int(certificate.certified.sum())
    shown: list[Metric] = [
        ("certified", percent_text(certified, whole), certified_hint(certificate)),
        ("abstention", percent_text(whole - certified, whole), f"of the {parts}: nothing is said"),
        ("radius", floor_text(certificate.radius), radius.short),
        (
            "confidence",
            confidence_text(certificate.alpha, variation(certificate.counts)),
            "for the whole statement",
        ),
    ]
    if counts.sequential is not None:
        ending = draws_in_words(counts).rpartition(", ")[2]
        used = f"{counts.n} of {largest_n(counts)}" if stopped(counts) else f"all {counts.n}"
        shown.append(("draws", used, ending))
    return (*shown, *against_truth(certificate, truth)) if truth is not None else tuple(shown)


def certified_hint(certificate: Certificate) -> str:
    """Say what the certified components keep."""
    parts = parts_of(certificate)
    what = "class or group" if certificate.tree else "class"
    errors = certificate.correction.errors_allowed
    if errors:
        return f"of the {parts}; all of them but at most {errors} keep their {what}"
    return f"of the {parts} keep their {what}"


def against_truth(
    certificate: Certificate, truth: UInt8[np.ndarray, " *components"]
) -> tuple[Metric, Metric]:
    """Accuracy, and certified accuracy; a group is right if it holds the true class."""
    counts, certified = certificate.counts, certificate.certified
    found = score(counts.labels, certified, truth, classes=counts.classes)
    true = int((certified & right_labels(certificate, truth) & (truth != 255)).sum())
    kept = "with the true class or a group around it" if certificate.tree else "and true"
    return (
        (
            "accuracy",
            percent_text(int(found.confusion.trace()), found.labelled),
            f"of the labelled {parts_of(certificate)} have the true class",
        ),
        ("certified accuracy", percent_text(true, found.labelled), f"are certified {kept}"),
    )
