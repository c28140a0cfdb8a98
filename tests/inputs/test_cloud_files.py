"""Files of clouds: what is written reads back, and what is damaged is refused in one line."""

import struct
from pathlib import Path

import numpy as np
import pytest
from cloud_files import bits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcert.data.cloud_folder import CloudFolder
from segcert.data.drawn_shapes import as_cloud
from segcert.errors import InputError
from segcert.inputs.cloud_files import read_cloud, write_cloud
from segcert.inputs.clouds import checked_cloud
from segcert_scenes.shapes import shape

KINDS = [("a.npz", False), ("a.ply", False), ("a.ply", True)]
HEADER = "ply\nformat ascii 1.0\nelement vertex 2\n"
XYZ = "property float x\nproperty float y\nproperty float z\n"
END = "end_header\n"


@st.composite
def some_arrays(draw: st.DrawFn) -> dict[str, object]:
    """Clouds of any float32 coordinates, with and without the rest."""
    n = draw(st.integers(2, 6))
    values = st.floats(-(2.0**90), 2.0**90, width=32)
    points = draw(arrays(np.float32, (n, 3), elements=values))
    points[0] = points[1] + np.float32(1) + np.abs(points[1])
    normals = draw(st.none() | arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32)))
    labels = draw(st.none() | arrays(np.int16, n, elements=st.integers(0, 255)))
    category = draw(st.none() | st.integers(0, 15))
    return {"points": points, "normals": normals, "labels": labels, "category": category}


@pytest.mark.parametrize(("name", "text"), KINDS)
@settings(max_examples=25, deadline=None)
@given(given=some_arrays())
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: bool, given: dict
) -> None:
    cloud = checked_cloud("a", **given)
    path = tmp_path_factory.mktemp("clouds") / name
    write_cloud(path, cloud, text=text)
    back = read_cloud(path)
    assert bits(back) == bits(cloud)
    assert back.name == "a"
    assert (back.labels is None) == (cloud.labels is None)
    assert cloud.labels is None or (back.labels == cloud.labels).all()


def test_results_are_written_in_place_of_the_labels(tmp_path: Path) -> None:
    cloud = as_cloud(shape(0, points=64))
    for name, text in KINDS:
        write_cloud(tmp_path / name, cloud, np.arange(64), text=text)
        assert read_cloud(tmp_path / name).labels.tolist() == list(range(64))
    with pytest.raises(InputError, match="64 points but 3 labels"):
        write_cloud(tmp_path / "a.npz", cloud, np.arange(3))
    with pytest.raises(InputError, match=r"written as \.npz or \.ply"):
        write_cloud(tmp_path / "a.txt", cloud)
    with pytest.raises(InputError, match=r"text: \.ply"):
        write_cloud(tmp_path / "a.npz", cloud, text=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_ply_of_others(tmp_path: Path, order: str) -> None:
    """Both byte orders, doubles, columns in any order, and faces after the vertices."""
    word = {"<": "little", ">": "big"}[order]
    header = (
        f"ply\r\nformat binary_{word}_endian 1.0\r\ncomment by hand\r\nobj_info none\r\n"
        "element vertex 2\r\nproperty int scalar_Label\r\nproperty double z\r\n"
        "property double y\r\nproperty double x\r\nproperty uchar red\r\nelement face 1\r\n"
        "property list uchar int vertex_indices\r\nend_header\r\n"
    )
    rows = struct.pack(f"{order}i3dBi3dB", 4, 3.0, 2.0, 1.0, 9, -1, 6.0, 5.0, 4.0, 8)
    faces = struct.pack(f"{order}B3i", 3, 0, 1, 0)
    (tmp_path / "a.ply").write_bytes(header.encode() + rows + faces)
    cloud = read_cloud(tmp_path / "a.ply")
    assert cloud.points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert cloud.labels.tolist() == [4, 255]
    assert cloud.normals is None


@pytest.mark.parametrize(
    ("rows", "normals", "labels"),
    [
        ("0 0 0\n1 2 3\n", None, None),
        ("# a comment\n0,0,0\n1, 2, 3\n", None, None),
        ("0 0 0 5\n1 2 3 -1", None, [5, 255]),
        ("0 0 0 0 0 1\n1 2 3 0 1 0\n", [[0, 0, 1], [0, 1, 0]], None),
        ("0 0 0 0 0 1 6.000000\r\n1 2 3 0 1 0 7\r\n", [[0, 0, 1], [0, 1, 0]], [6, 7]),
    ],
)
@pytest.mark.parametrize("suffix", ["xyz", "txt", "pts", "XYZ"])
def test_text_layouts(
    tmp_path: Path, suffix: str, rows: str, normals: list | None, labels: list | None
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(rows.encode())
    cloud = read_cloud(path)
    assert cloud.points.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert (None if cloud.normals is None else cloud.normals.tolist()) == normals
    assert (None if cloud.labels is None else cloud.labels.tolist()) == labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", "v 0 0 0", r"must be one of \.npz, \.ply"),
        ("a.txt", "", "holds no points"),
        ("a.txt", "0 0\n1 1\n", "has 2 columns, must have x y z; x y z label"),
        ("a.txt", "0 0 0\n1 1\n", "must be a table of numbers"),
        ("a.txt", "0 0 zero\n1 1 1\n", "must be a table of numbers"),
        ("a.txt", "0 0 0\n1 nan 1\n", "must be finite.*point 1"),
        ("a.txt", "0 0 0 12 200 9\n1 1 1 0 0 0\n", r"a normal, got \[12\.0, 200\.0, 9\.0\]"),
        ("a.txt", "0 0 0 0.5\n1 1 1 0.25\n", "labels of cloud .*a.txt must be whole numbers"),
        ("a.txt", "\x00\xff\xfe", "must be a table of numbers"),
        ("a.npz", "no archive", r"no \.npz file that can be read"),
        ("a.npz", "", r"no \.npz file that can be read"),
        ("a.ply", "", "no PLY file"),
        ("a.ply", HEADER + XYZ, "no PLY file"),
        ("a.ply", HEADER + XYZ + END + "0 0 0\n", "truncated: 2 vertices need as many lines, 1"),
        ("a.ply", HEADER + XYZ + END + "0 0 0\n1 1\n", "vertex 1 must have 3 numbers, got 2"),
        ("a.ply", HEADER + XYZ + END + "0 0 0\n1 1 x\n", "damaged"),
        ("a.ply", HEADER + "property float x\nproperty float y\n" + END + "0 0\n1 1\n", "x, y, z"),
        ("a.ply", HEADER + XYZ + "property float nx\n" + END + "0 0 0 1\n1 1 1 1\n", "all or none"),
        ("a.ply", HEADER + XYZ + "property float x\n" + END + "0 0 0 1\n1 1 1 1\n", "different"),
        ("a.ply", HEADER + XYZ + "property list uchar int i\n" + END, "truncated: 2 vertices"),
        ("a.ply", HEADER + XYZ + "property list float int i\n" + END, "must be numbers"),
        ("a.ply", HEADER + XYZ + "property half w\n" + END, "must be numbers"),
        ("a.ply", HEADER.replace("2", "-2") + XYZ + END, "must have a number"),
        ("a.ply", HEADER.replace("vertex", "face") + XYZ + END, "one element vertex, got face"),
        ("a.ply", HEADER.replace("ascii", "utf8") + XYZ + END, "format must be one of"),
        ("a.ply", HEADER.replace("ascii", "binary_little_endian") + XYZ + END + "short",
         "truncated: 2 vertices need 24 bytes, 5 are there"),
        ("a.ply", HEADER.replace("vertex 2", f"vertex {10**15}").replace(
            "ascii", "binary_big_endian") + XYZ + END, "truncated"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_cloud(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.ply does not exist"):
        read_cloud(tmp_path / "a.ply")
    (tmp_path / "b.ply").mkdir()
    with pytest.raises(InputError, match=r"b\.ply is a folder: name a file"):
        read_cloud(tmp_path / "b.ply")


@pytest.mark.parametrize(("name", "text"), KINDS)
def test_every_cut_is_refused(tmp_path: Path, name: str, text: bool) -> None:
    """A file that lost its end is never read as a smaller cloud."""
    write_cloud(tmp_path / name, as_cloud(shape(1, points=8)), text=text)
    whole = (tmp_path / name).read_bytes()
    last = 3 if text else 1  # the last line may lose its end of line; a number its last digit
    for size in range(0, len(whole) - last, 7):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(InputError):
            read_cloud(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
@pytest.mark.parametrize(("name", "text"), KINDS)
def test_a_wrong_byte_is_an_input_error_or_a_cloud(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: bool, place: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / name
    write_cloud(path, as_cloud(shape(1, points=8)), text=text)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    try:
        assert np.isfinite(read_cloud(path).points).all()
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_npz_of_others(tmp_path: Path) -> None:
    points = np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "a.npz", xyz=points, label=np.array([1, 2], np.uint8))
    assert read_cloud(tmp_path / "a.npz").labels.tolist() == [1, 2]
    for arrays_, message in (
        ({"xyz": points, "points": points}, "both points and xyz"),
        ({"coordinates": points}, r"must have an array points, got \['coordinates'\]"),
        ({"points": np.array([None, {}])}, r"no \.npz file"),
        ({"points": points, "category": np.array("cap")}, "category of cloud"),
        ({"points": points, "category": np.array(-1)}, "category of cloud"),
    ):
        np.savez(tmp_path / "a.npz", **arrays_)
        with pytest.raises(InputError, match=message):
            read_cloud(tmp_path / "a.npz")


def test_a_folder_of_clouds(tmp_path: Path) -> None:
    cap, mug = (as_cloud(shape(0, points=32, category=name)) for name in ("cap", "mug"))
    write_cloud(tmp_path / "b.npz", cap)
    write_cloud(tmp_path / "a.ply", mug)
    (tmp_path / "notes.md").write_text("no cloud")
    folder = CloudFolder(tmp_path)
    assert [cloud.name for cloud in folder] == ["a", "b"]
    assert [cloud.category for cloud in folder] == [mug.category, cap.category]
    caps = CloudFolder(tmp_path, cap.category, "b*")
    assert len(caps) == 1
    caps.check_every_item()
    with pytest.raises(
        InputError, match=r"a\.ply has category 11, must be 2.*first of 1 bad.*of 2"
    ):
        CloudFolder(tmp_path, cap.category).check_every_item()


def test_bad_folders_of_clouds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder of clouds .* has no \*: it needs"):
        CloudFolder(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        CloudFolder(tmp_path / "none")
    with pytest.raises(InputError, match=r"must be in 0\.\.15"):
        CloudFolder(tmp_path, 16)
    (tmp_path / "a.txt").write_text("0 0 0\n1 1 1\n")
    with pytest.raises(InputError, match=r"a\.txt must have labels"):
        CloudFolder(tmp_path)[0]
    (tmp_path / "a.txt").write_text("0 0 0 6\n1 1 1 9\n")
    with pytest.raises(InputError, match=r"a\.txt has part 9 in 1 points, but a cap has .* 6\.\.7"):
        CloudFolder(tmp_path, 2)[0]
    (tmp_path / "a.xyz").write_text("0 0 0 6\n1 1 1 7\n")
    with pytest.raises(InputError, match="have one name"):
        CloudFolder(tmp_path)


@pytest.mark.data
def test_the_real_caps(data_dir: Path) -> None:
    """Sizes and label counts of the data's own PROVENANCE.md."""
    folder = data_dir / "shapenet_part_cap"
    for pattern, size, panels, peaks in (("test_*", 11, 20_235, 7_577), ("val_*", 5, 9_714, 3_545)):
        caps = CloudFolder(folder, 2, pattern)
        labels = np.concatenate([cap.labels for cap in caps])
        assert (len(caps), (labels == 6).sum(), (labels == 7).sum()) == (size, panels, peaks)
        for cap in caps:
            length = np.linalg.norm(cap.normals, axis=1)
            assert ((np.abs(length - 1) < 2e-3) | (length == 0)).all()
            assert np.abs(cap.points).max() <= 1
