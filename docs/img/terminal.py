"""A picture of a terminal: runs a command in tmux and draws the screen at a moment as SVG or PNG.

python docs/img/terminal.py run.svg --after 8 -- radps-dag run pipelines/full_cube.yaml
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import subprocess
import time
from pathlib import Path

import resvg_py
from rich.ansi import AnsiDecoder
from rich.console import Console

# Nothing in a picture is fetched from elsewhere when somebody looks at it.
_WEB_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
# Of the system, which has to have them: they know all of the tree's marks.
_FONTS = ("DejaVu Sans Mono", "DejaVu Sans")
_SESSION = "radps-dag-picture"
_PATIENCE = 300.0


def tmux(*arguments: str) -> str:
    command = ["tmux", "-L", _SESSION, *arguments]
    # The words are those of whoever draws the picture, and no shell reads them here.
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout


def screen(command: list[str], columns: int, rows: int, after: float, until: str = "") -> str:
    """What stands on the terminal some seconds after the command began, or after it shows what the
    pattern `until` finds, with its colours."""
    # The sleep keeps a command that has ended on the screen.
    line = f"{shlex.join(command)}; sleep 600"
    tmux("new-session", "-d", "-s", _SESSION, "-x", str(columns), "-y", str(rows), line)
    try:
        patience = time.monotonic() + _PATIENCE
        while until and not re.search(until, tmux("capture-pane", "-t", _SESSION, "-p")):
            if time.monotonic() > patience:
                raise SystemExit(f"the terminal never showed {until!r}")
            time.sleep(0.2)
        time.sleep(after)
        return tmux("capture-pane", "-t", _SESSION, "-p", "-e", "-S", "-").rstrip()
    finally:
        tmux("kill-server")


def draw(text: str, columns: int, title: str) -> str:
    """The screen as SVG."""
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    # One decoder for all lines: a colour lasts until it is changed, across lines too.
    for line in AnsiDecoder().decode(text):
        console.print(line, no_wrap=True, crop=True)
    svg = _WEB_FONT.sub("", console.export_svg(title=title))
    return svg.replace("font-family: arial", "font-family: sans-serif")


def keep(svg: str, output: Path) -> None:
    """Write a picture, as what the name says."""
    if output.suffix == ".png":
        drawn = resvg_py.svg_to_bytes(
            svg_string=svg, monospace_family=_FONTS[0], sans_serif_family=_FONTS[1]
        )
        output.write_bytes(bytes(drawn))
    else:
        output.write_text(svg, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--after", type=float, default=5.0, help="seconds")
    parser.add_argument("--until", default="", help="a pattern; the seconds count from there")
    parser.add_argument("--title", default="radps-dag run")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    text = screen(given.command, given.columns, given.rows, given.after, given.until)
    svg = draw(text, given.columns, given.title)
    keep(svg, given.output)


if __name__ == "__main__":
    main()
