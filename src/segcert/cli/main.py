"""The application: its commands, its exit status, and one line for each error."""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from cyclopts import App, CycloptsError

from segcert.cli.attack import attack
from segcert.cli.certify import certify
from segcert.cli.demo import demo
from segcert.cli.doctor import doctor
from segcert.cli.effect_tables import TABLES
from segcert.cli.effects import call_of, check_effects
from segcert.cli.evaluate import evaluate
from segcert.cli.models import models
from segcert.cli.plan import plan
from segcert.cli.report import report
from segcert.cli.shell import complain
from segcert.cli.toy import toy
from segcert.cli.train import train
from segcert.cli.verify import verify
from segcert.errors import SegcertError, VerificationError

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130

app = App(
    name="segcert",
    version=version("segcert"),
    help="Certified segmentation: the labels that provably no perturbation within a radius can "
    "change, and abstention elsewhere.\n\n"
    "Start with `segcert demo`; then `segcert certify photo.png --out certified`.",
    help_format="markdown",
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # run() says what happened
)
for command in (
    demo, plan, certify, verify, attack, evaluate, report, models, train, toy, doctor,
):  # fmt: skip
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 failed check, 2 unusable input, 130 interrupted."""
    warnings.filterwarnings("ignore", module="PIL")  # about metadata of images
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    try:
        bind(arguments)()
    except VerificationError as error:
        return complain(str(error), FAILED)
    except (SegcertError, OSError) as error:
        return complain(str(error), UNUSABLE)
    except CycloptsError as error:
        return complain(str(error), UNUSABLE)
    except KeyboardInterrupt as error:
        return complain(str(error) or "interrupted", INTERRUPTED)
    return 0


def bind(arguments: list[str] | None = None) -> Callable[[], object]:
    """Read a command line.

    Returns:
        The command with its arguments, to be called.

    Raises:
        CycloptsError: If it is none.
        InputError: If an option is given that has no effect there.
    """
    command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    name = getattr(command, "__name__", "")
    if name in TABLES:  # not the help, nor the version
        check_effects(call_of(name, bound), TABLES[name])
    return partial(command, *bound.args, **bound.kwargs)
