"""Any fact that there can be, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from radps_dag.facts import (
    Added,
    ContextAdded,
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    Tracked,
)

__all__ = ["facts", "values"]

# Every character but halves of one, which no workload may give and no file has.
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_whole = st.integers(-(2**53), 2**53)
# What the journal itself uses for paths must come back as well.
_tricky = st.sampled_from(
    ["workspace-uri:/", "workspace-path:/a", "workspace-.uri:/", "workspace-", '"workspace-.x', "#"]
)
_plain = st.none() | st.booleans() | _whole | _numbers | _texts | _tricky
values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_mappings = st.dictionaries(_texts | _tricky, values, max_size=3)
_times = st.floats(0, 4e9) | st.integers(0, 2**31)
_places = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

_files = st.dictionaries(_texts | _tricky, st.tuples(st.integers(0, 2**60), _texts), max_size=3)
_digests = st.dictionaries(_texts | _tricky, _texts, max_size=2)
_added = st.builds(Added, key=_texts, value=values, withdrawn=_texts | _tricky, reason=_texts)
_made = st.builds(
    Made,
    key=st.text("0123456789abcdef", min_size=32, max_size=32),
    workdir=_texts | _tricky,
    files=_files,
    added=st.lists(_added, max_size=2).map(tuple),
    reads=st.dictionaries(_texts, _texts, max_size=2),
    origin=_texts,
    revision=_texts,
    changed=_files,
    outside=_digests,
)


_seconds = st.floats(0, 1e6)
_KINDS: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    RunStarted: {
        **dict.fromkeys(("run", "pipeline", "file", "library", "executor"), _texts),
        **dict.fromkeys(("params", "settings", "provenance"), _mappings),
        **{name: st.integers(0, 2**31) for name in ("seed", "generation")},
    },
    NodeStarted: {
        "kind": st.sampled_from(["task", "group", "use", "pause", "fan_out", "loop"]),
        **dict.fromkeys(("description", "workload", "source"), _texts),
        "total": st.none() | st.integers(0, 2**31),
        "attempt": st.integers(0, 99),
        "inputs": _mappings,
        "changes": _digests,
    },
    NodeSucceeded: {"outputs": _mappings, "seconds": _seconds, "made": st.none() | _made},
    NodeFailed: {
        **dict.fromkeys(("error", "message", "traceback"), _texts),
        "seconds": _seconds,
        "tolerated": st.booleans(),
        "ending": st.sampled_from(["failed", "interrupted", "decided"]),
        "outputs": _mappings,
        "made": st.none() | _made,
    },
    NodeSkipped: {"reason": _texts},
    NodeStopped: {"reason": _texts, "seconds": _seconds},
    Retrying: {
        **{name: st.integers(0, 99) for name in ("attempt", "attempts")},
        **dict.fromkeys(("error", "message"), _texts),
        "delay": _seconds,
    },
    Iterated: {
        **{name: st.integers(0, 99) for name in ("iteration", "cap", "kept")},
        "score": st.none() | _numbers,
        "outcome": _texts,
        "state": _mappings,
    },
    Scored: {
        **dict.fromkeys(("metric", "units", "reason", "applies_to"), _texts),
        "score": st.none() | _numbers,
        "verdict": st.sampled_from(["good", "warn", "alert", "error", "none"]),
        "value": values,
    },
    Noted: {"message": _texts, "level": st.sampled_from(["info", "warning"])},
    ContextAdded: {"by": _texts, "added": _added},
    QuestionAsked: {
        **dict.fromkeys(("question", "message"), _texts),
        "inputs": st.dictionaries(_texts, _mappings, max_size=3),
        "show": st.lists(values, max_size=3).map(tuple),
        "about": st.sampled_from(["pause", "alert", "exhausted", "diverged"]),
        "deadline": st.none() | _times,
        "on_timeout": st.sampled_from(["fail", "defaults"]),
    },
    QuestionAnswered: {
        **dict.fromkeys(("question", "by"), _texts),
        "values": _mappings,
        "via": st.sampled_from(["terminal", "command", "prefect", "file", "timeout"]),
    },
    Tracked: {
        **dict.fromkeys(("api", "told"), _texts),
        "flow_run": st.uuids().map(str),
    },
    RunEnded: {
        "status": st.sampled_from(["succeeded", "failed", "interrupted", "paused", "cancelled"]),
        "seconds": _seconds,
        "outputs": _mappings,
        "message": _texts,
        "by": _texts,
        "via": st.sampled_from(["", "command", "prefect"]),
    },
}
assert set(_KINDS) == set(Fact.__args__), "a kind of fact is missing here"

facts: st.SearchStrategy[Fact] = st.one_of(
    *(st.builds(kind, **{"time": _times, "place": _places, **how}) for kind, how in _KINDS.items())
)
