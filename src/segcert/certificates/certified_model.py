"""Is this the model, and the input, that a certificate is about?"""

from collections.abc import Sequence

from segcert.certificates.claim import Claim
from segcert.certificates.same_input import of_another_input
from segcert.errors import InputError, VerificationError
from segcert.inputs.input import Source, read
from segcert.models.identity.runtime import recorded_precision
from segcert.models.protocol import SegmentationModel
from segcert.sampling.conclude import runtime_of, scale_of
from segcert.sampling.counting import Task


def check_same(certificate: Claim, segmenter: SegmentationModel, image: Source) -> None:
    """Refuse another input, other weights, another arithmetic, scale or identity.

    Raises:
        InputError: If one differs.
    """
    source = certificate.provenance
    if other := of_another_input(certificate, read(image)):
        raise InputError(other)
    was, now = recorded_precision(source.precision), runtime_of(segmenter).precision
    if was != now:
        raise InputError(
            f"the certificate is about {source.model} in {was}, not in {now}: that is another base "
            "model"
        )
    if segmenter.weights_sha256 != source.weights_sha256:
        raise InputError(
            f"the model is not the one that was certified ({source.model}): "
            "its weights hash differently"
        )
    scale = scale_of(segmenter)
    if scale != source.scale:
        raise InputError(f"the certificate was made at scale {source.scale}, not {scale}")
    identity = source.identity_sha256  # empty in older formats
    if identity and segmenter.identity_sha256 != identity:
        raise InputError(
            f"the model is not the one that was certified ({source.model}): its weights are, but "
            "mean, std, grid, parts, votes, names of classes or the network around the weights "
            "differ; wrap it as it was (see docs/your-model.md)"
        )


def check_model(certificate: Claim, task: Task) -> None:
    """Refuse what a certificate says of a model that says otherwise of itself.

    Raises:
        VerificationError: With the first that differs: shape and type of the input, number of
            classes, their names, their colours, the name of the model, its arithmetic.
    """
    counts, source, segmenter = certificate.counts, certificate.provenance, task.segmenter
    said = (
        ("input has shape", source.input_shape, tuple(task.x.shape)),
        ("input has type", source.input_dtype, str(task.x.dtype).removeprefix("torch.")),
        ("noise is", counts.noise, task.noise),
        ("model has so many classes:", counts.classes, task.classes),
        ("classes are", counts.class_names, segmenter.class_names),
        ("colours of the classes are", counts.palette, segmenter.palette),
        ("model is called", source.model, segmenter.name),
    )
    if counts.labels.min(initial=0) < 0 or counts.labels.max(initial=0) >= task.classes:
        raise VerificationError(f"there are classes beyond the {task.classes} of the model")
    for what, recorded, found in said:
        if recorded != found:
            raise VerificationError(
                f"the certificate says that the {what} {worded(recorded)}, but it is "
                f"{worded(found)}: that part of it is not of this model and input"
            )


def worded(value: object) -> str:
    """Write a value, a list by its entries."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return str(value)
