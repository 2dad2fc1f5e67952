"""Where things are in the repository."""

from __future__ import annotations

from pathlib import Path

__all__ = ["GOLDEN", "PIPELINES", "ROOT", "SUPPORT"]

SUPPORT = Path(__file__).parent
ROOT = SUPPORT.parents[1]
GOLDEN = SUPPORT.parent / "golden"
PIPELINES = ROOT / "pipelines"
