"""Semantic segmentation of Hugging Face transformers, from a local folder."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.adapter import Segmenter
from segcert.models.file_hashes import hash_model
from segcert.models.outputs import tensor_of
from segcert.models.sidecar import CHANNELS, Finite, first_line
from segcert.models.wrapping import as_segmenter
from segcert.text import one_line

KIND = "Hugging Face folder"
EXTRA = "Hugging Face models need transformers: pip install 'segcert[hf]'"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
ADAPTER = "adapter_config.json"  # would make transformers look for another model
STRIDE = 32  # of the coarsest features of all such networks; the smallest side that makes sense
BYTE = 255  # preprocessors start from bytes, we from [0, 1]
MASKS = ("mask2former", "maskformer")  # score masks and their classes, not pixels


class Preprocessor(BaseModel):
    """What a preprocessor does to the values of an image; it is not asked to resize.

    Args:
        do_rescale: Whether bytes are multiplied by ``rescale_factor``.
        rescale_factor: Factor.
        do_normalize: Whether ``image_mean`` is subtracted and ``image_std`` divided by.
        image_mean: One value for each of red, green and blue.
        image_std: One value for each of red, green and blue.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    do_rescale: bool = True
    rescale_factor: float = Field(default=1 / BYTE, gt=0, allow_inf_nan=False)
    do_normalize: bool = True
    image_mean: tuple[Finite, ...] = ()
    image_std: tuple[Finite, ...] = ()

    @model_validator(mode="after")
    def one_per_channel(self) -> "Preprocessor":
        """Refuse another number of values than channels."""
        if self.do_normalize and not len(self.image_mean) == len(self.image_std) == CHANNELS:
            raise ValueError(f"image_mean and image_std need {CHANNELS} values each")
        return self

    def mean_and_std(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation in units of [0, 1]."""
        white = BYTE * self.rescale_factor if self.do_rescale else float(BYTE)
        white = 1.0 if abs(white - 1) < 1e-9 else white  # what a preprocessor makes of white
        mean = self.image_mean if self.do_normalize else (0.0,) * CHANNELS
        std = self.image_std if self.do_normalize else (1.0,) * CHANNELS
        return tuple(value / white for value in mean), tuple(value / white for value in std)


class PixelScores(nn.Module):
    """A network of transformers that scores the classes of pixels.

    Args:
        net: From images to an output with ``logits``, or with masks and their classes.
        name: For errors.
    """

    def __init__(self, net: nn.Module, name: str) -> None:
        super().__init__()
        self.net = net
        self.name = name

    def forward(self, images: Float[Tensor, " b 3 h w"]) -> Float[Tensor, " b k h2 w2"]:
        """Score the classes of each pixel.

        Raises:
            ModelError: If the network refuses images of this size.
        """
        try:
            output = self.net(pixel_values=images)
        except ValueError as error:
            raise ModelError(
                f"model {self.name} refuses images of {images.shape[3]}x{images.shape[2]} pixels: "
                f"{' '.join(str(error).split())[:200]}"
            ) from error
        return tensor_of(output, batch=len(images), name=self.name)


def open_folder(path: Path) -> Segmenter:
    """Open a folder that ``save_pretrained`` wrote. The network is not used, no code is run.

    Raises:
        InputError: If transformers is missing, or the folder is incomplete or holds another model.
    """
    files, name = model_files(path), path.resolve().name
    mean, std = normalisation(path)
    net = load_network(path)
    wrapped = PixelScores(net, name).float().eval()
    if torch.cuda.is_available():
        wrapped.to("cuda")
    numbered = dict(net.config.id2label)
    names = tuple(str(numbered[number]) for number in sorted(numbered))
    segmenter = as_segmenter(
        wrapped, mean=mean, std=std, smallest_side=STRIDE, class_names=names, name=name
    )
    settings = {"mean": mean, "std": std}
    return replace(segmenter, weights_sha256=hash_model(KIND, files, settings))


def model_files(path: Path) -> list[Path]:
    """List the files that make the network: its configuration and its weights.

    Raises:
        InputError: If one is missing.
    """
    if not (path / CONFIG).is_file():
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
    return [path / CONFIG, *weights]


def normalisation(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Read mean and standard deviation, units of [0, 1]; empty without a preprocessor.

    Raises:
        InputError: If the file is damaged, or names no mean or standard deviation.
    """
    file = path / PREPROCESSOR
    if not file.is_file():
        return (), ()
    try:
        return Preprocessor.model_validate(json.loads(file.read_text("utf-8"))).mean_and_std()
    except ValidationError as error:
        raise InputError(f"{file}: {first_line(error)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no JSON file: {one_line(error)}") from error


def load_network(path: Path) -> Any:
    """Load a network whose every weight is in the folder.

    Raises:
        InputError: If transformers is missing or refuses it, or weights are missing.
    """
    try:
        import transformers
    except ImportError as error:
        raise InputError(f"model {path}: {EXTRA}") from error
    only_here = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet(transformers):
            config = transformers.AutoConfig.from_pretrained(path, **only_here)
            if getattr(config, "use_pretrained_backbone", False):
                raise ValueError("it would download its backbone: save it with its own weights")
            kind = chosen_class(transformers, config)
            net, found = kind.from_pretrained(
                path, config=config, use_safetensors=True, output_loading_info=True, **only_here
            )
    except Exception as error:  # foreign configurations fail in every way
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"model {path} cannot be opened by transformers: {reason}") from error
    missing = sorted(found["missing_keys"])
    if missing:
        raise InputError(
            f"model {path} lacks weights ({', '.join(missing[:3])}, {len(missing)} in all), "
            "which would be random: it was not trained for segmentation"
        )
    return net


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
