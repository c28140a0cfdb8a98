"""The process that runs programs of others: what it still can do, and that it computes the same."""

import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import tiny, write_pt2
from torch import Tensor

from segcert.errors import InputError, ModelError
from segcert.models.confined import messages, process
from segcert.models.confined.confine import confine, how
from segcert.models.confined.loaders import LOADERS
from segcert.models.confined.messages import BrokenMessageError, Laid, Memory, heard
from segcert.models.confined.process import Confined, folders_of_packages
from segcert.models.files.exported_files import clean_archive
from segcert.models.opening import open_foreign

pytestmark = pytest.mark.skipif(not how(), reason="this system confines no process")


def attempts(secret: Path) -> dict[str, Callable[[], object]]:
    """What a program that took over its process would try."""
    return {
        "read a file": secret.read_bytes,
        "write a file": lambda: secret.write_bytes(b"x"),
        "write a new file": lambda: (secret.parent / "new").write_bytes(b"x"),
        "remove a file": secret.unlink,
        "rename a file": lambda: secret.rename(secret.parent / "moved"),
        "link a file": lambda: (secret.parent / "link").symlink_to(secret),
        "cut a file": lambda: os.truncate(secret, 0),
        "open its rights": lambda: secret.chmod(0o777),
        "make a folder": (secret.parent / "folder").mkdir,
        "list a folder": lambda: list(secret.parent.iterdir()),
        "read the memory of its parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "ask the network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "ask for a name": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "ask a service here": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "start a program": lambda: os.execv("/bin/true", ["true"]),
        "become two": os.fork,
        "end another process": lambda: os.kill(os.getppid(), signal.SIGKILL),
    }


def tried_in_a_child(attempt: Callable[[], object], *, confined: bool) -> bool:
    """Whether something succeeds in a child, which is confined or not."""
    code = folders_of_packages()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if confined:
                confine(code)
            attempt()
            status = 0
        except OSError:
            pass
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("what", attempts(Path()))
def test_a_confined_process_can_only_compute(tmp_path: Path, what: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    attempt = attempts(secret)[what]
    assert not tried_in_a_child(attempt, confined=True)
    assert secret.read_bytes() == b"secret"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    if "another process" not in what and "become" not in what:
        assert tried_in_a_child(attempt, confined=False)  # so that it is the confinement


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pt2(tmp_path_factory.mktemp("confined") / "net.pt2", tiny())


@pytest.fixture(scope="module")
def confined(path: Path) -> Confined:
    found = open_foreign(path).model.program.call  # type: ignore[attr-defined]
    assert isinstance(found, Confined)
    return found


def draws(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def test_it_computes_what_the_same_program_computes_here(path: Path, confined: Confined) -> None:
    _, here = LOADERS["exported"](clean_archive(path).archive)
    for given in (draws(), draws(1), draws().contiguous(memory_format=torch.channels_last)):
        with torch.inference_mode():
            assert torch.equal(confined(given), here(given))
    slopes = []
    for call in (confined, here):
        batch = draws().requires_grad_()
        slopes.append(torch.autograd.grad(call(batch).square().sum(), batch)[0])
    assert torch.equal(*slopes)


def test_it_starts_again_when_its_process_is_gone(confined: Confined) -> None:
    before = confined(draws())
    os.close(confined.orders)
    confined.orders = os.open("/dev/null", os.O_RDWR)
    with pytest.raises(MemoryError, match="the process that runs model net ended"):
        confined(draws())
    assert torch.equal(confined(draws()), before)


def test_ctrl_c_leaves_no_answer_for_the_next_question(
    confined: Confined, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = confined(draws(1))

    def interrupted(_: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            confined(draws(2))
    assert torch.equal(confined(draws(1)), before)


def test_what_fails_there_is_said_here(confined: Confined) -> None:
    with pytest.raises(ModelError, match="model net: RuntimeError") as caught:
        confined(torch.rand(2, 4, 32, 48))
    assert "\n" not in str(caught.value)
    assert confined(draws()).shape == (3, 3, 16, 24)


def test_a_program_that_cannot_be_opened_is_said_so() -> None:
    with pytest.raises(ModelError, match="model bad"):
        Confined("exported", b"nothing", "bad").start()


def test_a_program_that_changes_its_weights_is_refused(tmp_path: Path) -> None:
    class Counts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.seen.add_(1)
            return x * self.seen

    with pytest.raises((InputError, ModelError), match=r"own weights.*call eval"):
        open_foreign(write_pt2(tmp_path / "net.pt2", Counts())).output(draws())


@pytest.mark.parametrize(
    "parts",
    [
        None, [1], [{"dtype": "object", "shape": [1], "last": False}],
        [{"dtype": "float32", "shape": [-1], "last": False}],
        [{"dtype": "float32", "shape": [1 << 39, 1 << 39], "last": False}],
        [{"dtype": "float32", "shape": [True], "last": False}],
        [{"dtype": "float32", "shape": [1, 2, 3], "last": True}],
        [{"dtype": "float32", "shape": [1]}],
    ],
)  # fmt: skip
def test_the_other_side_is_not_believed(parts: object) -> None:
    with pytest.raises(BrokenMessageError):
        heard(parts)


def test_tensors_beyond_the_memory_are_refused() -> None:
    memory = Memory.new()
    memory.grow(64)
    with pytest.raises(BrokenMessageError):
        memory.views([Laid("float32", (1 << 20,), False)])
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(memory.handle, 0)  # which would end who reads it
    memory.close()


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xff\xff\xff", struct.pack("=I", 2) + b"[]", struct.pack("=I", 1) + b"{"]
)
def test_broken_messages(content: bytes) -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(content)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises((EOFError, BrokenMessageError)):
            messages.receive(mine.fileno())


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (7,), ()])
def test_tensors_come_back_as_they_went(shape: tuple[int, ...]) -> None:
    memory = Memory.new()
    for dtype in messages.TYPES.values():
        tensor = torch.ones(shape).to(dtype)
        if len(shape) == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        parts = [Laid.of(tensor), Laid.of(torch.arange(3))]
        memory.grow(messages.needed(parts))
        memory.write([tensor, torch.arange(3)], parts)
        found, three = memory.read(parts)
        assert torch.equal(found, tensor)
        assert found.dtype == tensor.dtype
        assert found.stride() == tensor.stride() or not tensor.numel()
        assert three.tolist() == [0, 1, 2]
    memory.close()
