"""Run `segcert certify` and print, as JSON, the processor seconds of its parts.

python -m benchmarks.startup_parts IMAGE --out OUT ...        (called by benchmarks.startup)

What is computed within a part is its own, except imports: these are counted apart everywhere.
"""

import builtins
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

IMPORTS, REST = "imports", "the rest"


class Parts:
    """Gives each moment to the part that was entered last."""

    def __init__(self) -> None:
        self.spent = defaultdict[str, float](float)
        self.entered = ["the interpreter"]
        self.since = 0.0

    def turn(self) -> None:
        """Book what was computed since the last turn."""
        now = time.process_time()
        self.spent[self.entered[-1]] += now - self.since
        self.since = now

    def part(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let all that a function computes be of a part."""

        def counted(*arguments: Any, **named: Any) -> Any:
            if self.entered[-1] == IMPORTS:  # modules that are imported import others
                return function(*arguments, **named)
            self.turn()
            self.entered.append(name)
            try:
                return function(*arguments, **named)
            finally:
                self.turn()
                self.entered.pop()

        return counted


def main() -> None:
    """Certify, and print the parts."""
    parts = Parts()
    parts.turn()
    parts.entered = [REST]
    builtins.__import__ = parts.part(IMPORTS, builtins.__import__)
    importlib.import_module = parts.part(IMPORTS, importlib.import_module)
    from segcert.cli import application, certify  # noqa: F401
    from segcert.cli.main import run
    from segcert.models.reference import ModelReference
    from segcert.report import image_files
    from segcert.runs import certify_inputs

    application.bind = parts.part("command line", application.bind)
    ModelReference.open_alone = parts.part(  # type: ignore[method-assign]
        "opening the model", ModelReference.open_alone
    )
    vars(certify_inputs)["sample"] = parts.part("draws", vars(certify_inputs)["sample"])
    image_files.write_page = parts.part("page", image_files.write_page)
    certify_inputs.put_in_place = parts.part(
        "certificate and pictures", certify_inputs.put_in_place
    )
    status = run(["certify", *sys.argv[1:]])
    parts.turn()
    print(json.dumps(parts.spent))
    sys.exit(status)


if __name__ == "__main__":
    main()
