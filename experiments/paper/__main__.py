"""Print the paper's tables beside ours, or write them into docs/table1.md, table2.md and toy.md.

python -m experiments.paper --write
"""

from cyclopts import App

from segcert.files import atomic_write

from .beside import EXPERIMENTS, PAGES, with_paper

app = App(help=__doc__, help_format="plaintext")


@app.default
def paper(*, write: bool = False) -> None:
    """Print all tables, or write the pages."""
    for name, table in PAGES.items():
        path = EXPERIMENTS.parent / name
        if not write:
            print(f"{name}\n\n{table()}\n")
            continue
        text = with_paper(path.read_text(encoding="utf-8"), table())
        with atomic_write(path) as file:
            file.write(text.encode())


if __name__ == "__main__":
    app()
