"""Hugging Face folders: the network itself, its preprocessor, and what is refused."""

import builtins
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import transformers
from foreign_models import MEAN, NAMES, STD, segformer, write_folder
from torch import Tensor

from segcert.api import warn_about_input
from segcert.errors import InputError, ModelError
from segcert.models.files.preprocessor import Preprocessor, notes_on
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.opening import open_foreign
from segcert.models.resizing.outputs import scores_of_masks
from segcert.models.trying import first_output
from segcert.models.wrapping import as_segmenter

BERT = {"model_type": "bert"}  # the whole configuration of another kind of model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SegFormer with its preprocessor; not to be changed."""
    return write_folder(
        tmp_path_factory.mktemp("hub") / "segformer", segformer(), image_mean=MEAN, image_std=STD
    )


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(folder, tmp_path / "segformer"))


def draws(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def test_it_is_the_network_that_was_saved(folder: Path) -> None:
    found, direct = open_foreign(folder), as_segmenter(segformer(), mean=MEAN, std=STD)
    assert torch.equal(found.output(draws()), direct.output(draws()))
    assert hash_weights(found.model.net) == direct.weights_sha256
    assert (found.name, found.class_names, found.classes) == ("segformer", NAMES, 3)
    assert (found.mean, found.std, found.smallest_side) == (MEAN, STD, 32)


def test_nothing_is_printed_and_the_network_is_not_used(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    open_foreign(folder)
    assert capfd.readouterr() == ("", "")


def test_gradients_reach_the_input(folder: Path) -> None:
    batch = draws().requires_grad_()
    (slope,) = torch.autograd.grad(open_foreign(folder).scores(batch).square().sum(), batch)
    assert slope.abs().sum() > 0


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"do_rescale": False},
        {"rescale_factor": 1 / 127.5},
        {"do_normalize": False},
        {"do_normalize": False, "do_rescale": False},
    ],
    ids=str,
)
def test_the_preprocessor_is_followed(settings: dict[str, Any]) -> None:
    """Against the arithmetic of a preprocessor on bytes."""
    about = Preprocessor(image_mean=MEAN, image_std=STD, **settings)
    mean, std = about.mean_and_std()
    for byte in (0, 100, 255):
        value = byte * settings.get("rescale_factor", 1 / 255) if about.do_rescale else byte
        for i in range(3):
            wanted = (value - MEAN[i]) / STD[i] if about.do_normalize else value
            assert (byte / 255 - mean[i]) / std[i] == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_the_usual_factor_leaves_mean_and_std_as_they_are() -> None:
    about = Preprocessor(image_mean=MEAN, image_std=STD, rescale_factor=0.00392156862745098)
    assert about.mean_and_std() == (MEAN, STD)


def test_masks_vote_for_the_classes_of_pixels() -> None:
    """Worked by hand: two masks of one pixel; "no object" has no vote."""
    classes = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]]).log_softmax(-1)
    masks = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    e = torch.tensor([1.0, 2.0, 3.0]).exp()
    wanted = 0.5 / 3 + torch.sigmoid(torch.tensor(1.0)) * e[:2] / e.sum()
    torch.testing.assert_close(scores_of_masks(classes, masks)[0, :, 0, 0], wanted)


def test_masks_of_eomt_vote_as_those_of_mask2former(tmp_path: Path) -> None:
    """Known to transformers since 2025; its images have one size."""
    config = transformers.EomtConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16,
        num_queries=5, id2label=dict(enumerate(NAMES)), num_blocks=1, mlp_ratio=2,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = transformers.EomtForUniversalSegmentation(config).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = net(pixel_values=images)
        wanted = scores_of_masks(found.class_queries_logits, found.masks_queries_logits)
        opened = open_foreign(write_folder(tmp_path / "eomt", net))
        assert torch.allclose(opened.model(images), wanted, atol=1e-5)
        assert opened.class_names == NAMES
    with pytest.raises(ModelError, match="--scale 64x32"):
        first_output(opened, images[:, :, :32])


def oneformer(folder: Path) -> tuple[Any, Path]:
    """A tiny OneFormer with a tokenizer of a few words."""
    stages = [f"stage{i}" for i in range(1, 5)]
    backbone = transformers.SwinConfig(
        embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, out_features=stages
    )
    config = transformers.OneFormerConfig(
        backbone_config=backbone, conv_dim=32, mask_dim=32, hidden_dim=32, encoder_layers=1,
        encoder_feedforward_dim=16, decoder_layers=2, dim_feedforward=16, num_attention_heads=2,
        num_queries=6, id2label=dict(enumerate(NAMES)), text_encoder_width=8,
        text_encoder_num_layers=1, text_encoder_vocab_size=60, is_training=False,
        query_dec_layers=1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = transformers.OneFormerForUniversalSegmentation(config).eval()
    path = write_folder(folder / "one", net)
    words = ["<|startoftext|>", "<|endoftext|>", *"theaskimnc", "th", "the</w>", "e</w>"]
    numbered = {word: number for number, word in enumerate(words)}
    (path / "vocab.json").write_text(json.dumps(numbered))
    (path / "merges.txt").write_text("#version: 0.2\nt h\nth e</w>\n")
    special = dict.fromkeys(("unk_token", "pad_token", "eos_token"), "<|endoftext|>")
    about = {"tokenizer_class": "CLIPTokenizer", "bos_token": "<|startoftext|>"} | special
    (path / "tokenizer_config.json").write_text(json.dumps(about))
    return net, path


def test_oneformer_is_told_its_task_in_the_words_of_its_folder(tmp_path: Path) -> None:
    net, path = oneformer(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    words = tokenizer("the task is semantic", padding="max_length", max_length=77)["input_ids"]
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = net(pixel_values=images, task_inputs=torch.tensor([words, words]))
        wanted = scores_of_masks(found.class_queries_logits, found.masks_queries_logits)
        opened = open_foreign(path)
        assert torch.allclose(opened.model(images), wanted, atol=1e-5)
    (path / "vocab.json").unlink()
    (path / "tokenizer.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"has no tokenizer \(tokenizer\.json, vocab\.json\)"):
        open_foreign(path)


def test_hash_covers_weights_configuration_and_normalisation(copy: Path) -> None:
    seen = {open_foreign(copy).weights_sha256}
    (copy / "README.md").write_text("words do not count")
    assert {open_foreign(copy).weights_sha256} == seen
    about = {"image_mean": MEAN, "image_std": (0.2, 0.25, 0.51)}
    (copy / "preprocessor_config.json").write_text(json.dumps(about))
    seen.add(open_foreign(copy).weights_sha256)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    seen.add(open_foreign(copy).weights_sha256)
    weights = safetensors.torch.load_file(copy / "model.safetensors")
    weights["decode_head.classifier.bias"] += 1
    safetensors.torch.save_file(weights, copy / "model.safetensors", {"format": "pt"})
    seen.add(open_foreign(copy).weights_sha256)
    assert len(seen) == 4


def test_without_preprocessor_images_go_in_as_they_are(copy: Path) -> None:
    (copy / "preprocessor_config.json").unlink()
    assert open_foreign(copy).mean == ()


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ('{"image_mean": [0.5, 0.5, 0.5]}', "image_mean and image_std need 3 values each"),
        ('{"image_mean": [0, 0], "image_std": [1, 1]}', "need 3 values each"),
        ('{"image_mean": "x"}', "image_mean Input should be a valid tuple"),
        ('{"image_mean": [0, 0, 0], "image_std": [1, 0, 1]}', "std > 0"),
        ("{", "preprocessor_config.json is no JSON file"),
    ],
)
def test_preprocessors_that_are_wrong_are_refused(copy: Path, about: str, said: str) -> None:
    (copy / "preprocessor_config.json").write_text(about)
    with pytest.raises(InputError, match=said):
        open_foreign(copy)


def test_pickles_are_not_read(copy: Path) -> None:
    weights = safetensors.torch.load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"holds no \.safetensors file, and no pickle is read"):
        open_foreign(copy)


def test_missing_weights_are_not_made_up(copy: Path) -> None:
    weights = safetensors.torch.load_file(copy / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "classifier" not in name}
    safetensors.torch.save_file(kept, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks weights \(decode_head\.classifier\.bias, .*2 in"):
        open_foreign(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (BERT, "bert is no semantic segmentation"),
        ({"model_type": "nobody-knows"}, "cannot be opened by transformers: .*nobody-knows"),
        (
            {"use_pretrained_backbone": True},
            "and nothing is downloaded",
        ),
    ],
)
def test_other_configurations_are_refused(copy: Path, change: dict[str, Any], said: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(change if change is BERT else config | change))
    with pytest.raises(InputError, match=said):
        open_foreign(copy)


def test_code_in_the_folder_is_not_run(copy: Path) -> None:
    mark = copy / "mark"
    (copy / "mine.py").write_text(f"open({str(mark)!r}, 'w')\n")
    auto = {"AutoConfig": "mine.Config", "AutoModelForSemanticSegmentation": "mine.Net"}
    config = json.loads((copy / "config.json").read_text())
    for model_type in ("segformer", "mine"):
        changed = config | {"auto_map": auto, "model_type": model_type}
        (copy / "config.json").write_text(json.dumps(changed))
        if model_type == "mine":
            with pytest.raises(InputError, match="cannot be opened by transformers"):
                open_foreign(copy)
        else:
            open_foreign(copy)  # the class of transformers is taken
    assert not mark.exists()


def test_damage_adapters_and_folders_of_others_are_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="is an adapter of another model"):
        open_foreign(copy)
    (copy / "adapter_config.json").unlink()
    (copy / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be opened by transformers"):
        open_foreign(copy)
    with pytest.raises(InputError, match=r"is a folder without config\.json"):
        open_foreign(tmp_path)


def test_a_size_that_the_network_refuses_is_said(folder: Path) -> None:
    segmenter = open_foreign(folder)

    def refuse(**_: Tensor) -> None:
        raise ValueError("Input image size (32*48) doesn't match model (64*64).")

    segmenter.model.net.forward = refuse
    with pytest.raises(ModelError, match=r"segformer refuses images of 48x32 pixels: Input image"):
        segmenter.output(draws())


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return found(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"pip install 'segcert\[hf\]'"):
        open_foreign(folder)


def with_settings(copy: Path, **settings: object) -> Path:
    about = {"image_mean": MEAN, "image_std": STD} | settings
    (copy / "preprocessor_config.json").write_text(json.dumps(about))
    return copy


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"image_mean": (123.675, 116.28, 103.53)}, r"mean must lie in .*divide both by 255"),
        ({"image_std": (58.395, 57.12, 57.375)}, r"std in \(0, 2\].*divide both by 255"),
        ({"offset": True}, "offset is on, which is not followed: take it out"),
        ({"do_split_image": True}, "do_split_image is on"),
        ({"gamma": 2.2}, "gamma is unknown, and may change what the network sees"),
        ({"do_flip_channel_order": True}, "leaves open which is which"),
        ({"do_rescale": "perhaps"}, "do_rescale Input should be a valid boolean"),
        ({"rescale_factor": -1}, "rescale_factor Input should be greater than 0"),
    ],
)
def test_keys_that_change_values_are_followed_or_refused_by_name(
    copy: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        open_foreign(with_settings(copy, **settings))


@pytest.mark.parametrize(
    "name", ["Segformer", "Beit", "DPT", "Mask2Former", "MobileNetV2", "MobileViT", "SegGpt"]
)
def test_preprocessors_of_transformers_hold_no_unknown_key(copy: Path, name: str) -> None:
    """And do to the values of an image what they do in transformers."""
    transformers = pytest.importorskip("transformers")
    made = getattr(transformers, f"{name}ImageProcessor")()
    made.save_pretrained(copy)
    pixels = torch.randint(0, 256, (3, 64, 64), generator=torch.Generator().manual_seed(0))
    plain = {"do_resize": False, "do_center_crop": False, "do_pad": False, "return_tensors": "pt"}
    wanted = made(pixels.byte(), **plain)["pixel_values"][0]
    segmenter = open_foreign(copy)
    seen = []
    segmenter.model.net.forward = lambda pixel_values: seen.append(pixel_values) or pixel_values
    segmenter.output(pixels[None] / 255)
    torch.testing.assert_close(seen[0][0], wanted, rtol=1e-4, atol=1e-5)


def test_what_is_not_followed_is_said(copy: Path) -> None:
    assert notes_on(copy) == []
    (note,) = notes_on(with_settings(copy, do_resize=True, size_divisor=32, do_center_crop=True))
    assert "to resize and crop and pad (do_resize, do_center_crop, size_divisor)" in note
    assert "--scale" in note
    (note,) = notes_on(with_settings(copy, do_reduce_labels=True, do_resize=False))
    assert "class k is k + 1 and 0 is none" in note
    with pytest.warns(UserWarning, match="do_reduce_labels"):
        warn_about_input(str(copy))


def test_a_processor_of_another_name_is_not_passed_over(copy: Path) -> None:
    (copy / "preprocessor_config.json").rename(copy / "processor_config.json")
    with pytest.raises(InputError, match=r"processor_config\.json is not read: save the image"):
        open_foreign(copy)
