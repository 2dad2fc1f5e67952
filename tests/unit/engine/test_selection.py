"""A part of a pipeline: --only, --from and --until, on what earlier runs left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_support import Played, play
from journal_support import store_of

from radps_dag.engine.settings import Selection
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.problem import UsageError
from radps_dag.reuse.stages import StageResult, earlier_outputs

#   a - b - d
#     \ c /     e apart; f needs d without data; g can do without b
TEXT = """
    stages:
      a: {run: give, with: {value: 1, name: a}}
      b: {run: give, with: {value: "${{ stages.a.value }}", name: b}, on_error: continue}
      c: {run: give, with: {value: "${{ stages.a.value }}", name: c}}
      d:
        run: give
        with:
          name: d
          value: ["${{ stages.b.value | default('no b') }}", "${{ stages.c.value }}"]
      e: {run: give, with: {name: e}}
      f: {run: give, needs: [d], with: {name: f}}
    outputs:
      d: ${{ stages.d.value }}
      a: ${{ stages.a.value }}
"""


def earlier(**outputs: Any) -> dict[str, StageResult]:
    return {
        id: StageResult("earlier", None if value is None else {"value": value})
        for id, value in outputs.items()
    }


def part(results: dict[str, StageResult] | None = None, **selection: Any) -> Played:
    return play(TEXT, selection=Selection(**selection), results=results or {})


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        ({}, "abcdef"),
        ({"only": ("a",)}, "a"),
        ({"only": ("e", "a")}, "ae"),
        ({"begin": ("a",)}, "abcdf"),
        ({"until": ("d",)}, "abcd"),
        ({"until": ("b", "e")}, "abe"),
        ({"begin": ("a",), "until": ("c",)}, "ac"),
        ({"only": ("a", "e"), "until": ("d",)}, "a"),
    ],
)
def test_what_runs(selection: dict[str, tuple[str, ...]], runs: str) -> None:
    """--only is what it names, --from with what depends on it, --until with what it depends on;
    together what is in all."""
    run = part(**selection)
    assert run.status == "succeeded"
    assert sorted(run.board.calls) == list(runs)
    assert run.skipped == {id: "not selected" for id in "abcdef" if id not in runs}


def test_a_part_reads_what_earlier_runs_left() -> None:
    """A stage that does not run is read from an earlier run; its outputs are its readers'."""
    run = part(earlier(b=5, c=6), begin=("d",))
    assert sorted(run.board.calls) == ["d", "f"]
    assert run.outputs == {"d": [5, 6]}


def test_a_part_may_do_without_what_it_has_a_default_for() -> None:
    """What a reader has a default for need not have been left, or was skipped."""
    assert part(earlier(c=6), only=("d",)).outputs == {"d": ["no b", 6]}
    assert part(earlier(c=6, b=None), only=("d",)).outputs == {"d": ["no b", 6]}


def test_what_nobody_left_is_asked_for() -> None:
    """Without an earlier run, a reader of what does not run cannot start: the message says who
    reads what, and what to do."""
    with pytest.raises(UsageError) as caught:
        part(only=("c",))
    assert str(caught.value) == (
        "stage 'c' reads what 'a' makes, and no earlier run here left it; "
        "run 'a' first, or with it: --from a"
    )


def test_a_default_of_the_reader_counts_and_not_of_others() -> None:
    """A stage that runs and has a default needs nothing, though another one would."""
    text = """
        stages:
          a: {run: give, when: false}
          guarded: {run: give, with: {value: "${{ stages.a.value | default('none') }}"}}
          same: {run: give, when: false, with: {value: "${{ stages.a.value }}"}}
        outputs: {value: "${{ stages.guarded.value }}"}
    """.replace("when: false", "when: params.x").replace(
        "stages:", "params: {x: {type: boolean, default: false}}\n        stages:", 1
    )
    assert play(text, selection=Selection(only=("guarded",))).outputs == {"value": "none"}


def test_one_reader_with_a_default_does_not_speak_for_another() -> None:
    """Where one stage has a default and another has not, the other needs what it reads; so does
    a stage that reads it in two ways."""
    text = """
        stages:
          a: {run: give}
          both:
            run: give
            with: {value: ["${{ stages.a.value | default(1) }}", "${{ stages.a.value }}"]}
    """
    with pytest.raises(UsageError, match="'both' reads what 'a' makes"):
        play(text, selection=Selection(only=("both",)))


def test_needs_of_what_does_not_run() -> None:
    """Order without data asks for nothing of what does not run."""
    assert part(only=("f",)).board.calls == ["f"]


def test_outputs_of_a_part() -> None:
    """The pipeline's outputs are those that the part gives."""
    assert part(only=("a",)).outputs == {"a": 1}


@pytest.mark.parametrize("option", ["only", "begin", "until"])
def test_unknown_stages(option: str) -> None:
    """A stage that is not there is refused, with the likely one or all there are."""
    with pytest.raises(UsageError, match="no stage 'dd' in pipeline"):
        part(**{option: ("dd",)})


def test_nothing_in_common() -> None:
    """A selection of nothing is a mistake."""
    with pytest.raises(UsageError, match="no stage is in all of"):
        part(begin=("e",), until=("d",))


def record(store: Store, id: str, run: Played) -> None:
    """Enter a run in the journal; the later, the newer."""
    store.create(id, "pipeline", time=float(id))
    store.append(id, [to_row(id, fact, store.workspace) for fact in run.facts])


def test_what_runs_leave(tmp_path: Path) -> None:
    """Of each stage the newest run counts in which it ended well or was skipped, and no part of
    a stage, no failed stage and no other pipeline does."""
    text = """
        params: {n: {type: integer}}
        stages:
          a: {run: give, with: {value: "${{ params.n }}"}}
          b: {steps: {a: {run: give, with: {value: inside}}}, outputs: {value: "${{ params.n }}"}}
          c: {run: fail_if, with: {bad: "${{ params.n == 2 }}", value: 3}, on_error: continue}
          d: {run: give, when: params.n == 1, with: {value: 4}}
    """
    store = store_of(tmp_path)
    record(store, "1", play(text, params={"n": 1}))
    record(store, "2", play(text, params={"n": 2}))
    only = Selection(only=("a",))
    record(store, "3", play(text, params={"n": 3}, selection=only))
    found = earlier_outputs(store, "pipeline", "abcd")
    assert {id: (one.run, one.outputs) for id, one in found.items()} == {
        "a": ("3", {"value": 3}),
        "b": ("2", {"value": 2}),
        "c": ("1", {"value": 3}),
        "d": ("2", None),
    }
    assert earlier_outputs(store, "other", "abcd") == {}
    store.close()
