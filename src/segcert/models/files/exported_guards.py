"""The conditions on its inputs under which an exported program is the network it was made from.

``torch.export`` follows the one path through a network that its example takes. What it took for
granted on the way (sides are multiples of 32, so nothing is padded) is written down as guards;
where one does not hold, the program is another network. PyTorch compiles them and runs them; here
they are parsed, and worked out in numbers from the sizes of the inputs.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from segcert.models.files.exported_expressions import (
    UnknownExpressionError,
    bits_of_constant,
    parse,
)

Shape = tuple[int, ...]
Sizes = Mapping[str, Shape]

MOST = 5_000  # guards of one program; the most that we met are 60
LARGEST = 1 << 200  # number in between; products of a few sizes have fewer bits
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": max, "min": min, "abs": abs, "float": float, "int": int, "round": round,
    "math.ceil": math.ceil, "math.floor": math.floor, "math.trunc": math.trunc,
    "math.sqrt": math.sqrt,
}  # fmt: skip


@dataclass(frozen=True)
class Guards:
    """What a program takes for granted about the sizes of its inputs.

    Args:
        names: Of the inputs, in order.
        texts: As the program says it, in Python: ``L['x'].size()[2] % 32 == 0``.

    Raises:
        UnknownExpressionError: If one is not of this form.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        """Work each out once, so that what is not understood is refused before the first draw."""
        if len(self.texts) > MOST:
            raise UnknownExpressionError(f"there are {len(self.texts)} guards, the most are {MOST}")
        for text in self.texts:
            check(parse(text), self.names)

    def broken(self, shapes: Sequence[Shape]) -> str | None:
        """The first guard that does not hold for inputs of these shapes, in words; None if all do.

        Args:
            shapes: One for each input, in their order.
        """
        sizes = dict(zip(self.names, shapes, strict=True))
        for text in self.texts:
            try:
                holds = bool(value(parse(text), sizes))
            except (ArithmeticError, IndexError, ValueError):
                holds = False
            if not holds:
                return shorten(in_words(text), 120, placeholder=" ...")
        return None


def in_words(text: str) -> str:
    """A guard with the sizes of its inputs called as people call them."""
    return text.replace("L['", "").replace("'].size()", ".shape")


def check(node: ast.expr, names: Sequence[str]) -> None:
    """Refuse what `value` would not understand.

    Raises:
        UnknownExpressionError: With the part.
    """
    if isinstance(node, ast.Subscript):
        size_at(node, dict.fromkeys(names, ()))
        return
    match node:
        case ast.Constant(value=number):
            known = bits_of_constant(number) > 0
        case ast.BinOp(op=way):
            known = type(way) in BINARY or is_power(node)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()) | ast.BoolOp() | ast.IfExp():
            known = True
        case ast.Compare(ops=ways):
            known = all(type(way) in COMPARE for way in ways)
        case ast.Call(func=function, keywords=[]):
            known = ast.unparse(function) in FUNCTIONS
        case _:
            known = False
    if not known:
        raise UnknownExpressionError(f"it holds {ast.unparse(node)[:60]!r}")
    parts = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for part in parts:
        if isinstance(part, ast.expr):
            check(part, names)


def is_power(node: ast.BinOp) -> bool:
    """Tell a power with a small whole exponent."""
    return (
        isinstance(node.op, ast.Pow)
        and isinstance(node.right, ast.Constant)
        and node.right.value in range(9)
    )


def value(node: ast.expr, sizes: Sizes) -> Any:
    """Work out an expression that was checked.

    Raises:
        ArithmeticError: If it divides by zero, or a number is too large.
        IndexError: If an input has fewer axes.
    """
    match node:
        case ast.Constant(value=number):
            found: Any = number
        case ast.Subscript():
            shape, axis = size_at(node, sizes)
            found = shape[axis]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found = not value(operand, sizes)
        case ast.UnaryOp(op=sign, operand=operand):
            found = -value(operand, sizes) if isinstance(sign, ast.USub) else value(operand, sizes)
        case ast.BoolOp(op=ast.And(), values=parts):
            found = all(value(part, sizes) for part in parts)
        case ast.BoolOp(values=parts):
            found = any(value(part, sizes) for part in parts)
        case ast.IfExp(test=test, body=body, orelse=other):
            found = value(body if value(test, sizes) else other, sizes)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            found = value(left, sizes) ** value(right, sizes)
        case ast.BinOp(left=left, op=two, right=right):
            found = BINARY[type(two)](value(left, sizes), value(right, sizes))
        case ast.Call(func=function, args=parts):
            found = FUNCTIONS[ast.unparse(function)](*(value(part, sizes) for part in parts))
        case ast.Compare(left=left, ops=ways, comparators=others):
            numbers = [value(part, sizes) for part in (left, *others)]
            pairs = zip(ways, numbers, numbers[1:], strict=False)
            found = all(COMPARE[type(way)](one, other) for way, one, other in pairs)
        case _:
            raise UnknownExpressionError(f"it holds {ast.unparse(node)[:60]!r}")
    if abs(found) > LARGEST:
        raise OverflowError("too large")
    return found


def size_at(node: ast.Subscript, sizes: Sizes) -> tuple[Shape, int]:
    """The shape and axis that ``L['x'].size()[2]`` names.

    Raises:
        UnknownExpressionError: If it names something else.
    """
    match node:
        case ast.Subscript(
            value=ast.Call(func=ast.Attribute(value=source, attr="size"), args=[], keywords=[]),
            slice=ast.Constant(value=int() as axis),
        ):
            return sizes[input_name(source, tuple(sizes))], axis
    raise UnknownExpressionError(f"it holds {ast.unparse(node)[:60]!r}")


def input_name(node: ast.expr, names: Sequence[str]) -> str:
    """The name of an input from ``L['x']``, ``L['args'][0]`` or ``L['flat_args'][0]``.

    Raises:
        UnknownExpressionError: If there is no such input.
    """
    match node:
        case ast.Subscript(value=ast.Name(id="L"), slice=ast.Constant(value=str() as name)):
            if name in names or len(names) == 1:
                return name if name in names else names[0]
        case ast.Subscript(
            value=ast.Subscript(value=ast.Name(id="L"), slice=ast.Constant(value=str())),
            slice=ast.Constant(value=int() as place),
        ):
            if 0 <= place < len(names):
                return names[place]
    raise UnknownExpressionError(f"it names the input {ast.unparse(node)[:60]!r}")
