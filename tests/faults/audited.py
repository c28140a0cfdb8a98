"""Run commands of segcert and tell what each opened, wrote, ran and asked.

``python audited.py COMMANDS``: COMMANDS is a JSON list of lists of arguments; for each a JSON
object is printed: its status, its words on standard error, and [event, argument] as the hooks of
the interpreter see them, the libraries' own calls among them.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

WATCHED = (
    "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink",
    "os.truncate", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
seen: list[tuple[str, str]] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note what touches the world."""
    if event not in WATCHED:
        return
    path = arguments[0] if arguments else ""
    if isinstance(path, int):
        return  # a file that is open already
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        event = "write"
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else repr(path)
    seen.append((event, str(Path(text).absolute()) if event != "socket.connect" else text))


def main() -> None:
    """Run the commands under watch."""
    from segcert.cli.main import run

    sys.addaudithook(watch)
    for arguments in json.loads(sys.argv[1]):
        seen.clear()
        words = io.StringIO()
        with redirect_stderr(words), redirect_stdout(io.StringIO()):
            status = run(arguments)
        events = list(seen)
        print(json.dumps({"status": status, "words": words.getvalue(), "events": events}))


if __name__ == "__main__":
    main()
