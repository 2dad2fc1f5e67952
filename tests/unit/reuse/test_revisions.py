"""Who depends on a call that changes data in place: whoever waits for it, at whatever level."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_support import write
from repository import SUPPORT

from radps_dag import loader
from radps_dag.builder import Graph, build
from radps_dag.context.visibility import Visibility, link_to
from radps_dag.reuse.revisions import TO_COME, Revisions, changes_in_place
from radps_dag.workloads.contract.registry import find_library

TEXT = """
stages:
  flag: {run: give, with: {value: 1}}
  other: {run: give, with: {value: 1}}
  group:
    needs: [flag]
    steps:
      inner: {run: give, with: {value: 1}}
      change: {run: give, with: {value: 1}}
      reads: {run: give, needs: [change], with: {value: 1}}
  used: {use: used.yaml, needs: [group]}
  loop:
    loop: {max_iterations: 3}
    steps:
      first: {run: give, with: {value: 1}}
      change: {run: give, needs: [first], with: {value: 1}}
  each:
    for_each: {items: {spw: [1, 2]}}
    steps:
      change: {run: give, with: {value: 1}}
      reads: {run: give, needs: [change], with: {value: 1}}
  end: {run: give, needs: [used, each, loop], with: {value: 1}}
"""
CHANGES = (
    "flag",
    "group/change",
    "used/change",
    "loop#1/change",
    "loop#2/change",
    "each[spw=1]/change",
    "each[spw=2]/change",
)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    used = "stages: {change: {run: give, with: {value: 1}}, reads: {run: give, with: {value: 1}}}"
    text = TEXT.replace("{items: {spw: [1, 2]}}", "{spw: [1, 2]}")
    path = write(tmp_path_factory.mktemp("p"), text, {"used.yaml": used})
    pipeline, problems = loader.read(path)
    assert pipeline is not None, problems
    return build(pipeline)


@pytest.mark.parametrize(
    ("place", "seen"),
    [
        ("flag", []),
        ("other", []),
        ("group/inner", ["flag"]),
        ("group/change", ["flag"]),
        ("group/reads", ["flag", "group/change"]),
        ("used/reads", ["flag", "group/change"]),
        ("loop#1/first", []),
        ("loop#1/change", []),
        ("loop#2/first", ["loop#1/change"]),
        ("loop#3/change", ["loop#1/change", "loop#2/change"]),
        ("each[spw=1]/reads", ["each[spw=1]/change"]),
        ("each[spw=2]/change", []),
        ("end", list(CHANGES)),
    ],
)
def test_who_depends_on_it(place: str, seen: list[str], graph: Graph) -> None:
    """Whoever waits for it, out of groups, files, loops and fan-outs, and later iterations; never
    what may run beside it."""
    revisions = Revisions(Visibility(graph))
    for number, one in enumerate(CHANGES):
        revisions.note(one, str(number))
    found = revisions.seen(link_to(graph, place), place)
    assert sorted(found) == sorted(seen)
    assert all(CHANGES[int(number)] == one for one, number in found.items())


def test_the_last_one_counts(graph: Graph) -> None:
    """A call that is made again has another revision; one that a plan expects has none yet."""
    revisions = Revisions(Visibility(graph))
    for revision in ("a", "b", TO_COME):
        revisions.note("flag", revision)
        assert revisions.seen(link_to(graph, "end"), "end") == {"flag": revision}


def test_which_nodes_change_data(tmp_path: Path) -> None:
    """A workload that does so is found in groups and used files."""
    library = find_library("placeholder", [(SUPPORT / "counted_workloads.py")])
    used = "stages: {a: {run: flag_in_place, with: {data: /x, level: 1}}}"
    text = """
stages:
  a: {run: measure, with: {data: /x}}
  b: {steps: {c: {run: flag_in_place, with: {data: /x, level: 1}}}}
  d: {use: used.yaml}
"""
    pipeline, problems = loader.read(write(tmp_path, text, {"used.yaml": used}))
    assert pipeline is not None, problems
    assert [changes_in_place((one,), library) for one in pipeline.stages] == [False, True, True]
