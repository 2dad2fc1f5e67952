"""`--force` names what is there: nodes, instances and iterations, as far as params tell them."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_support import write

from radps_dag import loader
from radps_dag.engine.forcing import refuse_unmatched
from radps_dag.problem import UsageError

TEXT = """
    params: {spws: {type: array, default: [0, 1]}, rounds: {type: integer, default: 3}}
    stages:
      first: {run: give}
      image_cube:
        for_each: {spw: "${{ params.spws }}", pol: [X, Y]}
        steps:
          clean:
            loop: {max_iterations: "${{ params.rounds }}", on_exhausted: warn}
            run: give
      later: {for_each: {x: "${{ stages.image_cube.x }}"}, run: give}
      part: {use: part.yaml}
"""
PART = """
    params: {spws: {type: array, default: [7]}}
    stages: {inner: {for_each: {spw: "${{ params.spws }}"}, run: give}}
"""


def refused(folder: Path, pattern: str, *chosen: str) -> str:
    """What is said of a pattern; "" if nothing."""
    (folder / "part.yaml").write_text("version: 1\nname: part\n" + PART.replace("\n    ", "\n"))
    pipeline = loader.load(write(folder, TEXT))
    stages = chosen or [stage.id for stage in pipeline.stages]
    try:
        refuse_unmatched([pattern], pipeline, stages, {"spws": [0, 1], "rounds": 3})
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "pattern",
    [
        *("first", "/first", "*", "**", "**/clean", "image_*/clean", "image_cube", "part/inner"),
        *("image_cube[spw=1,pol=X]", "image_cube[spw=1,*]/clean#3", "**/clean#2"),
        # Which these are, the run alone can tell.
        *("later[a.ms]", "part/inner[spw=99]"),
    ],
)
def test_what_is_there_may_be_forced(tmp_path: Path, pattern: str) -> None:
    """Patterns that something matches, or may match, are taken."""
    assert refused(tmp_path, pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("frist", "no node of pipeline is at 'frist'; did you mean 'first'?"),
        ("clean", "no node of pipeline is at 'clean'; there is image_cube[*]/clean#*"),
        ("first[spw=1]", "no node of pipeline is at 'first[spw=1]'; there is first"),
        ("first#2", "no node of pipeline is at 'first#2'; there is first"),
        ("**/claen", "no node of pipeline is at '**/claen'; did you mean 'clean'?"),
        ("image_cube[spw=1]", "did you mean 'image_cube[spw=1,pol=Y]'?"),
        ("image_cube[spw=7,pol=X]", "nothing of what runs is 'image_cube[spw=7,pol=X]'; did you"),
        ("**/clean#4", "nothing of what runs is '**/clean#4'"),
        ("image_cube[spw=0,pol=X]/clean#0", "nothing of what runs is"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, pattern: str, words: str) -> None:
    """A pattern that matches nothing is an error, with the likely fix."""
    assert words in refused(tmp_path, pattern)


def test_what_does_not_run_is_refused(tmp_path: Path) -> None:
    """A stage that is not chosen would be left as it is, whatever --force says."""
    assert refused(tmp_path, "first", "first", "later") == ""
    assert "'first' does not run; choose first as well" in refused(tmp_path, "first", "later")
