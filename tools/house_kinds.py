"""Find where the kind of an input or model is asked for: image or cloud.

That is ``isinstance`` or ``type(x) is`` with a type of one kind, a pattern of such a type, a union
of types of both kinds (in a string too), or one of QUESTIONS. A question by other means, such as
the number of axes, is not found. Rename here what is renamed in the source.
"""

import ast
from dataclasses import dataclass

from house_code import Module, last_name

IMAGES = {"ImageInput", "ImageKind", "LabelledImage", "Segmenter"}
CLOUDS = {"Cloud", "CloudKind", "CloudLike", "PointSegmenter"}
QUESTIONS = {"is_cloud", "means_clouds", "of_clouds"}  # are not to come back
ROOMS = {"inputs", "models"}  # packages at the top of ours, where such checks are at home


@dataclass(frozen=True)
class Check:
    """A place that asks."""

    place: str
    what: str
    at_home: bool


def checks_of(module: Module) -> list[Check]:
    """List the checks of a module, from top to bottom; a part of a check is none."""
    found: list[ast.AST] = []
    inner: set[ast.AST] = set()
    for node in ast.walk(module.tree):  # the whole before its parts
        if node not in inner and asks(node):
            found.append(node)
            inner |= set(ast.walk(node))
    found.sort(key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
    at_home = module.name.split(".")[1:2] in ([room] for room in ROOMS)
    return [Check(module.place(node), first_line(node), at_home) for node in found]


def asks(node: ast.AST) -> bool:
    """Tell whether an expression asks for the kind."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, types]):
            return bool(names_in(types) & (IMAGES | CLOUDS))
        case ast.Compare(left=ast.Call(func=ast.Name(id="type")), comparators=[types]):
            return bool(names_in(types) & (IMAGES | CLOUDS))
        case ast.MatchClass(cls=types):
            return bool(names_in(types) & (IMAGES | CLOUDS))
        case ast.Call(func=called):
            return last_name(called) in QUESTIONS
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return name in QUESTIONS
        case ast.BinOp(op=ast.BitOr()):
            return of_both(members(node))
        case ast.Constant(value=str(text)) if "|" in text and "\n" not in text:
            return of_both(set(text.replace("|", " ").split()))
    return False


def names_in(node: ast.AST) -> set[str]:
    """Last names of the types in an expression, of tuples and unions too."""
    return {last_name(one) for one in ast.walk(node) if isinstance(one, ast.expr)}


def members(node: ast.expr) -> set[str]:
    """The types of a union, without what is in their brackets."""
    if isinstance(node, ast.BinOp):
        return members(node.left) | members(node.right)
    return {last_name(node)}


def of_both(names: set[str]) -> bool:
    """Tell whether types of images and of clouds are among the names."""
    return bool(names & IMAGES and names & CLOUDS)


def first_line(node: ast.AST) -> str:
    """A part as text."""
    return ast.unparse(node).partition("\n")[0]


def gone(names: set[str]) -> list[str]:
    """Names of the tables above that the source does not define (any more)."""
    return sorted((IMAGES | CLOUDS) - names)
