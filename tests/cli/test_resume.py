"""`resume`, `plan` and reuse: what has been done is not done again, and what has to be, is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from resume_support import WORKLOADS, Desk, desk

from radps_dag.journal import run_status

__all__ = ["desk"]  # a fixture


CHAIN = """
params: {n: {type: integer, default: 1}, m: {type: integer, default: 1}}
stages:
  a: {run: store, with: {content: "${{ params.n }}", name: a}}
  b: {run: load, with: {product: "${{ stages.a.product }}", name: b}}
  c: {run: give, with: {value: ["${{ stages.b.value }}", "${{ params.m }}"], name: c}}
  d: {run: draw, with: {name: d}}
outputs: {c: "${{ stages.c.value }}", d: "${{ stages.d.value }}"}
"""


def test_a_second_run_executes_nothing(desk: Desk) -> None:
    """Everything is used again, under the same outputs, and says which run made it."""
    desk.pipeline(CHAIN)
    first = desk.run()
    assert set(desk.executed.values()) == {1}
    second = desk.run()
    assert set(desk.executed.values()) == {1}
    assert second.outputs == first.outputs
    made = first.facts[0]["run"]
    assert set(first.origins.values()) == {""}
    assert second.origins == dict.fromkeys("abcd", made)


def test_a_param_invalidates_what_depends_on_it(desk: Desk) -> None:
    """Only that is executed; going back to the old value finds the old results."""
    desk.pipeline(CHAIN)
    desk.run()
    assert desk.run("-p", "m=2").outputs["c"] == [1, 2]
    assert desk.executed == {"a 1": 1, "b 1": 1, "c [1, 1]": 1, "c [1, 2]": 1, "d": 1}
    assert desk.run().outputs["c"] == [1, 1]
    assert sum(desk.executed.values()) == 5
    desk.run("-p", "n=3")
    assert desk.executed["a 3"] == desk.executed["b 3"] == desk.executed["c [3, 1]"] == 1
    assert desk.executed["d"] == 1


def test_the_same_content_again_changes_nothing(desk: Desk) -> None:
    """A node that runs again and makes the same product leaves those after it as they are."""
    desk.pipeline(CHAIN)
    desk.run()
    again = desk.run("--force", "a")
    assert again.origins["a"] == "" != again.origins["b"]
    assert desk.executed == {"a 1": 2, "b 1": 1, "c [1, 1]": 1, "d": 1}


def test_no_reuse_force_and_cache(desk: Desk) -> None:
    """`--no-reuse` runs all, `--force` what matches and what is inside, `cache: false` its node."""
    desk.pipeline("""
stages:
  g: {steps: {x: {run: give, with: {value: 1, name: x}}, y: {run: give, with: {value: 1, name: y}}}}
  h: {cache: false, steps: {z: {run: give, with: {value: 1, name: z}}}}
""")
    desk.run()
    desk.run()
    assert desk.executed == {"x 1": 1, "y 1": 1, "z 1": 2}
    desk.run("--force", "g")
    assert desk.executed == {"x 1": 2, "y 1": 2, "z 1": 3}
    desk.run("--force", "*/x")
    assert desk.executed == {"x 1": 3, "y 1": 2, "z 1": 4}
    desk.run("--no-reuse")
    assert desk.executed == {"x 1": 4, "y 1": 3, "z 1": 5}


def test_a_seed_counts_where_numbers_are_drawn(desk: Desk) -> None:
    """Another seed executes what draws, and nothing else."""
    desk.pipeline(CHAIN)
    desk.run()
    desk.run("--seed", "1")
    assert desk.executed == {"a 1": 1, "b 1": 1, "c [1, 1]": 1, "d": 2}


def test_products_that_are_not_what_they_were(desk: Desk) -> None:
    """A product that was changed or is gone is made again; the copy that is good is used then."""
    desk.pipeline(CHAIN)
    desk.run()
    (product,) = desk.directory.glob(".radps/runs/*/products/a/product.json")
    product.write_text("2")  # a plan looks at sizes alone, a run at the content
    assert desk.plan()["a"][0] == "reuse"
    assert desk.run().outputs["c"] == [1, 1]
    assert desk.executed["a 1"] == 2
    assert desk.executed["b 1"] == 1
    product.write_text("[1, 2]")
    assert desk.plan()["a"][0] == "reuse"  # the copy that was made instead
    for copy in desk.directory.glob(".radps/runs/*/products/a/product.json"):
        copy.unlink()
    assert "is gone" in desk.plan()["a"][1]
    assert desk.run().outputs["c"] == [1, 1]
    assert desk.executed["a 1"] == 3


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_product_that_an_earlier_run_still_has(what: str, desk: Desk) -> None:
    """Where the product of the latest run is not what it was, that of an earlier run is used."""
    desk.pipeline("stages: {a: {run: store, with: {content: 1}}}")
    first = desk.run().facts[0]["run"]
    second = desk.run("--no-reuse").facts[0]["run"]
    (product,) = desk.directory.glob(f".radps/runs/{second}/products/a/*")
    product.unlink() if what == "gone" else product.write_text("23")
    if what == "gone":
        assert desk.plan()["a"] == ("reuse", first)
    for _ in range(2):
        assert desk.run().origins == {"a": first}
    assert desk.executed == {"store 1": 2}


OVERLAID = """
params: {times: {type: integer, default: 1}}
stages:
  base: {run: store, with: {content: 1}}
  first: {run: overlay, with: {base: "${{ stages.base.product }}", content: 2}}
  second: {run: overlay, with: {base: "${{ stages.first.product }}", content: 3}}
  read:
    run: load_whole
    with: {product: "${{ stages.second.product }}", times: "${{ params.times }}"}
outputs: {seen: "${{ stages.read.value }}"}
"""


@pytest.mark.parametrize("how", ["run", "resume"])
def test_what_stands_on_a_product_that_is_gone(how: str, desk: Desk) -> None:
    """A product that cannot be read without another is made again with that one, though the same
    is made again: it lies elsewhere."""
    desk.pipeline(OVERLAID)
    assert desk.run().outputs == {"seen": [3, 2]}
    for path in desk.directory.glob(".radps/runs/*/products/first/*"):
        path.unlink()
    verdicts = {place: verdict for place, (verdict, _) in desk.plan("-p", "times=2").items()}
    assert verdicts == {"base": "reuse", "first": "run", "second": "run", "read": "run"}
    again = (desk.run if how == "run" else desk.resume)("-p", "times=2")
    assert again.outputs == {"seen": [3, 2, 3, 2]}
    assert desk.executed == {"store 1": 1, "overlay 2": 2, "overlay 3": 2, "load_whole [3, 2]": 2}


def test_where_a_product_stands_changes_nothing(desk: Desk) -> None:
    """A base that is made again, and is the same, leaves what stands on it as it is."""
    desk.pipeline(OVERLAID)
    desk.run()
    again = desk.run("--force", "first")
    assert again.outputs == {"seen": [3, 2]}
    assert desk.executed == {"store 1": 1, "overlay 2": 2, "overlay 3": 1, "load_whole [3, 2]": 1}


OURS = ("WorkerDied", "TimedOut", "InterruptedInPlace", "QaFailed", "NotConverged", "Stopped")


def test_a_users_exception_may_be_called_as_ours_are(desk: Desk) -> None:
    """What changes data in place and raised an exception of its own is made again by `resume`,
    whatever that is called and whatever texts it gives: only the engine knows what it interrupted.
    """
    desk.pipeline(
        f"""
stages:
  a:
    for_each: {{name: [{", ".join(OURS)}]}}
    min_success: 0
    run: trouble
    with: {{name: "${{{{ each.name }}}}"}}
    on_error: continue
  b: {{run: trouble, with: {{name: Diverged}}, needs: [a]}}
"""
    )
    desk.directory.joinpath("own.py").write_text(
        f"""
import sys; sys.path.insert(0, {str(WORKLOADS.parent)!r})
from counted_workloads import Value, count
from radps_dag.workloads import workload

@workload(mutates=True)
def trouble(name: str) -> Value:
    \"\"\"Raise an exception of that name, the first time.\"\"\"
    if count(name) == 1:
        raise type(name, (Exception,), {{}})('"error":"InterruptedInPlace"')
    return {{"value": '"error":"WorkerDied","ending":"interrupted"'}}
"""
    )
    options = ("--workloads", "own.py")
    assert desk.run(*options).code == 1
    assert desk.resume(*options).code == 0
    assert desk.executed == dict.fromkeys([*OURS, "Diverged"], 2)


def test_code_that_changed(desk: Desk) -> None:
    """A workload runs again when its code or that of a function it calls has changed, and another
    one of the same file does not."""
    desk.pipeline("stages: {a: {run: one}, b: {run: two}}")
    text = """
from counted_workloads import Value, count
from radps_dag.workloads import workload

def helper() -> str:
    return "HELP"

@workload
def one() -> Value:
    \"\"\"One.\"\"\"
    count("one")
    return {"value": helper()}

@workload
def two() -> Value:
    \"\"\"Two.\"\"\"
    count("two")
    return {"value": 2}
"""
    desk.directory.joinpath("own.py").write_text(
        f"import sys; sys.path.insert(0, {str(WORKLOADS.parent)!r})\n{text}"
    )
    options = ("run", "p.yaml", "--no-prefect", "--workloads", "own.py", "--quiet")
    for word in ("first", "first", "second"):
        own = desk.directory / "own.py"
        own.write_text(own.read_text().replace("HELP", "first").replace("first", word))
        assert desk.apart(*options) == 0
    assert desk.executed == {"one": 2, "two": 1}


TROUBLE = """
params: {n: {type: integer, default: 1}}
stages:
  a: {run: give, with: {value: "${{ params.n }}", name: a}}
  each:
    for_each: {i: [1, 2, 3]}
    run: give
    with: {value: ["${{ each.i }}", "${{ stages.a.value }}"], name: each}
  solve:
    loop:
      max_iterations: 5
      state: {x: {init: "${{ stages.a.value }}", next: "${{ steps.step.value + 1 }}"}}
      until: ${{ steps.step.value >= 3 }}
    steps: {step: {run: give, with: {value: "${{ state.x }}", name: step}}}
    outputs: {x: "${{ steps.step.value }}"}
  b: {run: WORK, needs: [each, solve], with: {value: 7, name: b}}
  c: {run: give, with: {value: ["${{ stages.b.value }}", "${{ stages.solve.x }}"], name: c}}
outputs: {c: "${{ stages.c.value }}", each: "${{ stages.each.value }}"}
"""
DONE_BEFORE = {"a 1": 1, "each [1, 1]": 1, "each [2, 1]": 1, "each [3, 1]": 1} | {
    f"step {x}": 1 for x in (1, 2, 3)
}


def test_a_killed_run_goes_on(desk: Desk) -> None:
    """After a kill -9 nothing that was done is done again, and the result is the same."""
    desk.pipeline(TROUBLE.replace("WORK", "die_once"))
    options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
    assert desk.apart("run", "p.yaml", *options) == -9
    assert desk.executed == DONE_BEFORE | {"b 7": 1}
    told = desk.resume()
    assert told.outputs == {"c": [7, 3], "each": [[1, 1], [2, 1], [3, 1]]}
    assert desk.executed == DONE_BEFORE | {"b 7": 2, "c [7, 3]": 1}
    run = told.facts[0]["run"]
    assert told.facts[0]["generation"] == 2
    assert told.origins["a"] == told.origins["each[i=2]"] == told.origins["solve#2/step"] == run
    assert told.origins["c"] == ""
    # And once more: all is there.
    assert desk.resume().outputs == told.outputs
    assert sum(desk.executed.values()) == len(DONE_BEFORE) + 3


def test_a_failed_node_that_has_been_repaired(desk: Desk) -> None:
    """A run that failed goes on from there; until it is repaired, it fails again, exit code 1."""
    text = TROUBLE.replace("run: WORK", "run: need").replace("value: 7,", "value: 7, file: there,")
    desk.pipeline(text)
    assert desk.run().code == 1
    assert desk.resume().code == 1
    (desk.directory / "there").touch()
    assert desk.resume().outputs["c"] == [7, 3]
    assert desk.executed == DONE_BEFORE | {"b 7": 3, "c [7, 3]": 1}


def test_resume_with_another_param(desk: Desk) -> None:
    """What depends on it runs again, the rest does not; what that is, is said beforehand."""
    desk.pipeline(CHAIN)
    desk.run()
    told = desk.resume("-p", "m=5")
    assert told.outputs["c"] == [1, 5]
    assert "param 'm' was 1, is 5" in told.err
    assert "c  input 'value' changed" in told.err
    assert desk.executed == {"a 1": 1, "b 1": 1, "c [1, 1]": 1, "c [1, 5]": 1, "d": 1}
    assert desk.resume().outputs["c"] == [1, 5]


def test_a_param_with_which_a_stage_would_fail(desk: Desk) -> None:
    """It is refused before anything of the run is touched, which goes on as it was."""
    desk.pipeline(CHAIN.replace('["${{ stages.b', '["${{ 1 // params.m }}", "${{ stages.b'))
    assert desk.run().code == 0
    refused = desk.resume("-p", "m=0")
    assert refused.code == 2
    assert "p.yaml:" in refused.err
    assert "division by zero (params.m is 0) [param-value]" in refused.err
    assert desk.resume().outputs["c"] == [1, 1, 1]


def test_a_file_edited_since(desk: Desk) -> None:
    """Resume goes on with the new file, and says what that invalidates."""
    text = TROUBLE.replace("WORK", "die_once")
    desk.pipeline(text)
    options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
    assert desk.apart("run", "p.yaml", *options) == -9
    desk.pipeline(text.replace("[1, 2, 3]", "[1, 2, 4]").replace("+ 1", "+ 2"))
    told = desk.resume()
    assert told.outputs == {"c": [7, 3], "each": [[1, 1], [2, 1], [4, 1]]}
    assert "p.yaml is edited since" in told.err
    assert "solve#2/step  input 'value' changed from 2 to 3" in told.err
    assert desk.executed["step 3"] == 2
    assert desk.executed["each [4, 1]"] == 1
    assert desk.executed["each [1, 1]"] == 1
    desk.pipeline("stages: {a: {run: nothing}}")
    told = desk.resume()
    assert told.code == 2
    assert "[unknown-workload]" in told.err


def test_bad_quality_goes_on_too(desk: Desk) -> None:
    """A call that failed for its score is not made again; a new threshold is enough."""
    desk.pipeline("""
params: {limit: {type: number, default: 0.9}}
stages:
  a:
    run: give
    with: {value: 0.5, name: a}
    qa:
      metrics: {value: {score: "${{ outputs.value }}"}}
      alert_below: ${{ params.limit }}
      on_alert: fail
  b: {run: give, with: {value: "${{ stages.a.value }}", name: b}}
""")
    assert desk.run().code == 1
    assert desk.resume("-p", "limit=0.4").code == 0
    assert desk.executed == {"a 0.5": 1, "b 0.5": 1}


def test_a_group_that_is_tried_again_is_made_again(desk: Desk) -> None:
    """A further attempt of a group uses nothing of the one before, nor of the run before."""
    desk.pipeline("""
stages:
  g:
    retries: {max: 2}
    steps:
      x: {run: give, with: {value: 1, name: x}}
      y: {run: fail_until, needs: [x], with: {times: 1, name: y}}
""")
    assert desk.run().code == 0
    assert desk.executed == {"x 1": 2, "y null": 2}
    assert desk.run().code == 0
    assert desk.executed == {"x 1": 2, "y null": 2}


def test_what_changes_data_in_place(desk: Desk) -> None:
    """Such a call that was interrupted is not repeated blindly; a person can say that it may."""
    desk.pipeline("stages: {a: {run: die_in_place}, b: {run: give, with: {value: 1}}}")
    options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
    assert desk.apart("run", "p.yaml", *options) == -9
    told = desk.resume()
    assert told.code == 1
    failed = next(fact for fact in told.facts if fact["fact"] == "node_failed")
    assert failed["error"] == "InterruptedInPlace"
    assert "--force 'a'" in failed["message"]
    assert desk.executed["in place"] == 1
    assert desk.resume("--force", "a").code == 0
    assert desk.executed["in place"] == 2
    assert desk.run().code == 0
    assert desk.executed["in place"] == 3


def test_the_file_is_gone(desk: Desk) -> None:
    """The text that the run has recorded serves, and that is said."""
    desk.pipeline(TROUBLE.replace("WORK", "need").replace("value: 7,", "value: 7, file: there,"))
    assert desk.run().code == 1
    (desk.directory / "p.yaml").unlink()
    (desk.directory / "there").touch()
    told = desk.resume()
    assert told.outputs["c"] == [7, 3]
    assert "p.yaml is gone; using the text that the run has recorded" in told.err
    assert "edited" not in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "no run 'nonsense' in this workspace; there is 20"),
        (("-p", "x=1"), "unknown param 'x'"),
        (("--file", "other.yaml"), "no such file: 'other.yaml'"),
    ],
)
def test_what_cannot_be_resumed(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    """One line, exit code 2."""
    desk.pipeline(CHAIN)
    desk.run()
    told = desk.resume(*arguments)
    assert (told.code, told.out) == (2, "")
    assert message in told.err


def test_nothing_to_resume(desk: Desk) -> None:
    """A workspace without runs says so, and how to make one."""
    told = desk.resume()
    assert told.code == 2
    assert "no run is there yet" in told.err


def test_plan_says_why(desk: Desk) -> None:
    """For each node run, reuse or skip, and the reason; nothing is executed or made."""
    desk.pipeline(TROUBLE.replace("WORK", "give"))
    assert {verdict for verdict, _ in desk.plan().values()} == {"run"}
    assert not (desk.directory / ".radps").exists()
    first = desk.run().facts[0]["run"]
    before = desk.executed
    assert {verdict for verdict, _ in desk.plan().values()} == {"reuse"}
    assert desk.plan()["a"] == ("reuse", first)
    plan = desk.plan("-p", "n=2")
    assert plan["a"] == ("run", "input 'value' changed from 1 to 2")
    assert plan["each[i=1]"] == ("run", "upstream a will run")
    assert plan["solve"][0] == "run"
    assert plan["b"][0] == "reuse"
    assert plan["c"] == ("run", "upstream solve will run")
    assert desk.plan("--force", "b")["b"] == ("run", "forced")
    assert desk.plan("--no-reuse")["a"] == ("run", "reuse is off")
    assert desk.executed == before
    lines = desk.command("plan", "p.yaml", "--workloads", str(WORKLOADS), "-p", "n=2").out
    assert "input 'value' changed from 1 to 2" in lines
    assert lines.splitlines()[-1] == "6 to run, 1 to reuse, 0 to skip"


def test_a_pattern_that_matches_nothing_is_refused(desk: Desk) -> None:
    """Of run, plan and resume alike, before anything runs: exit code 2, with the likely fix."""
    desk.pipeline(TROUBLE.replace("WORK", "give"))
    desk.run()
    before = desk.executed
    modules = ("--workloads", str(WORKLOADS))
    for words in (("run", "p.yaml", *modules), ("plan", "p.yaml", *modules), ("resume",)):
        told = desk.command(*words, "--force", "sovle")
        assert told.code == 2, told.err
        assert "--force: no node of p is at 'sovle'; did you mean 'solve" in told.err
        assert desk.command(*words, "--force", "each[i=99]").code == 2
    assert desk.executed == before
    assert len(list(desk.directory.glob(".radps/runs/*"))) == 1


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_plan_holds(desk: Desk, executor: str) -> None:
    """What a plan says that it reuses, the run that follows reuses, and what it skips it skips."""
    desk.pipeline(TROUBLE.replace("WORK", "give"))
    desk.run("--executor", executor)
    plan = desk.plan("-p", "n=2")
    told = desk.run("-p", "n=2", "--executor", executor)
    reused = {place for place, origin in told.origins.items() if origin}
    assert {place for place, (verdict, _) in plan.items() if verdict == "reuse"} <= reused | {
        "each",
        "solve",
    }


ASKS = """
stages:
  refine:
    loop:
      max_iterations: 1
      state: {x: {init: 0, next: "${{ steps.after.value }}"}}
      until: steps.after.value == none
      on_exhausted: pause
    steps:
      work: {run: give, with: {value: "${{ state.x }}", name: work}}
      review:
        pause:
          message: Look at ${{ steps.work.value }}.
          input: {add: {type: integer, default: 1}}
      after: {run: give, with: {value: "${{ state.x + steps.review.add }}", name: after}}
    outputs: {value: "${{ steps.after.value }}"}
  last: {run: give, with: {value: "${{ stages.refine.value }}", name: last}}
outputs: {last: "${{ stages.last.value }}"}
"""


def test_answered_questions_are_known_to_the_plan_of_a_resume(desk: Desk) -> None:
    """What stands on an answer that the journal has is not said to run again, in the steps of a
    loop, in further iterations that a person has asked for, and after it."""
    desk.pipeline(ASKS)
    aside = ("--no-prefect", "--detach-on-pause")
    assert desk.run("--detach-on-pause").code == 3
    for place, *values in (
        ("refine#1/review", "add=5"),
        ("refine", "action=iterate", "iterations=1"),
        ("refine#2/review", "add=2"),
    ):
        inputs = [word for value in values for word in ("-i", value)]
        assert desk.command("answer", "last", place, *inputs).code == 0
        told = desk.resume(*aside)
        assert told.code == 3, told.err
        assert "after" not in told.err
        assert "work" not in told.err
    assert desk.command("answer", "last", "refine", "-i", "action=accept").code == 0
    assert desk.resume(*aside).outputs == {"last": 7}
    again = desk.resume(*aside)
    assert again.outputs == {"last": 7}
    assert "run" not in again.err
    assert set(desk.executed.values()) == {1}


FAILS = """
stages:
  numbers: {run: give, with: {value: [1, 2], name: numbers}}
  group:
    steps: {work: {run: give, with: {value: [1], name: work}}}
    outputs: {value: "${{ steps.work.value[1] }}"}
    on_error: continue
  loop:
    for_each: {n: "${{ stages.numbers.value }}"}
    loop: {max_iterations: 2, until: "outputs.value > 9"}
    run: give
    with: {value: "${{ each.n }}", name: loop}
    on_error: continue
"""


def test_a_plan_names_a_node_once(desk: Desk) -> None:
    """What would fail when its parts are known has one line, which says so; so has a loop that
    has reached its cap."""
    desk.pipeline(FAILS)
    assert desk.run().code == 0
    told = desk.command("plan", "p.yaml", "--json", "--workloads", str(WORKLOADS))
    planned = json.loads(told.out)
    places = [one["place"] for one in planned]
    assert sorted(places) == sorted(set(places))
    why = {one["place"]: (one["verdict"], one["why"]) for one in planned}
    assert why["group"][0] == "run"
    assert why["group"][1].startswith("it would fail: steps.work.value has 1 items, and no [1]")
    assert why["loop[n=1]"] == ("run", "it would fail: not converged after 2 iterations")
    assert why["loop[n=1]#2"][0] == "reuse"


def test_an_executor_that_is_not_there_any_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that another version computed elsewhere is resumed there, or where its user says."""
    desk.pipeline(CHAIN)
    desk.run()
    monkeypatch.setattr(
        run_status,
        "last_start",
        lambda *of, original=run_status.last_start: replace(original(*of), executor="procceses"),
    )
    told = desk.resume()
    assert told.code == 2
    assert "--executor takes another" in told.err
    assert "not 'procceses'; did you mean 'processes'?" in told.err
    assert desk.resume("--executor", "threads").code == 0


def test_a_resumed_run_took_what_all_its_processes_took(desk: Desk) -> None:
    """`runs`, `show` and the summary count all processes that drove a run; one that was killed
    until the last thing that it did."""
    desk.pipeline(
        """
stages:
  first: {run: give, with: {value: 1}}
  dies: {run: die_once, needs: [first]}
  fails: {run: need, needs: [dies], with: {file: there}}
"""
    )
    modules = ("--workloads", str(WORKLOADS))
    assert desk.apart("run", "p.yaml", "--no-prefect", "--quiet", *modules) != 0
    failed = desk.resume()
    assert failed.code == 1, failed.err
    killed = failed.facts[0]["spent"]
    assert killed > 0
    (desk.directory / "there").touch()
    done = desk.resume()
    assert done.code == 0, done.err
    before = killed + failed.facts[-1]["seconds"]
    assert done.facts[0]["spent"] == pytest.approx(before)
    (listed,) = json.loads(desk.command("runs", "--json").out)
    whole = before + done.facts[-1]["seconds"]
    assert listed["seconds"] == pytest.approx(whole)
    status = json.loads(desk.command("status", "--json").out)
    assert status["seconds"] == pytest.approx(whole)
