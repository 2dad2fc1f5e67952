"""A pipeline computes the same wherever it computes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from run_support import PIPELINES

import radps_dag
from radps_dag.facts.kinds import Fact, NodeSucceeded, QuestionAsked

PROFILE = """
[executors.dask]
workers = 2
[executors.parsl]
[[executors.parsl.blocks]]
name = "here"
cpus = 2
"""
SHIPPED = sorted(path.stem for path in PIPELINES.glob("*.yaml"))
PARENT = ".parent.json"
# Images are cleaned, and solutions found, by all that the library has; as small as it goes.
ROUNDS = [
    {"interval": 20, "mode": "phase", "nsigma": 4},
    {"interval": 2, "mode": "amplitude_phase", "nsigma": 4},
]
SIM: dict[str, Any] = {"pixels": 64, "rounds": ROUNDS}


@cache
def results_of_threads(pipeline: str, library: str) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        return results(pipeline, library, "threads", Path(folder))


def results(pipeline: str, library: str, executor: str, folder: Path) -> dict[str, Any]:
    """What each call has made: outputs, digests of files, key, what it adds to the context; and the
    outputs of the run. Without the run's name and its place. Who is asked agrees to the default."""
    (folder / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")
    workspace = folder / ".radps"

    def agree(fact: Fact) -> None:
        if isinstance(fact, QuestionAsked):
            (run,) = workspace.glob("runs/*")
            answers = run / "answers"
            answers.mkdir(exist_ok=True)
            text = json.dumps({"place": fact.place, "values": {}, "by": "test"})
            (answers / "new").write_text(text, encoding="utf-8")
            (answers / "new").rename(answers / f"{fact.question}.json")

    done = radps_dag.run(
        PIPELINES / f"{pipeline}.yaml",
        params=SIM if library == "sim" else {"pace": 0},
        library=library,
        executor=executor,
        profile=folder / "radps-dag.toml",
        workspace=workspace,
        prefect=False,
        on_event=agree,
    ).succeeded()
    made: dict[str, Any] = {"": done.outputs}
    for fact in done.facts():
        if isinstance(fact, NodeSucceeded) and fact.made is not None:
            call = fact.made
            # A store that builds on another one says where that is, which is the run's own.
            files = {name: file for name, file in call.files.items() if PARENT not in name}
            made[fact.place] = [fact.outputs, call.key, files, call.added, call.reads]
    text = json.dumps(made, default=repr, sort_keys=True)
    assert len(made) > 5
    plain: dict[str, Any] = json.loads(text.replace(str(folder), "").replace(done.run, "RUN"))
    return plain


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", SHIPPED)
@pytest.mark.parametrize("executor", ["processes", "dask", "parsl"])
def test_the_same_everywhere(executor: str, pipeline: str, tmp_path: Path) -> None:
    """Outputs, files, keys and what is added to the context are those of threads, at each place."""
    found = results(pipeline, "placeholder", executor, tmp_path)
    assert found == results_of_threads(pipeline, "placeholder")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["processes", "dask", "parsl"])
def test_real_numbers_are_the_same_everywhere(executor: str, tmp_path: Path) -> None:
    """Solutions, images and pictures of `sim` are bit by bit those of threads."""
    found = results("selfcal", "sim", executor, tmp_path)
    assert found == results_of_threads("selfcal", "sim")
