"""All modules of the package, for tests that must begin with none left to import."""

import importlib
import pkgutil
from contextlib import suppress

import segcert


def import_every_module() -> None:
    """Import them, but for those that need a package of an extra that is not installed."""
    for module in pkgutil.walk_packages(segcert.__path__, "segcert."):
        if not module.name.endswith("__main__"):
            with suppress(ModuleNotFoundError):
                importlib.import_module(module.name)
