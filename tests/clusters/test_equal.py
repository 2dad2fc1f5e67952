"""A pipeline computes the same wherever it computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT

import radps_dag

PROFILE = """
[executors.dask]
workers = 2
[executors.parsl]
[[executors.parsl.blocks]]
name = "here"
cpus = 2
"""


@pytest.fixture(scope="module")
def of_threads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return results("threads", tmp_path_factory.mktemp("threads"))


def results(executor: str, folder: Path) -> dict[str, Any]:
    """What each call of `full_cube` has made: outputs, digests of files, key, what it adds to the
    context; and the outputs of the run. Without the run's name and its place."""
    (folder / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")
    done = radps_dag.run(
        ROOT / "pipelines" / "full_cube.yaml",
        executor=executor,
        profile=folder / "radps-dag.toml",
        workspace=folder / ".radps",
        prefect=False,
    ).succeeded()
    found: dict[str, Any] = {"": done.outputs}
    for fact in done.facts():
        if fact.__class__.__name__ == "NodeSucceeded" and fact.made is not None:
            made = fact.made
            found[fact.place] = [fact.outputs, made.key, made.files, made.added, made.reads]
    text = json.dumps(found, default=repr, sort_keys=True)
    assert len(found) > 50
    plain: dict[str, Any] = json.loads(text.replace(str(folder), "").replace(done.run, "RUN"))
    return plain


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["processes", "dask", "parsl"])
def test_the_same_everywhere(executor: str, tmp_path: Path, of_threads: dict[str, Any]) -> None:
    """Outputs, files, keys and what is added to the context are those of threads, at each place."""
    assert results(executor, tmp_path) == of_threads
