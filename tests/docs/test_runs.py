"""What the page about looking at runs shows is what the commands say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from docs_support import blocks, run
from repository import ROOT

PAGE = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
SHOWN = blocks(PAGE, "console")
FIRST, *LATER = blocks(PAGE, "sh")

# What differs from one time and place to the next.
_CHANGES = (
    (re.compile(r"\d{8}-\d{6}-calibration(-\d+)?"), "RUN"),
    (re.compile(r"(\d{4}-)?\d\d-\d\d \d\d:\d\d(:\d\d)?"), "WHEN"),
    (re.compile(r"\b\d+(\.\d+)?(ms|s)\b"), "TOOK"),
    (re.compile(r"(file:///|/)\S*?/\.radps/"), "WORKSPACE/"),
    (re.compile(r"\[WORKSPACE/\S*\.\.\."), "[WORKSPACE/..."),
    (re.compile(r"\b[0-9a-f]{12,32}\b"), "DIGEST"),
    # Which were the last is chance: they are made side by side.
    (re.compile(r"export/image\.\d/(fits|quicklook)/\w+-DIGEST"), "PICTURE"),
    (re.compile(r"\b[\d.]+ k?B\b"), "SIZE"),
    # What goes to storage, and when, is the system's business.
    (re.compile(r", SIZE (from|to) storage"), ""),
    (re.compile(r" \([\d.]+ on average\)"), ""),
    (re.compile(r"^  where .*, thread \d+, process \d+$", re.MULTILINE), "  WHERE"),
    (re.compile(r"^  radps-dag \d.*$", re.MULTILINE), "  VERSIONS"),
    (re.compile(r" +"), " "),
)


def like(text: str) -> list[str]:
    """The lines without what may differ, in an order that does not depend on who was faster."""
    for pattern, word in _CHANGES:
        text = pattern.sub(word, text)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's runs have run."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    for line in FIRST.splitlines():
        done = run(line, folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.splitlines()[0][2:60])
def test_what_is_shown_is_what_is_said(block: str, ran: Path) -> None:
    """Each example of the page, line by line, but for times, digests and addresses."""
    first, _, expected = block.partition("\n")
    done = run(first.removeprefix("$ "), ran)
    assert done.returncode in (0, 2)
    assert like(done.stdout or done.stderr) == like(expected)


@pytest.mark.parametrize("line", [line for block in LATER for line in block.splitlines()])
def test_commands_work(line: str, ran: Path) -> None:
    """The other commands of the page work as well."""
    done = run(line, ran)
    assert done.returncode == 0, done.stderr


def test_the_plan_on_the_page_about_resuming(ran: Path) -> None:
    """What is shown of a plan is how it begins and ends, letter for letter but for the run."""
    page = (ROOT / "docs" / "resume.md").read_text(encoding="utf-8")
    (line,) = [
        line for block in blocks(page, "sh") for line in block.splitlines() if " plan " in line
    ]
    (shown,) = [block for block in blocks(page, "text") if "to reuse" in block]
    done = run(line.replace(" plan ", " run --quiet ").partition(" -p")[0], ran)
    assert done.returncode == 0, done.stderr
    begins, ends = (re.sub(r"\S+-calibration", "RUN", part) for part in shown.split("...\n"))
    planned = re.sub(r"\S+-calibration", "RUN", run(line, ran).stdout)
    assert planned.startswith(begins) and planned.endswith(ends)
