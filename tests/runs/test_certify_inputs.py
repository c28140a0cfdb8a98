"""Certify files: complete or absent, resumed, reused, never silently replaced."""

import errno
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from requests_of_runs import changed, masked, plan_with, request_with

from segcert.certificates.claim_files import CERTIFICATE
from segcert.certificates.result import Certificate, load_certificate
from segcert.cli.plan_options import check_covers
from segcert.errors import InputError
from segcert.files import prepare_folder
from segcert.inputs.input import Input
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.runs.certify_inputs import (
    CertifiedInput,
    certify_inputs,
    check_request,
    put_in_place,
)
from segcert.runs.request import Request
from segcert.runs.store import seal

SETTINGS = {"tau": 0.6, "alpha": 0.1, "n0": 4, "n": 40}


def write(folder: Path, given: Input, certificate: Certificate) -> None:
    """A writer without pictures."""
    certificate.save(folder)
    (folder / "name.txt").write_text(given.name)


def bright(batch: torch.Tensor) -> torch.Tensor:
    return (batch[:, 0] > 0.5).long()


@pytest.fixture
def segmenter() -> Segmenter:
    return as_segmenter(bright, classes=2, name="bright", smallest_side=16)


@pytest.fixture
def request_() -> Request:
    return request_with(model="bright", weights_sha256="none", **SETTINGS)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        array = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in ("one", "two")}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def certified(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path, **options: object
) -> list[CertifiedInput]:
    options = {"write": write, "seed": 5, "batch_size": 2} | options
    return list(certify_inputs(segmenter, images, request_, out=out, **options))


class Stop:
    """A progress bar that presses Ctrl-C, or breaks, after some draws."""

    def __init__(self, at: int, name: str = "one", error: type[BaseException] = KeyboardInterrupt):
        self.at, self.name, self.error = at, name, error
        self.draws = 0

    def __call__(self, name: str, done: int, total: int) -> None:
        assert 0 < done <= total == 44
        self.draws += 1
        if name == self.name and done >= self.at:
            raise self.error


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_each_image_gets_its_folder(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    done = certified(segmenter, images, request_, out)
    assert [item.name for item in done] == ["one", "two"]
    assert sorted(p.name for p in out.iterdir()) == ["one", "two"]
    for item in done:
        assert (item.folder, item.resumed) == (out / item.name, False)
        assert (item.folder / "name.txt").read_text() == item.name
        assert item.folder.stat().st_mode & 0o777 == 0o755
        assert item.certificate.statement == load_certificate(item.folder).statement
        assert 0 < item.certificate.abstain_rate < 1


def test_a_finished_image_is_not_drawn_again(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    certified(segmenter, images, request_, out, seed=None)
    before = tree(out)
    again = certified(segmenter, images, request_, out, seed=None, progress=Stop(0))
    assert all(item.resumed for item in again)
    assert tree(out) == before


@pytest.mark.parametrize("at", [1, 4, 5, 12, 30, 44])
@pytest.mark.parametrize("seed", [5, None])
def test_an_interrupted_run_goes_on_to_the_same_certificate(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path,
    at: int, seed: int | None,
) -> None:  # fmt: skip
    stop = Stop(at)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        certified(segmenter, images, request_, out, seed=seed, progress=stop)
    kept = out / ".one.partial.npz"
    assert [p.name for p in out.iterdir()] == ([kept.name] if kept.exists() else [])
    assert kept.exists() == (at >= 5)  # the pilot is the first block
    rest = Stop(999)
    (first, second) = certified(segmenter, images, request_, out, seed=seed, progress=rest)
    if at >= 14:
        assert rest.draws < 44  # batches of both images: 22 each, less what was kept
    assert sorted(p.name for p in out.iterdir()) == ["one", "two"]
    whole = out.parent / "whole"
    whole.mkdir()
    certified(segmenter, images, request_, whole, seed=first.certificate.provenance.seed)
    assert (whole / "one" / CERTIFICATE).read_bytes() == (out / "one" / CERTIFICATE).read_bytes()
    if seed is None:
        assert first.certificate.provenance.seed != second.certificate.provenance.seed


def test_the_seed_of_unfinished_work_is_used_again(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        certified(segmenter, images, request_, out, seed=None, progress=Stop(30))
    with np.load(out / ".one.partial.npz") as file:
        header = str(file["header"])
    done = certified(segmenter, images, request_, out, seed=None)
    assert f'"seed": "{done[0].certificate.provenance.seed}"' in header


def test_unfinished_work_of_other_settings_or_damaged_is_refused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        certified(segmenter, images, request_, out, progress=Stop(30))
    before = tree(out)
    other = changed(request_, n=50)
    for wrong, options in ((other, {}), (request_, {"seed": 6}), (other, {"overwrite": True})):
        with pytest.raises(InputError, match="unfinished work"):
            certified(segmenter, images, wrong, out, **options)
        assert tree(out) == before
    (out / ".one.partial.npz").write_bytes(before[".one.partial.npz"][:1000])
    with pytest.raises(InputError, match=r"partial\.npz is damaged"):
        certified(segmenter, images, request_, out)


def test_work_of_the_streams_of_another_device_is_refused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    """As from a machine with CUDA: the record would say that all draws are of one kind."""
    with pytest.raises(KeyboardInterrupt):
        certified(segmenter, images, request_, out, progress=Stop(30))
    path = out / ".one.partial.npz"
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    assert header["identity"]["streams"] == "cpu"
    header["identity"]["streams"] = "cuda"
    del header["sha256"]
    sealed = header | {"sha256": seal(header, arrays)}
    np.savez(path, header=np.array(json.dumps(sealed)), **arrays)
    before = tree(out)
    with pytest.raises(InputError, match=r"partial\.npz: .*\(streams cuda -> cpu\).*deleting") as e:
        certified(segmenter, images, request_, out)
    assert "\n" not in str(e.value)
    assert tree(out) == before


def test_other_errors_keep_finished_images_and_leave_no_halves(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        certified(
            segmenter, images, request_, out, progress=Stop(9, "two", error=ZeroDivisionError)
        )
    assert [p.name for p in out.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "change",
    [
        {"sigma": 0.3}, {"tau": 0.55}, {"alpha": 0.2}, {"n": 41}, {"n0": 5},
        {"correction": "bonferroni"}, {"model": "x"}, {"weights_sha256": "x"}, {"scale": "0.9"},
    ],
)  # fmt: skip
def test_results_of_other_settings_are_refused_and_replaced_on_demand(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path,
    change: dict[str, object],
) -> None:  # fmt: skip
    del images["two"]
    certified(segmenter, images, request_, out)
    before, other = tree(out), changed(request_, **change)
    with pytest.raises(InputError, match=r"one .*: choose another --out, or --overwrite"):
        certified(segmenter, images, other, out)
    assert tree(out) == before
    (done,) = certified(segmenter, images, other, out, overwrite=True)
    assert not done.resumed
    assert [p.name for p in out.iterdir()] == ["one"]


def test_results_of_another_image_or_seed_are_refused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    certified(segmenter, images, request_, out)
    with pytest.raises(InputError, match="another image or seed"):
        certified(segmenter, images, request_, out, seed=6)
    shutil.copy(images["two"], images["one"])
    with pytest.raises(InputError, match="another image or seed"):
        certified(segmenter, images, request_, out)


def test_a_tampered_result_is_not_reused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    certified(segmenter, images, request_, out)
    path = out / "one" / CERTIFICATE
    path.write_text(path.read_text().replace('"tau": 0.6', '"tau": 0.61'))
    with pytest.raises(InputError, match="unusable certificate"):
        certified(segmenter, images, request_, out)


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_no_result_is_never_replaced(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path, overwrite: bool
) -> None:
    for holiday in (out / "one" / "photo.raw", out / "one"):
        shutil.rmtree(out / "one", ignore_errors=True)
        holiday.parent.mkdir(exist_ok=True)
        holiday.write_bytes(b"the only copy")
        with pytest.raises(InputError, match=r"holds no certificate.*choose another --out"):
            certified(segmenter, images, request_, out, overwrite=overwrite)
        assert holiday.read_bytes() == b"the only copy"
        assert [p.name for p in out.iterdir()] == ["one"]


def full_disk(folder: Path, given: Input, certificate: Certificate) -> None:
    write(folder, given, certificate)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_no_half_result_and_keeps_the_draws(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    with pytest.raises(InputError, match=r"out/one cannot be written: No space left.*same command"):
        certified(segmenter, images, request_, out, write=full_disk)
    assert [p.name for p in out.iterdir()] == [".one.partial.npz"]
    del images["two"]
    (first,) = certified(segmenter, images, request_, out, progress=Stop(0))
    assert not first.resumed
    assert [p.name for p in out.iterdir()] == ["one"]


def test_a_full_disk_leaves_the_old_result(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    del images["two"]
    certified(segmenter, images, request_, out)
    before = tree(out / "one")
    with pytest.raises(InputError, match="No space left"):
        certified(segmenter, images, request_, out, seed=6, write=full_disk, overwrite=True)
    assert tree(out / "one") == before


def test_a_result_that_cannot_be_put_in_place_leaves_the_old_one(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / "one").mkdir()
    (out / "one" / "file").write_text("old")
    rename, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(InputError, match="cannot be written: broken"):
        put_in_place(out / "one", lambda folder: (folder / "file").write_text("new"))
    assert tree(out) == {"one/file": b"old"}


def test_no_disk_for_unfinished_work_leaves_nothing(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match=r"No space left.*\.one\.partial\.npz"):
        certified(segmenter, images, request_, out)
    assert list(out.iterdir()) == []


def test_images_of_one_seed_do_not_share_noise(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    one, two = (item.certificate.counts for item in certified(segmenter, images, request_, out))
    assert not set(one.test_fingerprints) & set(two.test_fingerprints)


def test_a_copy_of_an_image_gets_the_same_noise_from_the_same_seed(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    shutil.copy(images["one"], images["two"])
    one, two = (item.certificate.counts for item in certified(segmenter, images, request_, out))
    assert (one.test_fingerprints == two.test_fingerprints).all()


@pytest.mark.parametrize(
    ("change", "options", "rule"),
    [
        ({"sigma": 0.0}, {}, "sigma must be a positive"),
        ({"tau": 0.49}, {}, r"tau must be in \[1/2, 1\), got 0\.49"),
        ({"alpha": 0.0}, {}, r"alpha must be in \(0, 1\), got 0"),
        ({"n": 0}, {}, "n must be >= 1, got 0"),
        ({"n": 10**12}, {}, "at most 10000000"),
        ({"n0": -1}, {}, "n0 must be >= 0"),
        ({"n0": 10**12}, {}, "n0 must be at most 32767"),
        ({"n": 15}, {}, "use n >= 16"),
        ({}, {"seed": -1}, "seed must be an integer in"),
        ({}, {"device": "tpu"}, "device must be 'auto'"),
        ({}, {"device": "meta"}, "device must be 'auto'"),
        ({}, {"batch_size": 0}, "batch_size must be"),
    ],
)
def test_what_could_not_end_well_is_refused_beforehand(
    segmenter: Segmenter, images: dict[str, Path], request_: Request,
    change: dict[str, object], options: dict[str, object], rule: str,
) -> None:  # fmt: skip
    """0.6^15 = 4.7e-4 > 0.1 / 320 >= 0.6^16."""
    check_request(request_, images, segmenter)
    with pytest.raises(InputError, match=rule):
        check_request(changed(request_, **change), images, segmenter, **options)


def test_images_too_small_for_the_network_are_refused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request
) -> None:
    Image.new("RGB", (40, 15)).save(images["two"])
    with pytest.raises(InputError, match=r"40x15 pixels .* model bright: each side needs 16"):
        check_request(request_, images, segmenter)


@pytest.fixture
def blocked(tmp_path: Path, unwritable: Path) -> Iterator[list[Path]]:
    (tmp_path / "file").touch()
    return [tmp_path / "file", tmp_path / "file" / "below", unwritable / "out", unwritable]


def test_output_folders_that_cannot_be_used_are_refused(blocked: list[Path]) -> None:
    for folder in blocked:
        with pytest.raises(InputError, match=rf"--out {folder} (is a file|cannot be written)"):
            prepare_folder(folder)


def test_an_output_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "b")
    prepare_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_mask_that_does_not_serve_the_images_is_refused(
    segmenter: Segmenter, images: dict[str, Path], request_: Request
) -> None:
    nearly, wide = np.ones((16, 20), bool), np.ones((16, 21), bool)
    with pytest.raises(InputError, match="leaves no component to certify"):
        masked(request_, nearly)
    with pytest.raises(InputError, match="the mask of --ignore covers every pixel"):
        check_covers(nearly)
    nearly[3, 4] = wide[3, 4] = False
    with pytest.raises(InputError, match="21x16 pixels, an image has 20x16"):
        check_request(masked(request_, wide), images, segmenter)
    few = changed(request_, n=5)  # 0.6^5 = 0.078 <= 0.1
    check_request(masked(few, nearly), images, segmenter)
    with pytest.raises(InputError, match="use n >= 5"):
        check_request(masked(changed(few, n=4), nearly), images, segmenter)


def test_a_tree_of_other_classes_is_refused_beforehand(
    images: dict[str, Path], tmp_path: Path
) -> None:
    named = as_segmenter(bright, classes=2, class_names=("dark", "lit"), name="bright")
    path = tmp_path / "tree.toml"
    for names, wrong in ((["dark", "lit"], False), (["dark", "light"], True)):
        path.write_text(f"classes = {names}\n[groups]\nall = {names}\n")
        request = request_with(
            model="bright", weights_sha256="none", tree=str(path), **SETTINGS | {"n0": 0}
        )
        if not wrong:
            check_request(request, images, named)
            continue
        with pytest.raises(InputError, match="'light' in the hierarchy and 'lit' in the model"):
            check_request(request, images, named)


def test_a_tree_needs_no_reserve(tmp_path: Path) -> None:
    """Where classes need one draw more, because a part of alpha is held back for them."""
    path = tmp_path / "tree.toml"
    path.write_text('classes = ["dark", "lit"]\n[groups]\nall = ["dark", "lit"]\n')
    made = {"n0": 0, "tau": 0.5, "alpha": 0.1}
    treed = {"tree": str(path), "correction": "bonferroni"}
    shape = (16, 20)
    needed = tree_needs(shape)
    plan_with(n=needed, **made, **treed).check_components(shape)
    with pytest.raises(InputError, match=f"n = {needed - 1} draws"):
        plan_with(n=needed - 1, **made, **treed).check_components(shape)
    with pytest.raises(InputError, match=f"use n >= {needed + 1}"):
        plan_with(n=needed, **made, correction="bonferroni").check_components(shape)


def tree_needs(shape: tuple[int, int]) -> int:
    """2 (1/2)^n <= alpha / N, in whole numbers."""
    return next(n for n in range(1, 99) if 2 * 10 * math.prod(shape) <= 2**n)


def test_a_run_interrupted_right_after_a_look_remembers_it(
    segmenter: Segmenter, images: dict[str, Path], request_: Request, out: Path
) -> None:
    """The look that ended sampling is in the file, so that it is not taken again."""
    del images["two"]
    request = changed(request_, stop_when="target=0.01", looks=3)

    def at_the_end(_: str, done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        certified(segmenter, images, request, out, progress=at_the_end)
    with np.load(out / ".one.partial.npz") as file:
        history = json.loads(str(file["header"]))["history"]
    (done,) = certified(segmenter, images, request, out)
    assert [look["draws"] for look in history] == [done.certificate.counts.n]
    assert done.certificate.counts.n < 40
