"""What a profile says of calls, by place: over the file's values, checked like them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from radps_dag import plan, run
from radps_dag.executors.capacity import Offer
from radps_dag.language.amounts import amounts
from radps_dag.language.model import Pipeline, Resources, Task, walk
from radps_dag.opening import check, open_pipeline, settle
from radps_dag.overlays import overlay_words
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.profile import Profile, load_profile

PIPELINE = """
version: 1
name: placed
stages:
  image:
    steps:
      clean:
        run: simulate_work
        with: {value: 1}
        timeout: 1h
        resources: {memory: 4GB, gpus: 0}
      other: {run: simulate_work, with: {value: 2}}
  clean: {run: simulate_work, with: {value: 3}}
  part: {use: used.yaml}
"""
USED = """
version: 1
name: used
stages:
  clean: {run: simulate_work, with: {value: 4}}
  wrong: {run: simulate_work, with: {value: 5, cost: MORE}}
"""


def profile(folder: Path, text: str) -> Profile:
    path = folder / "radps-dag.toml"
    path.write_text(dedent(text), encoding="utf-8")
    return load_profile(path)


def write(folder: Path, used: str = USED.replace(", cost: MORE", "")) -> Path:
    (folder / "used.yaml").write_text(used, encoding="utf-8")
    (folder / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder / "p.yaml"


def tasks(pipeline: Pipeline) -> dict[str, Task]:
    return {path: node for path, node in walk(pipeline) if isinstance(node, Task)}


def test_a_profile_goes_before_the_file(tmp_path: Path) -> None:
    """By place, in groups and used files too; later patterns before earlier ones; of resources
    each by itself."""
    site = profile(
        tmp_path,
        """
        [nodes."**/clean"]
        timeout = "6h"
        resources = {memory = "${{ 8 * attempt }}GB", locks = ["disk"]}
        [nodes."image/*".retries]
        max = 2
        delay = "1m"
        [nodes]
        clean = {timeout = "2h"}
        """,
    )
    pipeline, _ = open_pipeline(write(tmp_path), profile=site)
    found = tasks(pipeline)
    assert [found[path].timeout for path in ("image/clean", "clean", "part/clean")] == [
        6 * 3600,
        2 * 3600,
        6 * 3600,
    ]
    assert found["image/other"].timeout is None
    retries = found["image/other"].retries
    assert retries is not None and (retries.max, retries.delay) == (2, 60)
    asked = amounts(found["image/clean"].resources, {"attempt": 2})
    assert asked == Resources(memory=16 * 10**9, locks=("disk",))
    words = overlay_words(pipeline, site.nodes)
    assert words["clean"].endswith(f"timeout 2h ({site.path}:9)")
    assert set(words) == {"image/clean", "image/other", "clean", "part/clean"}


def test_a_used_file_is_checked_once(tmp_path: Path) -> None:
    """Its mistakes are told once, though the values of a profile make another of it."""
    site = profile(tmp_path, '[nodes."part/clean"]\ntimeout = "6h"\n')
    file = write(tmp_path, USED)
    file.write_text(PIPELINE + "  again: {use: used.yaml}\n", encoding="utf-8")
    problems = check(file, profile=site)
    assert [problem.rule for problem in problems] == ["unknown-input"]


def test_what_a_profile_asks_for_is_refused_at_its_line(tmp_path: Path) -> None:
    """Where nobody has it."""
    site = profile(tmp_path, '\n[nodes.clean]\nresources = {memory = "64GB"}\n')
    pipeline, library = open_pipeline(write(tmp_path), profile=site)
    with pytest.raises(InvalidPipeline) as caught:
        settle(pipeline, library, {}, refusals=Offer("threads", 10**9).refusals)
    (problem, *_) = [each for each in caught.value.problems if each.at.source.name.endswith("toml")]
    assert (problem.at.line, problem.message.partition(";")[0]) == (
        3,
        "'clean' asks for 64 GB of memory",
    )


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("**/claen", "'**/claen' is no node of placed; did you mean 'clean'?"),
        ("image", "'image' computes nothing itself; name a call in it, or 'image/**'"),
        ("other_pipeline/thing", ""),
        ("**/clean", ""),
    ],
)
def test_patterns_that_look_like_a_slip(tmp_path: Path, pattern: str, told: str) -> None:
    """A warning with the likely fix; what may be about another pipeline is left alone."""
    site = profile(tmp_path, f'[nodes."{pattern}"]\ntimeout = "6h"\n')
    problems = check(write(tmp_path), profile=site)
    assert [problem.severity for problem in problems] == ["warning"] * bool(told)
    assert all(told in problem.message and problem.at.line == 1 for problem in problems)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nodes = 3", "nodes must be tables"),
        ("[nodes]\na = 3", "2:1: nodes.'a': expected a table, with lines such as timeout"),
        ('[nodes."**/a"]\ntimeout = "6 hours"', "2:1: nodes.'**/a': expected a duration"),
        ("[nodes.a]\ntimeout = 0", "2:1: nodes.'a': a time-out of 0 would stop everything"),
        ("[nodes.a]\nmemory = 3", "unknown key 'memory'; allowed: timeout, retries, resources"),
        ("[nodes.a.resources]\nmemroy = 3", "2:1: nodes.'a': unknown key 'memroy'; did you mean"),
        ('[nodes.a]\nresources = {memory = "${{ 3 + }}"}', "2:14: nodes.'a': "),
        ("[nodes.a.retries]\ndelay = 3", "missing key 'max'"),
        ('[nodes."a[1]"]\ntimeout = "6h"', "instances and iterations have the values of their"),
    ],
)
def test_values_are_checked_like_those_of_a_file(tmp_path: Path, text: str, told: str) -> None:
    """One line with the file, the line, the key and what to write."""
    with pytest.raises(UsageError) as caught:
        profile(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{tmp_path}/radps-dag.toml")
    assert told in message


def test_an_expression_reads_what_the_node_may_read(tmp_path: Path) -> None:
    """Its names are checked where the profile has them."""
    site = profile(tmp_path, '[nodes.clean]\nresources = {memory = "${{ params.m }}GB"}\n')
    (problem,) = check(write(tmp_path), profile=site)
    assert (problem.rule, problem.at.source.name) == ("unknown-name", str(site.path))


def test_results_are_the_same_whatever_is_asked_for(tmp_path: Path) -> None:
    """What a site says of calls is no part of the key by which results are used again."""
    file = write(tmp_path)
    before = run(file, workspace=tmp_path / "w", prefect=False)
    text = '[nodes."**"]\ntimeout = "6h"\nresources = {cpus = 2, walltime = "1h", locks = ["a"]}\n'
    site = profile(tmp_path, text)
    assert before.status == "succeeded"
    planned = plan(file, workspace=tmp_path / "w", profile=site)
    assert {node.verdict for node in planned if node.leaf} == {"reuse"}
