"""Weights of other programs: wrappers, prefixes, damage, foreign things, code that is not run."""

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.files.weights_files import (
    NUMBERS,
    Weights,
    fit_weights,
    mismatches,
    read_weights,
    without_prefixes,
)

Save = Callable[[Path, object], None]


class Small(nn.Module):
    """A convolution and a batch norm."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, classes, 1)
        self.norm = nn.BatchNorm2d(classes)


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def save_zip(path: Path, content: object) -> None:
    torch.save(content, path)


def save_old(path: Path, content: object) -> None:
    """In the format of PyTorch before 1.6, of the published checkpoints."""
    torch.save(content, path, _use_new_zipfile_serialization=False)


both = pytest.mark.parametrize("save", [save_zip, save_old])


@pytest.fixture
def weights() -> Weights:
    torch.manual_seed(0)
    net = Small()
    nn.init.normal_(net.norm.running_mean)
    return net.state_dict()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pth"


def fitted(path: Path, classes: int = 3) -> Weights:
    net = Small(classes)
    fit_weights(net, read_weights(path), path=path, architecture=f"Small with {classes} classes")
    return net.state_dict()


def outcome(path: Path) -> tuple[Weights, str]:
    """The weights, or why they are refused."""
    try:
        return fitted(path), ""
    except InputError as error:
        return {}, str(error)


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@both
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "model.", "module.", "module.model.", "model.module."])
def test_wrappers_and_prefixes_are_stripped(
    weights: Weights, path: Path, save: Save, wrapper: str | None, prefix: str
) -> None:
    content: object = {prefix + name: weight for name, weight in weights.items()}
    if wrapper is not None:
        content = {"epoch": 7, wrapper: content, "optimizer": {"lr": 0.1}}
    save(path, content)
    assert same(read_weights(path), weights)
    assert same(fitted(path), weights)


def test_what_lies_beside_the_network_is_left_out(weights: Weights, path: Path) -> None:
    beside = {
        "std": torch.ones(1, 3, 1, 1),
        "mean": torch.ones(3),
        "loss.criterion.weight": torch.ones(3),
    }
    torch.save({f"model.{name}": weight for name, weight in weights.items()} | beside, path)
    assert same(fitted(path), weights)


def test_a_network_may_have_parts_of_such_names() -> None:
    net = nn.Module()
    net.std = nn.Parameter(torch.zeros(2))
    fit_weights(net, {"std": torch.ones(2)}, path=Path("net.pth"), architecture="net")
    assert torch.equal(net.std, torch.ones(2))


def test_counters_of_batch_norm_do_not_matter(weights: Weights, path: Path) -> None:
    without = {n: w for n, w in weights.items() if "num_batches" not in n}
    torch.save(without, path)
    assert same(fitted(path), weights)
    torch.save(weights | {"norm.num_batches_tracked": torch.tensor(99)}, path)
    assert same(fitted(path), weights)


def test_counters_of_batch_norm_start_anew(weights: Weights) -> None:
    net = Small()
    net.norm.num_batches_tracked.fill_(7)
    fit_weights(net, weights, path=Path("net.pth"), architecture="Small")
    assert net.norm.num_batches_tracked == 0


def test_another_number_of_classes_is_named(weights: Weights, path: Path) -> None:
    torch.save(weights, path)
    with pytest.raises(InputError) as caught:
        fitted(path, classes=4)
    assert str(caught.value) == (
        f"weights {path} do not fit Small with 4 classes: conv.weight is (3, 2, 1, 1), not "
        "(4, 2, 1, 1); conv.bias is (3,), not (4,); norm.weight is (3,), not (4,); and 3 more"
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"conv.bias": None}, "conv.bias is missing"),
        ({"conv.bias": None, "norm.bias": None}, "conv.bias is missing; norm.bias is missing"),
        ({"extra.bias": torch.ones(3)}, "extra.bias is unknown"),
        ({"lossy": torch.ones(3)}, "lossy is unknown"),
        ({"stdev": torch.ones(3)}, "stdev is unknown"),
        ({"x" * 1000: torch.ones(3)}, "[...] is unknown"),
        ({"norm.bias": torch.ones(1)}, "norm.bias is (1,), not (3,)"),
        ({"norm.bias": torch.tensor([1, 1, 1])}, "norm.bias is torch.int64, not torch.float32"),
        ({"conv.bias": None, "a": torch.ones(1), "b": torch.ones(1)},
         "conv.bias is missing; a is unknown; b is unknown"),
        ({"conv.bias": None, "norm.bias": torch.ones(1), "a": torch.ones(1), "b": torch.ones(1)},
         "conv.bias is missing; norm.bias is (1,), not (3,); a is unknown; and 1 more"),
    ],
)  # fmt: skip
def test_the_first_mismatching_keys_are_named(
    weights: Weights, path: Path, changed: dict[str, Tensor | None], said: str
) -> None:
    content = {name: weight for name, weight in (weights | changed).items() if weight is not None}
    torch.save(content, path)
    with pytest.raises(InputError) as caught:
        fitted(path)
    assert str(caught.value) == f"weights {path} do not fit Small with 3 classes: {said}"


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 2)),
       st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 2)))  # fmt: skip
def test_equal_names_and_shapes_and_only_these_have_no_mismatch(
    wanted: dict[str, int], found: dict[str, int]
) -> None:
    said = mismatches(*({n: torch.ones(k) for n, k in sizes.items()} for sizes in (wanted, found)))
    differing = [n for n in sorted({*wanted, *found}) if wanted.get(n) != found.get(n)]
    assert sorted(line.split()[0] for line in said) == differing


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_numbers_that_are_none_are_refused(weights: Weights, path: Path, value: float) -> None:
    weights["norm.running_var"][1] = value
    torch.save(weights, path)
    with pytest.raises(InputError, match=r"are damaged: norm\.running_var is not finite"):
        fitted(path)


def test_a_refused_file_leaves_the_network_as_it_was(weights: Weights) -> None:
    net = Small()
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    for bad in ({"conv.bias": torch.ones(2)}, {"norm.bias": torch.full((3,), torch.nan)}):
        with pytest.raises(InputError):
            fit_weights(net, weights | bad, path=Path("net.pth"), architecture="Small")
    assert same(net.state_dict(), before)


def test_two_weights_of_one_name_are_refused(weights: Weights, path: Path) -> None:
    torch.save(weights | {"module.conv.bias": torch.ones(3)}, path)
    with pytest.raises(InputError, match=r"holds two of conv\.bias: with and without module\."):
        read_weights(path)


@given(st.lists(st.sampled_from(["model.", "module."]), max_size=2).map("".join))
def test_any_two_prefixes_are_stripped(prefix: str) -> None:
    found = without_prefixes({prefix + "a.model.b": torch.ones(1)}, Path("net.pth"))
    assert list(found) == ["a.model.b"]


@both
@pytest.mark.parametrize("wrapped", [True, False])
def test_code_is_not_run(weights: Weights, path: Path, save: Save, wrapped: bool) -> None:
    mark = path.with_name("mark")
    evil = Runs(f"touch {mark}")
    save(path, {"state_dict": weights, "x": evil} if wrapped else weights | {"x": evil})
    with pytest.raises(InputError, match=r"net\.pth would run code \(\w+\.system\), only weights"):
        read_weights(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)  # the trap works
    assert mark.exists()


def test_a_plain_pickle_is_not_run(path: Path) -> None:
    mark = path.with_name("mark")
    path.write_bytes(pickle.dumps(Runs(f"touch {mark}")))
    with pytest.raises(InputError, match=r"net\.pth"):
        read_weights(path)
    assert not mark.exists()


@both
@pytest.mark.parametrize(
    ("content", "name"), [(Small(), "Small"), ({"best": np.zeros(2)}, "_reconstruct")]
)
def test_objects_are_not_built(path: Path, save: Save, content: object, name: str) -> None:
    save(path, content)
    with pytest.raises(InputError, match=rf"would run code \(\S*{name}\).*torch\.save\(net\.state"):
        read_weights(path)


@both
@pytest.mark.parametrize(
    "content",
    [[1, 2], {"a": 3}, {}, torch.ones(3), None, {"state_dict": {}}, {"state_dict": 3},
     {"a": torch.ones(3).to_sparse()}, {"a": torch.ones(3, device="meta")}],
)  # fmt: skip
def test_files_without_weights_are_refused(path: Path, save: Save, content: object) -> None:
    save(path, content)
    with pytest.raises(InputError, match=r"net\.pth holds no state dict: write it with torch\."):
        read_weights(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("epoch", 3), (7, torch.ones(1)), (None, torch.ones(1)), ("s", torch.ones(2).to_sparse())],
)
def test_other_things_among_weights_are_refused(
    weights: Weights, path: Path, key: object, value: object
) -> None:
    torch.save(weights | {key: value}, path)
    with pytest.raises(InputError, match=rf"holds {key!r} among the weights"):
        read_weights(path)


def test_missing_files_and_folders_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"net\.pth does not exist"):
        read_weights(path)
    with pytest.raises(InputError, match="is a folder: name a file"):
        read_weights(path.parent)


@both
@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(
    weights: Weights, path: Path, save: Save, share: float
) -> None:
    save(path, weights)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"checkpoint .*net\.pth is damaged") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not at all", b"\x89PNG\r\n\x1a\n" + bytes(99), bytes(999)])
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"net\.pth is damaged or no checkpoint") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit
def test_a_program_is_no_checkpoint(path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(path)
    with pytest.raises(InputError, match=r"is TorchScript .*torch\.export\.save") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@both
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_numpy_beside_the_weights_are_read(
    path: Path, save: Save, weights: Weights, name: str
) -> None:
    """As HRNet's own training keeps its best score, whatever the type of the number."""
    save(path, {"epoch": 3, "best": np.dtype(name).type(1), "state_dict": weights})
    assert read_weights(path).keys() == weights.keys()


def test_a_flipped_bit_of_a_weight_is_seen(weights: Weights, path: Path) -> None:
    """Torch reads such a file without a word: the trap works."""
    torch.save(weights, path)
    content = bytearray(path.read_bytes())
    where = content.index(weights["norm.running_mean"].numpy().tobytes())
    content[where] ^= 1
    path.write_bytes(content)
    assert not same(torch.load(path, weights_only=True), weights)
    with pytest.raises(InputError, match=r"is damaged: the checksum of net/data/\d is wrong"):
        read_weights(path)


def test_an_archive_in_parts_is_refused(weights: Weights, path: Path) -> None:
    """Such as a changed byte in the last record makes of it."""
    torch.save(weights, path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x06\x07") + 16] ^= 6  # number of disks
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"net\.pth is damaged: .* multiple disks"):
        read_weights(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_any_damage_is_one_clear_line_or_harmless(
    weights: Weights, path: Path, data: st.DataObject
) -> None:
    """A byte changed anywhere: refused in one line, or the very same weights."""
    torch.save(weights, path)
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    found, refusal = outcome(path)
    assert "\n" not in refusal
    assert refusal or same(found, weights)
