"""Is a certificate about this input, and about this model? Hashes say so without drawing."""

from segcert.certificates.claim import Claim
from segcert.certificates.same_input import of_another_input
from segcert.errors import VerificationError
from segcert.inputs.input import Source, read
from segcert.models.protocol import SegmentationModel
from segcert.sampling.conclude import precision, scale_of
from segcert.sampling.fingerprints import check_distinct

TF32 = " (tf32 convolutions)"  # of a device, not of a model


def check_about_input(certificate: Claim, given: Source) -> None:
    """Refuse another input, and noise that repeats more often on this one than chance explains.

    Raises:
        InputError: If the input cannot be read.
        SamplingError: If noise repeats too often.
        VerificationError: If it is not the one that was certified.
    """
    found, source = read(given), certificate.provenance
    if other := of_another_input(certificate, found):
        raise VerificationError(other)
    shape, dtype = found.shape, found.dtype
    if (shape, dtype) != (source.input_shape, source.input_dtype):
        raise VerificationError(
            f"the certificate is of an input of {source.input_dtype} of shape "
            f"{source.input_shape}, and this one is {dtype} of shape {shape}"
        )
    counts = certificate.counts
    for prints in (counts.pilot_fingerprints, counts.test_fingerprints):
        check_distinct(prints, counts.noise.repeat_probability(found.tensor))


def check_about_model(certificate: Claim, segmenter: SegmentationModel) -> None:
    """Refuse another model: other weights, arithmetic, resizing, names or colours.

    Raises:
        VerificationError: With what differs.
    """
    counts, source = certificate.counts, certificate.provenance
    parts: dict[str, tuple[object, object]] = {
        "precision": (source.precision.removesuffix(TF32), precision(segmenter, on_cuda=False)),
        "weights (sha256)": (source.weights_sha256, segmenter.weights_sha256),
        "scale": (source.scale, scale_of(segmenter)),
        "class names": (counts.class_names, segmenter.class_names),
        "palette": (counts.palette, segmenter.palette),
    }
    if source.identity_sha256:  # older formats have none
        parts["identity (sha256)"] = (source.identity_sha256, segmenter.identity_sha256)
    for name, (recorded, found) in parts.items():
        if recorded != found:
            raise VerificationError(
                f"the model is not the one that was certified ({source.model}): its {name} is "
                f"{found!r}, recorded is {recorded!r}"
            )
