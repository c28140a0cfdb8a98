"""What the page says about the pixel under the pointer, in a real browser where there is one."""

import dataclasses
import json
import re
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from browser import chromium_or_skip
from page_views import make_view

from segcert.report.page import render_page
from segcert.report.page_view import ReportView

PROBE = """<script>
addEventListener("load", async () => {
  const seen = [], text = (id) => document.getElementById(id).textContent;
  const stage = document.getElementById("stage");
  await new Promise((done) => setTimeout(done, 500));
  for (const [x, y] of POINTS) {
    const box = stage.getBoundingClientRect();
    stage.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + (x + 0.5) * box.width / WIDTH,
      clientY: box.top + (y + 0.5) * box.height / HEIGHT,
    }));
    seen.push(["read-pixel", "read-class", "read-count", "read-result"].map(text));
  }
  document.body.append(Object.assign(document.createElement("pre"), { id: "seen",
    textContent: JSON.stringify(seen) }));
});
</script>"""


def hover(view: ReportView, points: list[tuple[int, int]], folder: Path) -> list[list[str]]:
    """Move the pointer over pixels of a page, and read what it says of each."""
    program = chromium_or_skip()
    height, width = view.labels.shape
    probe = PROBE.replace("POINTS", json.dumps(points))
    probe = probe.replace("WIDTH", str(width)).replace("HEIGHT", str(height))
    html = re.sub(r"<meta http-equiv.*", "", render_page(view))  # it would forbid the probe
    page = folder / "page.html"
    page.write_text(html.replace("</body>", probe + "</body>"), encoding="utf-8")
    found = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/user",
         "--virtual-time-budget=5000", "--window-size=1200,900", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    seen: list[list[str]] = json.loads(
        unescape(re.findall(r'<pre id="seen">(.*?)</pre>', found.stdout)[0])
    )
    return seen


@pytest.mark.parametrize("n", [100, 1000])
def test_the_mask_decides_and_not_the_count(tmp_path: Path, n: int) -> None:
    """Four pixels: certified; too few; enough, but not certified; enough, but not tested."""
    view = make_view(n=n)
    k = view.threshold
    hits, certified = view.hits.copy(), np.zeros_like(view.certified)
    tested = np.ones_like(certified)
    hits[0, :4] = k, k - 1, n, n
    certified[0, 0], tested[0, 3] = True, False
    view = dataclasses.replace(
        view, hits=hits, certified=certified, tested=tested, shortfall="not in its region"
    )
    seen = hover(view, [(0, 0), (1, 0), (2, 0), (3, 0)], tmp_path)
    names = [view.class_names[label] for label in view.labels[0, :4]]
    assert seen == [
        ["0, 0", names[0], f"{k} of {n}", f"certified (≥\u00a0{k})"],
        ["1, 0", names[1], f"{k - 1} of {n}", f"abstained (<\u00a0{k})"],
        ["2, 0", names[2], f"{n} of {n}", f"abstained (≥\u00a0{k}, but not in its region)"],
        ["3, 0", names[3], f"{n} of {n}", "not tested"],
    ]


def test_the_root_of_a_class_tree_says_whose_count_it_is(tmp_path: Path) -> None:
    view = make_view()
    labels, hits, certified = view.labels.copy(), view.hits.copy(), view.certified.copy()
    labels[0, :2], hits[0, :2], certified[0, :2] = (4, 1), (52, 95), (False, True)
    view = dataclasses.replace(view, labels=labels, hits=hits, certified=certified, root=4)
    assert hover(view, [(0, 0), (1, 0)], tmp_path) == [
        ["0, 0", "unicorn", "52 of 100 for one member", "abstained (<\u00a087)"],
        ["1, 0", "sky", "95 of 100", "certified (≥\u00a087)"],
    ]
