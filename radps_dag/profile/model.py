"""The settings of a profile, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radps_dag.executors.registry import ExecutorChoice
    from radps_dag.overlays import Overlay
    from radps_dag.workloads.tools.tool import Containers

__all__ = ["Events", "PrefectPage", "Profile"]


@dataclass(frozen=True, slots=True)
class Events:
    """The targets of a run's events: a URL, a file, or both. `secret_env` names the environment
    variable that holds the key of the webhook's signature.
    """

    webhook: str | None = None
    secret_env: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class PrefectPage:
    """Settings of a run's display on Prefect's page: groups down to `subflow_depth` are subflows, 1
    is stages. Deeper ones are tasks.
    """

    subflow_depth: int = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of a profile; None or empty if it does not set them.

    `workloads` are the project's own workload files, resolved. `params` are for pipelines that have
    such; `nodes` are time-outs, retries and resources of calls, by pattern of places;
    `thresholds` are those of QA, by pattern of places, then by metric ("" is any).
    """

    path: Path | None = None
    library: str | None = None
    workloads: tuple[Path, ...] = ()
    executor: str | None = None
    executors: Mapping[str, ExecutorChoice] = field(default_factory=dict, hash=False)
    max_parallel: int | None = None
    memory: int | None = None  # in bytes
    gpus: int | None = None
    prefect_api_url: str | None = None
    store: str | None = None
    products: str | None = None
    containers: Containers | None = None
    events: Events | None = None
    prefect: PrefectPage = PrefectPage()
    nodes: tuple[Overlay, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    thresholds: Mapping[str, Any] = field(default_factory=dict, hash=False)
