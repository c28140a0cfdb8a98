"""A real browser, where there is one."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import chromium_or_skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for all tests of a module."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = chromium_or_skip()
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(executable), args=["--no-sandbox"])
        yield browser
        browser.close()
