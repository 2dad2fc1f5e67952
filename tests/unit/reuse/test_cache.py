"""The cache of results: what of earlier runs counts for a call, and why not if it does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_support import fault
from past_support import NOW, Past, past

from radps_dag.executors.manifest import seal
from radps_dag.facts import Made, NodeFailed, Retrying
from radps_dag.reuse.cache import CachedResult, ResultCache
from radps_dag.reuse.revisions import TO_COME

__all__ = ["past"]  # a fixture


def found(past: Past, cache: ResultCache, place: str = "a", **given: Any) -> str | None:
    """The run whose result a call of `give` may use again."""
    known = cache.find(past.ask(cache, place, "give", **given))
    return known.run if known is not None else None


def failed(place: str, **more: Any) -> NodeFailed:
    return NodeFailed(time=2.0, place=place, error="ValueError", message="no", seconds=1.0, **more)


def test_a_place_that_has_not_run(past: Past) -> None:
    """Nothing is known in an empty journal, and the reason says so."""
    cache = past.cache()
    assert cache.empty
    assert found(past, cache, value=1) is None
    assert cache.why(past.ask(cache, "a", "give", value=1)) == "it has not run before"


def test_the_same_call_of_another_run(past: Past) -> None:
    """A call with the same inputs has what the other run made; another input is told."""
    past.made(past.run("first"), "a", "give", value=1)
    cache = past.cache()
    assert not cache.empty
    known = cache.find(past.ask(cache, "a", "give", value=1))
    assert known is not None
    assert (known.outputs, known.run, known.made.origin) == ({"value": 1}, "first", "first")
    assert found(past, cache, value=2) is None
    why = cache.why(past.ask(cache, "a", "give", value=2))
    assert why == "input 'value' changed from 1 to 2"


def test_this_run_goes_first(past: Past) -> None:
    """Of this run before it stopped and of others, its own result counts; of others, the newest."""
    for run in ("first", "second", NOW):
        past.made(past.run(run), "a", "give", value=1)
        assert found(past, past.cache(), value=1) == run
    assert past.cache().had("a") and not past.cache().had("b")


def test_another_pipeline(past: Past) -> None:
    """A result of another pipeline counts at the same place alone."""
    past.made(past.run("other", pipeline="q"), "a", "give", value=1)
    cache = past.cache()
    assert found(past, cache, "a", value=1) == "other"
    assert found(past, cache, "b", value=1) is None


@pytest.mark.parametrize(
    ("options", "name", "cached", "why"),
    [
        ({"reuse": False}, "give", True, "reuse is off"),
        ({}, "give", False, "cache: false"),
        ({"faults": [fault("a", exception="OSError")]}, "give", True, "a fault may strike it"),
        ({}, "change", True, "it changes data in place"),
    ],
)
def test_what_bars_other_runs(
    options: dict[str, Any], name: str, cached: bool, why: str, past: Past
) -> None:
    """Nothing of other runs is used then, and why; what this run has made is."""
    past.made(past.run("first"), "a", name, value=1)
    cache = past.cache(**options)
    asked = past.ask(cache, "a", name, cached, value=1)
    assert cache.find(asked) is None
    if options.get("reuse", True):
        assert cache.why(asked) == why
    past.made(past.run(NOW), "a", name, value=1)
    cache = past.cache(**options)
    assert cache.find(past.ask(cache, "a", name, cached, value=1)) is not None


def test_force(past: Past) -> None:
    """What is forced runs with all in it, whatever is known, also of this run."""
    past.run(NOW)
    past.made(NOW, "a/b", "give", value=1)
    past.made(NOW, "c", "give", value=1)
    cache = past.cache(force=["a"])
    assert found(past, cache, "a/b", value=1) is None
    assert cache.why(past.ask(cache, "a/b", "give", value=1)) == "forced"
    assert found(past, cache, "c", value=1) == NOW


def test_a_call_that_failed_for_its_quality(past: Past) -> None:
    """It was done: what it made is used again. One that made nothing has no result."""
    past.run("first")
    for place, made in (
        ("a", Made(key=past.keys.key(past.library.find("give"), {}, ""))),
        ("b", None),
    ):
        past.began("first", place, "give")
        past.facts("first", failed(place, made=made))
    cache = past.cache()
    assert found(past, cache, "a") == "first"
    assert found(past, cache, "b") is None
    assert cache.why(past.ask(cache, "b", "give")) == "it did not end well"


def test_a_group_that_is_tried_again(past: Past) -> None:
    """Nothing that an attempt of a group made is a result of the next one."""
    past.run(NOW)
    past.began(NOW, "g", "", kind="group")
    past.made(NOW, "g/a", "give", value=1)
    assert found(past, past.cache(), "g/a", value=1) == NOW
    again = {"attempt": 2, "attempts": 3, "delay": 0.0, "error": "ValueError", "message": "no"}
    past.facts(NOW, Retrying(time=3.0, place="g", **again))  # type: ignore[arg-type]
    cache = past.cache()
    assert found(past, cache, "g/a", value=1) is None
    assert cache.round("g/a") == 1
    past.made(NOW, "g/a", "give", value=1)
    cache = past.cache()
    assert found(past, cache, "g/a", value=1) == NOW
    cache.forget("g")
    assert found(past, cache, "g/a", value=1) is None
    assert cache.round("g/a") == 2


def test_a_call_that_was_interrupted(past: Past) -> None:
    """It began and was not seen to end; a failure of its own ends it, an interrupt does not."""
    past.run(NOW)
    for place in ("a", "b", "c"):
        past.began(NOW, place, "give")
    past.facts(NOW, failed("b"), failed("c", ending="interrupted"))
    cache = past.cache()
    interrupted = {one: cache.interrupted(past.ask(cache, one, "give")) for one in "abc"}
    assert interrupted == {"a": True, "b": False, "c": True}
    cache = past.cache(force=["a"])
    assert not cache.interrupted(past.ask(cache, "a", "give"))


def wrote(past: Past, run: str, content: str) -> Path:
    """A call of a run that wrote a file."""
    folder = past.workspace.run(run).products / "a"
    folder.mkdir(parents=True)
    (folder / "data").write_text(content)
    made = {"workdir": folder.as_uri(), "files": seal(folder, folder)}
    past.made(past.run(run), "a", "give", made=made, value=1)
    return folder / "data"


def looked_up(past: Past, cache: ResultCache) -> CachedResult | None:
    return asyncio.run(cache.lookup(past.ask(cache, "a", "give", value=1)))


def test_files_that_are_not_as_they_were(past: Past) -> None:
    """A result whose file has other bytes is none, and a plan sees it by the size; what an earlier
    run made of the same takes its place."""
    file = wrote(past, "first", "1234")
    known = looked_up(past, past.cache())
    assert known is not None and known.run == "first"
    file.write_text("9999")
    cache = past.cache()
    assert looked_up(past, cache) is None
    assert cache.expect(past.ask(cache, "a", "give", value=1)) is not None  # of the same size
    file.write_text("12")
    assert cache.expect(past.ask(cache, "a", "give", value=1)) is None
    assert cache.why(past.ask(cache, "a", "give", value=1)) == f"{file} is not what was written"
    file.unlink()
    assert cache.why(past.ask(cache, "a", "give", value=1)) == f"{file} is gone"
    file.write_text("1234")
    wrote(past, "second", "1234").unlink()
    known = looked_up(past, past.cache())
    assert known is not None and known.run == "first"


def test_data_that_are_still_to_be_changed(past: Past) -> None:
    """A call behind one that will change data in place has no result yet."""
    past.made(past.run("first"), "a", "give", value=1)
    cache = past.cache()
    asked = replace(past.ask(cache, "a", "give", value=1), revisions={"flag": TO_COME})
    assert cache.find(asked) is None
    assert cache.why(asked) == "upstream flag will run, and changes data in place"


def test_a_damaged_run_is_left_out(past: Past) -> None:
    """Nothing of it is used, which is told once; others are used."""
    for run in ("first", "second"):
        past.made(past.run(run), "a", "give", value=1)
    with past.store.begin() as connection:
        change = "UPDATE radps_facts SET payload = '{}' WHERE run = 'second' AND seq = 2"
        connection.execute(change)
    cache = past.cache()
    told: list[str] = []
    cache.tell(told.append)
    assert found(past, cache, value=1) == "first"
    assert found(past, cache, "b", value=1) is None
    (warning,) = told
    assert warning.startswith("nothing of run second is used again: ")
    assert list(cache.damaged) == ["second"]
