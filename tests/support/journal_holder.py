"""A program that drives a run until its input ends: `journal_holder.py WORKSPACE RUN [URL]`."""

from __future__ import annotations

import sys
from pathlib import Path

from radps_dag.journal.claims import claim
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError


def main() -> None:
    """Hold, and wait to be killed."""
    workspace, run, *url = sys.argv[1:]
    store = open_store(Workspace(Path(workspace)), url[0] if url else None)
    try:
        claim(store, store.workspace.run(run))
    except RadpsDagError as error:
        print(error, flush=True)
    else:
        print("held", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
