"""Used files, outputs, and what stands between a file and its values."""

from __future__ import annotations

import pytest
from engine_support import play

from radps_dag.facts import NodeStarted, RunStarted
from radps_dag.problem import InvalidPipeline

PART = """
    params:
      a: {type: number}
      b: {type: number, default: 10}
    stages:
      add: {run: add, with: {a: "${{ params.a }}", b: "${{ params.b }}"}}
    outputs:
      sum: ${{ stages.add.sum }}
      given: {a: "${{ params.a }}", list: ["${{ params.b }}", constant]}
"""


def test_a_used_file_is_a_group_with_params() -> None:
    """Its `with` become its params, others take their defaults, its outputs are the node's."""
    run = play(
        """
        params: {start: {type: number, default: 1}}
        stages:
          one: {use: part.yaml, with: {a: "${{ params.start }}"}}
          two: {use: part.yaml, with: {a: "${{ stages.one.sum }}", b: 100}}
        outputs: {sum: "${{ stages.two.sum }}", given: "${{ stages.one.given }}"}
        """,
        files={"part.yaml": PART},
    )
    assert run.outputs == {"sum": 111, "given": {"a": 1, "list": [10, "constant"]}}
    kinds = {fact.place: fact.kind for fact in run.all(NodeStarted)}
    assert kinds == {"one": "use", "one/add": "task", "two": "use", "two/add": "task"}


def test_a_used_file_sees_nothing_of_the_outside() -> None:
    """Names of the user mean nothing in the used file, and those of the file nothing outside."""
    with pytest.raises(InvalidPipeline) as caught:
        play(
            """
            params: {outside: {type: number, default: 1}}
            stages:
              first: {run: give}
              part: {for_each: {item: [1]}, use: part.yaml}
              last: {run: give, with: {value: "${{ stages.inside.value }}"}}
            """,
            files={
                "part.yaml": """
                stages:
                  inside: {run: give, with: {value: "${{ params.outside }}"}}
                  other: {run: give, with: {value: "${{ stages.first.value }}"}}
                  third: {run: give, with: {value: "${{ each.item }}"}}
                """
            },
        )
    messages = [problem.message for problem in caught.value.problems]
    for name in ("outside", "first", "each", "inside"):
        assert any(f"'{name}'" in message for message in messages), name


def test_stages_of_the_same_name_are_not_mixed_up() -> None:
    """A used file's stages are its own, also where the user has some of the same name."""
    run = play(
        """
        stages:
          add: {run: add, with: {a: 1000}}
          part: {use: part.yaml, with: {a: 1}}
          reader: {run: give, with: {value: ["${{ stages.add.sum }}", "${{ stages.part.sum }}"]}}
        outputs: {value: "${{ stages.reader.value }}"}
        """,
        files={"part.yaml": PART},
    )
    assert run.outputs == {"value": [1000, 11]}


def test_params_of_a_used_file_are_checked_at_run_time() -> None:
    """A value that only the run knows and that does not fit the file's param fails the node."""
    run = play(
        """
        stages:
          give: {run: give, with: {value: text}}
          part: {use: part.yaml, with: {a: "${{ stages.give.value }}"}}
        """,
        files={"part.yaml": PART},
    )
    assert run.error == "part: ParamInvalid: param 'a': expected a number, found 'text'"
    assert "part/add" not in run.started


def test_inputs_are_checked_at_run_time() -> None:
    """A value that only the run knows and that does not fit the workload's input fails the node,
    before the workload is called."""
    run = play("""
        stages:
          give: {run: give, with: {value: text}}
          add: {run: add, with: {a: "${{ stages.give.value }}"}}
    """)
    assert run.error == "add: InputInvalid: input 'a': expected a number, found 'text'"
    assert run.board.counts["add"] == 0


def test_files_use_files() -> None:
    """A used file may use others; places name the whole way."""
    run = play(
        "stages: {top: {use: middle.yaml}}\noutputs: {sum: '${{ stages.top.sum }}'}",
        files={
            "middle.yaml": """
            stages: {middle: {use: deep/part.yaml, with: {a: 5}}}
            outputs: {sum: "${{ stages.middle.sum }}"}
            """,
            "deep/part.yaml": PART,
        },
    )
    assert run.outputs == {"sum": 15}
    assert "top/middle/add" in run.given


def test_a_used_file_fans_out_and_is_skipped_like_any_node() -> None:
    """Everything that a node may carry holds for a `use`."""
    run = play(
        """
        stages:
          fan: {for_each: {a: [1, 2]}, use: part.yaml, with: {a: "${{ each.a }}"}}
          skipped: {when: false, use: part.yaml, with: {a: 1}}
        outputs: {sums: "${{ stages.fan.sum }}"}
        """,
        files={"part.yaml": PART},
    )
    assert run.outputs == {"sums": [11, 12]}
    assert list(run.skipped) == ["skipped"]


def test_a_failure_in_a_used_file_has_the_whole_place() -> None:
    """The place leads through the file to the node; what failed outside does not see inside."""
    run = play(
        "stages: {part: {use: part.yaml}}",
        files={"part.yaml": "stages: {group: {steps: {bad: {run: fail}}}}"},
    )
    assert run.error == "part/group/bad: ValueError: it is broken"


def test_defaults_of_a_used_file_are_its_own() -> None:
    """What nodes inherit comes from the file that they stand in."""
    run = play(
        """
        defaults: {retries: {max: 2}}
        stages:
          own: {run: fail, with: {times: 2, name: own}}
          part: {use: part.yaml}
        """,
        files={
            "part.yaml": """
            defaults: {on_error: continue}
            stages: {inside: {run: fail, with: {name: inside}}}
            """
        },
    )
    assert run.status == "succeeded"
    assert run.board.counts == {"own": 3, "inside": 1}


def test_outputs_are_values_of_any_form() -> None:
    """Outputs keep their types: numbers, lists, mappings, null, and text around expressions."""
    run = play("""
        stages: {a: {run: give, with: {value: {n: 1.5, list: [1, null, true]}}}}
        outputs:
          whole: ${{ stages.a.value }}
          member: ${{ stages.a.value.list[0] }}
          text: n is ${{ stages.a.value.n }}, not ${{ stages.a.value.list }}
          constant: {a: [1, "${{ 1 + 1 }}"]}
          nothing: null
    """)
    assert run.outputs == {
        "whole": {"n": 1.5, "list": [1, None, True]},
        "member": 1,
        "text": "n is 1.5, not [1, null, true]",
        "constant": {"a": [1, 2]},
        "nothing": None,
    }


def test_an_output_that_cannot_be_evaluated_fails_its_owner() -> None:
    """A group's output fails the group, the pipeline's the run, each by its name or place."""
    run = play("""
        stages:
          zero: {run: give, with: {value: 0}}
          group:
            on_error: continue
            steps: {a: {run: give}}
            outputs: {x: "${{ 1 / stages.zero.value }}"}
        outputs: {y: "${{ 2 / stages.zero.value }}"}
    """)
    assert run.failed["group"].message.startswith("division by zero (at ")
    assert run.error.startswith("outputs.y: ExpressionError: division by zero (at ")


def test_a_node_cannot_change_what_another_gave() -> None:
    """A workload that changes its input changes a copy."""
    run = play("""
        stages:
          give: {run: give, with: {value: [1]}}
          spill: {run: spill, with: {value: "${{ stages.give.value }}"}}
          again: {run: spill, with: {value: "${{ stages.give.value }}"}, needs: [spill]}
        outputs: {given: "${{ stages.give.value }}", again: "${{ stages.again.value }}"}
    """)
    assert run.outputs == {"given": [1], "again": [1, "spilt"]}


def test_the_run_is_in_sight() -> None:
    """`run.id` and `run.workdir` are known everywhere, in used files too."""
    run = play(
        "stages: {part: {use: part.yaml}}\noutputs: {part: '${{ stages.part.id }}'}",
        files={
            "part.yaml": """
            stages: {a: {run: give, with: {value: "${{ run.workdir }}"}}}
            outputs: {id: "${{ run.id }}"}
            """
        },
    )
    assert run.outputs == {"part": "test"}
    assert run.given["part/a"]["value"].endswith("products")


def test_params_reach_the_stages() -> None:
    """Given values go before defaults, and the first fact tells all of them."""
    text = """
        params: {a: {type: integer, default: 1}, b: {type: string, default: x}}
        stages: {give: {run: give, with: {value: ["${{ params.a }}", "${{ params.b }}"]}}}
        outputs: {value: "${{ stages.give.value }}"}
    """
    run = play(text, params={"a": 7})
    assert run.outputs == {"value": [7, "x"]}
    assert run.all(RunStarted)[0].params == {"a": 7, "b": "x"}


def test_a_pause_where_nobody_can_be_asked() -> None:
    """A pause that is reached fails with its question; a skipped one does not."""
    text = """
        params: {interactive: {type: boolean, default: false}}
        stages:
          a: {run: give, with: {value: 3}}
          review:
            when: params.interactive
            pause: {message: "Is ${{ stages.a.value }} enough?"}
    """
    assert play(text).status == "succeeded"
    error = play(text, params={"interactive": True}).error
    assert error.startswith("review: NobodyToAsk:")
    assert "Is 3 enough?" in error
