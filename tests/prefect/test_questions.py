"""Questions on Prefect's page: paused with a form, answered there or elsewhere, once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from asking_support import Page, going
from browser_support import CHROMIUM, browser
from run_support import until, write

from radps_dag.prefect import server
from radps_dag.prefect.server import ServerAddress

NASTY = (
    "<b>good</b> **bold** [x](javascript:alert(1)) http://a.example <img src=http://a.example/i>"
)

ASK = f"""
stages:
  work: {{run: give, with: {{value: 3}}}}
  review:
    needs: [work]
    steps:
      look:
        pause:
          message: "Is ${{{{ stages.work.value }}}} {NASTY}"
          show: ["rms 3.2 mJy ``` {NASTY}", "${{{{ stages.work }}}}"]
          input:
            niter: {{type: integer, minimum: 1, default: 100, description: "how <i>many</i>"}}
            action: {{enum: [continue, stop], default: continue}}
            gain: {{type: number, default: 0.1}}
    outputs: {{niter: "${{{{ steps.look.niter }}}}", action: "${{{{ steps.look.action }}}}"}}
  clean: {{run: give, with: {{value: "${{{{ stages.review.niter }}}}"}}}}
outputs: {{value: "${{{{ stages.clean.value }}}}", action: "${{{{ stages.review.action }}}}"}}
"""

TWO = """
stages:
  first: {pause: {message: one?, input: {a: {type: integer}}}}
  second: {pause: {message: two?, input: {b: {type: integer}}}}
outputs: {a: "${{ stages.first.a }}", b: "${{ stages.second.b }}"}
"""


BUSY = """
stages:
  look: {pause: {message: ready?}}
  wait: {run: nap, with: {seconds: 2}}
  late: {needs: [wait], steps: {one: {run: give}}}
"""

REFUSING = """
import asyncio
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Running
from radps_dag.prefect.contact import Contact
from radps_dag.prefect.prompts import PrefectPrompts
from radps_dag.questions import Question, WrongAnswer

async def offer(values, by, via):
    if values["n"] == 1:
        print("refused", flush=True)
        raise WrongAnswer("one is not enough")
    print("taken", values, via, flush=True)

async def main():
    async with get_client() as client:
        made = await client.create_flow_run(flow(lambda: None, name="asks"), state=Running())
    print(made.id, flush=True)
    desk = PrefectPrompts(Contact())
    desk.begin(str(made.id))
    question = Question("r", "here", "0" * 32, "how many?", {"n": {"type": "integer"}})
    await desk.show(question, offer)

asyncio.run(main())
"""

LEAVING = REFUSING.replace(
    "await desk.show(question, offer)",
    """asked = [asyncio.create_task(desk.show(question, offer)) for _ in range(2)]
    await asyncio.sleep(0)
    desk.detached = True
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)""",
)


@pytest.fixture
def page(prefect_server: ServerAddress) -> Page:
    return Page(prefect_server)


def test_answered_there(page: Page, tmp_path: Path) -> None:
    """The run alone is paused, with the fields of the question; what is filled in goes on."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        state = page.paused(run.flow_run)
        assert state["state_details"]["pause_timeout"] is None
        assert state["message"].startswith("review/look: Is 3 ")
        form = page.form(run.flow_run)
        assert form["properties"]["action"]["enum"] == ["continue", "stop"]
        assert form["properties"]["niter"]["default"] == 100
        assert form["required"] == []
        assert {one["state_type"] for one in page.inside(run.flow_run)} == {"RUNNING"}
        assert page.resume(run.flow_run, niter=7, by="night shift")["status"] == "ACCEPT"
        assert run.end()["outputs"] == {"value": 7, "action": "continue"}
        answered = run.wait("question_answered")
        assert (answered["via"], answered["by"]) == ("prefect", "night shift")
        assert answered["values"] == {"niter": 7, "action": "continue", "gain": 0.1}
        assert page.state(run.flow_run)[0] == "COMPLETED"


def test_a_wrong_answer_changes_nothing(page: Page, tmp_path: Path) -> None:
    """What does not fit is refused with the reason, and the question stays open."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        for wrong in ({"niter": 0}, {"niter": "many"}, {"action": "wait"}, {"nitre": 3}):
            said = page.resume(run.flow_run, **wrong)
            assert said["status"] == "REJECT"
            assert next(iter(wrong.values())) is not None and said["details"]["reason"]
            assert page.state(run.flow_run)[0] == "PAUSED"
        page.resume(run.flow_run)  # nothing filled in: the defaults
        assert run.end()["outputs"] == {"value": 100, "action": "continue"}


def test_what_only_we_refuse_is_asked_again(
    page: Page, prefect_server: ServerAddress, tmp_path: Path
) -> None:
    """An answer that Prefect's server takes and the question does not is not an answer: the page
    has the form again, with the reason."""
    script = tmp_path / "asks.py"
    script.write_text(REFUSING)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **server.client_environment(prefect_server)},
    ) as asking:
        assert asking.stdout is not None
        flow_run = asking.stdout.readline().strip()
        page.paused(flow_run)
        page.resume(flow_run, n=1)
        assert "refused" in asking.stdout.readline()

        def again() -> bool:
            return page.state(flow_run)[0] == "PAUSED"

        assert until(again)
        assert "nothing has changed:** one is not enough" in page.form(flow_run, "description")
        page.resume(flow_run, n=2)
        assert asking.stdout.readline() == "taken {'n': 2} prefect\n"
        assert asking.wait() == 0
        assert page.state(flow_run)[0] == "RUNNING"


def test_nothing_in_the_words_is_markup(page: Page, tmp_path: Path) -> None:
    """A message, evidence and descriptions are shown as they are, whatever they hold."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        words = page.form(run.flow_run, "description")
        assert r"Is 3 \<b\>good\</b\> \*\*bold\*\* \[x\](javascript:alert(1)) http\://a" in words
        fence = next(line for line in words.splitlines() if line.startswith("````"))
        assert fence == "````text"  # longer than the fence in the evidence
        niter = page.form(run.flow_run)["properties"]["niter"]
        assert niter["description"] == r"how \<i\>many\</i\>"
        page.resume(run.flow_run)
        assert run.end()["status"] == "succeeded"


def test_answered_elsewhere(page: Page, tmp_path: Path) -> None:
    """When somebody else answers, the flow run goes on, and ends as the run does."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        answered = run.command("answer", "-i", "niter=9")
        assert answered.returncode == 0, answered.stderr
        assert run.end()["outputs"]["value"] == 9
        assert page.state(run.flow_run) == ("COMPLETED", "Completed")
        late = page.resume(run.flow_run, niter=3)
        assert late["status"] == "ABORT"


def test_what_else_there_is_goes_on(page: Page, tmp_path: Path) -> None:
    """While the run is paused on the page, groups and calls elsewhere begin and end, and are shown
    as they are."""
    file = write(tmp_path / "busy.yaml", BUSY)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)

        def ended() -> bool:
            return any(one["place"] == "late" for one in run.of("node_succeeded"))

        assert until(ended)
        assert page.state(run.flow_run)[0] == "PAUSED"
        # The state of a stage is told beside what follows it.
        shown = [(f"late · {run.run}", "COMPLETED")]
        assert until(
            lambda: [(one["name"], one["state_type"]) for one in page.inside(run.flow_run)] == shown
        )
        page.resume(run.flow_run)
        assert run.end()["status"] == "succeeded"
        assert page.state(run.flow_run)[0] == "COMPLETED"


def test_two_questions_one_after_another(page: Page, tmp_path: Path) -> None:
    """Of several open questions the page shows one at a time, and says how many wait."""
    file = write(tmp_path / "two.yaml", TWO)
    with going("run", str(file), folder=tmp_path) as run:
        run.wait("question_asked", 2)
        place = page.paused(run.flow_run)["message"].partition(":")[0]
        # The other one may have been asked after the form was made.
        assert place in page.form(run.flow_run, "description")
        field, other, rest = ("a", "second", "b") if place == "first" else ("b", "first", "a")
        assert page.form(run.flow_run)["required"] == [field]
        page.resume(run.flow_run, **{field: 1})
        page.paused(run.flow_run, at=other)
        page.resume(run.flow_run, **{rest: 2})
        assert run.end()["outputs"] == {field: 1, rest: 2}


def test_two_answers_at_once(page: Page, tmp_path: Path) -> None:
    """Of two who answer at the same moment one wins, and the run goes on with that answer."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        command = threading.Thread(target=run.command, args=("answer", "-i", "niter=5"))
        command.start()
        page.resume(run.flow_run, niter=6)
        command.join()
        value = run.end()["outputs"]["value"]
        answers = run.of("question_answered")
        assert [one["values"]["niter"] for one in answers] == [value]
        assert {5: "command", 6: "prefect"}[value] == answers[0]["via"]


def test_left_and_resumed(page: Page, tmp_path: Path) -> None:
    """A run that ended with a question open stays paused on the page; what is answered there is
    what a later process goes on with, and then the old flow run says where it went on."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), "--detach-on-pause", folder=tmp_path) as run:
        assert run.end()["status"] == "paused"
        page.paused(run.flow_run)
        other = going(
            "run",
            str(write(tmp_path / "other.yaml", "stages: {one: {run: give}}")),
            folder=tmp_path,
        )
        with other as another:
            assert another.end()["status"] == "succeeded"
        page.paused(run.flow_run)  # a run of something else has left it alone
        page.resume(run.flow_run, niter=11)
        with going("resume", run.run, folder=tmp_path) as later:
            assert later.end()["outputs"]["value"] == 11
            assert later.wait("question_answered")["via"] == "prefect"
            assert page.state(later.flow_run)[0] == "COMPLETED"
        assert page.state(run.flow_run) == ("CANCELLED", "Resumed")


def test_killed_while_paused(page: Page, tmp_path: Path) -> None:
    """A run that was killed while it waited asks again when it is resumed, and can be answered."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        run.kill()
        with going("resume", run.run, folder=tmp_path) as later:
            page.paused(later.flow_run)
            assert page.state(run.flow_run)[0] == "CRASHED"
            page.resume(later.flow_run, niter=12)
            assert later.end()["outputs"]["value"] == 12
            again = {one["question"] for one in later.of("question_asked")}
            assert again <= {run.wait("question_asked")["question"]}  # it is the same question


def test_answered_when_it_was_killed(page: Page, tmp_path: Path) -> None:
    """What was answered on the page of a run that had been killed counts when it is resumed, also
    where all of it are the defaults."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        run.kill()
        page.resume(run.flow_run)
        with going("resume", run.run, folder=tmp_path) as later:
            assert later.end()["outputs"]["value"] == 100
            assert later.wait("question_answered")["via"] == "prefect"
        assert page.state(run.flow_run)[0] == "CRASHED"


def test_left_before_it_was_shown(
    page: Page, prefect_server: ServerAddress, tmp_path: Path
) -> None:
    """A process that leaves before the page could show the question leaves it there all the same:
    of two, one."""
    script = tmp_path / "leaves.py"
    script.write_text(LEAVING)
    left = subprocess.run(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **server.client_environment(prefect_server)},
        check=True,
    )
    flow_run = left.stdout.strip()
    assert page.flow_run(flow_run)["state"]["type"] == "PAUSED"
    assert page.form(flow_run)["required"] == ["n"]


def test_interrupted_while_paused(page: Page, tmp_path: Path) -> None:
    """A run that is interrupted while it waits is not left paused."""
    file = write(tmp_path / "ask.yaml", ASK)
    with going("run", str(file), folder=tmp_path) as run:
        page.paused(run.flow_run)
        run.process.send_signal(2)
        assert run.end()["status"] == "interrupted"
        assert page.state(run.flow_run) == ("CRASHED", "Interrupted")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_in_a_browser(page: Page, prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A person opens the address that the run printed, in a browser that was never there, presses
    Resume, reads the question, fills in the form, submits."""
    file = write(tmp_path / "ask.yaml", ASK)
    with (
        going("run", str(file), folder=tmp_path) as run,
        browser(tmp_path / "profile") as tab,
    ):
        page.paused(run.flow_run)
        tab.open(run.page)
        tab.press("Resume")
        # What let the browser in is not in the address any more, and so in nobody's.
        assert tab.run("location.href") == f"{prefect_server.ui_url}/runs/flow-run/{run.flow_run}"
        tab.wait_for(f"Is 3 {NASTY}")
        tab.wait_for("how <i>many</i>")
        dialogue = "document.querySelector('.p-modal')"
        assert tab.run(f"{dialogue}.querySelectorAll('article a, article img').length") == 0
        tab.fill("niter", "42")
        tab.press("Submit")
        assert run.end()["outputs"] == {"value": 42, "action": "continue"}
        tab.wait_for("Completed")
