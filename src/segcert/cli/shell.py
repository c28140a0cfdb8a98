"""What commands print: results on standard output, messages on standard error."""

from rich.console import Console

results = Console(highlight=False, soft_wrap=True, emoji=False)
messages = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def complain(text: str, status: int) -> int:
    """Print one line about an error and hand on the exit status."""
    line = " ".join(text.split())
    messages.print("[bold red]segcert:[/] ", end="")
    messages.print(line, markup=False)
    return status
