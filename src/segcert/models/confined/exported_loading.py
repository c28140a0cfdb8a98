"""Load an exported program that was looked at, and say what it takes."""

import io
from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.confined.chunks import Dimension, only_tensor

ORDERS = {
    "any": torch.preserve_format,
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}
TYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
        torch.uint8,
    )
}  # fmt: skip


class Side(BaseModel):
    """A size of an input that is taken.

    Args:
        least: Smallest.
        most: Largest; None is any.
        factor: It must be a multiple of this, plus ``rest``.
        rest: See there.
        name: Sizes of one name are equal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    least: int = 0
    most: int | None = None
    factor: int = 1
    rest: int = 0
    name: str = ""

    @property
    def fixed(self) -> Dimension:
        """The only size, or None."""
        return self.least if self.least == self.most else None

    def takes(self, size: int) -> bool:
        """Tell whether a size is taken."""
        small = size < self.least
        large = self.most is not None and size > self.most
        return not small and not large and (size - self.rest) % self.factor == 0

    def words(self) -> str:
        """Say which sizes are taken."""
        multiple = f", a multiple of {self.factor}" if self.factor > 1 else ""
        if self.rest:
            multiple += f" plus {self.rest}"
        return f"{self.least} to {'any' if self.most is None else self.most}{multiple}"


class Taken(BaseModel):
    """An input of a program.

    Args:
        sides: What sizes each axis has.
        dtype: Of its numbers.
        order: In which order its numbers must lie in memory; any, if the program does not care.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sides: tuple[Side, ...]
    dtype: str
    order: Literal["any", "contiguous", "channels_last"] = "any"

    @property
    def shape(self) -> tuple[Dimension, ...]:
        """Sizes that are fixed; None for others."""
        return tuple(side.fixed for side in self.sides)

    def laid_out(self, given: Tensor) -> Tensor:
        """The input in the type with which the program was exported, and in that order."""
        moved = given.to(TYPES[self.dtype])
        return moved if self.order == "any" else moved.contiguous(memory_format=ORDERS[self.order])


class ProgramFacts(BaseModel):
    """What is known of a program before it is called.

    Args:
        inputs: What it takes.
        classes: Number of classes that it scores; None if it returns labels or leaves it open.
        trains: Whether an operator of it (batch norm, dropout) works as in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[Taken, ...]
    classes: int | None
    trains: bool


def load_exported(
    archive: bytes, device: str = "cpu", *, output: str = ""
) -> tuple[dict[str, Any], Callable[..., Tensor]]:
    """Load a program.

    Args:
        archive: As `exported_files.clean_archive` makes it: nothing else may be given.
        device: Where it is to run.
        output: Key or number of the output that counts.

    Returns:
        `ProgramFacts` as a plain dictionary, and the program as a function of tensors.
    """
    exported = torch.export.load(io.BytesIO(archive))
    inputs = tuple(taken_by(example, exported) for example in example_inputs(exported))
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        exported = move_to_device_pass(exported, device)
    facts = ProgramFacts(
        inputs=inputs, classes=scored_classes(exported), trains=trains(exported.graph)
    )
    module = exported.module(check_guards=False)  # they are checked before it is called
    return facts.model_dump(), steady(module, output)


def steady(module: torch.nn.Module, output: str = "") -> Callable[..., Tensor]:
    """The program as a function that refuses to change from call to call.

    Draws would depend on each other if a program wrote into its own weights.
    """
    state = [*module.parameters(), *module.buffers()]

    def call(*given: Tensor) -> Tensor:
        before = sum(tensor._version for tensor in state)
        found = only_tensor("", module(*given), output)
        if sum(tensor._version for tensor in state) != before:
            raise ModelError(
                "the program writes into its own weights, so that its draws would depend on each "
                "other: call eval() before torch.export.export"
            )
        return found

    return call


def example_inputs(program: torch.export.ExportedProgram) -> list[Tensor]:
    """The inputs of a program, as examples without numbers; what is no tensor is left out."""
    names = program.graph_signature.user_inputs
    found = [
        n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in names
    ]
    return [one for one in found if isinstance(one, Tensor)]


def taken_by(example: Tensor, program: torch.export.ExportedProgram) -> Taken:
    """Read off an example without numbers what sizes an input may have.

    Raises:
        ModelError: If its type is none that is passed on.
    """
    dtype = str(example.dtype).removeprefix("torch.")
    if dtype not in TYPES:
        raise ModelError(f"it takes {dtype}: export it for float32")
    sides = tuple(side_of(size, program) for size in example.shape)
    return Taken(sides=sides, dtype=dtype, order=order_of(example, program))


def order_of(
    example: Tensor, program: torch.export.ExportedProgram
) -> Literal["any", "contiguous", "channels_last"]:
    """The order in memory of an example, if the program took its strides for granted.

    With other strides, ``as_strided`` would read other numbers, and no guard says so.
    """
    if not any("as_strided" in str(node.target) for node in program.graph.nodes):
        return "any"
    strides = [fixed(stride) for stride in example.stride()]
    together = example.ndim == 4 and strides[1] == 1 and strides[3] != 1
    return "channels_last" if together else "contiguous"


def side_of(size: Any, program: torch.export.ExportedProgram) -> Side:
    """Read a size, or what it may be: a range, and multiples of a number.

    As in PyTorch, a smallest size of 0, 1 or 2 is no condition: it stands for "not looked at".
    """
    if isinstance(size, int):
        return Side(least=size, most=size)
    expression = size.node.expr
    factor, rest = multiple_of(expression)
    limits = program.range_constraints.get(expression)
    least, most = 0, None
    if limits is not None:
        least = int(limits.lower) if limits.lower > 2 else 0
        most = int(limits.upper) if limits.upper < 1 << 62 else None
    return Side(least=least, most=most, factor=factor, rest=rest, name=str(expression))


def multiple_of(expression: Any) -> tuple[int, int]:
    """Factor and rest of a size that is a symbol times one, plus the other; else 1 and 0."""
    if len(expression.free_symbols) != 1:
        return 1, 0
    symbol = next(iter(expression.free_symbols))
    factor, rest = expression.coeff(symbol, 1), expression.coeff(symbol, 0)
    linear = factor.is_Integer and rest.is_Integer and factor > 0
    if not linear or expression != factor * symbol + rest:
        return 1, 0
    return int(factor), int(rest) % int(factor)


def scored_classes(program: torch.export.ExportedProgram) -> int | None:
    """Read the number of classes off the output; None if it returns labels or leaves it open."""
    output = next(node for node in program.graph.nodes if node.op == "output")
    first = output.args[0][0].meta.get("val") if len(output.args[0]) == 1 else None
    if not isinstance(first, Tensor) or first.ndim != 4 or not first.is_floating_point():
        return None
    return fixed(first.shape[1])


def trains(graph: torch.fx.Graph) -> bool:
    """Say whether any operator of a program (batch norm, dropout) works as in training."""
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        names = [argument.name for argument in schema.arguments] if schema else []
        given = dict(zip(names, node.args, strict=False)) | node.kwargs
        if given.get("training") is True or given.get("train") is True:
            return True
    return False


def fixed(size: Any) -> Dimension:
    """A size that is fixed, or None."""
    return size if isinstance(size, int) else None
