"""Expressions of sizes in exported programs: parsed to a tree that is checked, never evaluated.

PyTorch writes them as SymPy prints its trees: ``Mul(Integer(4), Symbol('s39', integer=True))``.
Python's parser reads them, which runs nothing; every node must be of a kind listed here, and no
number that could come out may need more than a fixed number of bits: ``9**9**9**9`` is refused.
"""

import ast
import re

LONGEST = 20_000  # characters of one expression; the longest that we met has 1,500
BITS = 4_096  # of any number in between; sizes have 63
SIZE_BITS = 63
FUNCTIONS = frozenset(
    (
        "Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Mod", "Max", "Min",
        "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod", "ModularIndexing", "Where", "CeilToInt",
        "FloorToInt", "TruncToInt", "IntTrueDiv", "FloatTrueDiv", "ToFloat", "PowByNatural",
        "RoundToInt", "Eq", "Ne", "Equality", "Unequality", "GreaterThan", "StrictGreaterThan",
        "LessThan", "StrictLessThan", "And", "Or", "Not",
    )
)  # fmt: skip
ASSUMPTIONS = frozenset(("positive", "nonnegative", "nonzero", "integer", "precision"))
POWERS = frozenset(("Pow", "PowByNatural"))
QUOTING = frozenset(("Symbol", "Integer", "Float"))  # whose argument may stand in quotes
SYMBOL = re.compile(r"[suz]f?\d{1,6}")
NUMBER = re.compile(r"-?\d{1,19}(\.\d{0,30})?(e[+-]?\d{1,3})?")
NAMES = frozenset(("true", "false"))


class UnknownExpressionError(ValueError):
    """What stands there is not on the lists, or is too large."""


def parse(text: str) -> ast.expr:
    """Parse an expression as Python would, without evaluating anything.

    Raises:
        UnknownExpressionError: If it is too long or no expression.
    """
    if len(text) > LONGEST:
        raise UnknownExpressionError(f"it has {len(text)} characters, the most are {LONGEST}")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnknownExpressionError("it is no expression") from error


def rewritten(text: str) -> str:
    """Check an expression of SymPy and write its tree anew, so that only what was checked is read.

    Raises:
        UnknownExpressionError: If it holds anything but known functions, sizes and numbers, or
            could become a number of more than `BITS` bits.
    """
    tree = parse(text)
    try:
        bits(tree)
        return ast.unparse(tree)
    except RecursionError as error:
        raise UnknownExpressionError("it is too deep") from error


def bits(node: ast.expr) -> int:
    """Bound the bits of what an expression could become, and of every part of it.

    Raises:
        UnknownExpressionError: If a part is not on the lists, or needs more than `BITS`.
    """
    match node:
        case ast.Constant(value=value):
            return bits_of_constant(value)
        case ast.Name(id=name) if SYMBOL.fullmatch(name) or name in NAMES:
            return SIZE_BITS
        case ast.Call():
            return bits_of_call(node)
        case ast.UnaryOp(operand=operand):
            return bits(operand)
        case ast.BoolOp(values=values):
            return min(1, max(map(bits, values)))
        case ast.Compare(left=left, comparators=others):
            return min(1, max(map(bits, (left, *others))))
        case ast.BinOp(left=left, op=operator, right=right):
            return bits_of_operator(operator, left, right)
    raise UnknownExpressionError(f"it holds {ast.unparse(node)[:40]!r}")


def bits_of_constant(value: object) -> int:
    """Bits of a number that is written down."""
    if isinstance(value, (int, float)) and abs(value) < 1 << SIZE_BITS + 1:
        return max(1, int(abs(value)).bit_length())
    raise UnknownExpressionError(f"it holds {str(value)[:40]!r}")


def bits_of_call(node: ast.Call) -> int:
    """Bound what a known function returns."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS:
        raise UnknownExpressionError(f"it calls {ast.unparse(node.func)[:40]!r}")
    for told in node.keywords:
        if told.arg not in ASSUMPTIONS or not isinstance(told.value, ast.Constant):
            raise UnknownExpressionError(f"it tells {name} {str(told.arg)[:40]!r}")
        bits_of_constant(told.value.value)
    if name in QUOTING:
        return bits_of_quoted(name, node.args)
    if name in POWERS and len(node.args) == 2:
        return bits_of_operator(ast.Pow(), *node.args)
    if name in POWERS or not node.args:
        raise UnknownExpressionError(f"{name} has {len(node.args)} arguments")
    parts = [bits(part) for part in node.args]
    return bounded(sum(parts) if name == "Mul" else max(parts) + len(parts))


def bits_of_quoted(name: str, given: list[ast.expr]) -> int:
    """Bound a symbol, or a number in quotes or without."""
    match given:
        case [ast.Constant(value=str() as text)]:
            if (SYMBOL if name == "Symbol" else NUMBER).fullmatch(text):
                return SIZE_BITS
        case [number] if name != "Symbol":
            return bits(number)
    raise UnknownExpressionError(f"it holds {name} of {', '.join(map(ast.unparse, given))[:40]}")


def bits_of_operator(operator: ast.operator, left: ast.expr, right: ast.expr) -> int:
    """Bound what an operator returns."""
    one, other = bits(left), bits(right)
    match operator:
        case ast.Mult():
            return bounded(one + other)
        case ast.Pow():
            return bounded(one * exponent(right))
        case ast.Add() | ast.Sub():
            return bounded(max(one, other) + 1)
        case ast.FloorDiv() | ast.Div() | ast.Mod():
            return max(one, other)
    raise UnknownExpressionError(f"it holds {type(operator).__name__}")


def exponent(node: ast.expr) -> int:
    """Size of an exponent, rounded up; it must be written down."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return exponent(operand)
        case ast.Call(func=ast.Name(id="Integer" | "Float"), args=[number]):
            return exponent(number)
        case ast.Constant(value=int() | float() as value):
            return int(abs(value)) + 1
    raise UnknownExpressionError("it has an exponent that is no number")


def bounded(found: int) -> int:
    """Refuse more bits than any size needs."""
    if found > BITS:
        raise UnknownExpressionError(
            f"it could become a number of {found} bits, the most are {BITS}"
        )
    return found
