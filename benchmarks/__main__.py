"""Run all benchmarks and print their tables.

python -m benchmarks --write docs/performance.md      and replace the block of that page
"""

from pathlib import Path

from cyclopts import App

from benchmarks import certification, clouds, corrections, overhead, points

app = App(help=__doc__)


@app.default
def main(*, pairs: int = 5, write: Path | None = None) -> None:
    """Run all.

    Args:
        pairs: Runs of `sample` and of its baselines, in turn.
        write: Page whose block of them is replaced, between its two markers.
    """
    certification.main()
    corrections.main()
    overhead.main(pairs=pairs, write=write)
    points.main()
    clouds.main()


if __name__ == "__main__":
    app()
