"""Usage of an attempt of a call to lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.facts import Usage
from radps_dag.language.quantities import in_words
from radps_dag.progress.look import clean, duration

__all__ = ["usage_lines"]


def usage_lines(usage: Usage | None) -> Iterator[str]:
    """The times and the resources of an attempt, against what was asked for."""
    if usage is None:
        yield "not measured"
        return
    publishing = f", then {duration(usage.publishing)} to publish" if usage.publishing else ""
    yield f"waited     {duration(usage.waited)} for slots, {duration(usage.placed)} for a worker"
    yield f"computed   {duration(usage.computing)}{publishing}"
    yield f"processor  {_processor(usage)}; asked for {usage.cpus:g}"
    asked = f"; asked for {in_words(usage.memory)}" if usage.memory else ""
    yield f"memory     {_octets(usage.peak_rss)}{' at most' * (usage.peak_rss is not None)}{asked}"
    yield f"read       {_octets(usage.rchar)}{_to_storage(usage.read_bytes, 'from')}"
    yield f"written    {_octets(usage.wchar)}{_to_storage(usage.write_bytes, 'to')}"
    if usage.exit is not None:
        yield f"exit       {usage.exit}"
    where = [usage.host, usage.worker, f"process {usage.pid}" if usage.pid else ""]
    yield f"where      {clean(', '.join(filter(None, where))) or 'not known'}"


def _processor(usage: Usage) -> str:
    if usage.cpu is None:
        return "not measured"
    share = f" ({usage.cpu / usage.computing:.2f} on average)" if usage.computing > 0.01 else ""
    return f"{duration(usage.cpu)}{share}"


def _octets(size: int | None) -> str:
    return "not measured" if size is None else in_words(size)


def _to_storage(size: int | None, way: str) -> str:
    return f", {in_words(size)} {way} storage" if size else ""
