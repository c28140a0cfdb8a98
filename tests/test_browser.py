"""What is said where there is no browser: how many tests were skipped, or that one is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WITHOUT = """
import browser
browser.CHROMIUM = None
"""
THREE = """
from browser import chromium_or_skip

def test_one(): chromium_or_skip()
def test_two(): chromium_or_skip()
def test_three(): pass
"""


@pytest.mark.parametrize("wanted", ["", "required"])
def test_missing_browsers_are_counted_or_refused(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "conftest.py").write_text(WITHOUT)
    (tmp_path / "test_pages.py").write_text(THREE)
    options = ["-q", "-p", "no:cacheprovider", "-p", "browser", "--rootdir", ".", "-c", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_pages.py"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"SEGCERT_BROWSER": wanted, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    if wanted:
        assert done.returncode == 1
        assert "2 failed, 1 passed" in done.stdout
    else:
        assert done.returncode == 0, done.stdout
        assert "2 tests of pages were skipped: no Chromium under /usr/bin" in done.stdout
