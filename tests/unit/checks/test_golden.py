"""Every rule has files that break it, with the expected error on the line that has it.

`tests/golden/<rule>/<case>.yaml` says `#! part of the message` at the end of each line with a
mistake, and `#! warning: its beginning` where that is a warning; files under `good` have none. A
`use:` in them may name files in the folder `used`, and they call the placeholder library's
workloads and those of `golden/workloads.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from repository import GOLDEN

from radps_dag.language.params import defaults
from radps_dag.opening import open_pipeline, settle
from radps_dag.problem import InvalidPipeline, Problem

FILES = sorted(
    path for path in GOLDEN.rglob("*.yaml") if "used" not in path.relative_to(GOLDEN).parts
)


def expected(text: str) -> list[tuple[int, str]]:
    r"""Line and part of the message of each mistake that a file announces.

    >>> expected("a: 1\nb: 2  #! one #! two")
    [(2, 'one'), (2, 'two')]
    """
    lines = text.split("\n")
    return [
        (number, part.strip())
        for number, line in enumerate(lines, start=1)
        for part in re.split(r"#! ", line)[1:]
    ]


def problems_of(path: Path) -> list[Problem]:
    found: list[Problem] = []
    try:
        opened = open_pipeline(path, modules=[GOLDEN / "workloads.py"], warn=found.append)
        settle(*opened, defaults(opened[0]), found.append)
    except InvalidPipeline as error:
        found += error.problems
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_has_exactly_the_mistakes_that_it_announces(path: Path) -> None:
    """Nothing is missed, nothing is added, and each is on its line under its rule's name."""
    rule = path.relative_to(GOLDEN).parts[0]
    wanted = expected(path.read_text(encoding="utf-8"))
    found = problems_of(path)
    assert bool(wanted) == (rule != "good"), (
        "a bad file announces its mistakes, a good one has none"
    )
    unexpected = []
    for problem in found:
        match = next(
            (
                one
                for one in wanted
                if one[0] == problem.at.line
                and one[1] in problem.words
                and one[1].startswith("warning: ") == (problem.severity == "warning")
            ),
            None,
        )
        if match is None or problem.rule != rule:
            unexpected.append(str(problem))
        else:
            wanted.remove(match)
    assert not unexpected, "not announced, or under another rule"
    assert not wanted, f"announced, and not found among {list(map(str, found))}"


def test_messages_are_one_line_and_name_no_internals() -> None:
    """A message is one line, and speaks of the file, never of Python or of JSON Schema."""
    for path in FILES:
        for problem in problems_of(path):
            assert "\n" not in problem.message
            assert not re.search(
                r"Traceback|object at 0x|Expression\(|additionalProperties", problem.message
            ), problem


def test_a_problem_is_told_once() -> None:
    """No two problems have the same place and the same message."""
    for path in FILES:
        counted = Counter((str(one.at), one.message) for one in problems_of(path))
        assert all(times == 1 for times in counted.values()), path
