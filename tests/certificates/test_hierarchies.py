"""Shipped hierarchies, and files that describe no tree."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.certificates.hierarchies import (
    check_class_names,
    hierarchies,
    open_hierarchy,
    tree_of,
)
from segcert.certificates.hierarchies.colours import node_palette
from segcert.data.camvid import CLASSES, PALETTE
from segcert.errors import InputError
from segcert.stats.class_tree import ClassTree, deepest_node

CITYSCAPES = {  # training numbers and groups of the benchmark, one by one
    "road": "flat", "sidewalk": "flat", "building": "construction", "wall": "construction",
    "fence": "construction", "pole": "object", "traffic light": "object", "traffic sign": "object",
    "vegetation": "nature", "terrain": "nature", "sky": "sky", "person": "human",
    "rider": "human", "car": "vehicle", "truck": "vehicle", "bus": "vehicle", "train": "vehicle",
    "motorcycle": "vehicle", "bicycle": "vehicle",
}  # fmt: skip
SHIPPED = pytest.mark.parametrize("name", ["camvid", "cityscapes", "pascal_context"])


def path_up(tree: ClassTree, name: str) -> list[str]:
    """Names of a node and of all groups that hold it."""
    node, names = tree.names.index(name), [name]
    while node != tree.root:
        node = tree.parents[node]
        names.append(tree.names[node])
    return names


def test_three_are_shipped() -> None:
    assert list(hierarchies()) == ["camvid", "cityscapes", "pascal_context"]


@SHIPPED
def test_root_covers_all_and_every_path_leads_there(name: str) -> None:
    tree = open_hierarchy(name)
    assert tree.covers[tree.root].all()
    assert tree.names[tree.root] == "anything"
    for leaf in tree.names[: tree.classes]:
        assert path_up(tree, leaf)[-1] == "anything"
        assert 2 <= len(path_up(tree, leaf)) <= 7
    assert len({row.tobytes() for row in tree.covers}) == len(tree.names)  # no group twice


def test_camvid_classes_are_those_of_the_data_set() -> None:
    tree = open_hierarchy("camvid")
    check_class_names(tree, CLASSES)
    assert path_up(tree, "bicyclist")[1:3] == ["human", "road user"]


def test_cityscapes_groups_are_those_of_the_benchmark() -> None:
    tree = open_hierarchy("cityscapes")
    check_class_names(tree, tuple(CITYSCAPES))
    for leaf, group in CITYSCAPES.items():
        assert group in path_up(tree, leaf)
        members = tree.covers[tree.names.index(group)]
        held = [tree.names[i] for i in np.flatnonzero(members)]
        assert held == [other for other, its in CITYSCAPES.items() if its == group]


def test_pascal_context_has_59_classes_in_alphabetical_order() -> None:
    tree = open_hierarchy("pascal_context")
    classes = tree.names[: tree.classes]
    assert len(classes) == 59
    assert list(classes) == sorted(classes)
    voc = {  # the twenty objects of Pascal VOC are among them; its dining table is called table
        "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "table", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
        "tvmonitor",
    }  # fmt: skip
    assert voc <= set(classes)
    first_and_every_tenth = ["aeroplane", "building", "cup", "horse", "road", "track", "wood"]
    assert [classes[i] for i in (0, 10, 20, 30, 40, 50, 58)] == first_and_every_tenth


def test_a_divided_component_gets_its_group() -> None:
    """Ninety draws are split between car and bus: neither is certified, the motor vehicle is."""
    tree = open_hierarchy("cityscapes")
    counts = np.zeros((19, 1), np.int32)
    counts[[tree.names.index("car"), tree.names.index("bus")], 0] = 50, 45
    counts[tree.names.index("road"), 0] = 5
    (node,) = deepest_node(tree, counts, n=100, threshold=95)
    assert tree.names[node] == "motor vehicle"


def test_colours_of_groups_are_the_means_of_their_classes() -> None:
    tree = open_hierarchy("camvid")
    colours = node_palette(tree, PALETTE)
    assert colours[: tree.classes] == PALETTE
    red, green, blue = zip(*(PALETTE[CLASSES.index(c)] for c in ("road", "pavement")), strict=True)
    expected = tuple(round(sum(values) / 2) for values in (red, green, blue))
    assert colours[tree.names.index("flat")] == expected
    assert len(set(colours)) == len(colours)
    with pytest.raises(InputError, match="2 colours for 11 classes"):
        node_palette(tree, PALETTE[:2])


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('classes = ["a", "b", "c"]\n[groups]\nall = ["ab", "c"]\nab = ["b", "a"]\n')
    tree = open_hierarchy(str(path))
    assert tree == ClassTree(("a", "b", "c", "ab", "all"), (3, 3, 4, 4, 4))


@settings(derandomize=True, deadline=None)
@given(st.permutations(["ab", "cd", "abcd", "all"]), st.permutations("abcde"))
def test_order_of_groups_in_the_file_does_not_matter(order: list[str], classes: list[str]) -> None:
    members = {"ab": [*"ab"], "cd": [*"dc"], "abcd": ["cd", "ab"], "all": ["e", "abcd"]}
    tree = tree_of(classes, {group: members[group] for group in order})
    assert tree.names[:5] == tuple(classes)
    above = {name: tree.names[tree.parents[i]] for i, name in enumerate(tree.names)}
    assert above == {
        "a": "ab", "b": "ab", "c": "cd", "d": "cd", "e": "all",
        "ab": "abcd", "cd": "abcd", "abcd": "all", "all": "all",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("classes = [", "cannot be read as a hierarchy"),
        ('classes = ["a", "b"]', r"needs exactly classes and \[groups\], got \['classes'\]"),
        ('classes = ["a"]\nextra = 1\n[groups]\n', "got .'classes', 'extra', 'groups'"),
        ('classes = "ab"\n[groups]\nr = ["a", "b"]', "classes must be a list of names"),
        ('classes = ["a", "b"]\ngroups = 3', "groups must be a table"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a", 2]', "r must be a list of names"),
        ('classes = ["a", "b"]\n[groups]\n', "classes in no group: a, b"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a"]', "classes in no group: b"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a", "b", "c"]', "'c', which is no class"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a", "b", "s"]\ns = ["a"]', "'a' is in 'r' and in"),
        ('classes = ["a", "b"]\n[groups]\na = ["b"]', "'a' is a class and a group"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a"]\ns = ["b"]', r"got \['r', 's'\]"),
        ('classes = ["a", "b"]\n[groups]\nr = ["a", "b", "r"]', r"got \[\]"),
        (
            'classes = ["a", "b", "c", "d"]\n[groups]\nr = ["a", "b"]\n'
            's = ["c", "t"]\nt = ["d", "s"]',
            r"groups hold each other: \['s', 't'\]",
        ),
        ('classes = ["a", "b"]\n[groups]\nr = ["a", "s"]\ns = ["b"]', "has 1 members"),
        ('classes = ["a", "a"]\n[groups]\nr = ["a"]', r"must differ .* got \['a'\]"),
    ],
)
def test_what_is_no_hierarchy_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=rule) as caught:
        open_hierarchy(str(path))
    assert str(path) in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown hierarchy 'imagenet': choose one of camvid, ci"):
        open_hierarchy("imagenet")
    with pytest.raises(InputError, match=r"none\.toml does not exist"):
        open_hierarchy(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read as a hierarchy"):
        open_hierarchy(str(tmp_path / "bytes.toml"))


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (CLASSES[:-1], "has 11 classes, the model has 10"),
        ((*CLASSES[:9], "bicyclist", "pedestrian"), "class 9 is 'pedestrian' in the hierarchy"),
    ],
)
def test_another_model_is_refused(names: tuple[str, ...], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        check_class_names(open_hierarchy("camvid"), names)
