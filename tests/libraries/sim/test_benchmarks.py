"""Benchmarks, which nothing else runs: they find what they import."""

from __future__ import annotations

import subprocess
import sys

from repository import ROOT


def test_benchmarks_are_imported() -> None:
    """Each of them, so that a function that moves takes its benchmarks along."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    lines = "\n".join(f"import benchmarks.{name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
