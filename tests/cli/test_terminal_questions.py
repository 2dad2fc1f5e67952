"""Questions in the terminal that runs the pipeline: typed, by default, answered elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from forked import command
from journal_support import facts_of_only_run
from run_support import PIPELINES, PROGRAM, WORKLOADS, write
from terminal_support import Desktop

ONE = """
stages:
  review:
    pause:
      message: Is it deep enough?
      show: [{peak: 0.0123456, rms: 0.001}]
      input:
        niter: {type: integer, minimum: 1, default: 400, description: of the next cycle}
        action: {enum: [continue, stop], default: continue}
  after: {run: nap, with: {seconds: 1}, needs: [review]}
outputs: {niter: "${{ stages.review.niter }}", action: "${{ stages.review.action }}"}
"""
TWO = """
stages:
  first: {pause: {message: The first one, input: {n: {type: integer}}}}
  second: {pause: {message: The second one}}
outputs: {n: "${{ stages.first.n }}"}
"""


def run(folder: Path, text: str, *options: str) -> Desktop:
    """The pipeline, run in a terminal."""
    file = write(folder / "p.yaml", text)
    return Desktop(
        folder, ["run", str(file), "--workloads", str(WORKLOADS), "--no-prefect", *options]
    )


def of(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [fact for fact in facts_of_only_run(folder / ".radps") if fact["fact"] == kind]


def outputs(folder: Path) -> Any:
    return of(folder, "run_ended")[-1]["outputs"]


def test_typed_answers(tmp_path: Path) -> None:
    """The message and the numbers are shown, what is typed is taken, what is wrong is asked again,
    Enter takes the default; then the tree is back."""
    with run(tmp_path, ONE) as desktop:
        desktop.expect("? review  Is it deep enough?")
        desktop.expect("peak 0.0123, rms 0.001")
        desktop.expect("niter, an integer of at least 1 (of the next cycle) [400]: ")
        desktop.type("none\n")
        desktop.expect("input 'niter'")
        desktop.expect("[400]: ")
        desktop.type("0\n")
        desktop.expect("input 'niter'")
        desktop.expect("[400]: ")
        desktop.type("250\n")
        desktop.expect("action, one of 'continue', 'stop' [continue]: ")
        desktop.type("halt\n")
        desktop.expect("input 'action': ")
        desktop.expect("[continue]: ")
        desktop.type("\n")
        desktop.expect("in the terminal of the run")
        desktop.expect("1 of 2 stages")
        assert desktop.end() == 0
        assert desktop.is_as_before
        assert "Traceback" not in desktop.text
    (answer,) = of(tmp_path, "question_answered")
    assert answer["via"] == "terminal"
    assert outputs(tmp_path) == {"niter": 250, "action": "continue"}


def test_lines_end_between_words(tmp_path: Path) -> None:
    """A question is broken between words where the terminal ends, an address not at all; a list
    has the digits that matter, and who answers sees until when."""
    message = "Is it deep enough, or does the residual show a source that nobody has cleaned yet?"
    address = "file:///data/a-very-long-address/of-a-product/that-does-not-fit-on-a-line/image.fits"
    text = f"""
stages:
  review:
    pause:
      message: {message}
      show: [{{ratios: [0.301121839594386, 0.30025382540821444, 12345.678]}}, [{{uri: {address}}}]]
      timeout: 24h
"""
    with run(tmp_path, text) as desktop:
        desktop.expect("? review  Is it deep enough, or does the residual show a source ")
        desktop.expect("nobody has\n  cleaned yet?\n")
        desktop.expect("    ratios [0.301, 0.3, 12,346]")
        desktop.expect(f"\n    product: {address}\n")
        desktop.expect("then it fails")
        desktop.expect("press Enter to go on: ")
        desktop.type("\n")
        assert desktop.end() == 0


def test_two_questions_one_after_another(tmp_path: Path) -> None:
    """A second question waits its turn; what was typed before is not an answer to it."""
    with run(tmp_path, TWO) as desktop:
        desktop.expect("? first  The first one")
        desktop.expect("n, an integer: ")
        desktop.type("7\n\n\n")
        desktop.expect("? second  The second one")
        desktop.expect("press Enter to go on: ")
        assert len(of(tmp_path, "question_answered")) == 1
        desktop.type("\n")
        assert desktop.end() == 0
    assert outputs(tmp_path) == {"n": 7}


def test_answered_elsewhere(tmp_path: Path) -> None:
    """The prompt goes away when another terminal was first, and says what has been answered."""
    with run(tmp_path, ONE) as desktop:
        desktop.expect("[400]: ")
        said = command(tmp_path, "answer", "-i", "niter=7", "--by", "an")
        assert (said.returncode, said.stderr) == (0, "")
        desktop.expect("not asked here any more")
        desktop.expect("answered by an, by radps-dag answer")
        assert desktop.end() == 0
        assert desktop.is_as_before
    assert outputs(tmp_path)["niter"] == 7


def test_ctrl_c_at_the_prompt(tmp_path: Path) -> None:
    """The run ends in order, says what is still open, and the question can be answered later."""
    with run(tmp_path, ONE) as desktop:
        desktop.expect("[400]: ")
        desktop.type("\x03")
        assert desktop.end() == 130
        assert desktop.is_as_before
        assert "was interrupted" in desktop.text
        assert "radps-dag answer" in desktop.text
        assert "Traceback" not in desktop.text
    assert command(tmp_path, "answer", "-i", "action=stop").returncode == 0
    assert command(tmp_path, "resume", "-q").returncode == 0
    assert outputs(tmp_path) == {"niter": 400, "action": "stop"}


def test_no_more_input(tmp_path: Path) -> None:
    """Ctrl-D leaves the question to others; the run goes on waiting."""
    with run(tmp_path, ONE) as desktop:
        desktop.expect("[400]: ")
        desktop.type("\x04")
        desktop.expect("it can be from elsewhere")
        desktop.expect("a question waits: radps-dag answer")
        assert command(tmp_path, "answer").returncode == 0
        assert desktop.end() == 0


def test_never_asked_here(tmp_path: Path) -> None:
    """With --interactive never the live tree shows what waits and what to type elsewhere."""
    with run(tmp_path, ONE, "--interactive", "never") as desktop:
        desktop.expect("waits for an answer")
        desktop.expect("Is it deep enough?")
        desktop.expect("a question waits: radps-dag answer")
        assert "[400]" not in desktop.text
        assert command(tmp_path, "answer").returncode == 0
        assert desktop.end() == 0
        assert desktop.is_as_before


def test_in_the_background_of_a_terminal(tmp_path: Path) -> None:
    """A run behind a shell does not read from the terminal, which would stop it; it shows what to
    type elsewhere."""
    file = write(tmp_path / "p.yaml", ONE)
    arguments = ("run", str(file), "--workloads", str(WORKLOADS), "--no-prefect")
    line = shlex.join([*PROGRAM, *arguments])
    with Desktop(tmp_path, ["-c", f"set -m; {line} & wait $!"], ["/bin/sh"]) as desktop:
        desktop.expect("a question waits: radps-dag answer")
        assert "[400]" not in desktop.text
        assert command(tmp_path, "answer").returncode == 0
        assert desktop.end() == 0


def test_interactive_clean(tmp_path: Path) -> None:
    """After each major cycle a person sees the residual's numbers and picture, changes the clean,
    and finishes without further questions."""
    file = PIPELINES / "stages" / "clean.yaml"
    params = ["-p", "interactive=true", "-p", "niter=20", "-p", "pace=0"]
    with Desktop(tmp_path, ["run", str(file), "--no-prefect", *params]) as desktop:
        for cycle, action in ((1, "continue"), (2, "finish")):
            desktop.expect(f"? clean#{cycle}/review  Major cycle {cycle}")
            desktop.expect("peak 0.")
            desktop.expect("quicklook: file://")
            desktop.expect("[continue]: ")
            desktop.type(f"{action}\n")
            desktop.expect("niter")
            desktop.type("30\n")
            desktop.expect("nsigma")
            desktop.type("20\n")
            desktop.expect("gain")
            desktop.type("0.05\n")
        assert desktop.end() == 0
        assert "clean#3/review  Major" not in desktop.text
    calls = {fact["place"]: fact["inputs"] for fact in of(tmp_path, "node_started")}
    found = [(calls[f"clean#{n}/major_cycle"][name]) for n in (1, 2) for name in ("niter", "gain")]
    assert found == [20, 0.1, 30, 0.05]
    assert calls["clean#3/major_cycle"]["niter"] == 30
    assert len(of(tmp_path, "question_asked")) == 2
