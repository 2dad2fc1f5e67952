"""Times and resources of one attempt of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.facts.sparse import without_defaults
from radps_dag.facts.typed import Moment, check

__all__ = ["MEASURED", "Usage", "usage_from_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One attempt: it was ready, waited for its slots (`waited`), held them until a worker began
    (`placed`), computed, and published what it wrote. Durations in seconds, by the clock of the
    driver, so that clocks of other machines do not matter. What was not measured is None.

    `worker` is the thread, where one process has several.
    `computing` of an attempt of which the worker has said nothing (it died, it was out of time) are
    all the seconds that it held its slots. `cpu` are seconds of processors, `peak_rss` and what
    follows are bytes, of the workload alone, without publishing; `exit` is the code of its program,
    or minus the signal that ended it. `slots` are what it held; `cpus`, `memory` and `gpus` what
    it asked for.
    """

    computing: float
    publishing: float = 0.0
    ready: Moment | None = None
    waited: float = 0.0
    placed: float = 0.0
    host: str = ""
    worker: str = ""
    pid: int = 0
    cpu: float | None = None
    peak_rss: int | None = None
    rchar: int | None = None
    wchar: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    exit: int | None = None
    slots: int = 1
    cpus: float = 1.0
    memory: int | None = None
    gpus: int = 0

    @property
    def started(self) -> float:
        """Time at which it got its slots."""
        return (self.ready or 0.0) + self.waited

    @property
    def began(self) -> float:
        """Time at which it began to compute."""
        return self.started + self.placed

    @property
    def computed(self) -> float:
        """Time at which it had computed."""
        return self.began + self.computing

    @property
    def published(self) -> float:
        """Time at which what it wrote was published, and its slots were free again."""
        return self.computed + self.publishing

    def as_json(self) -> dict[str, Any]:
        """Members that differ from the defaults, so that a row of the journal stays short."""
        return without_defaults(self)


# Columns that are measured where the workload computes.
MEASURED = ("cpu", "peak_rss", "rchar", "wchar", "read_bytes", "write_bytes")


def usage_from_json(values: Mapping[str, Any]) -> Usage:
    """The usage of such an object. Raises TypeError where it is none."""
    check(Usage, values)
    return Usage(**values)
