"""The command line: a module per command, loaded when it is asked for."""

from __future__ import annotations

from radps_dag.cli.main import main

__all__ = ["main"]
