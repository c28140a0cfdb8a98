"""``segcert doctor``: what this installation has, and whether its statistics are right."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.table import Table

    from segcert.doctor.examination import Examination

GIB = 2**30
LITTLE = 1.0  # GiB that are free below which a note is due
OK, NOTE, FAILED = "[green]ok[/]", "[yellow]note[/]", "[bold red]failed[/]"


def doctor(
    *,
    json: Annotated[
        bool, Parameter(negative=(), help="Print JSON, for machines, in place of a table.")
    ] = False,
) -> None:
    """Examine this installation: devices, backends, packages, room, and a self-test.

    The self-test takes seconds: binomial tails against exact fractions, Holm's procedure against
    brute force, random numbers against a fixed value, a certificate through its files. Exit status
    0 if all of it passes, 1 if not; what is missing is a note.
    """
    from segcert.cli.shell import results
    from segcert.doctor.examination import as_json, examine
    from segcert.errors import VerificationError

    found = examine()
    if json:
        results.print(as_json(found), markup=False)
    else:
        results.print(table_of(found))
    failed = [check for check in found.checks if not check.passed]
    if failed:
        raise VerificationError(
            f"{len(failed)} of {len(found.checks)} checks failed, so certificates made here are "
            f"worth nothing: {failed[0].name}: {failed[0].finding}"
        )


def table_of(found: "Examination") -> "Table":
    """Print one row per finding."""
    from rich.table import Table

    from segcert.cli.shell import cell

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "what", "finding"):
        table.add_column(name, overflow="fold")

    def add(mark: str, what: str, finding: str) -> None:
        table.add_row(mark, cell(what), cell(finding))

    add(OK, "segcert", f"{found.segcert}, Python {found.python}, {found.platform}")
    for device in found.devices:
        memory = f", {device.memory / GIB:.1f} GiB" if device.memory else ""
        add(OK, f"device {device.name}", f"{device.what}{memory}")
    for backend in found.backends:
        add(OK if backend.available else NOTE, f"backend {backend.name}", backend.finding)
    for library in found.libraries:
        add(OK if library.available else NOTE, f"library {library.name}", library.finding)
    for group in found.packages:
        what = f"extra {group.extra}" if group.extra else "packages"
        versions = ", ".join(f"{name} {number or '–'}" for name, number in group.versions.items())
        way_out = "" if group.complete else f": {group.install}"
        add(OK if group.complete else NOTE, what, versions + way_out)
    for room in found.rooms:
        free = f"{room.path}, {room.free / GIB:.1f} GiB free"
        enough = room.writable and room.free >= LITTLE * GIB
        unwritable = "" if room.writable else ", cannot be written"
        add(OK if enough else NOTE, f"room for {room.what}", free + unwritable)
    where = found.confined or "nothing here confines them: open files of people you trust"
    add(OK if found.confined else NOTE, "programs of others (.pt2, .onnx)", where)
    for check in found.checks:
        add(
            OK if check.passed else FAILED,
            check.name,
            f"{check.finding} ({check.seconds:.1f} s)",
        )
    return table
