"""Shared by the tests of the shell: tiny photographs, tiny weights, real data where it is."""

import gc
import importlib
import os
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from every_module import import_every_module
from hypothesis import settings
from PIL import Image

from segcert.cli.main import run
from segcert.inputs.images import read_file
from segcert.models.files.checkpoints import Description, save_weights
from segcert.models.nets.depthwise import DepthwiseNet

for number, usual in (  # ignored in the background of a shell, or under nohup
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
pytest_plugins = ["browser"]  # says aloud how many tests it skipped
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")  # the same examples everywhere, in CI and out of it

ROOT = Path(__file__).resolve().parents[1]
WHOLE = {"cli", "docs", "experiments", "faults", "report", "runs", "training"}
NAMES, PALETTE = ("road", "car", "sky"), ((128, 64, 128), (0, 0, 142), (70, 130, 180))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Leave two of three cases of a test that is ``sampled`` to `make test-slow`.

    Args:
        items: The tests.
    """
    if os.environ.get("SEGCERT_CASES") == "all":
        return
    seen: Counter[tuple[Path, str]] = Counter()
    for item in items:
        if item.get_closest_marker("sampled"):
            name = (item.path, item.originalname)
            if seen[name] % 3:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


def pytest_collection_finish() -> None:
    """Import the whole package, and exempt it and the tests from garbage collection.

    A module that is first imported while a test has replaced a function of another one would keep
    the replacement for good.
    """
    import_every_module()
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Function) -> None:
    """Check shapes and types in the first case of each test of a part; everywhere if asked to.

    Tests that repeat the same call thousands of times (marker ``repeats``) leave it to others.

    Args:
        item: The test.
    """
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    case = item.callspec.indices.values() if hasattr(item, "callspec") else ()
    checked = os.environ.get("SEGCERT_CHECK_SHAPES") == "everywhere"
    repeats = item.get_closest_marker("repeats") is not None
    checked = checked or not (folder in WHOLE or any(case) or repeats)
    jaxtyping.config.update("jaxtyping_disable", not checked)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("segcert: "), self.err
        return self.err.removeprefix("segcert: ").rstrip("\n")

    def refuses(self, *words: object, status: int = 2) -> None:
        """Assert the status and one line with these words."""
        assert self.status == status, self.err
        for word in words:
            assert str(word) in self.line


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command of segcert in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real photographs."""
    folder = Path(os.environ.get("SEGCERT_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real photographs in {folder}: set SEGCERT_DATA")
    return folder


def pixels(*, height: int = 32, width: int = 48, seed: int = 0) -> np.ndarray:
    """A dark and a bright half, with texture."""
    image = np.random.default_rng(seed).integers(0, 64, (height, width, 3), dtype=np.uint8)
    image[:, width // 2 :] = 255 - image[:, width // 2 :]
    return image


@pytest.fixture(scope="session")
def draw_pixels() -> Callable[..., np.ndarray]:
    """Draw a tiny photograph."""
    return pixels


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A tiny photograph as a file."""
    path = tmp_path / "photo.png"
    Image.fromarray(pixels()).save(path)
    return path


@pytest.fixture(scope="session")
def describe() -> Callable[..., Description]:
    """Describe weights."""

    def made(**changed: object) -> Description:
        about = {
            "classes": NAMES, "palette": PALETTE, "sigma": 0.25, "data": "nothing",
            "licence": "Apache-2.0", "training": {"epochs": 0},
        }  # fmt: skip
        return Description(**(about | changed))

    return made


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, describe: Callable[..., Description]) -> Path:
    """A weight file whose network certifies some pixels of the tiny photograph, not all."""
    folder = tmp_path_factory.mktemp("weights")
    Image.fromarray(pixels()).save(folder / "photo.png")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        net = DepthwiseNet(len(NAMES)).eval()
        noisy = read_file(folder / "photo.png") / 127.5 - 1 + 0.5 * torch.randn(8, 3, 32, 48)
    with torch.inference_mode():
        net.classify.bias -= net(noisy).mean((0, 2, 3))
    path = folder / "tiny.safetensors"
    save_weights(path, net, describe())
    return path


@pytest.fixture(scope="session")
def torchvision() -> Iterator[Any]:
    """torchvision itself; beside a torch for CPUs, what it lacks is defined before its import."""
    library = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision, about itself
        try:
            found = importlib.import_module("torchvision")
        except RuntimeError:
            library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            found = importlib.import_module("torchvision")
    yield found
    del library  # its definitions live as long as it


@pytest.fixture
def unwritable() -> Path:
    """A folder in which not even root can write."""
    path = Path("/proc/self")
    if not path.is_dir():
        pytest.skip("no /proc on this system")
    return path
