"""What ``preprocessor_config.json`` of a Hugging Face folder does to an image, key by key.

Values: followed. Sizes (resizing, cropping, padding): not followed, which is said, as the input is
certified at its own size, times ``--scale``. What reads an image or a mask: without effect here. A
key that is on none of the lists is refused, since nobody knows what it changes.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segcert.errors import InputError
from segcert.models.files.hugging_face_config import read_json
from segcert.models.files.sidecar import CHANNELS, Finite, first_line

PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
BYTE = 255  # preprocessors start from bytes, we from [0, 1]
SIZES = {  # what changes the size -> in words
    "do_resize": "resize", "do_center_crop": "crop", "do_pad": "pad", "size_divisor": "pad",
    "size_divisibility": "pad", "do_thumbnail": "resize", "do_align_long_axis": "turn",
}  # fmt: skip
OF_SIZES = (
    "size", "resample", "crop_size", "crop_pct", "pad_size", "keep_aspect_ratio", "max_size",
    "ensure_multiple_of", "default_to_square",
)  # fmt: skip
HARMLESS = (  # names, the layout of arrays, RGB (which all images are), and masks
    "image_processor_type", "feature_extractor_type", "processor_class", "_processor_class",
    "auto_map", "model_input_names", "_valid_processor_keys", "transformers_version",
    "data_format", "input_data_format", "return_tensors", "device", "disable_grouping",
    "do_convert_rgb", "ignore_index", "num_labels", "class_info_file", "metadata", "num_text",
    "repo_path", "max_seq_length", "task_seq_length",
)  # fmt: skip
OFF = ("do_split_image", "offset", "do_color_quantize")  # refused if on
WITHOUT_NORMALISATION = "MobileViT"  # the only class of which silence means none


class Preprocessor(BaseModel):
    """What a preprocessor does to the values of an image.

    Args:
        do_rescale: Whether bytes are multiplied by ``rescale_factor``.
        rescale_factor: Factor.
        do_normalize: Whether ``image_mean`` is subtracted and ``image_std`` divided by.
        image_mean: One value for each of red, green and blue.
        image_std: One value for each of red, green and blue.
        do_flip_channel_order: Whether the network gets blue, green and red.
        do_reduce_labels: Whether masks of the training say k + 1 for class k, and 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    do_rescale: bool = True
    rescale_factor: float = Field(default=1 / BYTE, gt=0, allow_inf_nan=False)
    do_normalize: bool = True
    image_mean: tuple[Finite, ...] = ()
    image_std: tuple[Finite, ...] = ()
    do_flip_channel_order: bool = False
    do_reduce_labels: bool = False

    @model_validator(mode="after")
    def one_per_channel(self) -> "Preprocessor":
        """Refuse another number of values than channels, and an order that is left open."""
        if self.do_normalize and not len(self.image_mean) == len(self.image_std) == CHANNELS:
            raise ValueError(
                f"image_mean and image_std need {CHANNELS} values each, unless do_normalize is "
                "false"
            )
        grey = len(set(self.image_mean)) == len(set(self.image_std)) == 1
        if self.do_flip_channel_order and self.do_normalize and not grey:
            raise ValueError(
                "do_flip_channel_order with other values for red than for blue leaves open which "
                "is which: open the network in Python with as_segmenter"
            )
        return self

    def mean_and_std(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation in units of [0, 1]."""
        white = BYTE * self.rescale_factor if self.do_rescale else float(BYTE)
        white = 1.0 if abs(white - 1) < 1e-9 else white  # what a preprocessor makes of white
        mean = self.image_mean if self.do_normalize else (0.0,) * CHANNELS
        std = self.image_std if self.do_normalize else (1.0,) * CHANNELS
        return tuple(value / white for value in mean), tuple(value / white for value in std)


def read_preprocessor(folder: Path) -> Preprocessor | None:
    """Read what a preprocessor does to values; None where the folder has none.

    Raises:
        InputError: If the file is damaged, leaves something open, or has a key that is unknown.
    """
    file, content = folder / PREPROCESSOR, read_content(folder)
    if content is None:
        return None
    content = {key: value for key, value in content.items() if value is not None}
    on = [key for key in OFF if content.pop(key, False)]
    if on:
        raise InputError(f"{file}: {on[0]} is on, which is not followed: {WAY_OUT}")
    if "reduce_labels" in content:  # as it was called once
        content.setdefault("do_reduce_labels", content.pop("reduce_labels"))
    kind = content.get("image_processor_type", content.get("feature_extractor_type", ""))
    if str(kind).startswith(WITHOUT_NORMALISATION):
        content.setdefault("do_normalize", False)
    values = {k: v for k, v in content.items() if k not in (*SIZES, *OF_SIZES, *HARMLESS)}
    unknown = [key for key in values if key not in Preprocessor.model_fields]
    if unknown:
        raise InputError(
            f"{file}: {', '.join(sorted(unknown))} is unknown, and may change what the "
            f"network sees: {WAY_OUT}"
        )
    try:
        return Preprocessor.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{file}: {first_line(error)}") from error


WAY_OUT = "take it out if it changes no value, or open the network in Python with as_segmenter"


def read_content(folder: Path) -> dict[str, Any] | None:
    """Read the file as it is; None where there is none.

    Raises:
        InputError: If it is no JSON object, or there is only one of another name.
    """
    file = folder / PREPROCESSOR
    if not file.exists():
        if (folder / PROCESSOR).exists():
            raise InputError(
                f"{folder / PROCESSOR} is not read: save the image processor alone, as "
                f"{PREPROCESSOR}, beside it"
            )
        return None
    content = read_json(file)
    if not isinstance(content, dict):
        raise InputError(f"{file} is no JSON object")
    return content


def notes_on(folder: Path) -> list[str]:
    """Say what of a preprocessor is not followed, or concerns masks; it was read before."""
    content = read_content(folder) or {}
    on = [key for key in SIZES if content.get(key)]
    notes = []
    if on:
        words = " and ".join(dict.fromkeys(SIZES[key] for key in on))
        notes.append(
            f"{folder / PREPROCESSOR} asks to {words} ({', '.join(on)}), which is not followed: "
            "images go in at their size, times --scale"
        )
    if content.get("do_reduce_labels") or content.get("reduce_labels"):
        notes.append(
            f"{folder / PREPROCESSOR} says do_reduce_labels: in masks of its training, class k is "
            "k + 1 and 0 is none; say what yours store with --mask-values, or shift them first"
        )
    return notes
