"""Counts: what sampling yields at the cost of hours, and statistics read in milliseconds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, Int32, Int64, UInt16, UInt64

from segcert.noise.base import AbstractNoise
from segcert.sampling.tally import Run
from segcert.stats.sequential import Sequential

MOST_CLASS_COUNTS = 2**29  # components times classes of the test without pilot: 2 GiB


@dataclass(frozen=True)
class EarlierDraw:
    """What a certificate said that was replaced by another one.

    Args:
        seed: Of all streams.
        input_sha256: Hash of its input.
        weights_sha256: Hash of its model.
        settings: Noise, tau, alpha, numbers of draws, correction and the like, in one line.
        components: Number of components.
        certified: How many of them were certified.
    """

    seed: int
    input_sha256: str
    weights_sha256: str
    settings: str
    components: int
    certified: int


@dataclass(frozen=True)
class Earlier:
    """A certificate that was replaced by another one.

    Args:
        file_sha256: Hash of its ``certificate.json``.
        draw: What it said; None if it did not verify.
    """

    file_sha256: str
    draw: EarlierDraw | None


@dataclass(frozen=True)
class Provenance:
    """Where counts come from; enough to draw them again.

    Args:
        input_sha256: Hash of type, shape and values of the input.
        input_shape: Shape of the input: channels, height, width; or points, columns.
        input_dtype: Type of the input's values.
        model: Name of the model.
        weights_sha256: Hash of its weights, or "none" for a plain function.
        scale: Resizing inside the base model, as `resizing_text` writes it.
        seed: Of all streams.
        stop_rule: What was asked whether to stop early, or empty.
        streams: Kind of the streams, "cpu" or "cuda".
        device: Type of the device whose arithmetic the counts are.
        device_name: What the device calls itself.
        precision: Of the model's arithmetic.
        pilot_runs: Batches of the pilot draws.
        test_runs: Batches of the test draws.
        versions: Of python, torch, numpy and segcert, and of what else ran the model.
        backend: What ran the model; see `segcert.models.identity.runtime`.
        earlier: Certificates that were replaced by that of these counts, the oldest first.
        identity_sha256: Hash of weights and configuration, see
            `segcert.models.identity.configuration`; empty in certificates of older formats, which
            name the weights alone.
        stream_version: Of the streams; see `segcert.sampling.streams`.
    """

    input_sha256: str
    input_shape: tuple[int, ...]
    input_dtype: str
    model: str
    weights_sha256: str
    scale: str
    seed: int
    stop_rule: str
    streams: str
    device: str
    device_name: str
    precision: str
    pilot_runs: tuple[Run, ...]
    test_runs: tuple[Run, ...]
    versions: tuple[tuple[str, str], ...]
    backend: str = "torch"
    earlier: tuple[Earlier, ...] = ()
    identity_sha256: str = ""
    stream_version: int = 1


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each component got its class.

    With a pilot (``n0 > 0``), ``n0`` draws chose ``labels`` and ``n`` other draws were counted
    against it. Without (``n0 = 0``), ``labels`` is the most frequent class of the ``n`` draws
    and ``class_counts`` holds them all.

    Args:
        labels: Class of each component.
        hits: How many of the ``n`` draws gave it.
        pilot_hits: How many of the ``n0`` pilot draws gave it; with a pilot only.
        promise: Mean softmax margin over its spread in the pilot draws, as an increasing 16-bit
            number; with a pilot and a model that returns scores only.
        class_counts: Counts of every class, without pilot only.
        n0: Draws that chose the class.
        n: Draws that were counted.
        sequential: How sampling was allowed to stop early; None if ``n`` was fixed.
        classes: Number of classes of the model.
        class_names: Their names, or empty.
        palette: Their colours, or empty.
        noise: The noise of all draws.
        invalid: Labels lost to NaN or infinite scores, in pilot and test draws; they count
            against every class.
        pilot_fingerprints: One per pilot draw.
        test_fingerprints: One per test draw.
        provenance: Where all this comes from.
    """

    labels: Int16[np.ndarray, " *components"]
    hits: Int32[np.ndarray, " *components"]
    pilot_hits: UInt16[np.ndarray, " *components"] | None
    promise: UInt16[np.ndarray, " *components"] | None
    class_counts: Int32[np.ndarray, " k *components"] | None
    n0: int
    n: int
    sequential: Sequential | None
    classes: int
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    noise: AbstractNoise
    invalid: int
    pilot_fingerprints: UInt64[np.ndarray, " n0"]
    test_fingerprints: UInt64[np.ndarray, " n"]
    provenance: Provenance

    @property
    def components(self) -> int:
        """Number of components, N."""
        return int(self.labels.size)

    @property
    def histogram(self) -> Int64[np.ndarray, " counts"]:
        """How many components have 0, 1, ..., n hits."""
        return np.bincount(self.hits.ravel(), minlength=self.n + 1).astype(np.int64)
