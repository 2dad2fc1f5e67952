"""A request for a run: what whoever asks has said, with what the profile adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.engine.settings import Settings
from radps_dag.profile import Profile

if TYPE_CHECKING:
    from radps_dag.faults import Faults
    from radps_dag.workloads.contract.registry import Library

__all__ = ["RunOptions", "products_root", "with_profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """`settings` go on to the engine and into the journal; the rest is needed to prepare the run.

    `library` is used as it is, instead of the one that the settings or the file name; `functions`
    are workloads that are at hand. Params are those in `values`, else the `arguments`
    (`name=value`), else those of the files, else, of a run that is resumed, the `params` that it
    has recorded. A caller that `owns_process`, a command, ends with the run: signals end both, and
    the environment may be changed. The process of any other caller is left as it is. `flow_run` is
    the one of Prefect's that a deployment has made for the run.
    """

    settings: Settings
    workspace: Path = Path(".radps")
    store: str | None = None
    profile: Profile = field(default_factory=Profile)
    profile_given: bool = False
    library: Library | None = None
    functions: tuple[Callable[..., Any], ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    params_files: tuple[Path, ...] = ()
    faults: Faults | Path | None = None
    force: tuple[str, ...] = ()
    detach_on_pause: bool = False
    owns_process: bool = False
    flow_run: str = ""


def with_profile(settings: Settings, profile: Profile) -> Settings:
    """The settings of a run that begins: the profile says what they leave open."""
    # Late, so that the shell completes options without it.
    from radps_dag.executors.registry import DEFAULT

    return replace(
        settings,
        executor=settings.executor or profile.executor or DEFAULT,
        products=products_root(settings.products, profile),
        max_parallel=settings.max_parallel or profile.max_parallel,
        memory=settings.memory or profile.memory,
        gpus=profile.gpus if settings.gpus is None else settings.gpus,
        profile=profile.path,
        thresholds=profile.thresholds,
    )


def products_root(given: str | None, profile: Profile) -> str | None:
    """The root directory of products, as a URL; None for the workspace."""
    from radps_dag.storage.remote import root_of

    return root_of(given or profile.products or "") or None
