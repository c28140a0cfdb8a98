"""Modules of other libraries are taken as they are: the real ones where they can be imported."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_models import (
    MEAN,
    NAMES,
    STD,
    balanced,
    mask2former,
    segformer,
    tiny,
    write_onnx,
    write_pt2,
)  # fmt: skip
from torch import Tensor, nn

import segcert as sc
from segcert.models.adapter import labels_on_device
from segcert.models.resizing.outputs import scores_of_masks

BATCH = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def certifies(model: object, shape: tuple[int, ...] = (3, 64, 64)) -> sc.Certificate:
    """Certify random bytes from few draws, to see that it goes through."""
    image = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))
    given = {"sigma": 0.1, "tau": 0.5, "alpha": 0.5, "n0": 2, "n": 20}
    cert = sc.certify_image(model, image.to(torch.uint8), **given)  # type: ignore[arg-type]
    assert cert.labels.shape == shape[1:]
    return cert


def labelled_by_hand(scores: Tensor) -> Tensor:
    """Resize, then take the largest."""
    wide = nn.functional.interpolate(scores, BATCH.shape[2:], mode="bilinear", align_corners=False)
    return wide.argmax(1)


def assert_nearly_same(labels: Tensor, wanted: Tensor) -> None:
    """Equal but for ties within rounding, and not trivially so."""
    assert (labels != wanted).double().mean() < 1e-3
    assert len(wanted.unique()) > 1


def test_transformers_with_logits() -> None:
    """A module of transformers, not opened from a folder."""
    pytest.importorskip("transformers")
    net = segformer()
    segmenter = sc.as_segmenter(net, mean=MEAN, std=STD, class_names=NAMES)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.inference_mode():
        wanted = labelled_by_hand(net(pixel_values=(BATCH - mean) / std).logits)
    assert_nearly_same(segmenter.labels(BATCH), wanted)
    assert certifies(segmenter).class_names == NAMES


def test_transformers_with_masks() -> None:
    pytest.importorskip("transformers")
    net = mask2former()
    with torch.inference_mode():
        output = net(pixel_values=BATCH)
        scores = scores_of_masks(output.class_queries_logits, output.masks_queries_logits)
    assert_nearly_same(sc.as_segmenter(net).labels(BATCH), labelled_by_hand(scores))


class LikeTorchvision(nn.Module):
    """Scores in a dictionary with those of an auxiliary head, as torchvision's modules do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = tiny()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        scores = nn.functional.interpolate(self.net(x), x.shape[2:], mode="bilinear")
        return OrderedDict(out=scores, aux=-scores)


class LikeSmp(nn.Module):
    """Scores of the size of the image, as segmentation-models-pytorch does."""

    def __init__(self) -> None:
        super().__init__()
        self.net = LikeTorchvision()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)["out"]


@pytest.mark.parametrize("kind", [LikeTorchvision, LikeSmp])
def test_stand_ins_with_the_same_outputs(kind: type[nn.Module]) -> None:
    net = kind().eval()
    with torch.inference_mode():
        wanted = tiny()(BATCH)
    assert_nearly_same(sc.as_segmenter(net).labels(BATCH), labelled_by_hand(wanted))
    assert certifies(net).provenance.weights_sha256 != "none"


def exported(net: nn.Module) -> Any:
    example = (BATCH,)
    return torch.export.export(net, example, dynamic_shapes=({0: torch.export.Dim("b")},))


def test_programs_in_python_have_their_mode_baked_in() -> None:
    """They refuse eval(), and their flags say that they train, whatever they do."""
    net = tiny()
    program = exported(net)
    wanted = sc.as_segmenter(net).labels(BATCH)
    around = nn.Sequential(program.module())
    around.training = False  # its eval() would be refused by what is inside
    for form in (program, program.module(), around):
        assert_nearly_same(sc.as_segmenter(form).labels(BATCH), wanted)
    certifies(program.module(), (3, 64, 96))
    with pytest.raises(sc.ModelError, match=r"made in train mode.*call eval\(\) before"):
        sc.as_segmenter(exported(tiny().train()).module())
    mixed = nn.Sequential(program.module(), nn.BatchNorm2d(3))
    with pytest.raises(sc.ModelError, match=r"is in train mode \(the whole\)"):
        sc.as_segmenter(mixed)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit
def test_frozen_modules_of_torchscript_have_no_mode() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Sigmoid(), nn.Conv2d(2, 2, 1)).eval()
    with torch.no_grad():
        net[2].bias -= net(BATCH).mean((0, 2, 3))  # type: ignore[operator]
    wanted = sc.as_segmenter(net).labels(BATCH)
    script = torch.jit.script(net)
    first, frozen = sc.as_segmenter(script), sc.as_segmenter(torch.jit.freeze(script))
    for segmenter in (first, frozen, sc.as_segmenter(torch.jit.trace(net, BATCH))):
        assert_nearly_same(segmenter.labels(BATCH), wanted)
    certifies(frozen)
    with torch.no_grad():
        net[2].bias += 1  # type: ignore[operator]
    other = sc.as_segmenter(torch.jit.freeze(torch.jit.script(net)))
    assert other.identity_sha256 != frozen.identity_sha256


@pytest.mark.libraries
@pytest.mark.usefixtures("torchvision")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_real_modules_of_torchvision(name: str) -> None:
    """The auxiliary head is no part of what is certified."""
    from torchvision.models import segmentation

    aux = {} if name.startswith("lraspp") else {"aux_loss": True}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = getattr(segmentation, name)(
            weights=None, weights_backbone=None, num_classes=3, **aux
        ).eval()
    with torch.inference_mode():
        output = net(BATCH)
    assert set(output) == {"out", *(["aux"] if aux else [])}
    assert torch.equal(sc.as_segmenter(net).labels(BATCH), output["out"].argmax(1))
    certifies(net)


@pytest.mark.libraries
@pytest.mark.usefixtures("torchvision")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encoder", ["resnet18", "tu-mobilenetv3_small_050"])  # its own, timm's
def test_real_modules_of_smp(encoder: str) -> None:
    import segmentation_models_pytorch as smp

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = smp.Unet(encoder, encoder_weights=None, classes=3).eval()
    with torch.inference_mode():
        wanted = net(BATCH).argmax(1)
    assert torch.equal(sc.as_segmenter(net).labels(BATCH), wanted)
    certifies(net)


@pytest.mark.libraries
@pytest.mark.usefixtures("torchvision")
@pytest.mark.filterwarnings("ignore")
def test_features_of_timm_with_a_head() -> None:
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = timm.create_model("resnet10t", features_only=True, out_indices=[1])
        head = nn.Conv2d(body.feature_info.channels()[-1], 3, 1)
    net = balanced(nn.Sequential(body, Last(), head).eval(), head)
    with torch.inference_mode():
        wanted = labelled_by_hand(net(BATCH))
    assert_nearly_same(sc.as_segmenter(net).labels(BATCH), wanted)
    certifies(net)


class Last(nn.Module):
    """The last one of several features."""

    def forward(self, features: list[Tensor]) -> Tensor:
        return features[-1]


def test_a_tuple_of_outputs_is_refused_in_one_line() -> None:
    """As of smp with a head for the whole image: which one counts is not ours to say."""
    net = tiny(lambda scores: (scores, scores.mean((2, 3))))
    with pytest.raises(sc.ModelError, match=r"must return a tensor .* got tuple"):
        sc.as_segmenter(net).labels(BATCH)


def test_paths_are_opened_and_options_of_the_sidecar_refused(tmp_path: Path) -> None:
    program = write_pt2(tmp_path / "net.pt2", tiny(), size=(64, 96))
    onnx = write_onnx(tmp_path / "net.onnx", tiny())
    with torch.inference_mode():
        wanted = labelled_by_hand(tiny()(BATCH))
    for path in (program, str(onnx)):
        segmenter = sc.as_segmenter(path, scale=1.0)
        assert_nearly_same(segmenter.labels(BATCH), wanted)
        assert certifies(segmenter).provenance.model == "net"
        assert sc.as_segmenter(path, scale=0.5).scale == 0.5
        with pytest.raises(sc.InputError, match="sidecar"):
            sc.as_segmenter(path, mean=MEAN, std=STD)
    with pytest.raises(sc.InputError, match="unknown model"):
        sc.as_segmenter("nonesuch")


class Volumes(nn.Module):
    """From (b, 1, d, h, w) to scores (b, 3, d, h, w), as networks of MONAI do."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.down = nn.Conv3d(1, 4, 3, stride=2, padding=1)
            self.up = nn.ConvTranspose3d(4, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.down(x).relu())


def test_volumes_go_through_certificates_files_and_replay(tmp_path: Path) -> None:
    scores = Volumes().eval()(torch.rand(2, 1, 8, 12, 16)).detach()
    assert (labels_on_device(scores, (8, 12, 16)) == scores.argmax(1)).all()  # as on CUDA
    cert = certifies(Volumes().eval(), (1, 8, 12, 16))
    assert cert.provenance.input_shape == (1, 8, 12, 16)
    assert 0 < cert.certified.mean() <= 1
    cert.save(tmp_path)
    again = sc.load_certificate(tmp_path)
    assert (again.labels == cert.labels).all()
    volume = torch.randint(
        0, 256, (1, 8, 12, 16), generator=torch.Generator().manual_seed(0)
    ).to(torch.uint8)  # fmt: skip
    assert sc.replay(again, Volumes().eval(), volume).identical
    blocks = sc.certify(cert.counts, tau=0.5, alpha=0.5, regions=sc.Blocks(4))
    assert blocks.labels.shape == (8, 12, 16)


def test_voxels_are_counted_like_pixels() -> None:
    """A volume of one slice, and the image of it, have the same law: here the same certainty."""
    flat = np.random.default_rng(0).choice(np.uint8([0, 255]), (1, 6, 8))
    model = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    given = {"sigma": 0.1, "n0": 2, "n": 60, "seed": 1}
    image = sc.certify_image(model, flat, **given)
    volume = sc.certify_image(model, np.stack([flat, 255 - flat], 1), **given)
    assert image.certified.all()
    assert volume.certified.all()
    assert (volume.labels[0] == image.labels).all()
    assert (volume.labels[1] == 1 - image.labels).all()


def test_volumes_are_not_resized_and_not_taken_for_batches() -> None:
    volume = torch.zeros(1, 8, 8, 8)
    with pytest.raises(sc.InputError, match=r"scale 0\.5 is for images: volumes"):
        sc.certify_image(sc.as_segmenter(Volumes().eval(), scale=0.5), volume)
    with pytest.raises(sc.InputError, match=r"32x8x16 voxels .* each side needs 16"):
        sc.certify_image(
            sc.as_segmenter(Volumes().eval(), smallest_side=16), torch.zeros(1, 32, 8, 16)
        )
    with pytest.raises(sc.ModelError, match="as they are not resized"):
        sc.certify_image(lambda x: x[..., ::2].repeat(1, 2, 1, 1, 1), volume)
    for shape in ((1, 3, 8, 8), (1, 1, 8, 8)):
        with pytest.raises(sc.InputError, match=r"batch of one image.*give image\[0\]"):
            sc.certify_image(Volumes().eval(), torch.zeros(shape))


@pytest.mark.libraries
@pytest.mark.filterwarnings("ignore")
def test_real_networks_of_monai() -> None:
    from monai.networks.nets import UNet

    net = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(4, 8), strides=(2,)).eval()
    cert = certifies(net, (1, 8, 16, 16))
    volume = torch.rand(2, 1, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = net(volume).argmax(1)
    assert torch.equal(sc.as_segmenter(net).labels(volume), wanted)
    assert cert.provenance.input_shape == (1, 8, 16, 16)
