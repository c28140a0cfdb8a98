"""What the README shows works as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import segcert as sc

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((20, 30, 3), 200, dtype=np.uint8)).save("photo.png")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Conv2d(3, 4, 3, padding=1)
    names: dict[str, object] = {"model": model}
    exec(compile(snippet, "README.md", "exec"), names)
    assert isinstance(names["cert"], sc.Certificate)
    assert sc.load_certificate("result").labels.shape == (20, 30)


def test_links_and_pictures_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(targets) > 6
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_commands_are_those_of_the_program() -> None:
    assert set(re.findall(r"segcert (certify|demo|verify|models|train)\b", README)) >= {
        "certify", "verify", "train",
    }  # fmt: skip
