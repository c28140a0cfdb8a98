"""torch.compile: the same network, or one line where it cannot be."""

import pytest
import torch
from foreign_models import MEAN, STD, tiny

from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.backends import compiled
from segcert.models.backends.choosing import with_backend
from segcert.models.wrapping import as_segmenter


def segmenter() -> Segmenter:
    return as_segmenter(tiny(), mean=MEAN, std=STD, name="tiny")


def test_without_a_compiler_it_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "COMPILERS", ("no-such-compiler",))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler") as caught:
        with_backend(segmenter(), "compile", size=(32, 48))
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(compiled, "COMPILERS", ("sh",))
    assert compiled.has_compiler()
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert not compiled.has_compiler()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")  # torch's own
def test_it_is_the_same_network() -> None:
    mine = segmenter()
    other = with_backend(mine, "compile", size=(32, 48))
    assert other.runtime.backend == "compile"
    assert other.weights_sha256 == mine.weights_sha256
    for count in (3, 1):
        batch = torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(other.output(batch), mine.output(batch), atol=1e-5, rtol=1e-4)
