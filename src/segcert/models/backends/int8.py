"""Networks in 8-bit integers: another base model, fixed by its calibration, with its own hash."""

import contextlib
import hashlib
import io
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from segcert.errors import InputError
from segcert.files import check_regular
from segcert.models.adapter import Segmenter
from segcert.models.backends.calibration import Calibration, hash_calibration, noisy_images
from segcert.models.backends.openvino import (
    OpenVinoNetwork,
    compile_graph,
    import_openvino,
    to_graph,
)
from segcert.models.backends.programs import device_of, network_of, quietly, seen_by_network
from segcert.models.identity.runtime import Runtime

EXTRA = "--backend openvino-int8 needs OpenVINO and NNCF: pip install 'segcert[openvino]'"
MOST_INPUTS = 96  # windows of averaging scales are many
SOURCE = ["segcert", "source"]  # where a file says of which network it is
CALIBRATION = ["segcert", "calibration"]  # and by what noise and images its ranges were found


def int8_network(
    segmenter: Segmenter, calibration: Calibration
) -> tuple[OpenVinoNetwork, Runtime, str]:
    """Quantize the network of a segmenter to int8, or read it from the calibration's file.

    Weights and activations become 8-bit integers; their ranges are those seen on noisy images.

    Args:
        segmenter: With denoiser, normalisation and scale: the network sees what comes out.
        calibration: Images and noise.

    Returns:
        The network as a plain function, what runs it, and a hash of everything it computes.

    Raises:
        InputError: If a package is missing, or the file is of another network or calibration, or
            damaged.

    Source:
        Jacob et al. (2018), Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, section 2.1.
    """
    openvino, file = import_openvino(), calibration.file
    versions = [("openvino", openvino.__version__)]
    if file is not None and file.exists():
        for part in (file, file.with_suffix(".bin")):
            check_regular(part, what="int8 network")
        graph = read_graph(file, segmenter, calibration)
    else:
        graph, version = quantized(segmenter, calibration)
        versions.append(("nncf", version))
        graph.set_rt_info(segmenter.weights_sha256, SOURCE)
        graph.set_rt_info(hash_calibration(calibration), CALIBRATION)
        if file is not None:
            write_graph(graph, file)
    network = compile_graph(graph, name=segmenter.name)
    return network, Runtime("openvino-int8", "int8", tuple(versions)), hash_graph(graph)


def quantized(segmenter: Segmenter, calibration: Calibration) -> tuple[Any, str]:
    """Quantize a network on noisy images.

    Returns:
        The graph, and the version of the program that did it.

    Raises:
        InputError: If NNCF is missing, or the network cannot be exported.
    """
    try:
        with quietly():
            import nncf
    except ImportError as error:
        raise InputError(EXTRA) from error
    seen = [
        inputs.cpu().numpy()
        for image in noisy_images(calibration)
        for inputs in seen_by_network(segmenter, image.to(device_of(segmenter)))
    ]
    seen = seen[:: max(1, len(seen) // MOST_INPUTS)]
    graph = to_graph(network_of(segmenter), channels=seen[0].shape[1], name=segmenter.name)
    nncf.set_log_level(logging.ERROR)
    with quietly(), contextlib.redirect_stdout(io.StringIO()):
        found = nncf.quantize(graph, nncf.Dataset(seen), subset_size=len(seen))
    return found, nncf.__version__


def hash_graph(graph: Any) -> str:
    """Hash operators, attributes, links and constants, in order; names do not count."""
    digest = hashlib.sha256()
    number: dict[str, int] = {}
    for place, node in enumerate(graph.get_ordered_ops()):
        number[node.get_name()] = place
        links = [
            (number[link.get_node().get_name()], link.get_index())
            for link in (source.get_source_output() for source in node.inputs())
        ]
        attributes = sorted((key, repr(value)) for key, value in node.get_attributes().items())
        digest.update(f"{node.get_type_name()}|{links}|{attributes}|".encode())
        if node.get_type_name() == "Constant":
            digest.update(np.ascontiguousarray(node.data).tobytes())
    return digest.hexdigest()


def write_graph(graph: Any, file: Path) -> None:
    """Write a graph: ``.xml`` and, beside it, ``.bin``; the former last.

    Raises:
        InputError: If it cannot be written.
    """
    openvino = import_openvino()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            draft = Path(folder) / file.name
            openvino.save_model(graph, draft, compress_to_fp16=False)
            draft.with_suffix(".bin").replace(file.with_suffix(".bin"))
            draft.replace(file)
    except OSError as error:
        raise InputError(f"int8 network {file} cannot be written: {error.strerror}") from error


def read_graph(file: Path, segmenter: Segmenter, calibration: Calibration) -> Any:
    """Read a graph that `write_graph` wrote.

    Raises:
        InputError: If it is damaged, of another network, or of another calibration than is given.
    """
    try:
        graph = import_openvino().Core().read_model(file)
        source = graph.get_rt_info(SOURCE).astype(str)
        calibrated = graph.get_rt_info(CALIBRATION).astype(str)
    except Exception as error:  # damaged files fail in every way
        raise InputError(
            f"int8 network {file} is damaged or was not written by segcert: delete it, and it is "
            "calibrated again"
        ) from error
    if source != segmenter.weights_sha256:
        raise InputError(
            f"int8 network {file} was made from another network than {segmenter.name}: name "
            "another file"
        )
    if calibration.folder is not None and calibrated != hash_calibration(calibration):
        raise InputError(
            f"int8 network {file} was calibrated on other images than {calibration.folder} holds, "
            f"or with another noise than sigma {calibration.sigma:g}: leave --calibration away to "
            "take it as it is, or name another file"
        )
    return graph
