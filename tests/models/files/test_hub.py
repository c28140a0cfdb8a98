"""Names of hubs are no files: what to do is said."""

from pathlib import Path

import pytest

from segcert.errors import InputError
from segcert.models.files.hub import check_not_hub
from segcert.models.shipped import open_model

NAME = "nvidia/segformer-b0-finetuned-ade-512-512"


@pytest.mark.parametrize(
    "name",
    [NAME, f"hf-hub:{NAME}", f"https://huggingface.co/{NAME}", f"hf://{NAME}"],
)
def test_a_repository_is_to_be_saved(name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_model(name)
    folder = NAME.partition("/")[2]
    assert f"hf download {NAME} --local-dir {folder}; then --model ./{folder}" in str(caught.value)


def test_an_address_is_to_be_downloaded() -> None:
    with pytest.raises(InputError, match="is an address, and segcert downloads nothing: download"):
        open_model("https://example.org/nets/a.onnx")


@pytest.mark.parametrize("name", ["./a/b", "nets/a.onnx", "a", "/a/b", "nets/last.ckpt", "a/b/c"])
def test_paths_are_no_names_of_hubs(name: str) -> None:
    check_not_hub(name)


def test_a_folder_that_is_there_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    check_not_hub(NAME)
