"""The command line: a module per command, loaded when it is asked for."""

from __future__ import annotations

__all__ = ["main"]

try:
    from radps_dag.cli.main import main
except KeyboardInterrupt:  # so early nothing has begun, and a traceback would tell nobody anything
    raise SystemExit(130) from None
