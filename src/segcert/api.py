"""What a user calls first: from a model and an input to a certificate, in one call."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from segcert.certificates.result import Certificate
from segcert.errors import InputError
from segcert.inputs.input import Input, Source, read
from segcert.inputs.kind import IMAGE
from segcert.models.adapter import Model
from segcert.models.opening import notes_on_folder, where_to_normalise
from segcert.models.opening_points import BUILT_IN, PointOptions, open_point_model
from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.models.shipped import foreign_path, open_model
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.plan import Plan
from segcert.plan_fields import PlanFields
from segcert.sampling.setup import as_base_model

WHO_ASKED = 4  # calls above a warning: the program that calls `certify_image`


def certify_image(
    model: Model | SegmentationModel | str | Path,
    image: Source,
    *,
    sigma: float | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    **plan: Unpack[PlanFields],
) -> Certificate:
    """Certify the labels that a model gives an image, with the defaults of the command line.

    The same as `Plan` and its `certify`: with confidence ``1 - alpha``, for the whole statement,
    no change of the image within the radius changes a certified label of the smoothed model.

    Args:
        model: Any callable or module from a float batch (b, c, h, w) in [0, 1] to scores or labels
            (see `as_segmenter`), or the name or path of a model, as `open_model` takes it. Of a
            file without mean and std, a warning says so.
        image: Path, PIL image, array or tensor; uint8, or floating point in [0, 1]. Or a volume,
            as an array or tensor (c, d, h, w).
        sigma: Standard deviation of Gaussian noise, units of [0, 1]; 0.25 if there is no ``noise``.
            On uint8 input, as from a file, it is drawn on the grid of the 256 values.
        seed: In [0, 2^128); None takes a fresh one, which the certificate records.
        device: "auto" (where the model is) or a torch device.
        batch_size: Draws that go through the model together, or "auto".
        progress: Called after each batch with draws done and draws in all; ``print`` will do.
        plan: What else `Plan` takes, with its defaults: ``tau=0.75, alpha=0.001, n0=10, n=100,
            correction=holm``, another ``noise`` in place of ``sigma``, ``blocks``, ``drop_below``,
            ``ignore``, ``tree``, ``stop_when`` and ``looks``.

    Returns:
        The certificate.

    Raises:
        InputError: If an argument or the image breaks a rule, or ``n`` is too small to certify
            anything; before the first draw.
        ModelError: If the model cannot be certified.
        SamplingError: If memory does not suffice for one draw.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2; what it guarantees: docs/guarantees.md.
    """
    made, segmenter, given = planned(sigma, plan), opened(model), read(image)
    for note in given.notes if given.kind == IMAGE else ():  # those of clouds are in the cloud
        warnings.warn(f"{given.path or 'the image'}: {note}", stacklevel=2)
    return made.certify(
        segmenter, given, seed=seed, device=device, batch_size=batch_size, progress=progress
    )


def certify_cloud(
    model: Model | SegmentationModel | str | Path,
    cloud: Source,
    *,
    sigma: float | None = None,
    options: PointOptions | None = None,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    **plan: Unpack[PlanFields],
) -> Certificate:
    """Certify the labels that a model gives the points of a cloud; see `certify_image`.

    Args:
        model: Any callable or module from a float batch (b, points, 3) to scores (b, k, points) or
            labels (b, points) (see `as_point_segmenter`), or the name or path of a model, as
            `open_point_model` takes it.
        cloud: Path of a cloud file, `Cloud`, or array or tensor (points, 3) or, with normals,
            (points, 6). Normals of files and of `Cloud` are left out for a model without them.
        sigma: Standard deviation of each coordinate of each point, units of the cloud; 0.25 if
            there is no ``noise``.
        options: What a model that is opened by name or path is told; its category by default is
            that of the cloud.
        seed: In [0, 2^128); None takes a fresh one, which the certificate records.
        device: "auto" (where the model is) or a torch device.
        batch_size: Draws that go through the model together, or "auto".
        progress: Called after each batch with draws done and draws in all.
        plan: What else `Plan` takes, such as ``tau`` or another noise in place of ``sigma``.

    Returns:
        The certificate.

    Raises:
        InputError: As of `certify_image`, or if ``options`` are given with an open model.
        ModelError: If the model cannot be certified.
        SamplingError: If memory does not suffice for one draw.

    Source:
        Fischer, Baader, Vechev (2021), Algorithm 2; docs/guarantees.md.
    """
    made, whole = planned(sigma, plan), read(cloud)
    segmenter = point_model(model, whole, options)
    if whole.name and isinstance(segmenter, WrappedModel):  # of files and `Cloud`
        whole = segmenter.given(whole)
    return made.certify(
        segmenter, whole, seed=seed, device=device, batch_size=batch_size, progress=progress
    )


def opened(model: Model | SegmentationModel | str | Path) -> SegmentationModel:
    """Open a model of images by its name, with a warning as of `certify_image`, or take it so."""
    if not isinstance(model, (str, Path)):
        return as_base_model(model)
    warn_about_input(str(model))
    return open_model(str(model))


def warn_about_input(name: str) -> None:
    """Warn if images go into a model of another program as they are, or not as its file says."""
    path = foreign_path(name)
    for note in notes_on_folder(path) if path else ():
        warnings.warn(note, stacklevel=WHO_ASKED)
    missing = where_to_normalise(path) if path else ""
    if missing:
        warnings.warn(
            f"there is no {missing}: images go into model {name} as they are, in [0, 1] plus "
            "noise; if it wants mean and std, name them there",
            stacklevel=WHO_ASKED,
        )


def planned(sigma: float | None, fields: PlanFields) -> Plan:
    """Make the plan, with the noise as given, or Gaussian.

    Raises:
        InputError: If it cannot be, or both ``sigma`` and a noise are given.
    """
    if fields.get("noise") is None:  # also where None is handed on
        fields.pop("noise", None)
    if sigma is None:
        return Plan(**fields)
    if "noise" in fields:
        raise InputError(
            f"sigma = {sigma} and noise = {fields['noise']} were both given: leave out one"
        )
    fields["noise"] = GaussianNoise(sigma)
    return Plan(**fields)


def point_model(
    model: Model | SegmentationModel | str | Path, cloud: Input, options: PointOptions | None
) -> SegmentationModel:
    """Open a model of clouds by its name, or take it as it is.

    Raises:
        InputError: If options are given with a model that is open already.
    """
    if isinstance(model, (str, Path)):
        options = options or PointOptions()
        if options.category is None and cloud.category is not None and model not in BUILT_IN:
            options = replace(options, category=str(cloud.category))
        return open_point_model(str(model), options)
    if options is not None:
        raise InputError(
            "options are for models that are opened by name or path; this one is open already"
        )
    return model if isinstance(model, SegmentationModel) else as_point_segmenter(model)
