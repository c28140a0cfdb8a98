"""The numbers of a toy study as CSV and JSON; the same draws give the same bytes."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from segcert.toy.methods import METHODS, Share
from segcert.toy.model import Toy
from segcert.toy.study import Point, Sweep

SETTINGS = ("gamma", "components", "bad", "n0", "n", "tau", "alpha", "seed")
NUMBERS = ("certified_share", "standard_error", "repetitions")


def numbers(share: Share) -> dict[str, float | int | None]:
    """A share with its standard error, by the names of all files."""
    values = (share.certified, share.standard_error, share.repetitions)
    return dict(zip(NUMBERS, values, strict=True))


def setting_json(toy: Toy, shares: dict[str, Share]) -> str:
    """One setting: its fields, and the share of each method under the method's key."""
    found: dict[str, Any] = {"settings": asdict(toy)}
    for key, share in shares.items():
        found[key] = {"label": METHODS[key].label, **numbers(share)}
    return json.dumps(found, indent=2)


def study_csv(points: list[Point]) -> str:
    """One row for each method in each setting of each figure."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["figure", "method", *SETTINGS, *NUMBERS])
    for point in points:
        setting = [getattr(point.toy, name) for name in SETTINGS]
        rows.writerow([point.figure, point.method, *setting, *numbers(point.share).values()])
    return text.getvalue()


def study_json(study: tuple[Sweep, ...], points: list[Point]) -> str:
    """One entry for each figure: what is fixed, and lists of numbers along its axis."""
    figures = {sweep.name: figure_summary(sweep, points) for sweep in study}
    return json.dumps({"figures": figures}, indent=1)


def figure_summary(sweep: Sweep, points: list[Point]) -> dict[str, Any]:
    """What is fixed in a figure, and the shares of each method along its axis."""
    axis = "gamma" if sweep.by_gamma else "components"
    fixed = asdict(sweep.settings[0])
    methods = {}
    for key in sweep.methods:
        along = [p for p in points if (p.figure, p.method) == (sweep.name, key)]
        columns = [numbers(point.share) for point in along]
        methods[key] = {
            "label": METHODS[key].label,
            "new": METHODS[key].new,
            axis: [sweep.place(point.toy) for point in along],
            **{name: [column[name] for column in columns] for name in NUMBERS},
        }
    return {
        "title": sweep.title,
        "settings": {k: v for k, v in fixed.items() if k not in (axis, "seed", "repetitions")},
        "methods": methods,
    }
