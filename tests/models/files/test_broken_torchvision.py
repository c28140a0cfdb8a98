"""A broken torchvision is named wherever in a chain of errors it stands."""

from pathlib import Path
from typing import Any

import pytest
from foreign_models import MEAN, STD, segformer, write_folder

from segcert.errors import InputError
from segcert.models.files.broken_torchvision import why_not
from segcert.models.opening import open_foreign

SAID = "operator torchvision::nms does not exist"
WAY_OUT = r"torchvision::nms does not exist: Hugging Face, timm .* or pip uninstall torchvision"


def raised_from(cause: Exception) -> Exception:
    """As transformers raises it, twice."""
    middle, last = RuntimeError("Failed to import"), ModuleNotFoundError("Could not import module")
    middle.__cause__, last.__cause__ = cause, middle
    return last


def test_it_is_named_behind_what_it_broke() -> None:
    assert why_not(raised_from(RuntimeError(SAID))).startswith(f"{SAID}: Hugging Face, timm")
    assert why_not(raised_from(RuntimeError("else"))) == "Could not import module"


def test_a_folder_of_hugging_face_that_needs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    folder = write_folder(tmp_path / "net", segformer(), image_mean=MEAN, image_std=STD)

    def fail(*_: Any, **__: Any) -> None:
        raise raised_from(RuntimeError(SAID))

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", fail)
    with pytest.raises(InputError, match=WAY_OUT):
        open_foreign(folder)
