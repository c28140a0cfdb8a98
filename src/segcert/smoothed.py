"""The smoothed model, to be called: it is what certificates speak of, and what is deployed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int16

from segcert.api import opened
from segcert.certificates.result import Certificate
from segcert.certificates.strict_json import without_repeats
from segcert.certificates.words import beginning, conditions, given_in_words, named
from segcert.errors import InputError, VerificationError
from segcert.files import atomic_write, read_regular
from segcert.inputs.input import Source
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.plan import Plan
from segcert.plan_record import MOST_BYTES
from segcert.sampling.conclude import scale_of
from segcert.text import one_line

HALF = 0.5  # a class above it is the most probable one


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a fresh run of a smoothed model says of one input: labels, or abstentions.

    Args:
        certificate: Of the input itself at tau = 1/2, with all counts and parameters.
    """

    ABSTAINS: ClassVar[int] = -1

    certificate: Certificate

    @property
    def labels(self) -> Int16[np.ndarray, " *components"]:
        """The class of each component; `ABSTAINS` (-1) where it stays open."""
        found = self.certificate
        return np.where(found.certified, found.labels, self.ABSTAINS).astype(np.int16)

    @property
    def statement(self) -> str:
        """What is right with confidence ``1 - alpha`` over the draws of this run, in words."""
        found = self.certificate
        counts, number = found.counts, int(found.certified.sum())
        which = f"the {number} components of {counts.components} that have a label"
        errors = found.correction.errors_allowed
        what = "components" if found.family.regions is None else "regions"
        some = f"at all but at most {errors} {what} of" if errors else "at each of"
        parts = (
            f"{beginning(counts, alpha=found.alpha)} {some} {which}, it is the class of the "
            "smoothed model at this very input.",
            f"The smoothed model gives the most probable class of {named(counts.provenance)} under "
            f"{counts.noise.description}.",
            *conditions(counts), *given_in_words(found.family),
            "This is about draws that nobody knew who made the input. Where a certificate of "
            "another input names a class and this input lies in its set, both are right, and name "
            f"the same class, with confidence at least 1 - {found.alpha!r} - alpha of that "
            "certificate. Nothing is said about the other components.",
        )  # fmt: skip
        return " ".join(parts)


@dataclass(frozen=True)
class Smoothed:
    """A model smoothed as a plan says: the function whose labels a certificate holds fixed.

    Args:
        model: As for `certify_image`; the name or path of a model is opened.
        plan: Noise, draws, alpha and correction. Its tau is that of certificates; a prediction
            asks for a probability above one half.

    Raises:
        InputError: If there is no such model, or the plan is one of groups of classes (a tree).
    """

    model: Model | SegmentationModel | str | Path
    plan: Plan = Plan()  # noqa: RUF009  # it is frozen

    def __post_init__(self) -> None:
        """Open the model."""
        if self.plan.tree is not None:
            raise InputError(
                "a prediction names classes, and the plan is one of groups of classes (a tree): "
                "give a plan without one"
            )
        self.opened  # noqa: B018  # now, not when it is first called

    @cached_property
    def opened(self) -> SegmentationModel:
        """The model, as it is sampled."""
        return opened(self.model)

    def certify(self, input: Source, **options: Any) -> Certificate:
        """Certify the labels of an input within a radius; see `Plan.certify`."""
        return self.plan.certify(self.opened, input, **options)

    def predict(
        self,
        input: Source,
        *,
        seed: int | None = None,
        device: str = "auto",
        batch_size: int | str = "auto",
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        """Label an input by a fresh run, and abstain where the most probable class stays open.

        With confidence ``1 - alpha``, each label is the class of the smoothed model at this input:
        its probability under the noise is above 1/2. Where the certificate of another input covers
        this one, both name the same class, with confidence ``1 - 2 alpha``.

        Args:
            input: As for `sample`.
            seed: In [0, 2^128); None takes a fresh one. The confidence is over draws that whoever
                made the input did not know.
            device: "auto" (where the model is) or a torch device.
            batch_size: Draws that go through the model together, or "auto".
            progress: Called after each batch with draws done and draws in all.

        Returns:
            Labels, abstentions, and the statement.

        Raises:
            InputError: If an argument or the input breaks a rule, or the draws are too few to
                label anything.
            ModelError: If the model cannot be smoothed.

        Source:
            Cohen, Rosenfeld, Kolter (2019), PREDICT, with a correction for many components;
            docs/guarantees.md, section 1.
        """
        certificate = replace(self.plan, tau=HALF).certify(
            self.opened, input,
            seed=seed, device=device, batch_size=batch_size, progress=progress,
        )  # fmt: skip
        return Prediction(certificate)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that fixes it, as it is written: the plan, and which model it is."""
        model = self.opened
        return {
            "version": 1,
            "model": {
                "name": model.name, "sha256": model.identity_sha256, "scale": scale_of(model),
                "classes": list(model.class_names),
            },
            "plan": self.plan.record.written,
            "plan_sha256": self.plan.sha256,
        }  # fmt: skip

    def write(self, path: str | Path) -> None:
        """Write the settings as JSON."""
        with atomic_write(Path(path)) as file:
            file.write((json.dumps(self.settings, indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: str | Path, model: Model | SegmentationModel | str | Path) -> "Smoothed":
        """Read settings, for the model that they were written of.

        Args:
            path: What `write` wrote.
            model: It; no path in the file is followed.

        Raises:
            InputError: If the file is missing or holds no settings.
            VerificationError: If the model is another one.
        """
        content = read_regular(Path(path), what="file of settings", most=MOST_BYTES)
        try:
            found = json.loads(content, object_pairs_hook=without_repeats)
            named, plan = found["model"], Plan.from_json(json.dumps(found["plan"]))
            digest = found["plan_sha256"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"file {path} holds no settings of a smoothed model: {one_line(error)}"
            ) from error
        if digest != plan.sha256:
            raise VerificationError(f"the plan in {path} is not the one of its digest")
        made = cls(model, plan)
        if made.settings["model"] != named:
            raise VerificationError(
                f"the settings in {path} are of another model: they say {named}, given is "
                f"{made.settings['model']}"
            )
        return made
