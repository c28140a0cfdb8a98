"""Fuzz the readers by coverage: ``python tests/faults/atheris_fuzz.py READER [OPTIONS]``.

READER is a name of `test_fuzz.READERS`, such as ``cloud.ply``; OPTIONS are those of libFuzzer. The
modules of the package are instrumented, so that bytes which reach new lines of a reader are kept
and changed further.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(
    include=["segcert.data", "segcert.inputs", "segcert.models", "segcert.runs"]
):
    import test_fuzz


def main() -> None:
    name = sys.argv.pop(1)
    folder = Path(tempfile.mkdtemp())
    good = test_fuzz.content_of(name, folder)
    corpus = Path(tempfile.mkdtemp())
    (corpus / "good").write_bytes(good)
    read = test_fuzz.READERS[name][1]
    atheris.Setup([*sys.argv, str(corpus)], lambda data: test_fuzz.check(folder / name, data, read))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
