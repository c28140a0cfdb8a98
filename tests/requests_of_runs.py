"""Requests for tests, by the names of the options."""

from dataclasses import fields, replace
from typing import Any

from segcert.certificates.hierarchies import open_hierarchy
from segcert.plan import Plan
from segcert.plan_record import PlanRecord
from segcert.plan_texts import fields_of
from segcert.runs.request import Request

OF_REQUESTS = {field.name for field in fields(Request)} - {"plan"}


def plan_with(**options: Any) -> Plan:
    """A plan by its options; a class tree may be a file."""
    path = options.pop("tree", None)
    usual = {} if path is None else {"n0": 0, "correction": "bonferroni"}
    made = Plan(**fields_of(PlanRecord.model_validate(usual | options)))
    return made if path is None else replace(made, tree=open_hierarchy(path))


def request_with(*, model: str = "m", weights_sha256: str = "w", **options: Any) -> Request:
    """A request of a model, with a plan by its options."""
    own = {name: options.pop(name) for name in OF_REQUESTS & options.keys()}
    return Request(plan_with(**options), model, weights_sha256, **own)


def changed(request: Request, **options: Any) -> Request:
    """The request with other options."""
    own = {name: options.pop(name) for name in OF_REQUESTS & options.keys()}
    if options:
        said = request.plan.record.written | options
        own["plan"] = Plan(**fields_of(PlanRecord.model_validate(said)))
    return replace(request, **own)


def masked(request: Request, ignore: Any) -> Request:
    """The request with a mask of what is not tested."""
    return replace(request, plan=replace(request.plan, ignore=ignore))
