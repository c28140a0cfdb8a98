"""``segcert train``: the command that made the shipped weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from segcert.cli.arguments import whole

if TYPE_CHECKING:
    from segcert.inputs.kind import InputKind
    from segcert.training.sigmas import Sigmas
    from segcert.training.tasks import TrainingTask

Pair = tuple[float, float]


def train(
    *,
    data: Annotated[
        Literal["camvid", "cityscapes", "pascal_context", "synthetic", "shapes", "shapenet_part"],
        Parameter(help="What to train on."),
    ],
    out: Annotated[Path, Parameter(help="Weight file to write (.safetensors).")],
    root: Annotated[
        Path | None, Parameter(help="Folder of the data set; by default its name.")
    ] = None,
    label_order: Annotated[
        str | None,
        Parameter(help="Of Pascal Context: what the numbers mean; see `docs/data.md`."),
    ] = None,
    category: Annotated[
        list[str] | None,
        Parameter(help="Of ShapeNet-Part: a category. Repeat for several; all."),
    ] = None,
    scenes: Annotated[
        int, Parameter(converter=whole, help="Number of synthetic scenes or shapes.")
    ] = 1000,
    task: Annotated[
        Literal["segmentation", "denoising"],
        Parameter(help="Label noisy views, or take the noise away for another model."),
    ] = "segmentation",
    denoise_for: Annotated[
        str | None,
        Parameter(help="Model (name or file) that shall understand the denoised views."),
    ] = None,
    denoise_weight: Annotated[
        float | None,
        Parameter(help="Weight of its cross-entropy beside the squared error; by default 0.02."),
    ] = None,
    architecture: Annotated[
        Literal[
            "depthwise",
            "depthwise-wide",
            "hrnetv2-w18",
            "hrnetv2-w48",
            "pointnet",
            "slim-pointnet2",
            "pointnet2",
        ]
        | None,
        Parameter(help="The network; by default depthwise, and slim-pointnet2 for shapes."),
    ] = None,
    normals: Annotated[
        bool, Parameter(help="Of clouds: whether the network takes normals, which get no noise.")
    ] = True,
    points: Annotated[
        int, Parameter(converter=whole, help="Of clouds: points of a view, drawn at random.")
    ] = 1024,
    start_from: Annotated[
        Path | None,
        Parameter(help="Weight file of the same network and classes to go out from (fine-tuning)."),
    ] = None,
    sigma: Annotated[
        float | None,
        Parameter(
            help="Noise per value, in units of [0, 1] or of the cloud; 0 for none. By default 0.25."
        ),
    ] = None,
    sigma_range: Annotated[
        Pair | None, Parameter(help="LOW HIGH: each view draws its sigma between them.")
    ] = None,
    sigma_list: Annotated[
        tuple[float, ...] | None,
        Parameter(consume_multiple=True, help="Each view draws its sigma from these."),
    ] = None,
    consistency: Annotated[
        bool, Parameter(help="Noisy copies of a view should be classified alike.")
    ] = False,
    consistency_copies: Annotated[
        int, Parameter(converter=whole, help="Noisy copies of each view (m).")
    ] = 2,
    consistency_lambda: Annotated[float, Parameter(help="Weight of their disagreement.")] = 5.0,
    consistency_eta: Annotated[float, Parameter(help="Weight of their mean's entropy.")] = 0.5,
    class_weights: Annotated[
        str, Parameter(help="none, median-frequency, or one number per class with commas.")
    ] = "none",
    epochs: Annotated[int, Parameter(converter=whole, help="Passes over the data.")] = 80,
    batch_size: Annotated[int, Parameter(converter=whole, help="Views per step.")] = 8,
    learning_rate: Annotated[float, Parameter(help="Peak of the schedule.")] = 3e-3,
    crop: Annotated[tuple[int, int], Parameter(help="HEIGHT WIDTH of a view, pixels.")] = (
        272,
        368,
    ),
    scales: Annotated[Pair, Parameter(help="Smallest and largest magnification.")] = (0.8, 1.6),
    jitter: Annotated[
        float, Parameter(help="Brightness, contrast and colour change by up to this share.")
    ] = 0.3,
    mixed_precision: Annotated[
        bool, Parameter(help="On CUDA, compute in 16 bits where that is safe.")
    ] = True,
    seed: Annotated[int, Parameter(converter=whole, help="Of weights, views, noise.")] = 0,
    threads: Annotated[int, Parameter(converter=whole, help="CPU threads; 0 for all.")] = 0,
    device: Annotated[str, Parameter(help="cpu, cuda, ...")] = "cpu",
    devices: Annotated[
        int, Parameter(converter=whole, help="How many of them; needs lightning-fabric.")
    ] = 1,
    tensorboard: Annotated[
        Path | None, Parameter(help="Folder for the curves; needs tensorboard.")
    ] = None,
) -> None:
    """Train a network on images or clouds with Gaussian noise.

    The weights are written after every epoch, so an interrupted run leaves a usable file; the
    same command goes on where it stopped.
    """
    import torch

    from segcert.cli.shell import say
    from segcert.data.sets import RULES, open_training_set
    from segcert.errors import InputError
    from segcert.inputs.kind import CLOUD, IMAGE
    from segcert.models.files.checkpoints import check_weight_file
    from segcert.sampling.setup import find_device
    from segcert.training.augment import Views
    from segcert.training.board import open_board
    from segcert.training.class_weights import class_weights as read_class_weights
    from segcert.training.consistency import Consistency
    from segcert.training.devices import open_devices
    from segcert.training.point_views import PointViews
    from segcert.training.recipe import Recipe
    from segcert.training.save import train_and_save
    from segcert.training.start import starting_denoiser

    kind = RULES[data].kind
    lesson = open_task(task, denoise_for, denoise_weight, kind)
    if threads < 0:
        raise InputError(f"threads must be >= 0 (0 for all), got {threads}")
    if threads:
        torch.set_num_threads(threads)
    views: Mapping[InputKind, Callable[[], Views | PointViews]] = {
        IMAGE: lambda: Views(crop=crop, scales=scales, jitter=jitter),
        CLOUD: lambda: PointViews(points=points, normals=normals),
    }
    recipe = Recipe(
        sigma=one_sigma(sigma, sigma_range, sigma_list),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        views=views[kind](),
        consistency=Consistency(consistency_copies, consistency_lambda, consistency_eta)
        if consistency
        else None,
        mixed_precision=mixed_precision,
    )
    find_device(device)
    team = open_devices(device, devices, batch_size=batch_size)
    examples = open_training_set(
        data, root=root, scenes=scenes, label_order=label_order,
        category=tuple(category or ()),
    )  # fmt: skip
    check_weight_file(out)
    labels = (item.labels for item in examples.items if item.labels is not None)
    weights = read_class_weights(class_weights, labels, len(examples.classes))
    torch.manual_seed(seed)
    network = architecture or recipe.views.network
    if task == "denoising":
        net, start = starting_denoiser(start_from)
    else:
        net, start = recipe.views.start(network, examples.classes, start_from)
    recipe = replace(recipe, class_weights=weights, start=start)
    board = open_board(tensorboard) if tensorboard and team.rank == 0 else None
    train_and_save(
        net, examples, recipe, task=lesson,
        trained_for=Path(denoise_for).stem if denoise_for else "",
        architecture=network, out=out, devices=team, board=board, log=say,
    )  # fmt: skip


def open_task(
    task: str, model: str | None, weight: float | None, kind: "InputKind"
) -> "TrainingTask":
    """Choose what is learned, and open the model that a denoiser is trained for.

    Args:
        task: "segmentation" or "denoising".
        model: Whose cross-entropy is added to the squared error; None for neither.
        weight: Of it; None for the default.
        kind: Of the data.

    Raises:
        InputError: If there is no such model.
    """
    from segcert.inputs.kind import CLOUD, IMAGE
    from segcert.models.files.checkpoints import load_weights
    from segcert.models.shipped import find
    from segcert.training.part_task import PartSegmentation
    from segcert.training.tasks import STRENGTH, Denoising, Segmentation

    if task == "segmentation":
        lessons: Mapping[InputKind, Callable[[], TrainingTask]] = {
            IMAGE: Segmentation, CLOUD: PartSegmentation,
        }  # fmt: skip
        return lessons[kind]()
    classifier = load_weights(find(model))[0] if model is not None else None
    return Denoising(classifier, STRENGTH if weight is None else weight)


def one_sigma(sigma: float | None, between: Pair | None, among: Sequence[float] | None) -> "Sigmas":
    """Choose the one way of drawing sigma that was given.

    Raises:
        InputError: If several were given.
    """
    from segcert.errors import InputError
    from segcert.training.sigmas import SigmaList, SigmaRange

    if sum(one is not None for one in (sigma, between, among)) > 1:
        raise InputError("give one of --sigma, --sigma-range and --sigma-list, not several")
    if between is not None:
        return SigmaRange(*between)
    if among is not None:
        return SigmaList(tuple(among))
    return 0.25 if sigma is None else sigma
