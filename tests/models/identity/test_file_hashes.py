"""The hash of a model changes with its files, what they are, and how they are used."""

import hashlib
from pathlib import Path

from segcert.models.identity.file_hashes import hash_bytes, hash_file, hash_model


def test_a_file_has_the_usual_hash(tmp_path: Path) -> None:
    path = tmp_path / "net"
    path.write_bytes(b"weights" * 100_000)
    assert hash_file(path) == hashlib.sha256(b"weights" * 100_000).hexdigest()


def test_content_kind_and_settings_count_names_do_not(tmp_path: Path) -> None:
    for name, content in (("one", b"a"), ("same", b"a"), ("other", b"b")):
        (tmp_path / name).write_bytes(content)
    one, same, other = (hash_file(tmp_path / name) for name in ("one", "same", "other"))
    assert one == hash_bytes(b"a")
    settings = {"mean": (0.5, 0.5, 0.5), "align_corners": False}
    known = hash_model("ONNX", [one], settings)
    assert hash_model("ONNX", [same], settings) == known
    different = {
        hash_model("ONNX", [other], settings),
        hash_model("ONNX", [one, same], settings),
        hash_model("pt2", [one], settings),
        hash_model("ONNX", [one], settings | {"align_corners": True}),
        hash_model("ONNX", [one], settings | {"mean": (0.5, 0.5, 0.5000001)}),
        hash_model("ONNX", [one], {}),
    }
    assert len(different - {known}) == 6
