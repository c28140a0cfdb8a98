"""Options of ``segcert train``: what to learn, from what, and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from segcert.cli.arguments import whole
from segcert.cli.flat import Flat
from segcert.cli.folder_options import DATA, FolderOptions

if TYPE_CHECKING:
    from segcert.data.sets import LabelledSet
    from segcert.inputs.kind import InputKind
    from segcert.training.augment import Views
    from segcert.training.board import Board
    from segcert.training.consistency import Consistency
    from segcert.training.devices import Devices
    from segcert.training.point_views import PointViews
    from segcert.training.sigmas import Sigmas
    from segcert.training.tasks import TrainingTask

Pair = tuple[float, float]

NETWORK = Group("Task and network", sort_key=1)
NOISE = Group("Noise", sort_key=2)
VIEWS = Group("Views", sort_key=3)
STEPS = Group("Steps", sort_key=4)
PLACE = Group("Device and curves", sort_key=8)


@dataclass(frozen=True, kw_only=True)
class ExampleOptions(FolderOptions):
    """The data set."""

    data: Annotated[
        Literal[
            "camvid",
            "cityscapes",
            "pascal_context",
            "folder",
            "synthetic",
            "shapes",
            "shapenet_part",
        ],
        Parameter(group=DATA, help="What to train on; folder is a data set of your own."),
    ]
    root: Annotated[
        Path | None, Parameter(group=DATA, help="Folder of the data set; by default its name.")
    ] = None
    label_order: Annotated[
        str | None,
        Parameter(group=DATA, help="Of Pascal Context: what the numbers mean; see `docs/data.md`."),
    ] = None
    category: Annotated[
        list[str] | None,
        Parameter(group=DATA, help="Of ShapeNet-Part: a category. Repeat for several; all."),
    ] = None
    scenes: Annotated[
        int,
        Parameter(group=DATA, converter=whole, help="Number of synthetic scenes or shapes."),
    ] = 1000

    @property
    def kind(self) -> "InputKind":
        """What its inputs are."""
        from segcert.data.sets import RULES

        return RULES[self.data].kind

    def opened(self, *, labelled: bool) -> "LabelledSet":
        """Open it.

        Args:
            labelled: Whether what is learned needs the truth.
        """
        from dataclasses import replace

        from segcert.data.sets import open_training_set

        given = replace(
            self.own, root=self.root, scenes=self.scenes, label_order=self.label_order,
            category=tuple(self.category or ()) or None,
        )  # fmt: skip
        return open_training_set(self.data, given, labelled=labelled)


@dataclass(frozen=True)
class TaskOptions(Flat):
    """What is learned, by what network."""

    task: Annotated[
        Literal["segmentation", "denoising"],
        Parameter(
            group=NETWORK,
            help="Label noisy views, or take the noise away for another model, without masks.",
        ),
    ] = "segmentation"
    denoise_for: Annotated[
        str | None,
        Parameter(
            group=NETWORK, help="Model (name or file) that shall understand the denoised views."
        ),
    ] = None
    denoise_weight: Annotated[
        float | None,
        Parameter(
            group=NETWORK,
            help="Weight of its cross-entropy beside the squared error; by default 0.02.",
        ),
    ] = None
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
        Parameter(
            group=NETWORK, help="The network; by default depthwise, and slim-pointnet2 for shapes."
        ),
    ] = None
    start_from: Annotated[
        Path | None,
        Parameter(
            group=NETWORK,
            help="Weight file of the same network and classes to go out from (fine-tuning).",
        ),
    ] = None

    @property
    def trained_for(self) -> str:
        """Name of the model that a denoiser is trained for."""
        return Path(self.denoise_for).stem if self.denoise_for else ""

    def lesson(self, kind: "InputKind") -> "TrainingTask":
        """Choose what is learned, and open the model that a denoiser is trained for.

        Args:
            kind: Of the data.

        Raises:
            InputError: If there is no such model.
        """
        from segcert.inputs.kind import CLOUD, IMAGE
        from segcert.training.heard import heard
        from segcert.training.part_task import PartSegmentation
        from segcert.training.tasks import STRENGTH, Denoising, Segmentation

        if self.task == "segmentation":
            lessons: Mapping[InputKind, Callable[[], TrainingTask]] = {
                IMAGE: Segmentation, CLOUD: PartSegmentation,
            }  # fmt: skip
            return lessons[kind]()
        model, weight = self.denoise_for, self.denoise_weight
        classifier = heard(model) if model is not None else None
        return Denoising(classifier, STRENGTH if weight is None else weight)


@dataclass(frozen=True)
class NoiseOptions(Flat):
    """The noise of the views."""

    sigma: Annotated[
        float | None,
        Parameter(
            group=NOISE,
            help="Noise per value, in units of [0, 1] or of the cloud; 0 for none. By default "
            "0.25.",
        ),
    ] = None
    sigma_range: Annotated[
        Pair | None,
        Parameter(group=NOISE, help="LOW HIGH: each view draws its sigma between them."),
    ] = None
    sigma_list: Annotated[
        tuple[float, ...] | None,
        Parameter(group=NOISE, consume_multiple=True, help="Each view draws its sigma from these."),
    ] = None
    consistency: Annotated[
        bool, Parameter(group=NOISE, help="Noisy copies of a view should be classified alike.")
    ] = False
    consistency_copies: Annotated[
        int, Parameter(group=NOISE, converter=whole, help="Noisy copies of each view (m).")
    ] = 2
    consistency_lambda: Annotated[
        float, Parameter(group=NOISE, help="Weight of their disagreement.")
    ] = 5.0
    consistency_eta: Annotated[
        float, Parameter(group=NOISE, help="Weight of their mean's entropy.")
    ] = 0.5

    @property
    def sigmas(self) -> "Sigmas":
        """The one way of drawing sigma that was given.

        Raises:
            InputError: If several were given.
        """
        from segcert.errors import InputError
        from segcert.training.sigmas import SigmaList, SigmaRange

        given = (self.sigma, self.sigma_range, self.sigma_list)
        if sum(one is not None for one in given) > 1:
            raise InputError("give one of --sigma, --sigma-range and --sigma-list, not several")
        if self.sigma_range is not None:
            return SigmaRange(*self.sigma_range)
        if self.sigma_list is not None:
            return SigmaList(tuple(self.sigma_list))
        return 0.25 if self.sigma is None else self.sigma

    @property
    def copies(self) -> "Consistency | None":
        """How noisy copies of a view are compared, if there are several."""
        from segcert.training.consistency import Consistency

        if not self.consistency:
            return None
        return Consistency(self.consistency_copies, self.consistency_lambda, self.consistency_eta)


@dataclass(frozen=True)
class ViewOptions(Flat):
    """How views are drawn."""

    crop: Annotated[
        tuple[int, int], Parameter(group=VIEWS, help="HEIGHT WIDTH of a view, pixels.")
    ] = (272, 368)
    scales: Annotated[Pair, Parameter(group=VIEWS, help="Smallest and largest magnification.")] = (
        0.8,
        1.6,
    )
    jitter: Annotated[
        float,
        Parameter(group=VIEWS, help="Brightness, contrast and colour change by up to this share."),
    ] = 0.3
    normals: Annotated[
        bool,
        Parameter(
            group=VIEWS, help="Of clouds: whether the network takes normals, which get no noise."
        ),
    ] = True
    points: Annotated[
        int,
        Parameter(
            group=VIEWS, converter=whole, help="Of clouds: points of a view, drawn at random."
        ),
    ] = 1024

    def of(self, kind: "InputKind") -> "Views | PointViews":
        """The views of inputs of a kind."""
        from segcert.inputs.kind import CLOUD, IMAGE
        from segcert.training.augment import Views
        from segcert.training.point_views import PointViews

        views: Mapping[InputKind, Callable[[], Views | PointViews]] = {
            IMAGE: lambda: Views(crop=self.crop, scales=self.scales, jitter=self.jitter),
            CLOUD: lambda: PointViews(points=self.points, normals=self.normals),
        }
        return views[kind]()


@dataclass(frozen=True)
class StepOptions(Flat):
    """How the network is fitted."""

    class_weights: Annotated[
        str,
        Parameter(group=STEPS, help="none, median-frequency, or one number per class with commas."),
    ] = "none"
    epochs: Annotated[
        int, Parameter(group=STEPS, converter=whole, help="Passes over the data.")
    ] = 80
    batch_size: Annotated[int, Parameter(group=STEPS, converter=whole, help="Views per step.")] = 8
    learning_rate: Annotated[float, Parameter(group=STEPS, help="Peak of the schedule.")] = 3e-3
    mixed_precision: Annotated[
        bool, Parameter(group=STEPS, help="On CUDA, compute in 16 bits where that is safe.")
    ] = True
    seed: Annotated[
        int, Parameter(group=STEPS, converter=whole, help="Of weights, views, noise.")
    ] = 0


@dataclass(frozen=True)
class PlaceOptions(Flat):
    """Where it is computed, and watched."""

    threads: Annotated[
        int, Parameter(group=PLACE, converter=whole, help="CPU threads; 0 for all.")
    ] = 0
    device: Annotated[str, Parameter(group=PLACE, help="cpu, cuda, ...")] = "cpu"
    devices: Annotated[
        int,
        Parameter(group=PLACE, converter=whole, help="How many of them; needs lightning-fabric."),
    ] = 1
    tensorboard: Annotated[
        Path | None, Parameter(group=PLACE, help="Folder for the curves; needs tensorboard.")
    ] = None

    def limit_threads(self) -> None:
        """Compute with no more threads than that.

        Raises:
            InputError: If the number is negative.
        """
        import torch

        from segcert.errors import InputError

        if self.threads < 0:
            raise InputError(f"threads must be >= 0 (0 for all), got {self.threads}")
        if self.threads:
            torch.set_num_threads(self.threads)

    def team(self, *, batch_size: int) -> "Devices":
        """Open the devices, which share each batch."""
        from segcert.sampling.setup import find_device
        from segcert.training.devices import open_devices

        find_device(self.device)
        return open_devices(self.device, self.devices, batch_size=batch_size)

    def board(self, *, rank: int) -> "Board | None":
        """Open what takes the curves; one process of a team writes them."""
        from segcert.training.board import open_board

        return open_board(self.tensorboard) if self.tensorboard and rank == 0 else None


TASK_AS_USUAL, NOISE_AS_USUAL, VIEWS_AS_USUAL = TaskOptions(), NoiseOptions(), ViewOptions()
STEPS_AS_USUAL, PLACE_AS_USUAL = StepOptions(), PlaceOptions()
