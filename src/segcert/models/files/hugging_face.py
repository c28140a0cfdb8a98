"""Semantic segmentation of Hugging Face transformers, from a local folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.files import check_regular
from segcert.models.files.broken_torchvision import why_not
from segcert.models.files.foreign import ForeignModel, settings_of
from segcert.models.files.hugging_face_config import check_config, read_json
from segcert.models.files.preprocessor import Preprocessor, read_preprocessor
from segcert.models.files.sidecar import LAYOUTS, Sidecar, Told
from segcert.models.files.task_tokens import task_tokens
from segcert.models.identity.file_hashes import hash_file, hash_model
from segcert.models.resizing.outputs import tensor_of
from segcert.models.resizing.refused import way_out
from segcert.text import one_line

KIND = "Hugging Face folder"
EXTRA = "Hugging Face models need transformers: pip install 'segcert[hf]'"
CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"  # would make transformers look for another model
STRIDE = 32  # of the coarsest features of all such networks; the smallest side that makes sense
MASKS = (
    "mask2former",
    "maskformer",
    "eomt",
    "eomt_dinov3",
    "oneformer",
)  # score masks and their classes, not pixels


class PixelScores(nn.Module):
    """A network of transformers that scores the classes of pixels.

    Args:
        net: From images to an output with ``logits``, or with masks and their classes.
        name: For errors.
        flip: Whether it takes blue, green and red.
        output_name: The output that counts; empty for the usual one.
        task: What it is told to do, in numbers of words; nothing if it is not told.
    """

    task: Tensor | None

    def __init__(
        self,
        net: nn.Module,
        name: str,
        *,
        flip: bool = False,
        output_name: str = "",
        task: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.net = net
        self.name = name
        self.flip = flip
        self.output_name = output_name
        self.register_buffer("task", torch.tensor([task]) if task else None, persistent=False)

    def forward(self, images: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h2 w2"]:
        """Score the classes of each pixel.

        Raises:
            ModelError: If the network refuses images of this size.
        """
        try:
            given = {"pixel_values": images.flip(1) if self.flip else images}
            if self.task is not None:
                given["task_inputs"] = self.task.expand(len(images), -1)
            output = self.net(**given)
        except ValueError as error:
            height, width = images.shape[2:]
            raise ModelError(
                f"model {self.name} refuses images of {width}x{height} pixels: "
                f"{one_line(error).rstrip('.')}: {way_out(height, width)}"
            ) from error
        return tensor_of(output, batch=len(images), name=self.name, pick=self.output_name)


def open_folder(path: Path, told: Told = ()) -> ForeignModel:
    """Open a folder that ``save_pretrained`` wrote. The network is not used, no code is run.

    Args:
        path: The folder.
        told: Settings that come before those of its preprocessor.

    Raises:
        InputError: If transformers is missing, or the folder is incomplete or holds another model.
    """
    files, name = model_files(path), path.resolve().name
    about = read_preprocessor(path)
    said = Sidecar().with_told(told, path)
    said.refuse(LAYOUTS, path, "is not of networks of transformers, which take channels first")
    mean, std = values_of(about, said, path)
    net, task = load_network(path)
    flip = about is not None and about.do_flip_channel_order
    wrapped = (
        PixelScores(net, name, flip=flip, output_name=said.output_name, task=task).float().eval()
    )
    if torch.cuda.is_available():
        wrapped.to("cuda")
    numbered = dict(net.config.id2label)
    names = tuple(str(numbered[number]) for number in sorted(numbered))
    settings = settings_of(said.convention, mean, std)
    if flip:
        settings["flip"] = True
    if task:
        settings["task"] = tuple(map(float, task))
    if said.convention.head and len(names) != said.convention.classes:
        names = ()  # one for each channel, and none for the background
    return ForeignModel(
        wrapped, name, hash_model(KIND, [hash_file(file) for file in files], settings), mean, std,
        smallest_side=STRIDE, class_names=names, classes=said.declared,
        convention=said.convention, assumed=said.assumed,
    )  # fmt: skip


def values_of(
    about: Preprocessor | None, said: Sidecar, path: Path
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std: as told, else of the preprocessor.

    Raises:
        InputError: If the preprocessor says the range or the order, and another one is told.
    """
    if about is None or "mean" in said.model_fields_set:
        return said.normalisation
    if "input_range" in said.model_fields_set:
        raise InputError(
            f"model {path}: its preprocessor says what is done to values: give mean and std with "
            "input_range, or leave it out"
        )
    if about.do_flip_channel_order and "channels" in said.model_fields_set:
        raise InputError(f"model {path}: its preprocessor says the order of channels already")
    return about.mean_and_std()


def model_files(path: Path) -> list[Path]:
    """List the files that make the network: its configuration, its weights, and their index.

    Raises:
        InputError: If one is missing or no file, or the index names weights that lie elsewhere.
    """
    if not (path / CONFIG).exists():
        raise InputError(
            f"model {path} is a folder without {CONFIG}: give one that save_pretrained of "
            "transformers wrote, or a file"
        )
    if (path / ADAPTER).exists():
        raise InputError(f"model {path} is an adapter of another model: merge and save it first")
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise InputError(
            f"model {path} holds no .safetensors file, and no pickle is read: save it again with "
            "save_pretrained of transformers"
        )
    index = [path / INDEX] if (path / INDEX).exists() else []
    for file in (path / CONFIG, *weights, *index):
        check_regular(file, what="model file")
    for file in index:
        check_index(read_json(file), {weight.name for weight in weights}, file)
    return [path / CONFIG, *weights, *index]


def check_index(index: Any, here: set[str], file: Path) -> None:
    """Refuse an index of weights that names others than those beside it, which are hashed.

    Raises:
        InputError: With the first.
    """
    named = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(named, dict):
        raise InputError(f"{file} is no index of weights: it has no weight_map")
    for place in named.values():
        if place not in here:
            raise InputError(
                f"{file} names weights in {str(place)[:80]!r}, which is no .safetensors file "
                "beside it: save the model again with save_pretrained"
            )


def load_network(path: Path) -> tuple[Any, tuple[int, ...]]:
    """Load a network whose every weight is in the folder, and what it is told to do.

    Raises:
        InputError: If transformers is missing or refuses it, or weights are missing.
    """
    try:
        import transformers
    except ImportError as error:
        raise InputError(f"model {path}: {EXTRA}") from error
    check_config(read_json(path / CONFIG), path)
    only_here = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet(transformers), offline():
            config = transformers.AutoConfig.from_pretrained(path, **only_here)
            kind = chosen_class(transformers, config)
            net, found = kind.from_pretrained(
                path, config=config, use_safetensors=True, output_loading_info=True, **only_here
            )
    except Exception as error:  # foreign configurations fail in every way
        raise InputError(
            f"model {path} cannot be opened by transformers: {why_not(error)}"
        ) from error
    missing = sorted(found["missing_keys"])
    if missing:
        raise InputError(
            f"model {path} lacks weights ({', '.join(missing[:3])}, {len(missing)} in all), "
            "which would be random: it was not trained for segmentation"
        )
    with quiet(transformers), offline():
        return net, task_tokens(transformers, path, config)


def chosen_class(transformers: Any, config: Any) -> Any:
    """Choose the class that scores pixels, or masks.

    Raises:
        ValueError: If the model does neither.
    """
    if config.model_type in MASKS:
        return transformers.AutoModelForUniversalSegmentation
    semantic = transformers.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING
    if type(config) not in semantic:
        raise ValueError(
            f"{config.model_type} is no semantic segmentation (such as segformer, upernet, "
            "mask2former)"
        )
    return transformers.AutoModelForSemanticSegmentation


@contextmanager
def offline() -> Iterator[None]:
    """Let every request to the hub fail, whatever part of transformers makes it."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keep bars and reports of transformers from the terminal."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
