"""Every option changes what is done, or is refused: in each mode of each command."""

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pydantic
import pytest
import torch
from cloud_files import mug_file, scan_file
from PIL import Image
from torch import Tensor, nn

from segcert.attacks.check import AttackCheck
from segcert.cli.application import app
from segcert.cli.arguments import AnyNoiseName
from segcert.cli.effect_tables import TABLES, TURN
from segcert.cli.effects import Call, always, check_effects, needs, spelled
from segcert.cli.main import run
from segcert.data.sets import RULES
from segcert.doctor.examination import Examination
from segcert.errors import InputError
from segcert.inputs.finding import find_inputs
from segcert.inputs.kind import KINDS
from segcert.noise.registry import names_with
from segcert.plan import Plan
from segcert.planning import outlook as planning
from segcert.training.devices import OneDevice
from segcert_scenes import shapes, streets

Words = tuple[object, ...]


@dataclass(frozen=True)
class Mode:
    """One way to use a command.

    Args:
        command: Its name.
        base: What is given, by parameter; the words after the option, or those of a positional one.
        only: Parameters that are tried; all if there are none.
    """

    command: str
    base: Mapping[str, Words]
    only: tuple[str, ...] = ()

    @property
    def tried(self) -> tuple[str, ...]:
        """The parameters to try."""
        return self.only or tuple(parameters(self.command))


@cache
def parameters(command: str) -> dict[str, str]:
    """What a command takes, as cyclopts sees it: names in Python, and first names of options."""
    found = app[command].assemble_argument_collection()
    return {one.field_info.name: one.name for one in found if not one.children}


@cache
def defaults(command: str) -> dict[str, object]:
    """The defaults of a command."""
    found = app[command].assemble_argument_collection()
    return {one.field_info.name: one.field_info.default for one in found if not one.children}


CERTIFY = {"images": ("{photo}",), "model": ("{weights}",), "seed": (1,)}
CLOUD = {"images": ("{scan}",), "seed": (1,)}
SHAPES = {"images": ("{mug}",), "model": ("shapes",), "seed": (1,)}
POSE = {"noise": ("pose",), "shift_sigma": (0.1,), "jitter_sigma": (0.1,)}
PLAN = {"images": ("{photo}",), "model": ("{weights}",)}
ATTACK = {"image": ("{photo}",), "certificate": ("{certified}",), "smoothed": ("{weights}",)}
CLOUD_ATTACK = {"image": ("{mug}",), "certificate": ("{mug certified}",)}
TURNS = {"image": ("{scan}",), "certificate": ("{turned}",)}
REPLAY = {"certificate": ("{certified}",), "image": ("{photo}",), "model": ("{weights}",)} | {
    "replay": ()
}
TRAIN = {"out": ("{new}/net.safetensors",), "scenes": (8,)}
RUN = {"out": ("{new}/run",), "scenes": (2,), "seed": (1,)}
SYNTHETIC = RUN | {"data": ("synthetic",), "model": ("synthetic",)}
OF_SHAPES = RUN | {"data": ("shapes",), "model": ("shapes",)}
ELSEWHERE = {"root": ("{new}/a",), "out": ("{new}/run",)}  # data sets that are not there
COMPARED = ("truth", "mask_values", "mask_ignore", "mask_orientation")

MODES = {
    "demo": Mode("demo", {"seed": (1,)}),
    "demo of points": Mode("demo", {"seed": (1,), "points": ()}),
    "certify": Mode("certify", CERTIFY),
    "certify, stopping": Mode("certify", CERTIFY | {"stop_when": ("target=0.9",)}),
    "certify, int8": Mode("certify", CERTIFY | {"backend": ("openvino-int8",)}),
    "certify and compare": Mode("certify", CERTIFY | {"truth": ("{truth}",)}, only=COMPARED),
    "certify a cloud": Mode("certify", CLOUD),
    "certify a pose": Mode(
        "certify",
        CLOUD | POSE | {"stop_when": ("target=0.9",)},
    ),
    "certify a shape": Mode("certify", SHAPES | {"noise": ("yaw",)}),
    "train": Mode("train", TRAIN | {"data": ("synthetic",)}),
    "train, consistent": Mode("train", TRAIN | {"data": ("synthetic",), "consistency": ()}),
    "train a denoiser": Mode("train", TRAIN | {"data": ("synthetic",), "task": ("denoising",)}),
    "train one for a model": Mode(
        "train",
        TRAIN | {"data": ("synthetic",), "task": ("denoising",), "denoise_for": ("camvid",)},
    ),
    "train on CUDA": Mode("train", TRAIN | {"data": ("synthetic",), "device": ("cuda",)}),
    "train on shapes": Mode("train", TRAIN | {"data": ("shapes",)}),
    "train on camvid": Mode(
        "train", {"data": ("camvid",), "out": ("{new}/net.safetensors",)},
        only=("root", "scenes", "label_order", "category"),
    ),
    "train on a folder": Mode(
        "train",
        {"data": ("folder",), "images": ("{new}/i",), "masks": ("{new}/m",),
         "classes": ("{classes}",), "out": ("{new}/net.safetensors",)},
        only=(
            "images", "masks", "classes", "mask_values", "mask_ignore", "mask_orientation", "root",
            "scenes",
        ),
    ),
    "train on pascal_context": Mode(
        "train", {"data": ("pascal_context",), "out": ("{new}/net.safetensors",)},
        only=("label_order", "scenes", "category"),
    ),
    "train on shapenet_part": Mode(
        "train", {"data": ("shapenet_part",), "out": ("{new}/net.safetensors",)},
        only=("root", "scenes", "label_order"),
    ),
    "evaluate": Mode("evaluate", SYNTHETIC),
    "evaluate, int8": Mode("evaluate", SYNTHETIC | {"backend": ("openvino-int8",)}),
    "evaluate by processes": Mode(
        "evaluate", SYNTHETIC | {"engine": ("processes",)},
        only=("engine", "workers", "address", "device", "batch_size", "backend", "precision"),
    ),
    "evaluate by ray": Mode(
        "evaluate",
        SYNTHETIC | {"engine": ("ray",)},
        only=("engine", "workers", "address", "device"),
    ),
    "evaluate shapes": Mode("evaluate", OF_SHAPES),
    "evaluate turned shapes": Mode("evaluate", OF_SHAPES | {"noise": ("yaw",)}),
    "evaluate posed shapes": Mode(
        "evaluate", OF_SHAPES | POSE
    ),
    "evaluate camvid": Mode(
        "evaluate", ELSEWHERE | {"data": ("camvid",)},
        only=("root", "split", "label_order", "resize", "images", "masks", "classes", "scenes",
              "category"),
    ),
    "evaluate pascal_context": Mode(
        "evaluate",
        ELSEWHERE
        | {"data": ("pascal_context",), "label_order": ("459",), "resize": ("before noise",)},
        only=("root", "split", "label_order", "resize", "images", "scenes", "category"),
    ),
    "evaluate a folder": Mode(
        "evaluate",
        {"data": ("folder",), "images": ("{new}/i",), "masks": ("{new}/m",),
         "classes": ("{classes}",), "out": ("{new}/run",)},
        only=("root", "split", "label_order", "resize", "images", "masks", "classes", "scenes",
              "mask_values", "mask_ignore", "mask_orientation"),
    ),
    "evaluate shapenet_part": Mode(
        "evaluate", ELSEWHERE | {"data": ("shapenet_part",), "model": ("shapes",)},
        only=("root", "split", "category", "scenes", "images"),
    ),
    "attack": Mode("attack", ATTACK),
    "attack and compare": Mode("attack", ATTACK | {"truth": ("{truth}",)}, only=COMPARED),
    "attack, again": Mode("attack", ATTACK | {"restarts": (2,), "seed": (1,)}),
    "attack the smoothed": Mode("attack", ATTACK | {"against": ("smoothed",), "seed": (1,)}),
    "attack a cloud": Mode("attack", CLOUD_ATTACK),
    "attack a cloud, again": Mode("attack", CLOUD_ATTACK | {"restarts": (2,), "seed": (1,)}),
    "attack by turns": Mode("attack", TURNS | {"seed": (1,)}),
    "toy": Mode("toy", {"repetitions": (2,), "components": (40,), "gamma": (0.2,)}),
    "toy figures": Mode("toy", {"figures": ("{new}/figures",), "seed": (1,)}),
    "report": Mode("report", {"run": ("{new}/run",)}),
    "verify": Mode("verify", {"certificate": ("{certified}",)}),
    "verify a model": Mode(
        "verify", {"certificate": ("{certified}",), "model": ("{weights}",)}
    ),
    "verify by replay": Mode("verify", REPLAY),
    "verify int8 by replay": Mode("verify", REPLAY | {"backend": ("openvino-int8",)}),
    "verify a cloud": Mode("verify", {"certificate": ("{turned}",)}),
    "verify a cloud by replay": Mode(
        "verify", {"certificate": ("{turned}",), "replay": (), "image": ("{scan}",)}
    ),
    "models": Mode("models", {}),
    "models, one of a file": Mode("models", {"model": ("{weights}",)}),
    "plan": Mode("plan", PLAN),
    "plan a cluster": Mode("plan", PLAN | {"cluster": ()}),
    "plan a cluster without image": Mode("plan", {"cluster": (), "seconds_per_draw": (0.1,)}),
    "doctor": Mode("doctor", {}),
}  # fmt: skip

# another value of each option, by its name or by command and name
SAMPLES: dict[str, Words] = {
    "pad": (32,), "channels": ("bgr",), "layout": ("nhwc",), "output_layout": ("nhwc",),
    "input_range": ("0..255",), "mean": ("0.5,0.5,0.5",), "std": ("0.2,0.2,0.2",),
    "output_name": ("masks",), "returns": ("labels",), "binary": (), "threshold": (0.5,),
    "regions": ("0.5,0.5,0.5",), "class_count": (3,),
    "plan": ("{planned}",), "write": ("{new}.toml",),
    "address": ("host:1",), "against": ("smoothed",), "alpha": (0.01,),
    "architecture": ("depthwise-wide",), "as_json": (), "axis": ("x",), "backend": ("auto",),
    "bad": (2,), "batch_size": (6,), "blocks": (4,), "calibration": ("{new}/c",),
    "category": ("cap",), "certificate": ("{turned}",), "class_weights": ("median-frequency",),
    "classes": ("{new}/none.txt",), "cluster": (), "columns": ("x,y,z",), "components": (6,),
    "consistency": (),
    "consistency_copies": (3,), "consistency_eta": (0.1,), "consistency_lambda": (2,),
    "correction": ("bonferroni",), "crop": (32, 48), "data": ("cityscapes",),
    "denoise_for": ("synthetic",), "denoise_weight": (0.5,), "denoiser": ("nothing",),
    "device": ("tpu",), "devices": (2,), "draws": (5,), "drop_below": (2,),
    "engine": ("processes",), "epochs": (3,), "figures": ("{new}/f",), "format": ("latex",),
    "fresh": (),
    "gamma": (0.1,), "ignore": ("{mask}",), "image": ("{other}",), "images": ("{other}",),
    "inputs": (7,), "int8_file": ("{new}/net.xml",), "jitter": (0.1,), "jitter_sigma": (0.2,),
    "json": (), "label": ("name",), "label_order": ("400",), "learning_rate": (0.1,),
    "class_map": ("0..9=1..10,10=ignore",), "mask_values": ("2,0,1",), "mask_ignore": ("1",),
    "mask_orientation": ("stored",),
    "looks": (6,), "masks": ("{new}/n",), "mixed_precision": (), "model": ("nothing",),
    "n": (55,), "n0": (3,), "noise": ("uniform",), "normals": ("recomputed",),
    "others": ("{new}/b",),
    "out": ("{new}/other.safetensors",), "overwrite": (), "points": (9,), "precision": ("bf16",),
    "price": (3,), "probe": (20,), "radius": (0.2,), "radius_map": (), "repetitions": (3,),
    "replay": (), "resize": ("inside the model",), "restarts": (1,), "root": ("{new}/elsewhere",),
    "run": ("{new}/b",), "scale": ("0.5",), "scales": (1, 2), "scene": (2,), "scenes": (3,),
    "seconds_per_draw": (0.5,), "seed": (7,), "share": (0.4,), "shift_sigma": (0.2,),
    "sigma": (0.5,), "sigma_list": (0, 0.25), "sigma_range": (0, 0.5), "smooth_neighbours": (3,),
    "smooth_scores": (2,), "smoothed": ("nothing",),
    "statement": ("count",), "split": ("train",), "start_from": ("{weights}",), "steps": (5,),
    "stop_when": ("target=0.8",), "subset": (1,), "target": (1,), "task": ("denoising",),
    "tau": (0.8,), "tensorboard": ("{new}/board",), "threads": (1,), "tree": ("nothing",),
    "truth": ("{truth}",), "up": ("z",), "votes": (3,), "workers": (1,),
}  # fmt: skip
SPECIAL: dict[tuple[str, str], Words] = {
    ("evaluate by processes", "engine"): ("local",),
    ("attack the smoothed", "against"): ("plain",),
    ("certify and compare", "truth"): ("{mask}",),
    ("attack and compare", "truth"): ("{mask}",),
    ("attack by turns", "certificate"): ("{mug certified}",),
    ("verify a cloud", "certificate"): ("{certified}",),
    ("verify a cloud by replay", "certificate"): ("{certified}",),
    ("certify a cloud", "up"): ("y",),
    ("certify a pose", "up"): ("y",),
    ("certify a pose", "noise"): ("yaw",),
    ("train a denoiser", "task"): ("segmentation",),
    ("train one for a model", "task"): ("segmentation",),
    ("evaluate shapes", "noise"): ("rotation",),
    ("evaluate turned shapes", "noise"): ("rotation",),
    ("evaluate posed shapes", "noise"): ("rotation",),
}
DRAWN = {
    "segcert_scenes.streets.street_scene": cache(streets.street_scene),
    "segcert_scenes.shapes.shape": cache(shapes.shape),
}
NEGATED = {"mixed_precision": ["--no-mixed-precision"], "normals": ["--no-normals"]}  # of train


@dataclass
class Observed:
    """What the work was asked for, in the order of its parts."""

    calls: list[object] = field(default_factory=list)

    def stub(self, name: str, result: object = None, *, stop: bool = False) -> Callable[..., Any]:
        """What stands in for a part of the work."""

        def called(*arguments: object, **options: object) -> object:
            self.calls.append((name, shown(arguments), shown(options)))
            if stop:
                raise StoppedError
            return result(*arguments, **options) if callable(result) else result

        return called


@dataclass(frozen=True)
class Workplace:
    """An engine that is not asked."""

    device_type: str = "cpu"


class StoppedError(BaseException):
    """The work would have begun."""


def shown(value: object) -> object:
    """What can be compared of a value; networks by their type."""
    if isinstance(value, Tensor | np.ndarray):
        array = np.ascontiguousarray(value.cpu() if isinstance(value, Tensor) else value)
        return array.shape, hashlib.sha256(array.tobytes()).hexdigest()
    if isinstance(value, partial):
        return value.func.__name__, shown(value.args), shown(value.keywords)
    if isinstance(value, nn.Module) or callable(value):
        return type(value).__name__
    if isinstance(value, pydantic.BaseModel):
        return shown(value.model_dump())
    if dataclasses.is_dataclass(value):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return type(value).__name__, shown(fields)
    if isinstance(value, Mapping):
        return {str(key): shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shown(part) for part in value]
    return (
        repr(value) if isinstance(value, str | int | float | Path | None) else type(value).__name__
    )


@pytest.fixture(scope="module")
def files(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs by the names that modes use; not to be changed."""
    folder = tmp_path_factory.mktemp("effects")
    rng = np.random.default_rng(1)
    for name in ("photo", "other"):
        Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(
            folder / f"{name}.png"
        )
    Image.fromarray(rng.integers(0, 3, (16, 24), dtype=np.uint8)).save(folder / "truth.png")
    Image.fromarray(np.eye(16, 24, dtype=np.uint8)).save(folder / "mask.png")
    (folder / "classes.txt").write_text("road\ncar\nsky\n")
    made = {
        "weights": weights, "new": folder / "new", "scan": scan_file(folder),
        "mug": mug_file(folder, 256), "classes": folder / "classes.txt",
        "planned": folder / "plan.toml",
        **{name: folder / f"{name}.png" for name in ("photo", "other", "truth", "mask")},
    }  # fmt: skip
    Plan(tau=0.6, alpha=0.1, n0=3, n=30).write(made["planned"])
    few = ("--tau", 0.6, "--alpha", 0.1, "--n0", 3, "--n", 30, "--seed", 4, "--out")
    for name, given in {
        "certified": (made["photo"], "--model", weights),
        "turned": (made["scan"], "--noise", "rotation", "--sigma", 0.05),
        "mug certified": (made["mug"], "--model", "shapes", "--sigma", 0.05),
    }.items():
        out = folder / name.replace(" ", "-")
        assert run([str(word) for word in ("certify", *given, *few, out)]) == 0
        made[name] = next(out.iterdir())
    return made


@pytest.fixture(scope="module")
def planned(files: dict[str, Path]) -> object:
    """A plan, made once."""
    from segcert.models.shipped import open_model
    from segcert.noise.gaussian import GaussianNoise

    return planning.make_outlook(
        open_model(str(files["weights"])), find_inputs([str(files["photo"])]),
        noise=GaussianNoise(0.25), taus=(0.6, 0.75), draws=12, seed=1,
    )  # fmt: skip


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch, planned: object, tmp_path: Path) -> Observed:
    """Put stubs in the place of all work, so that what it is asked for is seen."""
    found = Observed()
    monkeypatch.chdir(tmp_path)
    for place, draw in DRAWN.items():  # scenes are drawn once
        monkeypatch.setattr(place, draw)

    def put(place: str, result: object = None, *, stop: bool = False) -> None:
        module, name = place.rsplit(".", 1)
        __import__(module)
        monkeypatch.setattr(sys.modules[module], name, found.stub(name, result, stop=stop))

    put("segcert.runs.certify_inputs.certify_inputs", stop=True)
    put("segcert.runs.evaluate.evaluate", stop=True)
    put("segcert.runs.engines.processes.ProcessEngine", nullcontext(Workplace()))
    put("segcert.runs.engines.ray_engine.RayEngine", nullcontext(Workplace()))
    put("segcert.data.camvid.CamVid", stop=True)
    put("segcert.data.pascal_context.PascalContext", stop=True)
    put("segcert.data.sets.Folder", stop=True)
    put("segcert.data.sets.ShapeNetPart", stop=True)
    put("segcert.training.save.train_and_save", stop=True)
    put("segcert.training.board.open_board")
    put("torch.set_num_threads")
    put(
        "segcert.attacks.ways.attack",
        lambda *given, **_: SimpleNamespace(best=as_input(given[1])),
    )
    put("segcert.attacks.ways.check_attack", nothing_lost())
    put("segcert.attacks.ways.search_changes", lambda *given, **_: (given[3][0], 0.5))
    put("segcert.attacks.turns.check_turn", nothing_lost())
    put("segcert.report.attacks.write_attack", stop=True)
    put("segcert.planning.outlook.make_outlook", planned)
    put("segcert.cli.plan_cluster.measure", (0.1, 8, "cpu"))
    put("segcert.cli.toy.draw_figures", stop=True)
    put("segcert.report.comparison.open_runs")
    put("segcert.locks.is_held", False)
    put("segcert.locks.held", nullcontext())
    put("segcert.files.remove_drafts_in")
    for form in ("plain", "markdown", "latex", "comma_separated"):
        put(f"segcert.report.run_tables.{form}", form)
    put("segcert.cli.report.write_report")
    put("segcert.certificates.replay.replay", stop=True)
    put("segcert.cli.models.list_shipped")
    put("segcert.doctor.examination.examine", Examination("1", "3", "here", (), (), (), (), ()))
    put("segcert.sampling.streams.fresh_seed", 12)
    put("segcert.attacks.ways.fresh_seed", 12)
    put("segcert.training.devices.open_devices", OneDevice(torch.device("cpu")))
    put("segcert.sampling.setup.find_device", torch.device("cpu"))
    put("segcert.files.check_writable")
    monkeypatch.setattr(
        "segcert.models.reference.ModelReference.run",
        lambda reference, model, **_: (found.calls.append(shown(reference)), model)[1],
    )
    return found


def nothing_lost() -> AttackCheck:
    """What a check says of an attack that did nothing."""
    none = np.zeros((1, 1), bool)
    return AttackCheck(
        norm=0.0, radius=1.0, alpha=0.1, n=1, seed=0, hits=np.ones((1, 1), np.int32),
        certified=none, kept=none, lost=none, errors_allowed=0,
    )  # fmt: skip


def as_input(given: object) -> Tensor:
    """The input that an attack begins with, as it returns it."""
    from segcert.inputs.input import read

    return (
        read(given).tensor.float() / 255 if isinstance(given, Path) else read(given).tensor.float()
    )


def words_of(mode: Mode, name: str, files: Mapping[str, Path], values: Words) -> list[str]:
    """One option with its values, as they are typed."""
    if mode.command == "train" and name in NEGATED:
        return NEGATED[name]
    option = parameters(mode.command)[name]
    typed = [str(value).format(**files) for value in values]
    return [option, *typed] if option.startswith("--") else typed


def typed(mode: Mode, files: Mapping[str, Path], changed: Mapping[str, Words]) -> list[str]:
    """A command line, the positional arguments first; a flag that is given twice is left out."""
    given = dict(mode.base) | changed
    for name, values in changed.items():
        if not values and name in mode.base:
            del given[name]
    parts = [words_of(mode, name, files, values) for name, values in given.items()]
    return [mode.command, *(word for part in sorted(parts, key=positional_first) for word in part)]


def positional_first(words: list[str]) -> bool:
    """Order of the parts of a command line."""
    return words[0].startswith("--")


def sample(mode: str, name: str) -> Words:
    """Another value of an option."""
    return SPECIAL.get((mode, name), SAMPLES[name])


@pytest.fixture
def outcome(
    observed: Observed, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], tuple[object, ...]]:
    """Run a command until the work would begin: its status, its words and what it asked for."""

    def call(words: list[str]) -> tuple[object, ...]:
        observed.calls.clear()
        capsys.readouterr()
        try:
            status = run(words)
        except StoppedError:
            status = 0
        return status, *capsys.readouterr(), list(observed.calls)

    return call


@pytest.mark.parametrize("command", TABLES)
def test_the_table_names_every_option(command: str) -> None:
    """A new option fails here until it is said when it has an effect."""
    taken = parameters(command)
    assert set(TABLES[command]) == set(taken)
    options = {name: option for name, option in taken.items() if option.startswith("--")}
    assert {name: spelled(name) for name in options} == options


def test_every_command_has_a_table_and_a_mode() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert set(TABLES) == commands == {mode.command for mode in MODES.values()}
    assert {rule.kind for rule in RULES.values()} == set(KINDS)
    for name in get_args(get_args(AnyNoiseName)[0]):
        assert TURN.met(Call("", {"noise": name}, frozenset())) == (name in names_with("axis"))


@pytest.mark.parametrize("name", MODES)
@pytest.mark.sampled
def test_every_option_changes_something_or_is_refused(
    name: str, files: dict[str, Path], outcome: Callable[[list[str]], tuple[object, ...]]
) -> None:
    mode, ignored = MODES[name], []
    plain = outcome(typed(mode, files, {}))
    assert plain == outcome(typed(mode, files, {}))  # so that a difference is one of the option
    for option in mode.tried:
        found = outcome(typed(mode, files, {option: sample(name, option)}))
        if found == plain:
            ignored.append(option)
    assert ignored == []


@pytest.mark.parametrize("number", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_options_together_end_in_no_traceback_and_none_is_ignored(
    number: int, files: dict[str, Path], outcome: Callable[[list[str]], tuple[object, ...]]
) -> None:
    """Up to four options that a mode does not have by itself, drawn at random.

    Where the work begins, it is another work without any one of them.
    """
    rng, began, wrong = np.random.default_rng(number), 0, []
    for _ in range(number):
        name = [*MODES][rng.integers(len(MODES))]
        mode = MODES[name]
        among = [option for option in mode.tried if option not in mode.base]
        if not among:
            continue
        chosen = rng.choice(among, min(len(among), rng.integers(1, 5)), replace=False).tolist()
        changed = {option: sample(name, option) for option in chosen}
        words = typed(mode, files, changed)
        status, _, said, calls = outcome(words)
        allowed_to_fail = (0, 1, 2) if mode.command == "verify" else (0, 2)
        if (
            status not in allowed_to_fail
            or "Traceback" in str(said)
            or "does not know" in str(said)
        ):
            wrong.append((words, status, said))
        elif status == 0:
            began += 1
            left = chosen[rng.integers(len(chosen))]
            less = {option: value for option, value in changed.items() if option != left}
            if outcome(typed(mode, files, less)) == (status, _, said, calls):
                wrong.append((words, "without", left))
    assert wrong == [], "\n".join(map(str, wrong))
    assert began > number / 10


@pytest.mark.parametrize("command", TABLES)
def test_no_option_is_refused_everywhere(command: str) -> None:
    modes = [name for name, mode in MODES.items() if mode.command == command]
    for option in parameters(command):
        assert any(allowed(mode, option) for mode in modes), option


def allowed(name: str, option: str) -> bool:
    """Whether a mode takes an option, as far as that can be said without its files."""
    mode = MODES[name]
    given = mode.base | {option: sample(name, option)}
    values = defaults(mode.command) | {
        key: value[0] if value else True for key, value in given.items()
    }
    call = Call(mode.command, values, frozenset(given))
    from segcert.inputs.kind import CLOUD, IMAGE

    clouds = any(word in name for word in ("cloud", "shape", "pose"))
    call.__dict__["kind"] = CLOUD if clouds else IMAGE
    call.__dict__["certificate"] = SimpleNamespace(counts=SimpleNamespace(noise=None))
    try:
        check_effects(call, TABLES[mode.command])
    except InputError:
        return False
    return True


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("certify", "a.png", "--looks", 4), "--looks needs --stop-when: leave out --looks"),
        (("certify", "a.png", "--votes", 1), "--votes is for point clouds, and these are images"),
        (("certify", "a.ply", "--precision", "fp32"), "--precision is for images, and these are"),
        (("certify", "a.ply", "--scale", "1"), "--scale is for images, and these are point clouds"),
        (("certify", "a.ply", "--axis", "z"), "--axis needs --noise yaw or pose, got gaussian"),
        (("plan", "a.png", "--price", 0), "--price needs --cluster: leave out --price"),
        (("plan", "--cluster", "--probe", 60), "--probe has no effect with --cluster: leave out"),
        (
            ("plan", "--cluster", "--seconds-per-draw", 1, "--device", "auto"),
            "--device has no effect with --seconds-per-draw: leave out --device",
        ),
        (("toy", "--figures", "f", "--gamma", 0.05), "--gamma has no effect with --figures"),
        (("train", "--data", "synthetic", "--out", "a", "--points", 1024), "--points is for point"),
        (
            ("train", "--data", "synthetic", "--out", "a", "--mixed-precision"),
            "--mixed-precision needs --device cuda, got cpu: leave out --mixed-precision",
        ),
        (
            ("evaluate", "--data", "synthetic", "--out", "a", "--root", "b"),
            "--root is not of --data synthetic, which takes only --scenes: leave out --root",
        ),
        (("verify", "a", "--device", "auto"), "--device needs --replay: leave out --device"),
    ],
)
def test_a_default_that_is_typed_is_refused_too(
    command: Callable[..., Any], words: Words, line: str
) -> None:
    command(*words).refuses(line)


def test_the_first_need_that_is_missing_is_named() -> None:
    table = always("noise", "pilot") | {"scale": (needs("pilot"), needs("noise", "pose", "yaw"))}
    values = {"noise": ["yaw", "gaussian"], "pilot": False, "scale": 1}
    check_effects(Call("", values, frozenset({"noise", "pilot"})), table)
    call = Call("", values, frozenset({"scale"}))
    with pytest.raises(InputError, match=r"^--scale needs --pilot: leave out --scale$"):
        check_effects(call, table)
    check_effects(Call("", values | {"pilot": True}, frozenset({"scale"})), table)
    call = Call("", values | {"pilot": True, "noise": "laplace"}, frozenset({"scale"}))
    with pytest.raises(InputError, match="needs --noise pose or yaw, got laplace: leave out"):
        check_effects(call, table)
