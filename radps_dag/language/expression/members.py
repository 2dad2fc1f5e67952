"""Members of objects, from what is known of the objects before the run."""

from __future__ import annotations

from radps_dag.language.shape import ANY, Shape, describe
from radps_dag.problem import allowed, did_you_mean

__all__ = ["member_of", "no_member"]


def no_member(shape: Shape, name: str) -> tuple[str, bool]:
    """Say why a value has no such member ("" if it may), and whether that is certain."""
    if shape.unknown:
        return "", False
    if "object" not in shape.kinds:
        hint = "; write `| map(attribute='...')`" if shape.kinds == {"array"} else ""
        return f"is {describe(shape)}, and has no member {name!r}{hint}", True
    fields = [field for field, _, _ in shape.fields]
    if not fields or name in fields:
        return "", False
    hint = did_you_mean(name, fields)
    if shape.values is None:
        return f"has no member {name!r}{hint or f'; it has {allowed(fields)}'}", True
    return f"has no declared member {name!r}{hint}" if hint else "", False


def member_of(shape: Shape, name: str) -> Shape:
    """The shape of a member of an object; ANY where nothing is known of it."""
    if shape.kinds != {"object"}:
        return ANY
    for field, of, _ in shape.fields:
        if field == name:
            return of
    return shape.values or ANY
