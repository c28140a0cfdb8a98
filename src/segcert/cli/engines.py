"""Where draws are made, as commands name it."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from segcert.cli.arguments import whole

if TYPE_CHECKING:
    from segcert.models.adapter import Segmenter
    from segcert.runs.engines.abstract import AbstractEngine
    from segcert.runs.engines.units import ModelSource

EngineName = Annotated[
    Literal["local", "processes", "ray"],
    Parameter(
        help="Where draws are made: in this process, in several processes of this machine (one "
        "for each GPU), or on a Ray cluster. The counts are the same."
    ),
]
Workers = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Number of workers of --engine processes or ray; by default one for each GPU, or "
        "each CPU core.",
    ),
]
Address = Annotated[
    str | None,
    Parameter(
        help="Of --engine ray: HOST:PORT of the cluster, auto for that of this machine, or local "
        "for one of its own; auto."
    ),
]


def open_engine(
    name: str,
    segmenter: "Segmenter",
    source: "ModelSource",
    *,
    device: str,
    workers: int | None,
    address: str | None,
) -> "AbstractEngine":
    """Open an engine by its name.

    Raises:
        InputError: If an option belongs to another engine, or as the engine.
    """
    from segcert.errors import InputError
    from segcert.runs.engines.local import LocalEngine
    from segcert.runs.engines.processes import ProcessEngine
    from segcert.runs.engines.ray_engine import RayEngine

    if workers is not None and name == "local":
        raise InputError(f"--workers {workers} needs --engine processes or ray, got local")
    if address is not None and name != "ray":
        raise InputError(f"--address {address} needs --engine ray, got {name}")
    if name == "local":
        return LocalEngine(segmenter, device=device)
    if name == "processes":
        return ProcessEngine(source, workers=workers, device=device)
    return RayEngine(source, address=address or "auto", workers=workers, device=device)
