"""What an evaluation was asked for: data, model, settings; fixed before the first draw."""

import hashlib

from pydantic import BaseModel, ConfigDict

from segcert.errors import InputError
from segcert.inputs.kind import InputKind
from segcert.models.identity.runtime import Precision
from segcert.models.protocol import WrappedModel
from segcert.plan import Plan
from segcert.runs.inventory import Inventory
from segcert.runs.setting import Setting
from segcert.sampling.streams import check_seed

# no part of the hash of older runs, if so
ADDED = {"backend": "torch", "precision": "fp32", "stream_version": 1}


class EvaluationConfig(BaseModel):
    """Every choice that the results of an evaluation depend on.

    A row of the results is one statement about one input at one setting, wrong with a probability
    of at most ``alpha`` by itself; where components are counted, all inputs of a setting are one.
    To pick a setting after the results were seen is not covered.

    Args:
        data: Name of the data set and its split.
        note: Where the noise is added, and which images were chosen.
        images: Number of inputs.
        inputs_sha256: Hash of all inputs and their truth, in order.
        classes: Names of the classes.
        model: Name of the model.
        weights_sha256: Hash of its weights.
        settings: The settings.
        n0: Draws that choose the class; 0 for the test without pilot.
        alpha: Allowed probability that a statement is wrong: per input and setting.
        seed: Of all streams.
        device: Type of the device: it decides on the streams.
        backend: What runs the model.
        precision: Arithmetic of the model.
        stream_version: Of the streams.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    note: str
    images: int
    inputs_sha256: str
    classes: tuple[str, ...]
    model: str
    weights_sha256: str
    settings: tuple[Setting, ...]
    n0: int
    alpha: float
    seed: str
    device: str
    backend: str = "torch"
    precision: Precision = "fp32"
    stream_version: int = 1

    @property
    def sha256(self) -> str:
        """Hash of the whole configuration."""
        since = {key for key, usual in ADDED.items() if getattr(self, key) == usual}
        return hashlib.sha256(self.model_dump_json(exclude=since).encode()).hexdigest()

    @property
    def kind(self) -> InputKind:
        """What the inputs are."""
        return self.settings[0].kind

    @property
    def counts(self) -> bool:
        """Whether components are counted, over all inputs of a setting, and none is named."""
        return any(setting.statement for setting in self.settings)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the settings that share draws, group by group."""
        found: dict[tuple[object, ...], list[int]] = {}
        for number, setting in enumerate(self.settings):
            found.setdefault(setting.draws, []).append(number)
        return tuple(map(tuple, found.values()))

    def plan(self, setting: Setting) -> Plan:
        """What is fixed at a setting for each input."""
        return setting.plan(n0=self.n0, alpha=self.alpha)

    def check(self, segmenter: WrappedModel) -> None:
        """Refuse values out of range, settings that are there twice, and a model of other classes.

        Raises:
            InputError: With the rule, the value and the way out.
        """
        check_seed(int(self.seed))
        if segmenter.kind != self.kind:
            raise InputError(
                f"the data are {self.kind.nouns}, but model {self.model} labels "
                f"{segmenter.kind.nouns}"
            )
        for setting in self.settings:
            self.plan(setting)
            if self.settings.count(setting) > 1:
                raise InputError(f"setting {words(setting)} is there twice: name each value once")
        way_out = "; or say --class-map 0=1,... for images" if self.kind.resizable else ""
        if segmenter.class_names and segmenter.class_names != self.classes:
            raise InputError(
                f"model {self.model} has classes {', '.join(segmenter.class_names)}, the data "
                f"{', '.join(self.classes)}: they must be the same, in the same order{way_out}"
            )
        if self.kind.resizable and segmenter.classes not in (None, len(self.classes)):
            raise InputError(
                f"model {self.model} has {segmenter.classes} classes, the data "
                f"{len(self.classes)}: they must be the same, in the same order{way_out}"
            )

    def possible(self, inventory: Inventory) -> "EvaluationConfig":
        """Leave out settings with too few draws to certify anything on any of the inputs.

        Raises:
            InputError: If none is left, or one is possible on some inputs only.
        """
        shapes = sorted({item.shape for item in inventory.items})
        kept, reason = [], ""
        for setting in self.settings:
            failures = []
            for shape in shapes:
                try:
                    self.plan(setting).check_components(shape)
                except InputError as error:
                    failures.append(str(error))
            if failures and len(failures) < len(shapes):
                raise InputError(
                    f"setting {words(setting)}, on some {self.kind.words}: {failures[0]}"
                )
            if failures:
                reason = failures[0]
            else:
                kept.append(setting)
        if not kept:
            raise InputError(f"no setting can certify anything: {reason}")
        return self.model_copy(update={"settings": tuple(kept)})

    def differences(self, other: "EvaluationConfig") -> str:
        """Say in words what differs from another configuration; empty if nothing."""
        mine, theirs = self.model_dump(), other.model_dump()
        mine["settings"] = "; ".join(map(words, self.settings))
        theirs["settings"] = "; ".join(map(words, other.settings))
        return ", ".join(
            f"{key} {theirs[key]} -> {mine[key]}" for key in mine if mine[key] != theirs[key]
        )


def words(setting: Setting) -> str:
    """Print a setting in one line."""
    return (
        f"sigma={setting.noise_text} scale={setting.scale} tau={setting.tau:g} n={setting.n} "
        f"{setting.statement or setting.correction}"
    )
