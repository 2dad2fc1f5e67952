"""The checks as a whole; what each rule refuses is in the golden files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from repository import GOLDEN

from radps_dag.checks import RULES, check
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import Pipeline
from radps_dag.language.shape import INTEGER, NUMBER, STRING, Shape, describe, list_of
from radps_dag.language.source import MAX_PROBLEMS
from radps_dag.loader import read
from radps_dag.problem import Problem
from radps_dag.workloads.contract.registry import Library
from radps_dag.workloads.contract.workload import Input, Output, Workload


def call(name: str, *outputs: Output) -> Workload:
    inputs = (Input("ms", STRING, True), Input("n", INTEGER, False, 1))
    return Workload(name, print, inputs, outputs or None)


LIBRARY = Library(
    "test",
    {
        "solve": call("solve", Output("ms", STRING), Output("snr", NUMBER)),
        "anything": call("anything"),
    },
)


def load(folder: Path, text: str) -> Pipeline:
    file = folder / "p.yaml"
    file.write_text("version: 1\nname: p\n" + text, encoding="utf-8")
    pipeline, problems = read(file)
    assert pipeline is not None
    assert not problems
    return pipeline


def told(folder: Path, text: str) -> list[str]:
    return [problem.message for problem in check(load(folder, text), LIBRARY)]


def test_every_rule_has_golden_files() -> None:
    """A rule that no golden file breaks is not tested."""
    names = {
        value
        for rule in RULES
        for name, value in sys.modules[rule.__module__].__dict__.items()
        if name.isupper() and isinstance(value, str)
    }
    assert names
    assert not {name for name in names if not list((GOLDEN / name).glob("*.yaml"))}


def test_what_could_not_be_understood_is_not_complained_about_again(tmp_path: Path) -> None:
    """A node that stands in for a mistake has any outputs, and needs nothing."""
    file = tmp_path / "p.yaml"
    file.write_text(
        "version: 1\nname: p\nstages:\n  broken: {}\n  missing: {use: gone.yaml}\n"
        "  wrong: {run: solve, with: {ms: '${{ parms.x }}'}}\n"
        "  a: {run: solve, with: {ms: '${{ stages.broken.x }}', n: '${{ stages.missing.n.m }}'}}\n",
        encoding="utf-8",
    )
    pipeline, problems = read(file)
    assert pipeline is not None
    assert len(problems) == 3
    assert not list(check(pipeline, LIBRARY))


def test_workloads_are_looked_up_and_never_imported(tmp_path: Path) -> None:
    """`run: os.system` is a name that the library does not have, and no more than that."""
    text = "stages:\n  a: {run: antigravity}\n  b: {run: os.system, with: {command: rm}}\n"
    assert [message.split(";")[0] for message in told(tmp_path, text)] == [
        "no workload 'antigravity' in library 'test'",
        "no workload 'os.system' in library 'test'",
    ]
    assert "antigravity" not in sys.modules


def test_outputs_that_are_not_declared_are_anything(tmp_path: Path) -> None:
    """Of a workload that does not say what it returns, every output is accepted."""
    text = (
        "stages:\n  a: {run: anything, with: {ms: x}}\n"
        "  b: {run: solve, with: {ms: '${{ stages.a.some.thing[0] }}', n: '${{ stages.a.x }}'}}\n"
    )
    assert not told(tmp_path, text)


CONDITIONS = """
params:
  mode: {enum: [a, b, c], default: a}
  deep: {type: boolean, default: false}
  n: {type: integer, default: 1}
stages:
  source: {run: solve, with: {ms: x}, when: "SOURCE"}
  reader: {run: solve, with: {ms: "${{ stages.source.ms }}"}, when: "READER"}
"""


@pytest.mark.parametrize(
    ("source", "reader", "safe"),
    [
        ("params.mode == 'a'", "params.mode == 'a'", True),
        ("params.mode in ['a', 'b']", "params.mode == 'b'", True),
        ("params.mode != 'c'", "params.mode == 'b' and params.deep", True),
        ("params.deep or params.mode == 'a'", "params.deep and params.n > 3", True),
        ("params.deep or params.mode == 'a'", "params.deep or params.n > 3", False),
        (
            "params.deep and params.n > 3",
            "params.n > 3 and params.mode == 'a' and params.deep",
            True,
        ),
        ("params.deep and params.n > 3", "params.deep", False),
        ("not params.n > 3", "params.n <= 3", True),
        ("params.deep or params.mode == 'a'", "params.deep", True),
        ("params.mode == 'a'", "params.mode in ['a', 'b']", False),
        ("params.n > 3", "params.n > 3", True),
        ("params.n > 3", "params.n > 4", False),
        ("params.mode == 'a'", "params.deep", False),
        ("params.mode in ['a', 'b', 'c']", "true", True),
    ],
)
def test_a_reader_with_a_narrower_condition_needs_no_default(
    tmp_path: Path, source: str, reader: str, safe: bool
) -> None:
    """What runs only when its source has run needs no `default`, and only certainty counts."""
    text = CONDITIONS.replace("SOURCE", source).replace("READER", reader)
    assert (not told(tmp_path, text)) is safe


def test_conditions_of_the_groups_around_count(tmp_path: Path) -> None:
    """A step inside a stage runs under the stage's condition."""
    text = CONDITIONS.replace("SOURCE", "params.deep").replace("READER", "params.deep") + (
        "  group:\n    when: params.deep\n    steps:\n"
        "      inner: {run: solve, with: {ms: '${{ stages.source.ms }}'}}\n"
    )
    assert not told(tmp_path, text)


def test_shapes_go_through_groups_fan_outs_loops_and_files(tmp_path: Path) -> None:
    """An output has the shape that its node makes of it, such as a list of a fan-out."""
    (tmp_path / "part.yaml").write_text(
        "version: 1\nname: part\nstages:\n  a: {run: solve, with: {ms: x}}\n"
        "outputs: {snr: '${{ stages.a.snr }}', both: ['${{ stages.a.snr }}', 1]}\n",
        encoding="utf-8",
    )
    pipeline = load(
        tmp_path,
        """
stages:
  group:
    for_each: {n: [1, 2]}
    loop:
      max_iterations: 3
      state: {best: {init: 0, next: "${{ steps.a.snr }}"}}
      until: "${{ state.best > 3 }}"
    steps:
      a: {run: solve, with: {ms: x, n: "${{ each.n }}"}}
    outputs: {snr: "${{ steps.a.snr }}", best: "${{ state.best }}", text: "${{ each.n }}th"}
  part: {use: part.yaml}
outputs:
  all: ${{ stages.group.snr }}
""",
    )
    shapes = Shapes(LIBRARY)
    view = shapes.view(pipeline)
    group, part = view.top.seats["group"], view.top.seats["part"]
    assert shapes.output(group, "snr") == list_of(NUMBER)
    assert shapes.output(group, "text") == list_of(STRING)
    assert shapes.output(group, "failed") == list_of(STRING)
    assert shapes.result(group, "iterations") == Shape(INTEGER.kinds, minimum=0)
    assert describe(shapes.own(group, "best")) == "a number"
    assert shapes.output(part, "snr") == NUMBER
    assert describe(shapes.output(part, "both")) == "a list of numbers"
    assert not list(check(pipeline, LIBRARY))


def test_a_used_file_is_checked_once(tmp_path: Path) -> None:
    """A mistake in a file that two stages use is told once, at its place in that file."""
    (tmp_path / "part.yaml").write_text(
        "version: 1\nname: part\nstages:\n  a: {run: solve, with: {ms: '${{ stages.b.x }}'}}\n",
        encoding="utf-8",
    )
    text = "stages:\n  one: {use: part.yaml}\n  two: {use: part.yaml}\n"
    problems = list(check(load(tmp_path, text), LIBRARY))
    assert [problem.rule for problem in problems] == ["unknown-name"]
    assert problems[0].at.source.name.endswith("part.yaml")
    assert problems[0].at.line == 4


def chain(nodes: int) -> str:
    """Groups of nine steps in a row, each reading the one before."""
    lines = ["params:", "  n: {type: integer, default: 5}", "stages:"]
    for group in range(nodes // 10):
        first = f"${{{{ stages.g{group - 1}.ms }}}}" if group else "x"
        lines += [f"  g{group}:", "    steps:"]
        for step in range(9):
            ms = f"${{{{ steps.s{step - 1}.ms }}}}" if step else first
            with_ = f"{{ms: '{ms}', n: '${{{{ params.n + {group} }}}}'}}"
            lines.append(f"      s{step}: {{run: solve, with: {with_}}}")
        lines.append("    outputs: {ms: '${{ steps.s8.ms }}'}")
    return "\n".join(lines) + "\n"


def calls(pipeline: Pipeline) -> int:
    """How many calls of Python functions the checks take: their cost without a clock."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        found: Iterable[Problem] = list(check(pipeline, LIBRARY))
    finally:
        sys.setprofile(None)
    assert not found
    return counted


def test_the_work_grows_with_the_file(tmp_path: Path) -> None:
    """Ten times the nodes take at most twelve times the work."""
    small, large = load(tmp_path, chain(100)), load(tmp_path, chain(1000))
    assert calls(large) < 12 * calls(small)


def test_thousands_of_mistakes_are_cut_short(tmp_path: Path) -> None:
    """Of one rule in one file a reader gets a hundred problems, and no more are looked for."""
    lines = [
        f"  a{n}: {{run: solve, with: {{ms: '${{{{ stages.b{n}.ms }}}}'}}}}" for n in range(3000)
    ]
    problems = list(check(load(tmp_path, "stages:\n" + "\n".join(lines) + "\n"), LIBRARY))
    assert len(problems) == MAX_PROBLEMS


def test_a_circle_of_a_thousand_nodes_is_one_short_problem(tmp_path: Path) -> None:
    """A circle is told once, from its first node, and its middle is left out."""
    lines = [
        f"  a{n}: {{run: solve, with: {{ms: '${{{{ stages.a{(n + 1) % 1000}.ms }}}}'}}}}"
        for n in range(1000)
    ]
    problems = list(check(load(tmp_path, "stages:\n" + "\n".join(lines) + "\n"), LIBRARY))
    assert [problem.rule for problem in problems] == ["cycle"]
    assert "a0 -> a999 -> a998" in problems[0].message
    assert "(988 more)" in problems[0].message
    assert len(problems[0].message) < 200


def test_long_chains_of_groups_end_in_an_unknown_shape(tmp_path: Path) -> None:
    """Outputs that rest on outputs a thousand times over are followed without recursion."""
    lines = ["  g0:", "    steps: {a: {run: solve, with: {ms: x}}}", "    outputs: {ms: 1}"]
    for n in range(1, 1000):
        lines += [
            f"  g{n}:",
            "    steps: {a: {run: solve, with: {ms: x}}}",
            f"    outputs: {{ms: '${{{{ stages.g{n - 1}.ms }}}}'}}",
        ]
    pipeline = load(tmp_path, "stages:\n" + "\n".join(lines) + "\n")
    view = View(pipeline)
    last = view.top.seats["g999"]
    assert isinstance(Shapes(LIBRARY).output(last, "ms"), Shape)
    assert not list(check(pipeline, LIBRARY))
