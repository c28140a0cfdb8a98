"""Runs that were killed end with the weights of runs that were not."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segcert.data.labelled import LabelledImage
from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.training.augment import Views
from segcert.training.consistency import Consistency
from segcert.training.loop import train
from segcert.training.recipe import Recipe
from segcert.training.resume import ResumeFile, resume_path
from segcert.training.save import train_and_save
from segcert.training.sigmas import SigmaRange
from segcert.training.state import EpochTally, State

RECIPE = Recipe(
    epochs=3, batch_size=2, views=Views(crop=(32, 32)), sigma=SigmaRange(0.0, 0.5),
    consistency=Consistency(),
)  # fmt: skip


def images(count: int = 6) -> list[LabelledImage]:
    rng, found = np.random.default_rng(0), []
    for number in range(count):
        image = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        found.append(LabelledImage(f"image{number}", image, (image[..., 0] > 127).astype(np.uint8)))
    return found


def net_of(seed: int = 0) -> nn.Module:
    """A small network with dropout, which draws from the global stream."""
    torch.manual_seed(seed)
    return DepthwiseNet(2, width=(8, 8, 8, 8), dilations=(1,), dropout=0.5)


class KilledError(Exception):
    pass


class Killing(ResumeFile):
    """Keeps every step, until it kills the run before a step is kept."""

    def __init__(self, path: Path, *, at: tuple[int, int], real: bool = False) -> None:
        super().__init__(path, every=0.0)
        self.at, self.real = at, real

    def after_epoch(self, state: State, tally: EpochTally) -> None:
        if (tally.epoch, tally.batch) == self.at:
            if self.real:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KilledError
        super().after_epoch(state, tally)


def uninterrupted() -> str:
    return hash_weights(train(net_of(), images(), RECIPE))


@pytest.mark.parametrize("at", [(1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 2)])
@pytest.mark.sampled
def test_a_run_cut_off_anywhere_ends_with_the_same_weights(
    at: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "net.resume.pt"
    with pytest.raises(KilledError):
        train(net_of(), images(), RECIPE, keeper=Killing(path, at=at))
    assert path.exists() == (at != (1, 1))
    seed = 0 if at == (1, 1) else 99  # nothing of a new start may remain
    net = train(net_of(seed), images(), RECIPE, keeper=ResumeFile(path))
    assert hash_weights(net) == uninterrupted()


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second epoch of another process."""
    path, env = tmp_path / "net.resume.pt", os.environ | {"OMP_NUM_THREADS": "1"}
    child = subprocess.run(
        [sys.executable, __file__, str(path)], env=env, check=False, capture_output=True
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no half-written file
    keeper = ResumeFile(path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = train(net_of(99), images(), RECIPE, keeper=keeper)
        assert hash_weights(net) == uninterrupted()
    finally:
        torch.set_num_threads(threads)
    assert keeper.before > 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"epochs": 4}, "epochs is 4 and was 3"),
        ({"sigma": 0.25}, r"sigma is 0.25 and was uniform in \[0, 0.5\] per view"),
        ({"seed": 1}, "seed is 1 and was 0"),
        ({"consistency": None}, "consistency is None and was not set; .*and 1 more"),
        ({"class_weights": (1.0, 2.0)}, r"class_weights is \(1.0, 2.0\) and was None"),
    ],
)
def test_another_recipe_is_refused(changed: dict[str, object], words: str, tmp_path: Path) -> None:
    path = stopped(tmp_path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"another training run: {words}"):
        train(net_of(), images(), replace(RECIPE, **changed), keeper=ResumeFile(path))
    assert path.read_bytes() == before


def test_other_images_and_another_network_are_refused(tmp_path: Path) -> None:
    path, other = stopped(tmp_path), images()
    other[3].labels[5, 5] ^= 1
    with pytest.raises(InputError, match="another training run: data is 6 images of hash"):
        train(net_of(), other, RECIPE, keeper=ResumeFile(path))
    wider = DepthwiseNet(2, width=(8, 8, 8, 16), dilations=(1,))
    with pytest.raises(InputError, match="another training run: network is DepthwiseNet"):
        train(wider, images(), RECIPE, keeper=ResumeFile(path))


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    torch.save({"other": 1}, tmp_path / "other.pt")
    for bad in (b"", whole[:-100], b"no zip", bytes(flipped), (tmp_path / "other.pt").read_bytes()):
        path.write_bytes(bad)
        with pytest.raises(InputError, match="is damaged: delete it") as found:
            train(net_of(), images(), RECIPE, keeper=ResumeFile(path))
        assert "\n" not in str(found.value)


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "evil"),)

    path = tmp_path / "net.resume.pt"
    torch.save({"identity": Evil(), "seconds": 0.0, "state": {}}, path)
    with pytest.raises(InputError, match="damaged"):
        train(net_of(), images(), RECIPE, keeper=ResumeFile(path))
    assert not (tmp_path / "evil").exists()


def test_saving_goes_on_and_removes_the_file_in_the_end(tmp_path: Path) -> None:
    data = LabelledSet("toy", images(), ("a", "b"), ((0, 0, 0), (9, 9, 9)), "Apache-2.0")
    out, lines = tmp_path / "net.safetensors", []

    def stop(line: str) -> None:
        lines.append(line)
        if "epoch 2/3" in line:
            raise KeyboardInterrupt

    def run(seed: int, path: Path) -> str:
        recipe = replace(RECIPE, batch_size=3)
        torch.manual_seed(seed)
        net = train_and_save(
            DepthwiseNet(2),
            data,
            recipe,
            out=path,
            log=stop if path == out else print,
        )
        return hash_weights(net)

    with pytest.raises(KeyboardInterrupt, match="the same command goes on from"):
        run(0, out)
    assert resume_path(out).exists()
    again = run(5, out)
    assert [line[:9] for line in lines] == ["epoch 1/3", "epoch 2/3", "goes on f", "epoch 3/3"]
    assert {path.name for path in tmp_path.iterdir()} == {out.name}
    assert again == run(0, tmp_path / "whole.safetensors")


def stopped(folder: Path) -> Path:
    path = folder / "net.resume.pt"
    with pytest.raises(KilledError):
        train(net_of(), images(), RECIPE, keeper=Killing(path, at=(2, 1)))
    return path


if __name__ == "__main__":
    train(net_of(), images(), RECIPE, keeper=Killing(Path(sys.argv[1]), at=(2, 2), real=True))
