"""The command line: arguments in, files and tables out. ``--help`` imports nothing heavy."""

from segcert.cli.main import main

__all__ = ["main"]
