"""Data that workloads change in place: whatever depends on it is made again, and nothing else."""

from __future__ import annotations

import pytest
from resume_support import WORKLOADS, Desk, desk

__all__ = ["desk"]  # a fixture

PRODUCT = "make: {run: store, with: {content: 1000000, name: make}}"
PATH = "make: {run: store_path, with: {content: 1000000, name: make}}"
MADE = {PRODUCT: "${{ stages.make.product }}", PATH: "${{ stages.make.value }}"}


def pipeline(make: str, *, by_needs: bool = False, more: str = "", flag: str = "") -> str:
    """Data made, flagged in place, and measured."""
    seen = f'"{MADE[make]}"' if by_needs else '"${{ stages.flag.value }}"'
    needs = "needs: [flag], " if by_needs else ""
    return f"""
params: {{level: {{type: integer, default: 5}}}}
stages:
  {make}
  before: {{run: measure, with: {{data: "{MADE[make]}", name: before}}}}
  flag:
    run: flag_in_place
    needs: [before]
    with: {{data: "{MADE[make]}", level: "${{{{ params.level }}}}"{flag}}}
  measure: {{run: measure, {needs}with: {{data: {seen}}}}}
  after: {{run: give, with: {{value: "${{{{ stages.measure.value }}}}", name: after}}}}
{more}outputs: {{seen: "${{{{ stages.after.value }}}}", before: "${{{{ stages.before.value }}}}"}}
"""


@pytest.mark.parametrize(
    ("make", "by_needs", "level"),
    [(PRODUCT, False, 7), (PRODUCT, True, 5), (PATH, True, 7), (PATH, False, 5)],
)
def test_what_depends_on_it_runs_again(make: str, by_needs: bool, level: int, desk: Desk) -> None:
    """A later run changes the data anew, so what reads them after is made again, by data or by
    `needs`; what reads them before is not, and the plan has said all that."""
    desk.pipeline(pipeline(make, by_needs=by_needs))
    assert desk.run().outputs == {"seen": "5000000", "before": "1000000"}
    plan = desk.plan("-p", f"level={level}")
    assert {place: verdict for place, (verdict, _) in plan.items()} == {
        "make": "run",
        "before": "run",
        "flag": "run",
        "measure": "run",
        "after": "run",
    }
    assert "was changed in place since, by flag of run" in plan["make"][1]
    again = desk.run("-p", f"level={level}")
    assert again.outputs == {"seen": f"{level}000000", "before": "1000000"}
    assert desk.executed[f'after "{level}000000"'] == (2 if level == 5 else 1)
    assert desk.executed["make 1000000"] == 2


def test_a_resumed_run_uses_what_it_has_changed(desk: Desk) -> None:
    """What was changed and committed is not changed again, the data before it do not count as
    damaged, and what read them before and after is used again."""
    more = "  last: {run: need, needs: [after], with: {file: there}}\n"
    desk.pipeline(pipeline(PRODUCT, more=more))
    assert desk.run().code == 1
    executed = desk.executed
    (desk.directory / "there").touch()
    resumed = desk.resume()
    assert resumed.outputs["seen"] == "5000000"
    assert "run  " not in resumed.err
    assert desk.executed - executed == {"need null": 1}


def test_what_was_changed_by_another_run(desk: Desk) -> None:
    """A run that stopped before it changed the data, which another run has used and changed
    meanwhile, makes them again when it is resumed, and says why."""
    wait = "  wait: {run: need, with: {file: there}}\n"
    desk.pipeline(pipeline(PRODUCT, more=wait).replace("[before]", "[before, wait]"))
    first = desk.run()
    assert first.code == 1
    (desk.directory / "there").touch()
    assert desk.run("-p", "level=7").outputs["seen"] == "7000000"
    assert desk.executed["make 1000000"] == 1  # the other run has used what the first one made
    resumed = desk.resume(str(first.facts[0]["run"]))
    assert resumed.outputs == {"seen": "5000000", "before": "1000000"}
    assert "was changed in place since, by flag of run" in resumed.err
    assert desk.executed["make 1000000"] == 2


@pytest.mark.command
def test_an_interrupted_change(desk: Desk) -> None:
    """A person who says that it may go on has seen to the data: they are not made again, and what
    follows is."""
    desk.pipeline(pipeline(PRODUCT, flag=", die: true"))
    options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
    assert desk.apart("run", "p.yaml", *options) == -9
    told = desk.resume()
    assert told.code == 1
    assert "InterruptedInPlace" in told.out
    assert desk.resume("--force", "flag").outputs["seen"] == "5000000"
    assert desk.executed["make 1000000"] == desk.executed["before 1000000"] == 1
    assert desk.executed["flag 5"] == 2


def test_a_change_that_failed(desk: Desk) -> None:
    """Data in which a call may have stopped midway are made again; what read them before is not."""
    desk.pipeline(pipeline(PRODUCT, flag=", need: there"))
    assert desk.run().code == 1
    (desk.directory / "there").touch()
    assert desk.resume("-p", "level=77").outputs == {"seen": "7700000", "before": "1000000"}
    assert desk.executed["make 1000000"] == 2
    assert desk.executed["before 1000000"] == 1


def test_data_that_somebody_else_has_changed(desk: Desk) -> None:
    """In a resumed run the data must be as its own calls left them; else all is made again."""
    more = "  last: {run: need, needs: [after], with: {file: there}}\n"
    desk.pipeline(pipeline(PRODUCT, more=more))
    assert desk.run().code == 1
    (data,) = desk.directory.glob(".radps/runs/*/products/make/*")
    data.write_text("9999999")
    (desk.directory / "there").touch()
    resumed = desk.resume()
    assert resumed.outputs == {"seen": "5000000", "before": "1000000"}
    assert desk.executed["flag 5"] == desk.executed["make 1000000"] == 2


TWICE = """
params: {n: {type: integer, default: 1}}
stages:
  make: {run: store, with: {content: 1000000, name: make}}
  one: {run: flag_in_place, with: {data: "${{ stages.make.product }}", level: 1, name: one}}
  two:
    run: flag_in_place
    with: {data: "${{ stages.one.value }}", level: "2${{ params.n }}", name: two}
  measure: {run: measure, with: {data: "${{ stages.two.value }}"}}
outputs: {seen: "${{ stages.measure.value }}"}
"""


@pytest.mark.parametrize("how", ["run", "resume"])
def test_the_second_of_two_changes(how: str, desk: Desk) -> None:
    """What one changes after another is changed again by both: the data are made anew, for a change
    cannot be taken back."""
    desk.pipeline(TWICE)
    assert desk.run().outputs == {"seen": "2100000"}
    again = (desk.run if how == "run" else desk.resume)("-p", "n=3")
    assert again.outputs == {"seen": "2300000"}
    assert desk.executed["make 1000000"] == desk.executed["one 1"] == 2
    if how == "resume":
        assert "was changed in place by two, which runs again" in again.err


def test_parts_of_a_pipeline(desk: Desk) -> None:
    """A part that runs alone knows which changes were made before it: it reads its data again after
    another part has changed them, and not without that."""
    (desk.directory / "data").write_text("1000000")
    desk.pipeline(f"""
params: {{level: {{type: integer, default: 5}}}}
stages:
  flag:
    run: flag_in_place
    with: {{data: {desk.directory / "data"}, level: "${{{{ params.level }}}}"}}
  measure: {{run: measure, needs: [flag], with: {{data: {desk.directory / "data"}}}}}
outputs: {{seen: "${{{{ stages.measure.value }}}}"}}
""")
    assert desk.run().outputs == {"seen": "5000000"}
    for _ in range(2):  # in doubt once more, for another run has changed the data, and then used
        assert desk.run("--only", "measure").outputs == {"seen": "5000000"}
    assert desk.executed["measure 5000000"] == 2
    desk.run("--only", "flag", "-p", "level=7")
    why = f"{desk.directory / 'data'} was changed in place since"
    assert desk.plan("--only", "measure")["measure"] == ("run", why)
    assert desk.run("--only", "measure").outputs == {"seen": "7000000"}


def test_why_such_a_call_runs(desk: Desk) -> None:
    """The plan names what is true: not a fault, where none is asked for."""
    (desk.directory / "data").write_text("1000000")
    data = desk.directory / "data"
    desk.pipeline(f"stages: {{flag: {{run: flag_in_place, with: {{data: {data}, level: 5}}}}}}")
    desk.run()
    assert desk.plan()["flag"] == ("run", "it changes data in place")
    assert desk.plan("--no-reuse")["flag"] == ("run", "reuse is off")
    assert desk.plan("--force", "flag")["flag"] == ("run", "forced")


def test_a_path_that_an_earlier_run_has_changed(desk: Desk) -> None:
    """A text counts as a text, but not one that names data which another run has changed in
    place: the result of before that is not used."""
    data = desk.directory / "data"
    data.write_text("1000000")
    desk.pipeline(f"""
params: {{flag: {{type: boolean, default: false}}}}
stages:
  flag: {{run: flag_in_place, when: "${{{{ params.flag }}}}", with: {{data: {data}, level: 5}}}}
  measure: {{run: measure, needs: [flag], with: {{data: {data}}}}}
outputs: {{seen: "${{{{ stages.measure.value }}}}"}}
""")
    assert desk.run().outputs == {"seen": "1000000"}
    assert desk.run("-p", "flag=true").outputs == {"seen": "5000000"}
    assert desk.plan()["measure"] == ("run", f"{data} was changed in place since")
    assert desk.run().outputs == {"seen": "5000000"}
    assert desk.plan()["measure"][0] == "reuse"


def test_a_group_that_was_tried_again(desk: Desk) -> None:
    """A resumed run goes on from the change of the attempt that counts."""
    desk.pipeline("""
stages:
  make: {run: store, with: {content: 1000000, name: make}}
  group:
    retries: {max: 2}
    steps:
      flag: {run: flag_in_place, with: {data: "${{ stages.make.product }}", level: 5}}
      once: {run: fail_until, needs: [flag], with: {times: 1}}
    outputs: {data: "${{ steps.flag.value }}"}
  measure: {run: measure, with: {data: "${{ stages.group.data }}"}}
  last: {run: need, needs: [measure], with: {file: there}}
""")
    assert desk.run().code == 1
    executed = desk.executed
    (desk.directory / "there").touch()
    assert desk.resume().code == 0
    assert desk.executed - executed == {"need null": 1}
