"""Provenance of a run: pipeline, code, packages and machine, to explain its results later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radps_dag.facts import RunStarted

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`sources` are the texts of the pipeline file and of those it uses, by their names; `packages`
    the versions of what computes; `directory` is where the command was given."""

    sources: Mapping[str, str] = field(default_factory=dict)
    sources_sha256: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    platform: str = ""
    host: str = ""
    cpu: str = ""
    cpus: int | None = None
    user: str = ""
    pid: int = 0
    directory: Path = Path()
    command: tuple[str, ...] = ()

    def recorded(self) -> dict[str, Any]:
        """The same as JSON, as the run records it."""
        return {**asdict(self), "directory": str(self.directory), "command": [*self.command]}

    @classmethod
    def of(cls, start: RunStarted) -> Provenance:
        """Read the provenance of a run; earlier versions did not record all of it."""
        recorded = start.provenance
        values = {name: recorded[name] for name in cls.__slots__ if name in recorded}
        values["directory"] = Path(values.get("directory", "."))
        values["command"] = tuple(values.get("command", ()))
        return cls(**values)
