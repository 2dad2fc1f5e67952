"""The reference of the language says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import GOLDEN, ROOT

from radps_dag.language.expression.tables import FILTERS, FUNCTIONS, TESTS
from radps_dag.language.params import defaults
from radps_dag.language.schema import schema
from radps_dag.opening import open_pipeline, settle
from radps_dag.problem import Problem

TEXT = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def listed(kind: str) -> set[str]:
    """The names in one of the lists of what expressions can call."""
    match = re.search(rf"^- \*\*{kind}\*\*[^:]*:(.*?)(?=^- |\n\n)", TEXT, re.MULTILINE | re.DOTALL)
    assert match
    return set(re.findall(r"`([a-z0-9]+)`", match[1]))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[1])
def test_examples_are_valid(tmp_path: Path, example: str) -> None:
    """Each example passes every check, with the placeholder library."""
    file = tmp_path / "example.yaml"
    file.write_text(example, encoding="utf-8")
    warnings: list[Problem] = []
    pipeline, library = open_pipeline(file, warn=warnings.append)
    settle(pipeline, library, defaults(pipeline), warnings.append)
    assert not warnings


def test_what_can_be_called_is_listed() -> None:
    """The lists of filters, tests and functions are whole."""
    assert listed("Filters") == set(FILTERS)
    assert listed("Tests") == set(TESTS)
    assert listed("Functions") == set(FUNCTIONS)


def test_every_key_is_explained() -> None:
    """Each key of the grammar stands in the reference."""
    definitions = schema()["$defs"]
    names = set(schema()["properties"])
    for definition in ("node", "loop", "retries", "qa", "pause", "resources", "defaults", "param"):
        names |= set(definitions[definition]["properties"])
    assert not sorted(name for name in names if not re.search(rf"\b{name}\b", TEXT))


def test_every_rule_is_listed() -> None:
    """Each rule that has a golden file has a row, and its name there."""
    rules = set(re.findall(r"`([a-z-]+)`", TEXT.split("## The rules")[1]))
    folders = {path.name for path in GOLDEN.iterdir() if path.is_dir() and any(path.iterdir())}
    assert folders - {"good", "__pycache__"} <= rules


def test_every_rule_in_the_code_is_listed() -> None:
    """Each rule's name that the code uses stands in the reference."""
    rules = set(re.findall(r"`([a-z-]+)`", TEXT.split("## The rules")[1]))
    modules = (ROOT / "radps_dag" / "checks").glob("*.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    assert set(re.findall(r"^[A-Z]+ = \"([a-z]+(?:-[a-z]+)*)\"$", code, re.MULTILINE)) <= rules
