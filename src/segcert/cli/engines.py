"""Where draws are made, as commands name it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from segcert.cli.arguments import whole

if TYPE_CHECKING:
    from segcert.models.protocol import WrappedModel
    from segcert.models.reference import ModelReference
    from segcert.runs.engines.abstract import AbstractEngine

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


@dataclass(frozen=True)
class EngineChoice:
    """Where draws are asked to be made.

    Args:
        name: "local", "processes" or "ray".
        workers: How many; None is as the engine has it.
        address: Of the cluster, of "ray".
    """

    name: str
    workers: int | None
    address: str | None

    def check(self, model: "WrappedModel", reference: "ModelReference", device: str) -> None:
        """Refuse what can be refused before the data set is read.

        Raises:
            InputError: If there is no such device, or workers could not have the same network.
        """
        from segcert.errors import InputError
        from segcert.runs.engines.processes import devices_of
        from segcert.sampling.setup import choose_device

        if self.name == "local":
            choose_device(device, model)
        elif reference.calibrates and reference.int8_file is None:
            raise InputError(
                f"--backend openvino-int8 with --engine {self.name} needs --int8-file FILE: the "
                "workers read the calibrated network from it"
            )
        if self.name == "processes":
            devices_of(device, self.workers)

    def open(
        self, model: "WrappedModel", reference: "ModelReference", *, device: str
    ) -> "AbstractEngine":
        """Open the engine.

        Args:
            model: For this process.
            reference: Opens the same model in workers.
            device: Where to sample.

        Raises:
            InputError: As the engine.
        """
        from segcert.runs.engines.local import LocalEngine
        from segcert.runs.engines.processes import ProcessEngine
        from segcert.runs.engines.ray_engine import RayEngine

        if self.name == "local":
            return LocalEngine(model, device=device)
        source = reference.of(model).open
        if self.name == "processes":
            return ProcessEngine(source, workers=self.workers, device=device)
        address = self.address or "auto"
        return RayEngine(source, address=address, workers=self.workers, device=device)
