"""Clouds as people have them: each convention is read right, or refused with the way out."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import segcert as sc
from segcert.errors import InputError
from segcert.inputs.cloud_columns import columns_of
from segcert.inputs.cloud_files import OTHERS
from segcert.inputs.input import read
from segcert.inputs.lzf import decompress

RNG = np.random.default_rng(0)
N = 32 * 40
XYZ = np.c_[RNG.normal(0, 15, (N, 2)), RNG.normal(-1.7, 0.1, N)].astype("<f4")
SHARE, WHOLE = RNG.random(N).astype("<f4"), RNG.integers(0, 256, N).astype("<f4")
RING = np.tile(np.arange(32), N // 32).astype("<f4")
SWEEP = np.c_[XYZ, WHOLE, RING].astype("<f4")
FEW = np.array([[0.5, 1, 2], [3, 4, 5], [6, 7, 8.25]])
PLY = "ply\nformat ascii 1.0\n{}end_header\n{}"
VERTEX = "element vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
LINES = "0.5 1 2\n3 4 5\n6 7 8.25\n"


def points(path: Path, columns: str | None = None) -> np.ndarray:
    return sc.read_cloud(path, columns).points


def written(folder: Path, name: str, content: bytes | str | np.ndarray) -> Path:
    path = folder / name
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content).tobytes()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_sweeps_of_nuscenes(tmp_path: Path) -> None:
    """Case 04: five numbers a point, which also are a whole number of points of four."""
    path = written(tmp_path, "LIDAR_TOP.pcd.bin", SWEEP)
    cloud = sc.read_cloud(path)
    assert np.array_equal(cloud.points, XYZ)
    assert cloud.notes == ("read as x, y, z, intensity, ring",)
    assert read(path).notes == cloud.notes


def test_scans_of_kitti(tmp_path: Path) -> None:
    path = written(tmp_path, "000000.bin", np.c_[XYZ, SHARE])
    assert np.array_equal(points(path), XYZ)
    assert sc.read_cloud(path).notes == ()


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        XYZ,
        SWEEP,
        np.c_[SWEEP, RNG.random(N)],
        np.c_[XYZ, XYZ[:, :1] * 0, SWEEP[:, 3:], RNG.random((N, 2))],
        np.c_[XYZ, SHARE].astype("<f8"),
        XYZ.astype("<f8"),
        np.round(np.c_[XYZ, SHARE].astype("<f8")),
    ],
    ids=["3", "5", "6", "8", "4 doubles", "3 doubles", "4 whole doubles"],
)
@pytest.mark.parametrize("name", ["a.bin", "a.pcd.bin"])
def test_other_numbers_of_columns_are_not_taken_for_the_usual(
    tmp_path: Path, rows: np.ndarray, positive: bool, name: str
) -> None:
    """Also where no coordinate is negative, so that an intensity may be any."""
    stored = rows.astype("<f8" if rows.dtype == np.float64 and rows.shape[1] < 5 else "<f4")
    if name == "a.pcd.bin" and stored is not None and rows is SWEEP:
        return
    if positive:
        stored = stored + np.array([60, 80, 10, *[0] * (stored.shape[1] - 3)], stored.dtype)
    content = np.ascontiguousarray(stored).tobytes()
    path = written(tmp_path, name, content[: len(content) // 80 * 80])
    with pytest.raises(InputError, match=r"does not look like|float64") as caught:
        points(path)
    assert "--columns x,y,z,intensity" in str(caught.value)


def test_columns_are_declared(tmp_path: Path) -> None:
    path = written(tmp_path, "a.bin", SWEEP)
    assert np.array_equal(points(path, "x,y,z,intensity,ring"), XYZ)
    assert np.array_equal(points(path, "y,x,z,_,_"), XYZ[:, [1, 0, 2]])
    path = written(tmp_path, "b.bin", np.c_[SHARE, XYZ].astype("<f8"))
    assert np.array_equal(points(path, "float64:intensity,X,Y,Z"), XYZ)
    cloud = sc.read_cloud(written(tmp_path, "c.bin", np.c_[XYZ, RING]), "x,y,z,label")
    assert cloud.labels.tolist() == RING.tolist()
    with pytest.raises(InputError, match=r"multiple of 28 bytes.*--columns x,y,z,_,_,_,_ does not"):
        points(path.with_name("c.bin"), "x,y,z,_,_,_,_")


def test_columns_of_arrays_are_declared(tmp_path: Path) -> None:
    table = np.c_[FEW, [1, 2, 3], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    np.savez(tmp_path / "a.npz", points=table)
    cloud = sc.read_cloud(tmp_path / "a.npz", "x,y,z,label,nx,ny,nz")
    assert cloud.points.tolist() == FEW.tolist()
    assert cloud.labels.tolist() == [1, 2, 3]
    assert cloud.normals.tolist() == table[:, 4:].tolist()
    with pytest.raises(InputError, match="shape"):
        points(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", points=table[:, :4], labels=np.arange(3))
    with pytest.raises(InputError, match="labels beside points, and --columns names them too"):
        points(tmp_path / "b.npz", "x,y,z,label")
    assert sc.read_cloud(tmp_path / "b.npz", "x,y,z,_").labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,intensity", "must have x, y, z"),
        ("x,y,z,lable", "'lable' is unknown: take x, y, z, nx, ny, nz, label"),
        ("x,y,z,x", "x is there twice"),
        ("x,y,z,nx,ny", "all or none of nx, ny, nz"),
        ("x,y,z,label,part", "at most one of label"),
        ("float16:x,y,z", "before the colon may be float32 or float64"),
        ("", "'' is unknown"),
    ],
)
def test_bad_declarations(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        columns_of(text)


def test_what_says_its_columns_takes_no_declaration(tmp_path: Path) -> None:
    path = written(tmp_path, "a.ply", PLY.format(VERTEX, LINES))
    with pytest.raises(InputError, match="says itself what its columns are: leave out --columns"):
        points(path, "x,y,z")


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("//X Y Z R G B\n0.5 1 2 9 9 9\n3 4 5 9 9 9\n6 7 8.25 255 9 9\n", None),
        ("//X,Y,Z,Scalar field\n0.5,1,2,400\n3,4,5,500\n6,7,8.25,600\n", "x,y,z,_"),
        ("X,Y,Z,Intensity\n0.5,1,2,400\n3,4,5,500\n6,7,8.25,600\n", None),
        ('"intensity";"x";"y";"z"\n7;0.5;1;2\n8;3;4;5\n9;6;7;8.25\n', None),
        ("x[m]\ty[m]\tz[m]\n0.5\t1\t2\n3\t4\t5\n6\t7\t8.25\n", None),
        ("# made by hand\n# x y z\n0.5 1 2 # first\n3 4 5\n# a gap\n\n6 7 8.25\n", None),
        ("\ufeff0.5 1 2\r\n3 4 5\r\n6 7 8.25\r\n", None),
        ("0.5, 1, 2\n3, 4, 5\n6, 7, 8.25\n", None),
        ("0.5 1 2 0.31\n3 4 5 0.5\n6 7 8.25 1\n", "x,y,z,intensity"),
        ("1 0.5 1 2\n2 3 4 5\n3 6 7 8.25\n", "label,x,y,z"),
    ],
)
@pytest.mark.parametrize("suffix", ["xyz", "asc", "csv"])
def test_texts_of_others(tmp_path: Path, content: str, columns: str | None, suffix: str) -> None:
    """Headers of CloudCompare and of tables, marks of encodings, separators."""
    for encoding in ("utf-8", "utf-16") if content[0] == "\ufeff" else ("utf-8",):
        encoded = content.lstrip("\ufeff").encode(encoding) if encoding == "utf-16" else None
        path = written(tmp_path, f"a.{suffix}", encoded or content)
        assert points(path, columns).tolist() == FEW.tolist()


def test_names_give_normals_and_labels(tmp_path: Path) -> None:
    rows = "0.5 1 2 7 0 0 1\n3 4 5 8 0 1 0\n6 7 8.25 9 -nan(ind) 1.#QNAN nan\n"
    path = written(tmp_path, "a.asc", "//X Y Z Classification Nx Ny Nz\n" + rows)
    cloud = sc.read_cloud(path)
    assert cloud.labels.tolist() == [7, 8, 9]
    assert cloud.normals.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_pts_with_their_number(tmp_path: Path) -> None:
    assert points(written(tmp_path, "a.pts", "3\n" + LINES)).tolist() == FEW.tolist()
    with pytest.raises(InputError, match="says that it has 4 points and has 3"):
        points(written(tmp_path, "a.pts", "4\n" + LINES))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0.5,1 1,5 2,5\n3,5 4,5 5,5\n", "commas within numbers.*write decimal points"),
        ("0,5;1,5;2,5\n3,5;4,5;5,5\n", "commas within numbers.*write decimal points"),
        ("0 0 0 0.2 0.9 0.4\n1 1 1 0.5 0.5 0.5\n", "columns 4 to 6 must be a normal.*--columns"),
        ("0 0 0 0.25\n1 1 1 1\n", "labels of .*--columns x,y,z,intensity"),
        ("0 0 0 300\n1 1 1 1\n", "labels of .* got 300.*--columns x,y,z,intensity"),
        ("".join(f"{k} 0 0 {k}\n" for k in range(70)), "70 different numbers.*x,y,z,label"),
        ("0 0 0 1 2\n1 1 1 1 2\n", "5 columns, must have x y z; .*--columns"),
        ("//X Y Z R G B\n0 0 0\n1 1 1\n", "names 6 columns .* and has 3"),
        ("x y z\n0 0\n1 1\n", "names 3 columns .* and has 2"),
    ],
)
def test_texts_that_may_mean_something_else_are_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        points(written(tmp_path, "a.txt", content))


def test_many_labels_may_be_declared(tmp_path: Path) -> None:
    content = "".join(f"{k} 0 0 {k}\n" for k in range(200))
    cloud = sc.read_cloud(written(tmp_path, "a.txt", content), "x,y,z,label")
    assert cloud.labels.tolist() == list(range(200))


@pytest.mark.parametrize(
    "content",
    [
        PLY.format("comment end_header is below\ncomment a\n" + VERTEX, LINES),
        PLY.format("element camera 1\nproperty float f\n" + VERTEX, "9\n" + LINES),
        PLY.format(
            "element face 2\nproperty list uchar int vertex_indices\n" + VERTEX,
            "3 0 1 2\n3 2 1 0\n" + LINES,
        ),
        PLY.format(
            VERTEX + "property list uchar float seen\nproperty uchar red\n",
            "0.5 1 2 0 9\n3 4 5 2 7 7 9\n6 7 8.25 1 7 9\n",
        ),
        "\ufeff" + PLY.format(VERTEX, LINES),
        PLY.format(VERTEX, LINES).replace("\n", "\r"),
        PLY.format(VERTEX.replace(" x", " X").replace(" z", " Z"), LINES),
    ],
    ids=["comments", "camera first", "faces first", "lists", "mark", "old lines", "upper case"],
)
def test_ply_of_others(tmp_path: Path, content: str) -> None:
    assert points(written(tmp_path, "a.ply", content)).tolist() == FEW.tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("lists", [False, True])
def test_binary_ply_with_other_elements_first(tmp_path: Path, order: str, lists: bool) -> None:
    word = {"<": "little", ">": "big"}[order]
    more = "property list ushort short seen\n" if lists else ""
    header = (
        f"ply\nformat binary_{word}_endian 1.0\nelement face 2\n"
        f"property list uchar int vertex_indices\nelement camera 1\nproperty double f\n{VERTEX}"
        f"{more}property uchar label\nend_header\n"
    )
    body = struct.pack(f"{order}B3iB2id", 3, 0, 1, 2, 2, 0, 1, 9.0)
    for number, row in enumerate(FEW):
        seen = struct.pack(f"{order}H{number}h", number, *range(number)) if lists else b""
        body += struct.pack(f"{order}3f", *row) + seen + bytes([number])
    path = written(tmp_path, "a.ply", header.encode() + body)
    cloud = sc.read_cloud(path)
    assert cloud.points.tolist() == FEW.tolist()
    assert cloud.labels.tolist() == [0, 1, 2]
    for size in range(len(header), len(header) + len(body)):
        path.write_bytes((header.encode() + body)[:size])
        with pytest.raises(InputError, match="truncated"):
            sc.read_cloud(path)


def test_names_of_labels(tmp_path: Path) -> None:
    """Of several columns label, part and class say more than what scanners classify."""
    both = VERTEX + "property uchar classification\nproperty uchar scalar_Label\n"
    rows = "0.5 1 2 6 1\n3 4 5 6 2\n6 7 8.25 6 3\n"
    path = written(tmp_path, "a.ply", PLY.format(both, rows))
    assert sc.read_cloud(path).labels.tolist() == [1, 2, 3]


NORMALS = "".join(f"property float n{axis}\n" for axis in "xyz")


def test_normals_that_are_not_finite_are_unknown(tmp_path: Path) -> None:
    """Case 17: points without neighbours have NaN normals in what PCL and others write."""
    rows = "0.5 1 2 nan nan nan\n3 4 5 0 0 1\n6 7 8.25 0 1 0\n"
    path = written(tmp_path, "a.ply", PLY.format(VERTEX + NORMALS, rows))
    cloud = sc.read_cloud(path)
    assert cloud.normals.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    (note,) = cloud.notes  # not again among the zeros
    assert note.startswith("1 of 3 normals are not finite: taken as unknown, (0, 0, 0)")
    assert "--normals recomputed" in note
    np.savez(tmp_path / "a.npz", points=FEW, normals=[[0, np.inf, 0], [0, 0, 0], [0, 2, 0]])
    cloud = sc.read_cloud(tmp_path / "a.npz")
    assert cloud.normals.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    first, *others = cloud.notes
    assert first == note
    assert others == [
        "1 of 3 normals were scaled to length 1", "1 of 3 normals are zero: unknown"
    ]  # fmt: skip


PCD = (
    "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {}\nSIZE {}\nTYPE {}\n"
    "COUNT {}\nWIDTH 3\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 3\nDATA {}\n"
)
FIELDS = ("x y z _ normal_x normal_y normal_z label", "4 4 4 1 4 4 4 4", "F F F U F F F U",
          "1 1 1 4 1 1 1 1")  # fmt: skip
ROW = np.dtype([("xyz", "<f4", 3), ("_", "u1", 4), ("n", "<f4", 3), ("label", "<u4")])


def rows_of_pcd() -> np.ndarray:
    table = np.zeros(3, ROW)
    table["xyz"], table["_"], table["label"] = FEW, 255, [4, 5, 6]
    table["n"] = [[0, 0, 1], [0, 1, 0], [np.nan] * 3]
    return table


def literal(data: bytes) -> bytes:
    """LZF without references."""
    parts = [data[at : at + 32] for at in range(0, len(data), 32)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def pcd(kind: str) -> bytes:
    """A file of each encoding."""
    table, header = rows_of_pcd(), PCD.format(*FIELDS, kind).encode()
    if kind == "ascii":
        lines = [
            " ".join(map(str, [*row["xyz"], *row["_"], *row["n"], row["label"]])) for row in table
        ]
        return header + "\n".join(lines).encode() + b"\n"
    if kind == "binary":
        return header + table.tobytes()
    columns = [table["xyz"][:, k].tobytes() for k in range(3)] + [table["_"].tobytes()]
    columns += [table["n"][:, k].tobytes() for k in range(3)] + [table["label"].tobytes()]
    plain = b"".join(columns)
    packed = literal(plain)
    return header + struct.pack("<II", len(packed), len(plain)) + packed


@pytest.mark.parametrize("kind", ["ascii", "binary", "binary_compressed"])
def test_pcd(tmp_path: Path, kind: str) -> None:
    path, content = tmp_path / "a.pcd", pcd(kind)
    path.write_bytes(content)
    cloud = sc.read_cloud(path)
    assert cloud.points.tolist() == FEW.tolist()
    assert cloud.labels.tolist() == [4, 5, 6]
    assert cloud.normals.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    for size in range(0, len(content) - 3, 5):
        path.write_bytes(content[:size])
        with pytest.raises(InputError):
            sc.read_cloud(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("DATA ascii", "DATA xml", "DATA must be ascii, binary or binary_compressed, got 'xml'"),
        ("SIZE 4 4", "SIZE 4", "must name as many columns each, got 8, 7, 8, 8"),
        ("SIZE 4", "SIZE 3", "field 'x' must be F, I or U of 1, 2, 4 or 8 bytes"),
        ("COUNT 1", "COUNT -1", "field 'x' must be"),
        ("POINTS 3", "POINTS 3000000000000", "truncated: 3000000000000 points"),
        ("POINTS 3", "POINTS many", "POINTS must be a number, got 'many'"),
        ("FIELDS x y", "FIELDS x x", "different names"),
        ("FIELDS x y", "FIELDS u v", "must have x, y, z"),
    ],
)
def test_bad_pcd(tmp_path: Path, old: str, new: str, message: str) -> None:
    content = pcd("ascii").decode()
    assert old in content
    with pytest.raises(InputError, match=message):
        points(written(tmp_path, "a.pcd", content.replace(old, new, 1)))


def test_lzf() -> None:
    """By hand: literals, a short and a long reference, one that overlaps itself."""
    assert decompress(b"\x02abc", 3) == b"abc"
    assert decompress(b"\x02abc\x20\x02", 6) == b"abcabc"
    assert decompress(b"\x00a\xe0\x01\x00", 11) == b"a" * 11
    assert decompress(b"\x01ab\x40\x01", 6) == b"ababab"
    for data, size in ((b"\x02abc", 4), (b"\x02ab", 3), (b"\x20\x05", 3), (b"\x00a", 10**9)):
        with pytest.raises((ValueError, IndexError)):
            decompress(data, size)


@pytest.fixture
def las_file(tmp_path: Path) -> Callable[..., Path]:
    laspy = pytest.importorskip("laspy", reason="laspy is not installed: the extra las")

    def write(name: str, offset: float = 0, classes: tuple[int, ...] = (2, 5, 6)) -> Path:
        header = laspy.LasHeader(point_format=3, version="1.2")
        header.offsets, header.scales = np.full(3, offset), np.full(3, 0.01)
        las = laspy.LasData(header)
        for axis, values in zip("xyz", (FEW + offset).T, strict=True):
            setattr(las, axis, values)
        las.classification = np.array(classes, np.uint8)
        las.write(str(tmp_path / name))
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.las", "a.laz", "A.LAS"])
def test_las(las_file: Callable[..., Path], name: str) -> None:
    if name.endswith("laz"):
        pytest.importorskip("lazrs", reason="lazrs is not installed: the extra las")
    cloud = sc.read_cloud(las_file(name))
    assert np.allclose(cloud.points, FEW, atol=1e-6)
    assert cloud.labels.tolist() == [2, 5, 6]
    assert cloud.notes == ()


def test_las_in_coordinates_of_a_map(las_file: Callable[..., Path]) -> None:
    cloud = sc.read_cloud(las_file("a.las", offset=5_400_000, classes=(0, 0, 0)))
    assert np.allclose(cloud.points, FEW - [0, 1, 2], atol=1e-6)
    assert cloud.labels is None
    assert cloud.notes == ("coordinates are those of the file less (5400000, 5400001, 5400002)",)


@pytest.mark.parametrize("name", ["a.las", "a.laz"])
def test_damaged_las(
    las_file: Callable[..., Path], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = las_file(name)
    content = path.read_bytes()
    for size in (0, 3, 100, 227, 300, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"cannot be read as LAS|truncated"):
            sc.read_cloud(path)
    many = content[:107] + struct.pack("<I", 2**31) + content[111:]
    path.write_bytes(many)
    with pytest.raises(InputError, match="points, the most are"):
        sc.read_cloud(path)
    assert capfd.readouterr() == ("", "")


def test_las_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "laspy", None)
    with pytest.raises(InputError, match=r"need laspy: pip install 'segcert\[las\]'"):
        sc.read_cloud(written(tmp_path, "a.las", "LASF"))


@pytest.mark.parametrize("suffix", OTHERS)
def test_formats_that_are_not_read(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match=r"must be one of \.npz, \.ply.*convert it to \.ply"):
        read(written(tmp_path, f"a{suffix}", "any"))


@pytest.mark.data
def test_the_real_scan_as_doubles_and_in_five_columns(data_dir: Path, tmp_path: Path) -> None:
    scan = data_dir / "semantic_kitti_scan" / "velodyne" / "000000.bin"
    table = np.fromfile(scan, "<f4").reshape(-1, 4)[:20_000]
    for rows, columns in (
        (table.astype("<f8"), "float64:x,y,z,intensity"),
        (np.c_[table, np.zeros(len(table), "<f4")], "x,y,z,intensity,_"),
        (table[:, :3], "x,y,z"),
    ):
        path = written(tmp_path, "a.bin", rows)
        with pytest.raises(InputError, match="does not look like 4 numbers"):
            points(path)
        assert np.array_equal(points(path, columns), table[:, :3])
