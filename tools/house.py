"""Print how the house stands: its size, its circles, what one certificate passes through.

python tools/house.py             a table of figures
python tools/house.py --places    and where each is counted
python tools/house.py --check     what is worse than LIMITS allow (status 1), and what could be
                                  lowered there; make check runs it
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import fill

from house_circles import Import, circles, find_imports
from house_code import (
    Function,
    Module,
    defined_names,
    functions_of,
    named_types,
    only_hands_on,
    public_names,
    read_modules,
)
from house_kinds import Check, checks_of, gone
from house_trace import INPUT, SOURCE, WEIGHTS, Trace, trace

MOST = 12  # parameters
WIDTH = 120  # of the table, letters


@dataclass(frozen=True)
class Limit:
    """The most that a figure may be today, which may only be lowered, and what it shall become."""

    today: int
    aim: int


LIMITS = {
    "modules in circles": Limit(today=0, aim=0),
    "functions of over 12 parameters": Limit(today=0, aim=0),
    "most parameters": Limit(today=12, aim=MOST),
    "openings of an input": Limit(today=1, aim=1),
    "openings of a weight file": Limit(today=1, aim=1),
}


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    value: float
    what: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """All that is read in the source files."""

    modules: list[Module]
    functions: list[Function]
    imports: list[Import]
    checks: list[Check]


def main() -> None:
    """Print the figures, or check them.

    Raises:
        SystemExit: With status 1 if a figure exceeds its limit.
    """
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--places", action="store_true")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    code, command = read(SOURCE), trace("segcert certify")
    held = [*circling(code), *parameters(code), *openings(command)]
    if asked.check:
        worse, better = judge(held)
        for line in worse + better:
            print(line)
        raise SystemExit(1 if worse else 0)
    call = trace("sc.certify_image")
    passed = [travelled("sc.certify_image", call), travelled("segcert certify", command)]
    show([*sizes(code), *held, *passed, *habits(code)], places=asked.places)


def read(source: Path) -> Code:
    """Read the packages of a folder."""
    modules = read_modules(source)
    return Code(
        modules,
        [function for module in modules for function in functions_of(module)],
        find_imports(modules),
        [check for module in modules for check in checks_of(module)],
    )


def sizes(code: Code) -> list[Figure]:
    """Modules, functions and their lines."""
    packages = Counter[str]()
    for module in code.modules:
        packages[module.name.partition(".")[0]] += module.lines
    largest = max(code.modules, key=lambda one: one.lines)
    longest = max(code.functions, key=lambda one: one.lines)
    return [
        Figure("modules", len(code.modules)),
        *(Figure(f"lines of {name}", lines) for name, lines in packages.items()),
        Figure("lines of a module, median", median(one.lines for one in code.modules)),
        Figure("lines of a module, most", largest.lines, largest.file),
        Figure("functions", len(code.functions)),
        Figure("lines of a function, median", median(one.lines for one in code.functions)),
        Figure("lines of a function, most", longest.lines, longest.name),
        Figure("public names", sum(map(public_names, code.modules))),
    ]


def circling(code: Code) -> list[Figure]:
    """Circles of imports, and the imports that make them."""
    found = circles(code.imports)
    within = tuple(
        f"{one.place}: imports {one.imported}"
        for circle in found
        for one in code.imports
        if {one.module, one.imported} <= set(circle)
    )
    told = "; ".join(", ".join(circle) for circle in found)
    return [
        Figure("circles", len(found)),
        Figure("modules in circles", sum(map(len, found)), told, within),
    ]


def parameters(code: Code) -> list[Figure]:
    """Functions with too many parameters."""
    ordered = sorted(code.functions, key=lambda one: -len(one.parameters))
    over = [one for one in ordered if len(one.parameters) > MOST]
    told = tuple(f"{len(one.parameters)} {one.place} {one.name}" for one in over)
    most = len(ordered[0].parameters)
    first = ", ".join(one.name for one in ordered if len(one.parameters) == most)
    short = ", ".join(one.name.rpartition(".")[2] for one in over)
    return [
        Figure("functions of over 12 parameters", len(over), short, told),
        Figure("most parameters", most, first),
    ]


def openings(command: Trace) -> list[Figure]:
    """How often ``segcert certify`` opens its input and a weight file, and from where.

    Raises:
        SystemExit: If it is heard to open none: then the hook hears nothing any more.
    """
    found = []
    for what, suffix in (("an input", INPUT), ("a weight file", WEIGHTS)):
        opens = {file: at for file, at in command.opens.items() if file.endswith(suffix)}
        if not opens:
            raise SystemExit(f"segcert certify is not heard opening {what}: tools/house_trace.py")
        chains = Counter(chain for at in opens.values() for chain in at)
        most = max(opens, key=lambda file: len(opens[file]))
        told = f"{most}; with all such files, {len(opens)}: {chains.total()}"
        places = tuple(f"{times} x {chain}" for chain, times in chains.items())
        found.append(Figure(f"openings of {what}", len(opens[most]), told, places))
    return found


def travelled(name: str, run: Trace) -> Figure:
    """What a run passes through."""
    return Figure(
        f"{name} passes", run.functions, f"functions in {run.files} files, {run.depth} deep"
    )


def habits(code: Code) -> list[Figure]:
    """Parameters that are only handed on, checks of the kind, lines kept from the formatter."""
    names = defined_names(code.modules)
    away = tuple(f"{one.place}: {one.what}" for one in code.checks if not one.at_home)
    missing = gone(names | named_types(code.modules))
    skips = sum(module.text.count("# fmt: skip") for module in code.modules)
    return [
        handed_on(code, "device", names),
        handed_on(code, "seed", names),
        Figure("checks of the kind", len(code.checks)),
        Figure("checks outside inputs/ and models/", len(away), places=away),
        Figure("names of kinds that are gone", len(missing), ", ".join(missing)),
        Figure("# fmt: skip", skips),
    ]


def handed_on(code: Code, name: str, ours: set[str]) -> Figure:
    """Functions that take a parameter and do nothing but hand it on."""
    takers = [one for one in code.functions if name in one.parameters]
    found = tuple(f"{one.place} {one.name}" for one in takers if only_hands_on(one, name, ours))
    return Figure(
        f"functions that hand on {name}", len(found), f"of {len(takers)} that take it", found
    )


def judge(figures: list[Figure]) -> tuple[list[str], list[str]]:
    """One line for each figure that exceeds its limit, and for each limit that can be lowered."""
    worse, better = [], []
    for figure in figures:
        limit = LIMITS.get(figure.name, Limit(sys.maxsize, sys.maxsize))
        if figure.value > limit.today:
            rule = f"at most {limit.today} today, aim {limit.aim}"
            worse.append(f"{figure.name}: {figure.value:g} ({rule}): {figure.what}")
        lowest = max(figure.value, limit.aim)
        if lowest < limit.today:
            better.append(f"{figure.name}: lower {limit.today} to {lowest:g} in tools/house.py")
    return worse, better


def show(figures: list[Figure], *, places: bool) -> None:
    """Print the table."""
    for figure in figures:
        limit = LIMITS.get(figure.name)
        aim = f"(at most {limit.today}, aim {limit.aim})" if limit else ""
        row = f"{figure.name:36}{figure.value:>8g}  {aim} {figure.what}".rstrip()
        print(fill(row, WIDTH, subsequent_indent=" " * 46, break_on_hyphens=False))
        for place in figure.places if places else ():
            print(f"      {place}")


if __name__ == "__main__":
    main()
