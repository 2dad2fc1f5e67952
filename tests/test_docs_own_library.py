"""The guide to a library of one's own: its code runs, and does what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from run_support import PIPELINES, run

PAGE = (Path(__file__).parent.parent / "docs" / "own-library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_one_function_over_a_library(tmp_path: Path) -> None:
    """The file of the page takes the place of one placeholder; all others stay."""
    ours = tmp_path / "ours.py"
    ours.write_text(BLOCKS[0], encoding="utf-8")
    stage = PIPELINES / "stages" / "export.yaml"
    # What is not its own manifest is missed by the placeholder that checks it.
    options = ("--workloads", str(ours), "--no-prefect", "--until", "manifest", "-p", "pace=0")
    ran = run(stage, *options, cwd=tmp_path)
    assert ran.code == 0, ran.err
    made = ran.one("node_succeeded", "manifest")["outputs"]
    assert made["files"] == 4
    path = Path(made["manifest"]["uri"].removeprefix("file://"))
    assert path.name == "manifest.json"
    sizes = json.loads(path.read_text(encoding="utf-8"))["files"]
    assert made["size"] == sum(sizes.values())


def test_the_contract_of_the_page_holds() -> None:
    """The page's own check finds no difference for `sim`, and finds one that is there."""
    space: dict[str, object] = {}
    exec(compile(BLOCKS[1], "own-library.md", "exec"), space)  # its last line is an assertion
    assert callable(space["differences"])
