"""Where a program is the network that it was made from, and that it is not called elsewhere."""

from pathlib import Path

import pytest
import torch
from foreign_models import tiny, write_pt2
from hostile_programs import changed, in_graph
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.confined.exported_loading import Side, Taken
from segcert.models.files.exported import image_program
from segcert.models.files.exported_expressions import UnknownExpressionError, rewritten
from segcert.models.files.exported_guards import Guards
from segcert.models.opening import open_foreign

AUTO = torch.export.Dim.AUTO


class Pads(nn.Module):
    """Pads its images to multiples of 32 itself; the example that is exported needs none."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        below, right = -height % 32, -width % 32
        if below or right:
            x = nn.functional.pad(x, (0, right, 0, below), mode="replicate")
        means = nn.functional.avg_pool2d(x.mean(1, keepdim=True), 8)
        grown = nn.functional.interpolate(means, scale_factor=8.0)
        return torch.cat([-grown, grown], 1)[:, :, :height, :width]


def export(net: nn.Module, path: Path, shapes: object, size: tuple[int, int] = (64, 64)) -> Path:
    program = torch.export.export(net.eval(), (torch.rand(2, 3, *size),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    return path


def test_a_network_that_pads_is_called_only_where_it_does_not(tmp_path: Path) -> None:
    """Elsewhere the program is another network; so says PyTorch, too."""
    net = Pads()
    path = export(net, tmp_path / "net.pt2", ({0: AUTO, 2: AUTO, 3: AUTO},))
    segmenter = open_foreign(path)
    for size in ((64, 64), (32, 96), (128, 64)):
        images = torch.rand(3, 3, *size)
        assert torch.equal(segmenter.output(images), net(images))
    module = torch.export.load(path).module()
    unguarded = torch.export.load(path).module(check_guards=False)
    for size in ((64, 94), (63, 64), (33, 33)):
        images = torch.rand(3, 3, *size)
        with pytest.raises(ModelError, match=r"break: .*% 32.*== 0.*export it again"):
            segmenter.output(images)
        with pytest.raises(AssertionError, match="Guard failed"):
            module(images)
    assert not torch.equal(unguarded(torch.ones(2, 3, 64, 94))[..., -1], torch.ones(2, 2, 64))


def test_sides_that_are_multiples_of_a_number(tmp_path: Path) -> None:
    class Halves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            small = nn.functional.max_pool2d(x, 4)
            return torch.cat([x, nn.functional.interpolate(small, scale_factor=4.0)], 1)

    high, wide = torch.export.Dim("h", min=2, max=50), torch.export.Dim("w", min=2, max=50)
    shapes = ({0: torch.export.Dim("b", max=64), 2: 4 * high, 3: 4 * wide},)
    segmenter = open_foreign(export(Halves(), tmp_path / "net.pt2", shapes, (48, 64)))
    images = torch.rand(2, 3, 8, 200)
    assert torch.equal(segmenter.output(images), Halves()(images))
    for batch, size in ((2, (46, 64)), (2, (48, 204)), (2, (4, 64)), (65, (48, 64))):
        with pytest.raises(ModelError, match="condition that inputs of"):
            segmenter.output(torch.rand(batch, 3, *size))


def test_equal_sides_stay_equal(tmp_path: Path) -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x.transpose(2, 3)

    side = torch.export.Dim("s", min=4, max=64)
    segmenter = open_foreign(export(Square(), tmp_path / "net.pt2", ({2: side, 3: side},)))
    assert segmenter.output(torch.rand(2, 3, 20, 20)).shape == (2, 3, 20, 20)
    with pytest.raises(ModelError, match="condition that inputs of"):
        segmenter.output(torch.rand(2, 3, 20, 24))


def test_strides_are_those_of_the_example(tmp_path: Path) -> None:
    """A program may have taken them for granted, without a guard."""

    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.as_strided(x.shape, x.stride()) * 2

    segmenter = open_foreign(write_pt2(tmp_path / "net.pt2", Reads()))
    images = torch.rand(2, 3, 32, 48)
    others = images.contiguous(memory_format=torch.channels_last)
    for given in (images, others):
        assert torch.equal(segmenter.output(given), 2 * images)
    assert not torch.equal(
        torch.export.load(tmp_path / "net.pt2").module(check_guards=False)(others), 2 * images
    )


def test_an_example_with_channels_last(tmp_path: Path) -> None:
    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.as_strided(x.shape, x.stride()) * 2

    example = torch.rand(2, 3, 32, 48).contiguous(memory_format=torch.channels_last)
    torch.export.save(torch.export.export(Reads(), (example,)), tmp_path / "net.pt2")
    (taken,) = image_program(tmp_path / "net.pt2").inputs
    assert taken.order == "channels_last"
    laid = taken.laid_out(torch.rand(2, 3, 32, 48, dtype=torch.float64))
    assert laid.is_contiguous(memory_format=torch.channels_last)
    assert laid.dtype == torch.float32
    images = torch.rand(2, 3, 32, 48)
    assert torch.equal(open_foreign(tmp_path / "net.pt2").output(images), 2 * images)


def test_files_without_guards_are_refused_unless_of_one_size(tmp_path: Path) -> None:
    def old(graph: dict[str, object]) -> None:
        del graph["guards_code"]

    with pytest.raises(InputError, match="does not write down for which sizes it holds"):
        open_foreign(changed(write_pt2(tmp_path / "a.pt2", tiny()), tmp_path, in_graph(old)))
    one = changed(write_pt2(tmp_path / "b.pt2", tiny(), batch=2), tmp_path, in_graph(old))
    assert open_foreign(one).output(torch.rand(2, 3, 32, 48)).shape == (2, 3, 16, 24)


@pytest.mark.parametrize(
    ("text", "shape", "holds"),
    [
        ("L['x'].size()[2] % 32 == 0", (1, 3, 64, 64), True),
        ("L['x'].size()[2] % 32 == 0", (1, 3, 63, 64), False),
        ("(-1)*L['x'].size()[3] % 32 != 0", (1, 3, 64, 63), True),
        ("4 <= L['x'].size()[2] <= 8", (1, 3, 9, 9), False),
        ("4 <= L['x'].size()[2] <= 8", (1, 3, 8, 9), True),
        ("L['x'].size()[2] // 2 > 3 and not L['x'].size()[3] == 5", (1, 3, 8, 5), False),
        ("L['x'].size()[2] < 3 or L['x'].size()[3] == 5", (1, 3, 8, 5), True),
        ("max(1, L['x'].size()[2]) == min(9, L['x'].size()[3])", (1, 3, 8, 8), True),
        ("math.ceil(L['x'].size()[2] / 3) == 3", (1, 3, 8, 8), True),
        ("L['x'].size()[2] ** 2 == 64", (1, 3, 8, 8), True),
        ("(1 if L['x'].size()[2] == 8 else 2) == 2", (1, 3, 8, 8), False),
        ("5 % (L['x'].size()[2] - 8) == 0", (1, 3, 8, 8), False),  # nothing divides by zero
        ("L['args'][0].size()[2] == 8", (1, 3, 8, 8), True),
        ("L['flat_args'][0].size()[5] == 8", (1, 3, 8, 8), False),
    ],
)
def test_guards_are_worked_out_in_numbers(text: str, shape: tuple[int, ...], holds: bool) -> None:
    """As Python would: each is evaluated here, too."""
    broken = Guards(("x",), (text,)).broken([shape])
    assert (broken is None) == holds


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "L['x'].stride()[0] == 1", "L['y']['z'].size()[0] == 1",
        "L['x'].size()[0:2] == 1", "[1 for _ in (1,)]", "L['x'].size()[2] ** 99 > 1", "x = 1",
        "L['x'].size()[2] << 9 == 1", "abs.__class__(1)", "max(*[1])", "'a' == 'a'", "lambda: 1",
        "9**9**9**9 == 1", "1 " + "+ 1" * 20_000,
    ],
)  # fmt: skip
def test_guards_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UnknownExpressionError):
        Guards(("x", "y"), (text,))


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s53', positive=True, integer=True)", "Mul(Integer(2), Symbol('s0'))",
        "FloorDiv(s0 - 1, 2) + 1", "Pow(Symbol('s0'), Integer(2))", "Float('0.5', precision=53)",
        "Max(Integer(1), Symbol('u0'))", "Eq(Mod(Symbol('s1'), Integer(32)), Integer(0))",
    ],
)  # fmt: skip
def test_expressions_that_pytorch_writes(text: str) -> None:
    assert rewritten(text) == text


def test_sides() -> None:
    side = Side(least=8, most=20, factor=4, rest=1)
    assert [size for size in range(40) if side.takes(size)] == [9, 13, 17]
    assert (side.fixed, Side(least=3, most=3).fixed) == (None, 3)
    assert side.words() == "8 to 20, a multiple of 4 plus 1"
    assert Taken(sides=(Side(least=2, most=2), Side()), dtype="float32").shape == (2, None)
