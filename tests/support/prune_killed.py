"""A prune that is killed: python prune_killed.py STEP STORE FOLDER RUN...

Every change of the journal, of the marks and of the products counts as a step, and so does half
of a removal. At step STEP the process is killed; with 0 it goes to its end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pruning_support import Site

from radps_dag.journal.store import Store
from radps_dag.pruning import Choice, marks, plan, prune, removal
from radps_dag.storage import clearing


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _reached(name: str) -> bool:
    passed.append(name)
    return len(passed) == step


def _count(owner: Any, name: str, halfway: Callable[..., object] | None = None) -> None:
    true = getattr(owner, name)

    def call(*given: Any, **named: Any) -> Any:
        if _reached(name):
            _die()
        if halfway is not None and _reached(f"half of {name}"):
            halfway(true, *given)
            _die()
        return true(*given, **named)

    setattr(owner, name, call)


def _remove_first(true: Callable[..., object], url: str, names: Any) -> None:
    true(url, list(names)[:1])


def _remove_a_file(true: Callable[..., object], folder: Path) -> None:
    next(path for path in folder.rglob("*") if path.is_file()).unlink()


def main() -> None:
    folder, root = sys.argv[3].split("|")
    store = Site(Path(folder), url=sys.argv[2] or None, root=root).store
    _count(removal, "write_marks")
    _count(Store, "remove")
    _count(clearing, "remove", _remove_first)
    _count(shutil, "rmtree", _remove_a_file)
    for name in ("replace", "unlink", "rmdir"):
        _count(Path, name)
    _count(marks, "sync")
    prune(store, plan(store, Choice(tuple(sys.argv[4:]))))
    store.close()
    print(*passed)


if __name__ == "__main__":
    step = int(sys.argv[1])
    passed: list[str] = []
    main()
