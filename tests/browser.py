"""A real browser for tests of pages, where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser"))
     if path.exists()), None,
)  # fmt: skip


MISSING = "no Chromium under /usr/bin: make chromium installs one where it can"


def chromium_or_skip() -> Path:
    """The browser; without one the test is skipped, or fails where one is required.

    ``SEGCERT_BROWSER=required`` requires one, as ``make check`` does.
    """
    if CHROMIUM is None and os.environ.get("SEGCERT_BROWSER") == "required":
        pytest.fail(MISSING)
    if CHROMIUM is None:
        pytest.skip(MISSING)
    return CHROMIUM


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud how many tests of pages were skipped for want of a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    number = sum(MISSING in str(report.longrepr) for report in skipped)
    if number:
        terminalreporter.write_line(f"{number} tests of pages were skipped: {MISSING}", red=True)


SETTLE = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let n = 0; n < 3; n++) await frame();
  await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})));
  await frame();
}"""
PATIENCE = 300_000  # milliseconds; nothing is waited for that does not come, however slow


def settle(page: Any) -> None:
    """Wait until what was asked for is drawn: some frames, and the end of all transitions."""
    page.evaluate(SETTLE)


def spoken(page: Any, beginning: str) -> str:
    """Wait until the page says something that begins so, and return it."""
    says = "(words) => document.getElementById('spoken').innerText.startsWith(words)"
    page.wait_for_function(says, arg=beginning)
    return str(page.inner_text("#spoken"))


@contextmanager
def opened(
    chromium: Any, html: str, folder: Path, *, width: int = 1100, scheme: str = "light"
) -> Iterator[Any]:
    """Open a page; at the end nothing was requested, and nothing complained.

    Args:
        chromium: The browser.
        html: The page.
        folder: Where its file is written.
        width: Of the window.
        scheme: What the system prefers, light or dark.
    """
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    troubles: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda asked: troubles.append(asked.url))
    tab.goto(file.as_uri())
    settle(tab)
    yield tab
    context.close()
    left = [text[:200] for text in troubles if not text.startswith(("data:", file.as_uri()))]
    assert not left, left


def contrast(page: Any, selector: str) -> float:
    """Contrast of a text against the page behind it. Source: WCAG 2.2, contrast ratio."""
    script = """(selector) => {
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map((v) => v / 255)
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const element = document.querySelector(selector);
      let behind = element, paper = "";
      do { paper = getComputedStyle(behind).backgroundColor; behind = behind.parentElement; }
      while (behind && paper.endsWith(", 0)"));
      const [a, b] = [light(getComputedStyle(element).color), light(paper)];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }"""
    return float(page.evaluate(script, selector))
