"""Settings of a run, beside its pipeline and its params, from its requester to the engine.

The run records it, and `resume` asks for the same again where nothing else is said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from radps_dag.facts import RunStarted

__all__ = ["EVERYTHING", "Selection", "Settings", "checked_name"]

_NAME = re.compile(r"\w[\w.+:@=,#%-]*")
_LONGEST = 60  # characters of a name


@dataclass(frozen=True, slots=True)
class Selection:
    """The stages a user asks for; nothing at all is everything."""

    only: tuple[str, ...] = ()
    begin: tuple[str, ...] = ()
    until: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.only or self.begin or self.until)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`executor` is a name, "" as long as nobody has said one. None leaves the rest to the profile
    or to the machine: `max_parallel` calls at once, `memory` in bytes and `gpus` that all of them
    may hold together. `modules` are the project's own workload files, `products` is the URL of a
    place for products outside of the workspace, `thresholds` of QA go before the file's.
    """

    file: str = ""
    executor: str = "threads"
    seed: int = 0
    library: str | None = None
    modules: tuple[Path, ...] = ()
    profile: Path | None = None
    part: Selection = EVERYTHING
    max_parallel: int | None = None
    memory: int | None = None
    gpus: int | None = None
    reuse: bool = True
    prefect: bool = True
    products: str | None = None
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""  # of the run, for people
    secrets: tuple[str, ...] = ()  # names of params of which stars are recorded
    site: Mapping[str, str] = field(default_factory=dict)  # what the profile says of calls, by path

    def recorded(self) -> dict[str, Any]:
        """All but what a run's first fact has fields for, as JSON."""
        return {
            "library": self.library,
            "modules": [os.fspath(path.resolve()) for path in self.modules],
            "profile": None if self.profile is None else os.fspath(self.profile),
            "only": list(self.part.only),
            "from": list(self.part.begin),
            "until": list(self.part.until),
            "max_parallel": self.max_parallel,
            "memory": self.memory,
            "gpus": self.gpus,
            "reuse": self.reuse,
            "prefect": self.prefect,
            "products": self.products,
            "thresholds": self.thresholds,
            **({"name": self.name} if self.name else {}),
            **({"secrets": [*self.secrets]} if self.secrets else {}),
            **({"nodes": dict(self.site)} if self.site else {}),
        }

    @classmethod
    def of(cls, start: RunStarted) -> Settings:
        """Read the settings that a run has recorded; earlier versions did not record all of
        them.
        """
        recorded = start.settings
        profile = recorded.get("profile")
        return cls(
            file=start.file,
            executor=start.executor,
            seed=start.seed,
            library=recorded.get("library"),
            modules=tuple(map(Path, recorded.get("modules", ()))),
            profile=Path(profile) if profile else None,
            part=Selection(
                tuple(recorded.get("only", ())),
                tuple(recorded.get("from", ())),
                tuple(recorded.get("until", ())),
            ),
            max_parallel=recorded.get("max_parallel"),
            memory=recorded.get("memory"),
            gpus=recorded.get("gpus"),
            reuse=recorded.get("reuse", True),
            prefect=recorded.get("prefect", True),
            products=recorded.get("products"),
            thresholds=recorded.get("thresholds", {}),
            name=recorded.get("name", ""),
            secrets=tuple(recorded.get("secrets", ())),
        )


def checked_name(name: str | None) -> str:
    """The name of a run, "" for none: it can be typed as an id is, and be told from one.

    Raises UsageError for what is no name.
    """
    if name is None:
        return ""
    shown = f"{name!r:.40}"
    if len(name) > _LONGEST:
        raise UsageError(f"a name has at most {_LONGEST} characters")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{shown} is not a name: letters, digits and . + : @ = , # % - _ are, such as night-12"
        )
    if name == "last" or re.match(r"\d{8}-\d{6}", name):
        raise UsageError(f"{shown} would be taken for a run's id")
    return name
