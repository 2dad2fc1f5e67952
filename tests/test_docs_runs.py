"""What the page about looking at runs shows is what the commands say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from test_docs import ROOT, blocks, run

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
    (re.compile(r"\b\d+ B\b"), "SIZE"),
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
