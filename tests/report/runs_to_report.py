"""Results made by hand: few pixels, chosen numbers."""

from collections.abc import Callable

import numpy as np

from segcert.runs.config import EvaluationConfig, Setting
from segcert.runs.evaluate import Results
from segcert.runs.rows import Row
from segcert.runs.setting import all_settings

SETTINGS = all_settings(
    sigma=(0.25, 0.5), scale=("0.5", "1"), tau=(0.75, 0.9), n=(100,),
    correction=("holm", "bonferroni"),
)  # fmt: skip


def results_of(
    certified: Callable[[Setting], int],
    *,
    images: int = 2,
    done: int = 2,
    settings: tuple[Setting, ...] = SETTINGS,
    **changed: object,
) -> Results:
    """Images of 100 pixels of two classes; ``certified(setting)`` pixels of each are certified."""
    fields = {
        "data": "toy val", "note": "as stored", "images": images, "inputs_sha256": "ab" * 32,
        "classes": ("road", "car"), "model": "net", "weights_sha256": "cd" * 32,
        "settings": settings, "n0": 10, "alpha": 0.001, "seed": "5", "device": "cpu",
    }  # fmt: skip
    config = EvaluationConfig(**(fields | changed))  # type: ignore[arg-type]
    rows = [
        row(number, k, certified(setting))
        for number in range(done)
        for k, setting in enumerate(settings)
    ]
    return Results(config, tuple(rows))


def row(number: int, setting: int, certified: int) -> Row:
    """One image: 90 of 100 pixels are right, and the first ``certified`` of them certified."""
    right, wrong = np.diag([45, 45]), np.array([[0, 5], [5, 0]])
    first = np.diag([certified - certified // 2, certified // 2])
    return Row(
        number=number, name=f"image{number}", input_sha256="ef" * 32, setting=setting,
        components=100, certified=certified, confusion=(right + wrong).astype(np.int64),
        certified_confusion=first.astype(np.int64), threshold=90, invalid=0, seconds=2.0,
    )  # fmt: skip
