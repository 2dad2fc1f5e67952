"""Answers as files: what is refused, with its reason, and what is left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from radps_dag.questions import Question
from radps_dag.questions import folder as module
from radps_dag.questions.folder import Folder

NUMBER = {"n": {"type": "integer", "default": 1}}


async def taken(path: Path, asked: float) -> list[tuple[Mapping[str, Any], str]]:
    """What a folder offers as the answer, once it has looked at all that is there."""
    question = Question("r", "clean/review", "1" * 32, "well?", NUMBER, asked=asked)
    found: list[tuple[Mapping[str, Any], str]] = []

    async def offer(values: Mapping[str, Any], by: str, via: str) -> None:
        found.append((values, by))

    looking = asyncio.create_task(Folder(path).show(question, offer))
    for name in ("y", "z"):  # what it looks at last, twice: a file must be still to be refused
        (path / f"{name}.json").write_text("[]")
        refused = path / f"{name}.json.refused"
        while not (looking.done() or refused.exists()):  # noqa: ASYNC110  # a file is not an event
            await asyncio.sleep(0.02)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 0.02)
    monkeypatch.setattr(module, "STILL", -1.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"place": "clean/review", "value": {"n": 2}}', "unknown key 'value'; did you mean"),
        ('{"place": "clean/review", "values": [2]}', "'values' must be an object"),
        ('{"values": {"n": 2}}', "names no 'place'"),
        ('{"place": 3}', "names no 'place'"),
        ("[1]", "is not a JSON object object"),
        ('{"place": "clean/review", "val', "is not JSON"),
        ("x" * ((1 << 20) + 1), "at most 1,048,576 bytes"),
    ],
)
def test_what_is_no_answer(text: str, reason: str, tmp_path: Path) -> None:
    """A file that can be no answer is put aside, with one line that says why; a slip in it is never
    taken for the defaults."""
    (tmp_path / "a.json").write_text(text)
    assert asyncio.run(taken(tmp_path, time.time())) == []
    told = (tmp_path / "a.json.reason").read_text()
    assert reason in told and told.count("\n") == 1
    assert (tmp_path / "a.json.refused").read_text() == text


def test_what_is_about_others(tmp_path: Path) -> None:
    """A file about another place, and what is no file, stay as they are."""
    (tmp_path / "a.json").write_text('{"place": "elsewhere", "values": {}}')
    (tmp_path / "b.json").mkdir()
    assert asyncio.run(taken(tmp_path, time.time())) == []
    assert {"a.json", "b.json"} <= {path.name for path in tmp_path.iterdir()}


def test_an_answer_to_an_earlier_question(tmp_path: Path) -> None:
    """Two operators answer at the same time: the second one's file does not answer what is asked
    at the same place later, unless it names the question."""
    (tmp_path / "a.json").write_text('{"place": "clean/review", "values": {"n": 2}}')
    assert asyncio.run(taken(tmp_path, time.time() + 60)) == []
    assert "older than the question" in (tmp_path / "a.json.reason").read_text()
    for name in ("y", "z"):
        (tmp_path / f"{name}.json.refused").unlink()
    (tmp_path / "b.json").write_text(f'{{"question": "{"1" * 32}", "by": "an"}}')
    assert asyncio.run(taken(tmp_path, time.time() + 60)) == [({}, "an")]
