"""Whatever is in a file, a value or an option: no terminal obeys it, whichever command shows it."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import click
import pytest
from forked import command
from hostile_workloads import EVIL
from repository import ROOT, SUPPORT
from terminal_support import Desktop

from radps_dag.progress.look import console_on
from radps_dag.visible import Shown, shown_streams, style, visible

# What our own displays send to a terminal: colours, and the live tree's cursor.
OURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
RAW = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
RED = b"\x1b[31mred"  # a sequence that we send too, but not there

YAML = EVIL.encode("unicode_escape").decode().replace("\\x08", "\\b")
PIPELINE = f"""\
version: 1
name: hostile
description: "{YAML}"
context:
  notes: {{type: object, description: "{YAML}"}}
params:
  text: {{type: string, default: "{YAML}", description: "{YAML}"}}
stages:
  talk:
    description: "{YAML}"
    run: say
    with: {{text: "${{{{ params.text }}}}"}}
    qa:
      metrics:
        m: {{score: 0.1, value: "{YAML}", units: "{YAML}", reason: "{YAML}", applies_to: "{YAML}"}}
  fail: {{run: break_down, on_error: continue}}
  ask:
    needs: [talk, fail]
    pause:
      message: "{YAML}"
      show: ["${{{{ stages.talk.text }}}}"]
      input: {{answer: {{type: string, default: "{YAML}", description: "{YAML}"}}}}
outputs: {{text: "${{{{ stages.talk.text }}}}"}}
"""
BAD = f"""\
version: 1
name: !<tag:%1B%5D0;title%07> hostile
"{YAML}": 1
params:
  a: {{type: integer, default: "{YAML}"}}
  b: {{enum: ["{YAML}"], default: x}}
stages:
  a: {{run: say, with: {{"{YAML}": 1, text: "${{{{ '{YAML}' + 1 }}}}"}}}}
  "{YAML}": {{run: say}}
"""
OWN = ("--workloads", str(SUPPORT / "hostile_workloads.py"))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the pipeline was run up to its question."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "good.yaml").write_text(PIPELINE)
    (folder / "bad.yaml").write_text(BAD)
    (folder / f"x{EVIL.replace('/', '-')}.yaml").write_text("version: 1\n")
    shutil.copy(OWN[1], folder / "own.py")
    done = command(folder, "run", "good.yaml", *OWN, "--no-prefect", "--detach-on-pause")
    assert done.returncode == 3, done.stderr
    return folder


NAME = EVIL.replace("/", "-")
RUN = ("run", "good.yaml", *OWN, "--no-prefect", "--detach-on-pause")
COMMANDS: dict[str, tuple[str, ...]] = {
    "validate": ("validate", "bad.yaml"),
    "validate good": ("validate", "good.yaml", *OWN),
    "validate json": ("validate", "bad.yaml", "--format", "json"),
    "validate github": ("validate", "bad.yaml", "--format", "github"),
    "validate a name": ("validate", f"x{NAME}.yaml"),
    "validate no file": ("validate", EVIL),
    "validate no such module": ("validate", "good.yaml", "--workloads", EVIL),
    "graph": ("graph", "good.yaml", *OWN, "--dot", "-o", "-"),
    "graph mermaid": ("graph", "good.yaml", *OWN, "--mermaid", "-o", "-"),
    "graph svg": ("graph", "good.yaml", *OWN, "--svg", "-o", "-"),
    "graph format": ("graph", "good.yaml", *OWN, "-o", f"x.{NAME}"),
    "plan": ("plan", "good.yaml", *OWN),
    "plan a param": ("plan", "good.yaml", *OWN, "-p", EVIL),
    "run": ("run", "good.yaml", *OWN, "--no-prefect", "--detach-on-pause", "--no-reuse"),
    "run plain": (
        "run",
        "good.yaml",
        *OWN,
        "--no-prefect",
        "--detach-on-pause",
        "--progress=plain",
    ),
    "run json": ("run", "good.yaml", *OWN, "--no-prefect", "--detach-on-pause", "--json"),
    "run of an option": ("run", "good.yaml", f"--{EVIL}"),
    "run of a choice": ("run", "good.yaml", "--progress", EVIL),
    "run of stages": ("run", "good.yaml", *OWN, "--no-prefect", "--only", EVIL),
    "runs": ("runs",),
    "runs json": ("runs", "--json"),
    "status": ("status",),
    "status json": ("status", "--json"),
    "show": ("show",),
    "show a run": ("show", EVIL),
    "show a node": ("show", "last", "talk"),
    "show a failure": ("show", "last", "fail"),
    "show json": ("show", "last", "talk", "--json"),
    "qa": ("qa",),
    "qa json": ("qa", "--json"),
    "context": ("context",),
    "context of a key": ("context", "last", "notes"),
    "context json": ("context", "last", "notes", "--json"),
    "context products": ("context", "last", "--products"),
    "questions": ("questions",),
    "questions json": ("questions", "--json"),
    "answer": ("answer", "last", EVIL),
    "answer an input": ("answer", "last", "ask", "-i", f"{EVIL}=1"),
    "resume": ("resume", EVIL),
    "cancel": ("cancel", EVIL),
    "export": ("export", "last", "--to", f"/nowhere/{NAME}"),
    "import": ("import", NAME),
    "workloads": ("workloads", *OWN),
    "workloads one": ("workloads", "say", *OWN),
    "workloads none": ("workloads", EVIL),
    "init": ("init", f"/dev/null/{NAME}"),
    "no command": (EVIL,),
    "a profile": ("run", "good.yaml", "--profile", EVIL),
    "surrogates": ("validate", "\udc9b\udcff"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_what_it_was_given(workspace: Path, name: str) -> None:
    """Controls and marks of direction arrive at the terminal as their escapes."""
    with Desktop(workspace, COMMANDS[name]) as terminal:
        code = terminal.end()
        while terminal.read():
            pass
    assert code in (0, 1, 2, 3)
    assert terminal.raw
    assert b"Traceback" not in terminal.raw or name in ("show a failure", "run json")  # workloads'
    assert RED not in terminal.raw
    found = RAW.search(OURS.sub(b"", terminal.raw).decode())
    assert found is None, terminal.raw[-2000:]
    assert not re.search(rb"[0-9a-f]{24}\[", terminal.raw)  # the mark of our own colours
    if name.endswith(" json"):
        first, *_ = json.JSONDecoder().raw_decode(OURS.sub(b"", terminal.raw).decode())
        assert first


def test_a_question_in_the_terminal(workspace: Path) -> None:
    """The prompt, its default and what is wrong with an answer are shown, not obeyed."""
    arguments = ("run", "good.yaml", *OWN, "--no-prefect")
    with Desktop(workspace, arguments) as terminal:
        terminal.expect("answer, a string")
        terminal.type("yes\n")
        assert terminal.end() == 0
    assert RED not in terminal.raw
    assert RAW.search(OURS.sub(b"", terminal.raw).decode()) is None


@pytest.mark.parametrize(
    "character", "\x00\x07\x08\r\x1b\x7f\x85\x9b\u061c\u200e\u202e\u2066\ufeff\ud800"
)
def test_what_is_hidden_is_an_escape_of_json(character: str) -> None:
    """So that the same place serves texts and JSON."""
    shown = visible(f"a{character}b")
    assert shown == f"a\\u{ord(character):04x}b"
    assert json.loads(f'"{shown}"') == f"a{character}b"


def test_what_is_not_hidden_stays() -> None:
    """Letters of all scripts, emoji and the signs of our displays."""
    text = "Ångström 日本語 עברית 👩‍🚀 ✓ ⠋ ━ \t\n"
    assert visible(text) == text
    tag = "\U000e0041"
    assert json.loads(f'"{visible(tag)}"') == tag


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_of_our_own_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """They are left out where no terminal reads them; a text inside brings none of its own."""
    terminal, pipe = _Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        Shown(stream).write(style("a\x1b[0m", bold=True) + "\x1b[1m")
    assert terminal.getvalue() == "\x1b[1ma\\u001b[0m\x1b[0m\\u001b[1m"
    assert pipe.getvalue() == "a\\u001b[0m\\u001b[1m"
    with shown_streams():
        click.echo("\x9b")
        click.echo("\x1b]", err=True)
    assert capsys.readouterr() == ("\\u009b\n", "\\u001b]\n")


def test_a_console_of_rich_shows_what_is_hidden() -> None:
    """Its colours are its own; those of a text are not obeyed."""
    terminal = _Terminal()
    console = console_on(Shown(terminal), force_terminal=True, color_system="standard")  # type: ignore[arg-type]
    console.print("[bold]x[/]\x1b]0;\x9b")
    assert terminal.getvalue() == "\x1b[1mx\x1b[0m\\u001b]0;\\u009b\n"


def test_an_encoding_that_lacks_a_letter() -> None:
    """It is shown as an escape, and click does not write past us."""
    raw = io.BytesIO()
    stream = Shown(io.TextIOWrapper(raw, "ascii"))
    click.echo("é \x1b]", file=stream)  # type: ignore[arg-type]
    stream.flush()
    assert raw.getvalue() == b"\\xe9 \\u001b]\n"


def test_colours_come_from_one_place() -> None:
    """`click.style` would be shown as an escape, and a console of rich would hide nothing: use
    `visible.style` and `look.console_on`."""
    package = ROOT / "radps_dag"
    makes = re.compile(r"click\.(style|secho)\(|\bConsole\(")
    found = [path.name for path in package.rglob("*.py") if makes.search(path.read_text("utf-8"))]
    assert found == ["visible.py"]
