"""Workloads whose names, values and errors would move a cursor."""

from __future__ import annotations

from typing import Any, TypedDict

from radps_dag.workloads import Context, workload

EVIL = "\x1b]0;title\x07 \x9b2J \x1b[31mred \u202eturned \u200f\ufeff \x08\x08 [bold][/] :smile:"

Broken = type(f"Broken{EVIL}", (Exception,), {})


class Said(TypedDict):
    text: str
    table: dict[str, Any]


@workload
def say(context: Context, text: str = EVIL) -> Said:
    """Say \x1b]0;title\x07 something."""
    context.add("notes", {EVIL: EVIL})
    print(EVIL)
    return {"text": EVIL, "table": {EVIL: [EVIL]}}


@workload
def break_down() -> Said:
    """Fail."""
    raise Broken(EVIL)
