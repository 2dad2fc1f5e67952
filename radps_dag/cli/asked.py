"""The options of a command to a request for a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.engine.settings import Selection, Settings
from radps_dag.profile import find_profile
from radps_dag.runs.options import RunOptions

if TYPE_CHECKING:
    from radps_dag.cli.screen import TerminalFrontend
    from radps_dag.progress import Mode

__all__ = ["asked_of", "frontend_of"]


def asked_of(given: Mapping[str, Any]) -> RunOptions:
    """Collect what the options of `run`, `plan` or `resume` ask for, and the profile that
    counts.
    """
    profile = find_profile(given["profile_file"])
    chosen = (given.get(name, ()) for name in ("only", "begin", "until"))
    file: Path | None = given["file"]
    if given.get("executor") is not None:
        from radps_dag.executors.registry import choose

        choose(given["executor"], profile.executors, "--executor")
    settings = Settings(
        file="" if file is None else os.fspath(file),
        executor=given.get("executor") or "",
        seed=given.get("seed", 0),
        library=given["library"],
        modules=given["modules"],
        part=Selection(*chosen),
        max_parallel=given.get("max_parallel"),
        memory=given.get("memory"),
        gpus=given.get("gpus"),
        reuse=given["reuse"],
        prefect=not given.get("no_prefect"),
        products=given.get("products"),
    )
    return RunOptions(
        settings=settings,
        workspace=given["workspace"],
        store=given["store"] or profile.store,
        profile=profile,
        profile_given=given["profile_file"] is not None,
        arguments=given["arguments"],
        params_files=given["params_files"],
        faults=given.get("faults_file"),
        force=given["force"],
        detach_on_pause=given.get("detach_on_pause", False),
        owns_process=True,
    )


def frontend_of(given: Mapping[str, Any]) -> TerminalFrontend:
    """Build the terminal front end that the options of `run` or `resume` ask for."""
    from radps_dag.cli.screen import TerminalFrontend

    progress: Mode = "quiet" if given["quiet"] else given["progress"]
    if given["as_json"]:
        progress = "json"
    return TerminalFrontend(progress, given["interactive"], given["detach_on_pause"])
