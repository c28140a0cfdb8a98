"""The application: its commands, its exit status, and one line for each error."""

import sys
import warnings
from importlib.metadata import version

from cyclopts import App, CycloptsError

from segcert.cli.attack import attack
from segcert.cli.certify import certify
from segcert.cli.demo import demo
from segcert.cli.doctor import doctor
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
        app(arguments, exit_on_error=False, print_error=False)
    except VerificationError as error:
        return complain(str(error), FAILED)
    except (SegcertError, OSError) as error:
        return complain(str(error), UNUSABLE)
    except CycloptsError as error:
        return complain(str(error), UNUSABLE)
    except KeyboardInterrupt as error:
        return complain(str(error) or "interrupted", INTERRUPTED)
    return 0
