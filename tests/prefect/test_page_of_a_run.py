"""What Prefect's page shows of a run: names, tags, failures, attempts, scores, every task run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from run_support import WORKLOADS, Api, Ran, Record, record_of, run, write

from radps_dag.prefect.server import ServerAddress

SCORED = """
version: 1
name: shown
params:
  imaging: {enum: [cube, cont], default: cube}
stages:
  image_cube:
    description: Clean each spw
    tags: [imaging]
    steps:
      clean:
        for_each: {spw: [0, 2]}
        loop:
          max_iterations: 3
          until: ${{ steps.major_cycle.value >= 3 }}
        steps:
          major_cycle:
            tags: [heavy]
            run: give
            with: {value: "${{ loop.index }}"}
        outputs: {value: "${{ steps.major_cycle.value }}"}
        qa:
          metrics:
            depth:
              score: ${{ outputs.value / (4 - each.index) }}
              applies_to: spw ${{ each.spw }}
              reason: deep
          warn_below: 0.9
          alert_below: 0.5
  flag: {run: give, retries: {max: 2, delay: 10ms}}
  tolerated:
    on_error: continue
    steps:
      bad: {run: fail, with: {message: "100 % <broken>"}}
  skipped:
    when: ${{ params.imaging == 'cont' }}
    steps:
      never: {run: give}
  bad:
    needs: [image_cube, flag, tolerated]
    steps:
      inner:
        steps:
          call: {run: fail, with: {message: no beam}, retries: {max: 1, delay: 10ms}}
"""

DRILL = """
version: 1
faults: [{at: flag, attempts: 2, exception: ConnectionError, message: gone}]
"""


@pytest.fixture(scope="module")
def ran(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    directory = tmp_path_factory.mktemp("shown")
    (directory / "drill.yaml").write_text(DRILL)
    options = ("--workloads", str(WORKLOADS), "--faults", "drill.yaml")
    done = run(write(directory / "shown.yaml", SCORED), *options, cwd=directory)
    assert done.facts, done.err
    return done


@pytest.fixture(scope="module")
def record(ran: Ran, prefect_server: ServerAddress) -> Record:
    return record_of(ran, prefect_server)


@pytest.fixture(scope="module")
def artifacts(record: Record, prefect_server: ServerAddress) -> list[dict[str, Any]]:
    return Api(prefect_server).artifacts(record)


def test_names_say_where(ran: Ran, record: Record) -> None:
    """A task run's name is its place: stage, step, instance, iteration; that of a flow run has the
    id of the run, by which it is found."""
    run = ran.one("run_started")["run"]
    assert record.flow["name"] == run
    assert record.find("image_cube").flow["name"] == f"image_cube · {run}"
    names = {task["name"] for task in record.all_tasks}
    assert "image_cube / clean[spw=2] #3 / major_cycle" in names
    assert "image_cube / clean[spw=0]" in names
    assert record.flow["parameters"] == {"imaging": "cube"}


def test_stages_are_subflows(record: Record) -> None:
    """What people look for has a page of its own; deeper groups and instances are tasks, with those
    of their steps inside them."""
    assert {one.name for one in record.subflows} == {"image_cube", "tolerated", "bad"}
    assert all(not one.subflows for one in record.subflows)
    stage = record.find("image_cube")
    clean = record.task("image_cube / clean[spw=2]")
    for iteration in (1, 2, 3):
        step = record.task(f"image_cube / clean[spw=2] #{iteration} / major_cycle")
        assert step["flow_run_id"] == stage.flow["id"]
        assert [one["id"] for one in step["task_inputs"]["__parents__"]] == [clean["id"]]


def test_subflows_as_deep_as_asked(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A profile may ask for subflows further down; whatever is deeper is a task."""
    (tmp_path / "radps-dag.toml").write_text("[prefect]\nsubflow_depth = 2\n")
    text = """
        stages:
          outer: {steps: {inner: {steps: {innermost: {steps: {call: {run: give}}}}}}}
        """
    ran = run(write(tmp_path / "deep.yaml", text), "--workloads", str(WORKLOADS), cwd=tmp_path)
    record = record_of(ran, prefect_server)
    assert [one.name for one in record.walk()][1:] == ["outer", "outer / inner"]
    assert {task["name"] for task in record.find("outer / inner").tasks} == {
        "outer / inner / innermost",
        "outer / inner / innermost / call",
    }


def test_tags(record: Record) -> None:
    """Tags are those of the file; a run has those by which one finds it."""
    assert "radps-dag" in record.flow["tags"]
    assert record.find("image_cube").flow["tags"] == ["imaging"]
    assert record.task("image_cube / clean[spw=2] #1 / major_cycle")["tags"] == ["heavy"]
    assert record.task("flag")["tags"] == []


def test_attempts(record: Record) -> None:
    """A task that was tried again counts its attempts, and has the state of the last."""
    flag = record.task("flag")
    assert (flag["state_type"], flag["run_count"]) == ("COMPLETED", 3)
    call = record.task("bad / inner / call")
    assert (call["state_type"], call["run_count"]) == ("FAILED", 2)


def test_a_failure_and_all_around_it(ran: Ran, record: Record) -> None:
    """What failed says why, as does each group around it; the run's message is in the terminal."""
    assert ran.code == 1
    message = "bad/inner/call: ValueError: no beam"
    assert ran.one("run_ended")["message"] == message
    assert record.task("bad / inner / call")["state"]["message"] == message
    assert record.task("bad / inner")["state"]["message"] == message
    for one in (record, record.find("bad")):
        assert (one.state, one.message) == ("FAILED", message)
    assert record.find("image_cube").state == "COMPLETED"


def test_a_tolerated_failure(record: Record) -> None:
    """A failure that the run goes on from is shown all the same, as it was said."""
    tolerated = record.find("tolerated")
    assert (tolerated.state, tolerated.message) == (
        "FAILED",
        "tolerated/bad: ValueError: 100 % <broken>",
    )


def test_a_skipped_group_is_no_flow_run(record: Record) -> None:
    """What did not run is not shown as if it had."""
    assert "skipped" not in {one.name for one in record.walk()}


def test_scores(record: Record, artifacts: list[dict[str, Any]]) -> None:
    """A stage with scores has a table of them and a summary in words, on its own flow run."""
    stage = record.find("image_cube").flow["id"]
    artifacts = [one for one in artifacts if one["flow_run_id"] == stage]
    by_key: Mapping[str, Any] = {one["key"]: one for one in artifacts}
    assert set(by_key) == {"qa-image-cube", "qa-image-cube-summary"}
    assert {one["type"] for one in artifacts} == {"table", "markdown"}
    table = str(by_key["qa-image-cube"]["data"])
    assert "image_cube/clean[spw=2]" in table
    assert "spw 2" in table
    words = by_key["qa-image-cube-summary"]["data"]
    assert "2 scores: 1 good, 1 warn." in words
    assert "**Lowest: 0.75** (depth at `image_cube/clean[spw=0]`)" in words


def test_what_came_of_it(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A run that went on from failures and alerts says how many, and so do the stages in which
    they are; one without says nothing. Resumed, its flow runs belong together by their names."""
    file = write(
        tmp_path / "mixed.yaml",
        """
        stages:
          fan:
            for_each: {i: [0, 1, 2]}
            min_success: 1
            steps:
              bad: {run: fail, when: "${{ each.i > 0 }}", with: {message: no beam}}
          low:
            steps:
              score: {run: give, with: {value: 1}}
            outputs: {value: "${{ steps.score.value }}"}
            qa:
              metrics: {depth: {score: "${{ outputs.value / 10 }}"}}
              alert_below: 0.5
              warn_below: 0.9
              on_alert: continue
          good:
            steps:
              fine: {run: give}
        """,
    )
    ran = run(file, "--workloads", str(WORKLOADS), cwd=tmp_path)
    assert ran.code == 0, ran.err
    record = record_of(ran, prefect_server)
    assert (record.state, record.message) == (
        "COMPLETED",
        "completed; 2 failures were tolerated, 1 QA alert",
    )
    assert record.find("low").message == "completed; 1 QA alert"
    assert record.find("good").flow["state"]["message"] is None
    assert record.find("fan").message == "completed; 2 failures were tolerated"
    assert not record.task("fan[i=0]")["state"]["message"]


def test_a_thousand_tasks(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """Every one of 1,000 task runs is recorded, with its name and its end."""
    file = write(
        tmp_path / "wide.yaml",
        """
        stages:
          wide:
            for_each: {i: "${{ range(1000) }}"}
            run: give
            with: {value: "${{ each.i }}"}
        outputs: {sum: "${{ stages.wide.value | sum }}"}
        """,
    )
    ran = run(file, "--workloads", str(WORKLOADS), cwd=tmp_path)
    assert ran.outputs == {"sum": 499_500}, ran.err
    assert "items remaining" not in ran.err  # what Prefect's senders tell of themselves
    record = record_of(ran, prefect_server)
    assert {task["name"] for task in record.tasks} == {f"wide[i={i}]" for i in range(1000)}
    assert {task["state_type"] for task in record.tasks} == {"COMPLETED"}
