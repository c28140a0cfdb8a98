"""Names of repositories on hubs, which are not files: segcert downloads nothing."""

import re
from pathlib import Path

from segcert.errors import InputError

ADDRESS = re.compile(
    r"(?P<hub>(hf-hub|hf|huggingface|timm|smp|torchhub):(//)?|https?:/+)(?P<rest>.*)"
)
HOSTS = re.compile(r"^(www\.)?(huggingface\.co|hf\.co)/")
IDENTIFIER = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
FILES = (".pt2", ".onnx", ".pth", ".pt", ".ckpt", ".tar", ".safetensors", ".py")


def check_not_hub(name: str) -> None:
    """Refuse the name of a repository, or an address, where there is no such file.

    Raises:
        InputError: With how to get it.
    """
    found = ADDRESS.fullmatch(name)
    plain = HOSTS.sub("", found["rest"]) if found else name
    is_name = IDENTIFIER.fullmatch(plain) and not plain.lower().endswith(FILES)
    if Path(name).exists() or not (found or is_name):
        return
    if not is_name:
        raise InputError(
            f"model {name} is an address, and segcert downloads nothing: download the file, and "
            "give its path"
        )
    folder = plain.partition("/")[2]
    raise InputError(
        f"there is no folder {name}; if it is a model of the Hugging Face hub, save it to one, as "
        f"segcert downloads nothing: hf download {plain} --local-dir {folder}; then "
        f"--model ./{folder}"
    )
