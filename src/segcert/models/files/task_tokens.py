"""What OneFormer is told to do: the numbers of the words "the task is semantic"."""

import json
from pathlib import Path
from typing import Any

from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular

TOLD = ("oneformer",)  # kinds of networks that are told their task
TASK = "the task is semantic"
FILES = ("tokenizer.json", "vocab.json")


def task_tokens(transformers: Any, path: Path, config: Any) -> tuple[int, ...]:
    """Read off the tokenizer of a folder what its network is told; nothing of other networks.

    Args:
        transformers: The package.
        path: Of the folder.
        config: Of the network.

    Raises:
        InputError: If the folder has no tokenizer, or it cannot be read.
    """
    if config.model_type not in TOLD:
        return ()
    if not any((path / name).is_file() for name in FILES):
        raise InputError(
            f"model {path} is told its task in words, and has no tokenizer ({', '.join(FILES)}): "
            "save the whole processor beside it"
        )
    check_tokenizer(path)
    length = int(config.task_seq_len)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
        found = tokenizer(TASK, padding="max_length", max_length=length, truncation=True)
        return tuple(map(int, found["input_ids"]))
    except Exception as error:  # foreign tokenizers fail in every way
        raise InputError(f"model {path}: its tokenizer cannot be read: {error}") from error


def check_tokenizer(path: Path) -> None:
    """Refuse a tokenizer that names code.

    Raises:
        InputError: If it does.
    """
    file = path / "tokenizer_config.json"
    if file.exists():
        content = read_regular(file, what="model file", most=LONGEST_TEXT)
        try:
            about = json.loads(content)
        except ValueError as error:
            raise InputError(f"{file} is no JSON file") from error
        if not isinstance(about, dict) or about.get("auto_map"):
            raise InputError(f"{file} names code, and none is run")
