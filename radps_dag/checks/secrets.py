"""A secret param goes to inputs of workloads alone, and nothing in the file tells its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView, Reading, View
from radps_dag.language.expression import Expression, Value
from radps_dag.language.model import Param, Pause, Use
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "secret"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of secret params."""
    del shapes
    pipeline = view.pipeline
    for param in pipeline.params:
        yield from _declared(param)
    for seat in view.seats:
        if isinstance(seat.node, Pause):
            for field in seat.node.inputs:
                if field.secret or _has_secret_members(field.schema):
                    message = f"input {field.name!r} cannot be secret: answers are recorded"
                    yield Problem(field.at, RULE, f"{message}; make it a param of the pipeline")
    secret = {param.name for param in pipeline.params if param.secret}
    for sight in view.sights:
        yield from _handed_on(sight, secret)
    for reading in view.readings if secret else ():
        yield from _read(reading, secret)


def _declared(param: Param) -> Iterator[Problem]:
    if _has_secret_members(param.schema):
        message = f"param {param.name!r}: a member cannot be secret; make it a param of its own"
        yield Problem(param.at, RULE, message)
    if not param.secret:
        return
    what = f"the secret param {param.name!r}"
    if param.schema.get("type") != "string":
        yield Problem(param.at, RULE, f"{what} has `type: string`; no other type can be secret")
    if param.default is not None:
        message = f"{what} has a default, which stands in the file; leave it out"
        yield Problem(param.default.at, RULE, message)
    for word in ("enum", "const", "examples"):
        if word in param.schema:
            message = f"{what} has `{word}`, which tells in the file what it can be; leave it out"
            yield Problem(param.at, RULE, message)


def _has_secret_members(schema: Any) -> bool:
    """Whether a schema marks something inside it as secret."""
    if isinstance(schema, list):
        return any(_has_secret_members(item) for item in schema)
    if not isinstance(schema, Mapping):
        return False
    members = schema.get("properties", {})
    below = [schema.get("items"), schema.get("additionalProperties")]
    below += members.values() if isinstance(members, Mapping) else ()
    return any(
        isinstance(item, Mapping) and (item.get("secret") is True or _has_secret_members(item))
        for item in below
    )


def _handed_on(sight: NodeView, secret: set[str]) -> Iterator[Problem]:
    """A secret param of a used file gets one of this file, so that the mark goes all the way."""
    node, (key, _, name) = sight.seat and sight.seat.node, sight.slot.name.partition(".")
    if not isinstance(node, Use) or key != "with":
        return
    param = node.pipeline.param(name)
    if param is None or not param.secret or _lone_param(sight.slot.value) in secret:
        return
    message = (
        f"param {name!r} of {node.file} is secret, and this value is not; "
        "give it a param of this file that is marked `secret: true`"
    )
    yield Problem(sight.slot.value.at, RULE, message)


def _read(reading: Reading, secret: set[str]) -> Iterator[Problem]:
    """A secret param is read where nothing of it is recorded or computed with."""
    sight, reference = reading.sight, reading.reference
    if reference.root != "params" or (reference.path and reference.path[0] not in secret):
        return
    node, (key, _, name) = sight.seat and sight.seat.node, sight.slot.name.partition(".")
    if not reference.path:
        message = f"all params are read here, the secret {_named(secret)} among them; "
        yield Problem(reference.at, RULE, message + "name those that are meant")
        return
    what = str(reference)
    if key != "with":
        message = f"{what} is secret, and what `{sight.slot.name}` makes of it could be seen"
        yield Problem(reference.at, RULE, f"{message}; {_by_itself(what)}")
    elif _lone_param(sight.slot.value) != reference.path[0]:
        message = f"{what} is secret, and nothing is computed with it outside of workloads"
        yield Problem(reference.at, RULE, f"{message}; {_by_itself(what)}")
    elif isinstance(node, Use):
        param = node.pipeline.param(name)
        if param is not None and not param.secret:
            message = f"{what} is secret, and param {name!r} of {node.file} is not"
            yield Problem(reference.at, RULE, f"{message}; mark that one `secret: true`")


def _lone_param(value: Value) -> str:
    """The param that a value is, and nothing else; "" for any other value."""
    if not isinstance(value, Expression) or not value.plain:
        return ""
    (reference,) = value.references
    return reference.path[0] if reference.root == "params" and len(reference.path) == 1 else ""


def _named(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _by_itself(name: str) -> str:
    """Suggest what to write instead."""
    return f"give it to an input of a workload, by itself: `with: {{NAME: ${{{{ {name} }}}}}}`"
