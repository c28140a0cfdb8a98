"""Probabilities that are blurred inside the model: against SciPy, in names, hashes and replays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

import segcert as sc
from segcert.cli.main import run
from segcert.errors import InputError, ModelError
from segcert.models.callables import with_smoothing
from segcert.models.reference import ModelReference, recorded
from segcert.models.resizing.averaging import AveragedViews
from segcert.models.resizing.smoothing import gaussian, smoothed, with_word
from segcert.models.shipped import open_model
from segcert.models.wrapping import as_segmenter

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
BATCH = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))
FEW = {"sigma": 0.1, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20, "seed": 1}


def sharp(x: Tensor) -> Tensor:
    return 20 * x


def coarse(x: Tensor) -> Tensor:
    return 20 * functional.avg_pool2d(x, 4)


def by_scipy(scores: Tensor, cells: tuple[float, ...]) -> np.ndarray:
    probabilities = scores.double().softmax(1).numpy()
    return gaussian_filter(probabilities, (0, 0, *cells), mode="reflect", truncate=4.0)


@pytest.mark.parametrize("width", [0.7, 2.5, 30.0])
def test_images_are_those_of_scipy(width: float) -> None:
    """Also where the kernel is longer than the image, and mirrored more than once."""
    found = smoothed(sharp(BATCH), width, (12.0, 20.0)).exp()
    np.testing.assert_allclose(found, by_scipy(sharp(BATCH), (width, width)), atol=2e-6)


def test_a_kernel_that_is_a_tenth_too_wide_would_be_seen() -> None:
    wrong = by_scipy(sharp(BATCH), (2.75, 2.5))
    assert np.abs(by_scipy(sharp(BATCH), (2.5, 2.5)) - wrong).max() > 1e-3


def test_volumes_are_those_of_scipy() -> None:
    volume = torch.rand(1, 2, 5, 6, 7, generator=torch.Generator().manual_seed(1)) * 9
    found = sc.as_segmenter(lambda x: 9 * x, smooth_scores=1.5).output(volume / 9).exp()
    np.testing.assert_allclose(found, by_scipy(volume, (1.5, 1.5, 1.5)), atol=2e-6)


def test_the_width_is_in_pixels_of_the_input_whatever_the_grid() -> None:
    found = sc.as_segmenter(coarse, smooth_scores=6.0)
    reference = torch.from_numpy(by_scipy(coarse(BATCH), (1.5, 1.5)))
    torch.testing.assert_close(found.output(BATCH).exp().double(), reference, atol=2e-6, rtol=0)
    size = (12, 20)
    labels = functional.interpolate(reference.log(), size, mode="bilinear").argmax(1).short()
    assert torch.equal(found.labels(BATCH), labels)
    halved = sc.as_segmenter(sharp, smooth_scores=6.0, scale=0.5)
    small = functional.interpolate(
        BATCH, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True
    )
    np.testing.assert_allclose(
        halved.output(BATCH).exp(), by_scipy(sharp(small), (3.0, 3.0)), atol=2e-6
    )


def test_averaged_views_are_blurred_each_on_its_grid() -> None:
    """The average over one size of the image itself is the image's own."""
    averaged = sc.as_segmenter(sharp, smooth_scores=3.0, scale="1+flip")
    plain = sc.as_segmenter(lambda x: x.softmax(1).log(), scale="1+flip")
    even = torch.from_numpy(by_scipy(sharp(BATCH), (3.0, 3.0))).float()
    assert torch.equal(averaged.labels(BATCH), plain.labels(even))
    several = sc.as_segmenter(sharp, smooth_scores=3.0, scale="0.5,1").output(BATCH)
    assert isinstance(several, AveragedViews)
    small, large = several.views  # the second is a sum at the input's pixels
    half = functional.interpolate(
        BATCH, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True
    )
    np.testing.assert_allclose(small.windows[0], by_scipy(sharp(half), (1.5, 1.5)), atol=2e-6)
    np.testing.assert_allclose(large.windows[0], even, atol=2e-6)


def test_without_width_nothing_is_touched() -> None:
    plain, none = sc.as_segmenter(sharp), sc.as_segmenter(sharp, smooth_scores=0.0)
    assert torch.equal(none.output(BATCH), plain.output(BATCH))
    assert (none.name, none.identity_sha256) == (plain.name, plain.identity_sha256)
    narrow = sc.as_segmenter(sharp, smooth_scores=0.1)  # it reaches no other pixel
    assert torch.equal(narrow.labels(BATCH), plain.labels(BATCH))


def test_constant_scores_stay() -> None:
    scores = torch.tensor([0.0, 2.0, 1.0])[None, :, None, None].expand(1, 3, 12, 20)
    found = smoothed(scores, 5.0, (12.0, 20.0))
    torch.testing.assert_close(found, scores.log_softmax(1))
    assert float(gaussian(3.0).sum()) == pytest.approx(1, abs=1e-15)


def test_no_draw_depends_on_its_batch() -> None:
    model = sc.as_segmenter(coarse, smooth_scores=3.0)
    together = model.output(BATCH)
    assert isinstance(together, Tensor)
    for at in (0, 1):
        assert torch.equal(model.output(BATCH[at : at + 1]), together[at : at + 1])


def test_a_score_that_is_not_finite_counts_against_all_it_reaches() -> None:
    bad = BATCH.clone()
    bad[0, 1, 5, 5] = torch.inf
    labels = sc.as_segmenter(sharp, smooth_scores=1.0).labels(bad)
    assert bool((labels[0, 1:10, 1:10] == -1).all())
    assert not bool((labels[0, 10:] == -1).any())
    assert not bool((labels[1] == -1).any())


def test_gradients_pass() -> None:
    x = BATCH.clone().requires_grad_()
    model = sc.as_segmenter(sharp, smooth_scores=2.0)
    model.labels(BATCH)  # what is kept is made here, without gradients
    model.scores(x)[0, 0, 3, 3].backward()
    assert x.grad is not None
    assert float(x.grad[0, 0, 3, 6].abs()) > 0


def test_margins_are_those_of_the_smoothed_probabilities() -> None:
    model = sc.as_segmenter(sharp, smooth_scores=2.0)
    margins = model.to_margins(model.output(BATCH), (12, 20))
    best = np.sort(by_scipy(sharp(BATCH), (2.0, 2.0)), axis=1)
    np.testing.assert_allclose(margins, best[:, -1] - best[:, -2], atol=1e-5)


def test_labels_and_overlapping_regions_are_refused() -> None:
    labels = sc.as_segmenter(lambda x: x.argmax(1), classes=3, smooth_scores=1.0)
    with pytest.raises(ModelError, match=r"labels: smooth_scores .* leave it out"):
        labels.labels(BATCH)
    regions = sc.as_segmenter(sharp, regions=(0.5, 0.5, 0.6), smooth_scores=1.0)
    with pytest.raises(ModelError, match="regions that overlap"):
        regions.labels(BATCH)


@pytest.mark.parametrize("width", [-1.0, 257.0, float("nan")])
def test_other_widths_are_refused(width: float) -> None:
    with pytest.raises(InputError, match="smooth_scores must be a width of 0 to 256 pixels"):
        sc.as_segmenter(sharp, smooth_scores=width)
    with pytest.raises(InputError, match="smooth_scores must be"):
        open_model("synthetic", smooth_scores=width)


def test_a_binary_head_is_blurred_too_and_its_threshold_is_still_asked_for() -> None:
    model = sc.as_segmenter(lambda x: 9 * x[:, :1] - 4.5, binary=True, smooth_scores=1.0)
    two = torch.stack([torch.zeros(2, 12, 20), 9 * BATCH[:, 0] - 4.5], 1)
    expected = by_scipy(two, (1.0, 1.0)).argmax(1)
    assert np.array_equal(model.labels(BATCH), expected)
    sigmoid = sc.as_segmenter(lambda x: x[:, :1].sigmoid(), binary=True, smooth_scores=1.0)
    with pytest.raises(ModelError, match="give the threshold"):
        sc.certify_image(sigmoid, IMAGE, **FEW)


def test_it_is_in_name_and_hash_and_replayed() -> None:
    model = sc.as_segmenter(sharp, smooth_scores=2.0)
    assert model.name == "sharp[smooth_scores=2]"
    certificate = sc.certify_image(model, IMAGE, **FEW)
    assert certificate.provenance.model == model.name
    assert "sharp[smooth_scores=2]" in certificate.statement
    assert sc.replay(certificate, model, IMAGE)
    for other in (0.0, 2.5):
        with pytest.raises(InputError, match="is not the one that was certified"):
            sc.replay(certificate, sc.as_segmenter(sharp, smooth_scores=other), IMAGE)
    again = as_segmenter(model, smooth_scores=2.0)
    assert (again.name, again.smooth_scores) == (model.name, 2.0)
    with pytest.raises(InputError, match="is wrapped already"):
        with_smoothing(model, 3.0)
    assert with_word("net[channels=bgr]", "smooth_scores", 0.5) == (
        "net[channels=bgr,smooth_scores=0.5]"
    )


def test_a_recorded_model_is_opened_as_it_was() -> None:
    for denoiser in (None, "camvid-denoiser"):
        reference = ModelReference("camvid-plain", scale="1", smooth_scores=6.5, denoiser=denoiser)
        model = reference.open()
        again = recorded(model.name, denoiser=denoiser)
        assert again == reference
        assert again.open().identity_sha256 == model.identity_sha256
        assert reference.of(model).open().identity_sha256 == model.identity_sha256


def test_other_programs_compute_the_same(weights: Path) -> None:
    model = ModelReference(str(weights), smooth_scores=3.0, size=(16, 24)).open()
    compiled = ModelReference(str(weights), smooth_scores=3.0, backend="onnx", size=(16, 24)).open()
    batch = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(compiled.output(batch), model.output(batch), rtol=1e-3, atol=1e-3)
    assert (compiled.name, compiled.smooth_scores) == (model.name, 3.0)


def test_on_the_command_line_it_is_recorded_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE.repeat(2, 0).repeat(2, 1)).save("img.png")
    torch.export.save(
        torch.export.export(Coarse().eval(), (torch.rand(2, 3, 24, 40),), dynamic_shapes=({
            0: torch.export.Dim("b"),
        },)), "net.pt2",
    )  # fmt: skip
    words = ["--model", "./net.pt2", "--n0", "2", "--n", "20", "--tau", "0.5", "--alpha", "0.5"]
    assert run(
        ["certify", "img.png", *words, "--seed", "1", "--smooth-scores", "3", "--out", "a"]
    ) == 0  # fmt: skip
    assert sc.load_certificate("a/img").provenance.model == "net[smooth_scores=3]"
    replay = ["verify", "a/img", "--replay", "--image", "img.png", "--model", "./net.pt2"]
    assert run(replay) == 0
    assert "follows from its counts" in capsys.readouterr().out


class Coarse(nn.Module):
    """Scores on a grid of 4 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return 20 * functional.avg_pool2d(x, 4)
