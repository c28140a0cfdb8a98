"""The command line: arguments in, files and tables out; one command a file.

Here are options, their checks, progress bars and printed tables. A statement, a number or a file
that Python users could want is made in the packages below; no other package imports this one.
``--help`` imports nothing heavy: commands import what they need when they run.
"""

from segcert.cli.main import main

__all__ = ["main"]
