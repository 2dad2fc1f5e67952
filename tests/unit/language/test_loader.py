"""A path to a pipeline: files, what they use, and what their data become."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from repository import GOLDEN

from radps_dag.language.amounts import amounts
from radps_dag.language.assembly import seconds
from radps_dag.language.expression import Expression, Literal, Template
from radps_dag.language.model import Group, Pause, Pipeline, Resources, Task, Use, walk
from radps_dag.language.source import parse
from radps_dag.loader import MAX_NODES, load, read
from radps_dag.problem import InvalidPipeline, Problem, Source, UsageError

GOOD = GOLDEN / "good" / "all_of_the_language.yaml"


def written(folder: Path, text: str, name: str = "p.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"version: 1\nname: test\n{text}", encoding="utf-8")
    return file


def problems_in(file: Path) -> list[Problem]:
    return read(file)[1]


@pytest.fixture(scope="module")
def whole() -> Pipeline:
    return load(GOOD)


def node(pipeline: Pipeline, path: str) -> Any:
    return dict(walk(pipeline))[path]


def test_kinds_of_nodes(whole: Pipeline) -> None:
    """Each node is of the kind that its key says, in the order of the file."""
    kinds = {path: type(one) for path, one in walk(whole)}
    assert kinds == {
        "observation": Task,
        "solutions": Task,
        "selfcal": Group,
        "selfcal/solve": Task,
        "review": Pause,
        "elsewhere": Use,
        "elsewhere/observation": Task,
    }


def test_a_task_has_what_the_file_says(whole: Pipeline) -> None:
    """Durations are in seconds, memory in bytes, a name's place is that of its key."""
    task = node(whole, "observation")
    assert (task.run, task.timeout, task.cache, task.tags) == (
        "observe",
        90.0,
        False,
        ("import", "archive:nrao"),
    )
    assert amounts(task.resources, {"attempt": 1}) == Resources(
        0.5, 1_500_000_000, 0, 5400.0, ("archive",)
    )
    assert [argument.name for argument in task.arguments] == ["seed", "field"]
    assert task.arguments[0].value == Literal(3, task.arguments[0].value.at)
    assert isinstance(task.arguments[1].value, Expression)
    assert isinstance(task.qa.metrics[0].reason, Template)
    assert task.at.text.startswith("  observation:")


def test_defaults_are_inherited_by_tasks_only(whole: Pipeline) -> None:
    """Retries and time-outs go to tasks, max_parallel to fan-outs, and the own value wins."""
    assert node(whole, "observation").retries.max == 0
    assert node(whole, "solutions").retries.max == 2
    assert node(whole, "solutions").timeout == 5400.0
    assert node(whole, "solutions").for_each.max_parallel.value == 2
    assert node(whole, "selfcal").retries is None
    assert node(whole, "selfcal").timeout is None
    assert node(whole, "elsewhere/observation").retries is None, "a used file has its own defaults"


def test_default_max_parallel(tmp_path: Path) -> None:
    """A fan-out without a limit has the pipeline's."""
    file = written(
        tmp_path,
        "defaults: {max_parallel: 3}\nstages: {a: {run: f, for_each: {x: [1]}}}\n",
    )
    assert load(file).stages[0].for_each.max_parallel.value == 3  # type: ignore[union-attr]


def test_params(whole: Pipeline) -> None:
    """A param knows its schema, default, unit and place; one without a default is required."""
    frequency = whole.param("frequency")
    assert frequency is not None
    assert (frequency.unit, frequency.schema["type"]) == ("GHz", "number")
    assert type(frequency.schema) is dict
    comment = whole.param("comment")
    assert comment is not None
    assert not comment.required, "null is a default too"
    given = whole.param("must_be_given")
    assert given is not None
    assert given.required


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500ms", 0.5), ("10s", 10.0), ("30m", 1800.0), ("1.5h", 5400.0), ("2d", 172800.0), (7, 7.0)],
)
def test_durations(text: str | int, expected: float) -> None:
    """Durations are seconds."""
    assert seconds(text) == expected


def test_all_mistakes_come_in_one_run(tmp_path: Path) -> None:
    """Grammar, expressions and other files: one wrong thing does not hide another."""
    file = written(
        tmp_path,
        "nonsense: 1\nstages:\n  a: {run: f, cache: 3, with: {x: '${{ 1 + }}'}}\n"
        "  b: {use: nowhere.yaml}\n  c: {run: f, when: 'a b'}\n",
    )
    assert [problem.rule for problem in problems_in(file)] == [
        "unknown-key",
        "type",
        "expression",
        "use",
        "expression",
    ]


def test_what_cannot_be_understood_calls_nothing(tmp_path: Path) -> None:
    """A node that is wrong as a whole stays, so that references to it find something."""
    pipeline, _ = read(written(tmp_path, "stages:\n  a: {}\n  b: 3\n  c: {use: nowhere.yaml}\n"))
    assert pipeline is not None
    assert [(stage.id, getattr(stage, "run", None)) for stage in pipeline.stages] == [
        ("a", ""),
        ("b", ""),
        ("c", ""),
    ]


def test_a_used_file_is_read_once_and_shared(tmp_path: Path) -> None:
    """Two nodes that use the same file share its pipeline, by whatever path."""
    written(tmp_path, "stages: {s: {run: f}}\n", "sub/part.yaml")
    file = written(
        tmp_path, "stages:\n  a: {use: sub/part.yaml}\n  b: {use: sub/../sub/part.yaml}\n"
    )
    first, second = load(file).stages
    assert isinstance(first, Use)
    assert isinstance(second, Use)
    assert first.pipeline is second.pipeline


def test_use_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    """A used file uses its neighbours, and problems name files as seen from the first."""
    written(tmp_path, "stages: {s: {use: neighbour.yaml}}\n", "sub/part.yaml")
    written(tmp_path, "stages: {s: {use: ../top.yaml}}\n", "sub/neighbour.yaml")
    written(tmp_path, "stages: {s: {rnu: f}}\n", "top.yaml")
    file = written(tmp_path, "stages: {a: {use: sub/part.yaml}}\n")
    (problem,) = problems_in(file)
    assert problem.at.source.name == os.path.normpath(tmp_path / "top.yaml")


def test_circles_are_shown_whole(tmp_path: Path) -> None:
    """The problem names every file of the circle, and only those."""
    written(tmp_path, "stages: {s: {use: two.yaml}}\n", "one.yaml")
    written(tmp_path, "stages: {s: {use: one.yaml}}\n", "two.yaml")
    file = written(tmp_path, "stages: {a: {use: one.yaml}}\n")
    (problem,) = problems_in(file)
    names = [Path(name).name for name in problem.message.split(": ")[1].split(" -> ")]
    assert names == ["one.yaml", "two.yaml", "one.yaml"]


@pytest.mark.parametrize(
    ("used", "word"),
    [
        ("/etc/passwd", "relative"),
        ("../outside.yaml", "outside"),
        ("sub/../../outside.yaml", "outside"),
        ("link.yaml", "link"),
        ("folder_link/outside.yaml", "link"),
        ("fifo.yaml", "regular"),
        ("folder", "regular"),
        ("loop.yaml", "cannot read"),
        ("p.yaml/x", "cannot read"),
        ("https://example.org/x.yaml", "no such file"),
        ("C:\\\\x.yaml", "relative"),
        ("~/x.yaml", "relative"),
        ("a\\0b", "not a path"),
        ("x" * 400, "cannot read"),
        ("x/" * 400, "not a path"),
    ],
)
def test_use_stays_in_its_folder(tmp_path: Path, used: str, word: str) -> None:
    """No path, link, device or pipe leads out of the pipeline's folder."""
    inside = tmp_path / "inside"
    inside.mkdir()
    written(tmp_path, "stages: {s: {run: f}}\n", "outside.yaml")
    (inside / "link.yaml").symlink_to("../outside.yaml")
    (inside / "folder_link").symlink_to("..")
    (inside / "loop.yaml").symlink_to("loop.yaml")
    (inside / "folder").mkdir()
    os.mkfifo(inside / "fifo.yaml")
    (problem,) = problems_in(written(inside, f'stages: {{a: {{use: "{used}"}}}}\n'))
    assert problem.rule == "use"
    assert word in problem.message


def test_files_that_multiply_are_refused(tmp_path: Path) -> None:
    """Ten files, each using the next ten times, would make more nodes than any machine holds."""
    for level in range(10):
        uses = "".join(f"  s{i}: {{use: p{level + 1}.yaml}}\n" for i in range(10))
        written(tmp_path, f"stages:\n{uses}", f"p{level}.yaml")
    written(tmp_path, "stages: {s: {run: f}}\n", "p10.yaml")
    found = problems_in(tmp_path / "p0.yaml")
    assert {problem.rule for problem in found} == {"size"}
    assert str(MAX_NODES) in found[0].message


def test_a_long_chain_of_files_is_refused(tmp_path: Path) -> None:
    """Files do not nest without end."""
    for level in range(30):
        written(tmp_path, f"stages: {{s: {{use: p{level + 1}.yaml}}}}\n", f"p{level}.yaml")
    (problem,) = problems_in(tmp_path / "p0.yaml")
    assert "levels deep" in problem.message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ful_cube.yaml", ["no such file", "did you mean 'full_cube.yaml'?"]),
        (".", ["is a folder", "full_cube.yaml"]),
        ("fifo", ["not a regular file"]),
        ("a\0b", ["cannot read"]),
        ("full_cube.yaml/x", ["cannot read"]),
    ],
)
def test_a_path_that_is_no_file_is_explained(tmp_path: Path, name: str, words: list[str]) -> None:
    """The error says what is wrong with the path, and what was likely meant."""
    written(tmp_path, "stages: {}\n", "full_cube.yaml")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError) as raised:
        load(f"{tmp_path}/{name}")
    assert all(word in str(raised.value) for word in words)


def test_load_raises_every_problem(tmp_path: Path) -> None:
    """`load` gives a pipeline that is valid, or all that is wrong with it, in order."""
    file = written(tmp_path, "stages: {b: {rnu: f}, a: {run: 3}}\n")
    with pytest.raises(InvalidPipeline) as raised:
        load(file)
    assert [problem.rule for problem in raised.value.problems] == ["unknown-key", "type"]


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every container in a tree with each of its keys."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for key, value in items:
        found.append((data, key))
        if isinstance(value, dict | list):
            found.extend(_places(value))
    return found


def _golden() -> Any:
    document = parse(Source("", GOOD.read_text(encoding="utf-8")), pytest.fail)
    assert document is not None
    return json.loads(json.dumps(document.data))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["${{ params.niter }}", "${{", "${{ }}", "1s", "0s", "50%", "4GB", "a/../b", "best"]
    ),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"a": None}),
    st.just({"run": "f"}),
    st.just({"a": {"b": {"steps": {}}}}),
)


@given(st.data())
@examples(300)
def test_any_change_of_a_good_file_is_data_or_problems(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever stands wherever, reading ends with a pipeline or with problems that have places."""
    changed = copy.deepcopy(_golden())
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(_places(changed)))
        container[key] = copy.deepcopy(data.draw(ODD))
        if not _places(changed):
            break
    file = tmp_path_factory.getbasetemp() / "changed.yaml"
    file.write_text(json.dumps(changed), encoding="utf-8")
    pipeline, problems = read(file)
    assert pipeline is not None or problems
    for problem in problems:
        assert problem.at.line >= 1
        assert "\n" not in problem.message
