"""A plan in words and numbers: what its file says of each field, and what that means."""

from dataclasses import fields, replace

from segcert.certificates.hierarchies import hierarchies, open_hierarchy
from segcert.certificates.masks import parse_mask
from segcert.errors import InputError
from segcert.noise.base import AbstractNoise, Option
from segcert.noise.registry import name_in_plans, noise_in_plans
from segcert.plan_fields import PlanFields
from segcert.plan_record import PlanRecord, TreeRecord
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection
from segcert.stats.correction_names import is_ours, parse_correction

NOISE = ("sigma", "shift_sigma", "jitter_sigma", "axis")  # options of noises


def fields_of(record: PlanRecord) -> PlanFields:
    """What a file says; without pilot and by Bonferroni if there is a tree.

    What is not said is left to the plan.

    Raises:
        InputError: If it cannot be.
    """
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name in NOISE
        if (value := getattr(record, name)) is not None
    }
    made = PlanFields(
        noise=noise_in_plans(record.noise, options),
        n=record.n, tau=record.tau, alpha=record.alpha,
        tree=tree_of(record.tree), blocks=record.blocks, drop_below=record.drop_below,
        ignore=None if record.ignore is None else parse_mask(record.ignore),
        stop_when=record.stop_when, looks=record.looks,
    )  # fmt: skip
    if record.tree is not None:
        made |= PlanFields(n0=0, correction="bonferroni")
    if record.statement is not None:
        made["statement"] = record.statement
    if record.n0 is not None:
        made["n0"] = record.n0
    if record.correction is not None:
        made["correction"] = parse_correction(record.correction)
    return made


def noise_texts(noise: AbstractNoise) -> dict[str, object]:
    """Say a noise: its name, and what it is asked for by.

    Raises:
        InputError: If it is none of ours, or has a grid of its own.
    """
    if noise.without_grid() != noise:
        raise InputError(
            f"plans with {noise} cannot be written: in a file the input chooses the grid, so "
            "leave out the step"
        )
    said = {name: plain(one) for name, one in noise.options().items()}
    return {"noise": name_in_plans(noise), **said}


def tree_of(said: str | TreeRecord | None) -> ClassTree | None:
    """Read a class tree: one of those that come with segcert by its name, or a whole one.

    Raises:
        InputError: If there is no such tree; no path is followed.
    """
    if isinstance(said, TreeRecord):
        return ClassTree(tuple(said.names), tuple(said.parents))
    if said is not None and said not in hierarchies():
        raise InputError(
            f"tree must be one of {', '.join(hierarchies())}, or a table of names and parents, "
            f"got {said!r}"
        )
    return None if said is None else open_hierarchy(said)


def tree_text(tree: ClassTree | None) -> str | dict[str, list[str] | list[int]] | None:
    """Say a class tree: by its name if it comes with segcert."""
    if tree is None:
        return None
    for name in hierarchies():
        if open_hierarchy(name) == tree:
            return name
    return {"names": list(tree.names), "parents": list(tree.parents)}


def plain(option: Option) -> object:
    """An option of a noise as files have it: a vector as a list, no zero negative."""
    if isinstance(option, str):
        return option
    return [one + 0.0 for one in option] if isinstance(option, tuple) else option + 0.0


def correction_text(correction: AbstractCorrection) -> str:
    """Say a correction, in the same words if it is equal: 0 is 0.0.

    Raises:
        InputError: If it is none of ours.
    """
    if not is_ours(correction):
        raise InputError(f"plans with {correction!r} cannot be written: it is none of segcert's")
    real = [field.name for field in fields(correction) if field.type is float]
    return str(replace(correction, **{name: getattr(correction, name) + 0.0 for name in real}))
