"""What a configuration of transformers may not say: to fetch, to run or to read something else."""

import json
import re
from pathlib import Path
from typing import Any

from segcert.errors import InputError
from segcert.files import read_regular
from segcert.text import one_line

CODE = ("custom_pipelines", "trust_remote_code")  # auto_map is not followed: nobody trusts it
KERNELS = ("kernel_config", "use_kernels", "allow_all_kernels", "quantization_config")
ELSEWHERE = (
    "use_pretrained_backbone", "transformers_weights", "adapter_config", "gguf_file",
    "base_model_name_or_path", "subfolder",
)  # fmt: skip
ATTENTION = re.compile(r".*(attn|experts|attention)_implementation.*")
HERE = (None, "eager", "sdpa")  # that come with transformers and PyTorch
TYPES = (None, "auto", "float32", "float16", "bfloat16", "float64")
DEEPEST = 20
LARGEST_JSON = 1 << 26  # bytes


def read_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: If it is none, no regular file, or too large.
    """
    try:
        return json.loads(read_regular(file, what="model file", most=LARGEST_JSON).decode("utf-8"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is no JSON file: {one_line(error)}") from error


def check_config(config: Any, path: Path, depth: int = 0) -> None:
    """Refuse keys, at any depth, that would reach for the network, other files or code.

    Args:
        config: What ``config.json`` says.
        path: Of the folder, for errors.
        depth: How deep in it.

    Raises:
        InputError: With the key and the way out.
    """
    if depth > DEEPEST:
        raise InputError(f"model {path}: its config.json is nested more than {DEEPEST} deep")
    if isinstance(config, list):
        for part in config:
            check_config(part, path, depth + 1)
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        why = wrong_key(key, value, config)
        if why:
            raise InputError(
                f"model {path}: {key[:60]!r} in its config.json is {str(value)[:60]!r}: {why}"
            )
        if key not in ("id2label", "label2id"):  # names of classes are any text
            check_config(value, path, depth + 1)


def wrong_key(key: str, value: Any, beside: dict[str, Any]) -> str:
    """Say why a key cannot be taken; empty if it can."""
    if key in CODE and value:
        return "it names code, and none is run: use a model of transformers itself"
    if key in KERNELS and value:
        return "it names programs that are not part of transformers: take it out"
    if key in ELSEWHERE and value:
        return (
            "it names weights that are not in the folder, and nothing is downloaded: save the "
            "model with its own weights and take the key out"
        )
    if key == "backbone" and value and not is_timm(value, beside):
        return "it names another model, which is not in the folder: write backbone_config"
    if ATTENTION.fullmatch(key) and not allowed(value, HERE):
        return "it is none of eager, sdpa; others are fetched or installed: take it out"
    if key in ("dtype", "torch_dtype") and not allowed(value, TYPES):
        return f"it is none of {', '.join(str(one) for one in TYPES[1:])}"
    return ""


def is_timm(value: Any, beside: dict[str, Any]) -> bool:
    """Tell the plain name of an architecture of timm, which is part of an installed package."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+", value) is not None
    named = beside.get("use_timm_backbone") or beside.get("model_type") == "timm_backbone"
    return plain and bool(named)


def allowed(value: Any, known: tuple[str | None, ...]) -> bool:
    """Tell whether a value, or each part of a dictionary of values, is known."""
    if isinstance(value, dict):
        return all(allowed(part, known) for part in value.values())
    return (value is None or isinstance(value, str)) and value in known
