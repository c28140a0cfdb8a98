"""Make a model of point clouds that can be certified of a callable."""

from dataclasses import replace
from typing import TypedDict, Unpack

from torch import nn

from segcert.errors import InputError, ModelError
from segcert.models.callables import check_eval_mode, model_name
from segcert.models.identity.configuration import configuration_of
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.point_segmenter import PointModel, PointSegmenter


class PointFields(TypedDict, total=False):
    """What a model of clouds is told; see `segcert.models.point_segmenter.PointSegmenter`."""

    columns: int
    category: int | None
    parts: tuple[int, ...]
    grid: float
    normal_neighbours: int
    normalise: bool
    votes: int
    smallest_size: int
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    classes: int | None
    stochastic: bool
    smooth_neighbours: int


def as_point_segmenter(
    model: PointModel | PointSegmenter,
    *,
    name: str | None = None,
    **fields: Unpack[PointFields],
) -> PointSegmenter:
    """Wrap a model of point clouds so that it can be certified.

    A segmenter is returned as it is, or as ``stochastic``.

    Args:
        model: From points (b, n, c) to scores (b, k, n) or labels (b, n).
        name: How certificates call it; by default as its class or function.
        fields: As of `PointSegmenter`, with its defaults: ``columns``, ``category``, ``parts``,
            ``grid``, ``normal_neighbours``, ``normalise``, ``votes``, ``smallest_size``,
            ``class_names``, ``palette``, ``classes``, ``stochastic`` and ``smooth_neighbours``.

    Raises:
        InputError: If an option breaks its rule.
        ModelError: If ``model`` cannot be called, or is in train mode.
    """
    if isinstance(model, PointSegmenter):
        return replace(model, stochastic=True) if fields.get("stochastic") else model
    if not callable(model):
        raise ModelError(f"a model must be callable, got {type(model).__name__}")
    segmenter = PointSegmenter(
        model=model, name=name or model_name(model),
        weights_sha256=hash_weights(model) if isinstance(model, nn.Module) else "none",
        configuration=configuration_of(model), **with_classes(fields),
    )  # fmt: skip
    check_eval_mode(segmenter)
    return segmenter


def with_classes(fields: PointFields) -> PointFields:
    """Count the classes by their names or colours, if their number is not said.

    Raises:
        InputError: If there are more or fewer names or colours than classes.
    """
    names, colours = len(fields.get("class_names", ())), len(fields.get("palette", ()))
    classes = fields.get("classes")
    classes = (names or colours or None) if classes is None else classes
    if names not in (0, classes) or colours not in (0, classes):
        raise InputError(
            f"class_names and palette need one entry for each of {classes} classes, "
            f"got {names} and {colours}"
        )
    return {**fields, "classes": classes}
