"""A task of CASA as a command: its arguments to a call, what came of it to result.json.

    radps-dag-casa tclean vis=my.ms imagename=img niter:=1000 imsize:=256 imsize:=256

`NAME=TEXT` is a text, `NAME:=JSON` any other value; a name that is repeated makes a list. Each call
is a process of its own in the directory of the call, with the data that came with CASA: nothing is
fetched, and no settings of the user count.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from radps_dag.workloads.casa.measuring import MEASURES

__all__ = ["arguments_of", "main"]

_PACKAGES = ("casatasks", "casatools", "casadata")
# Of a shell: there is no such program.
_MISSING = 127


def main() -> None:
    """Run the command and exit: 0 good, 1 failed, 2 a wrong command, 127 there is no CASA."""
    sys.exit(_run(sys.argv[1:]))


def _run(words: Sequence[str]) -> int:
    if lacking := [name for name in (*_PACKAGES, "six") if find_spec(name) is None]:
        return _refuse(
            f"there is no {lacking[0]} in {sys.executable}: pip install 'radps-dag[casa]' there, "
            "or put another radps-dag-casa, of a Python with CASA, first on the PATH",
            _MISSING,
        )
    if words == ["--version"]:
        print(_version())  # noqa: T201
        return 0
    if not words or words[0] not in MEASURES:
        return _refuse(f"name a task: {', '.join(MEASURES)}; or --version", 2)
    task, *rest = words
    try:
        arguments = arguments_of(rest)
    except ValueError as error:
        return _refuse(f"{task}: {error}", 2)
    _configure()
    try:
        answer = getattr(importlib.import_module("casatasks"), task)(**arguments)
        result = MEASURES[task](arguments, answer)
    except Exception as error:  # noqa: BLE001  # a task raises anything
        return _refuse(f"{task}: {type(error).__name__}: {' '.join(str(error).split())[:400]}", 1)
    Path("result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


def arguments_of(words: Sequence[str]) -> dict[str, Any]:
    """The arguments of a task by name.

    Raises ValueError for a word that is not NAME=TEXT or NAME:=JSON.

    >>> arguments_of(["field=0,1", "imsize:=256", "imsize:=128", "niter:=5"])
    {'field': '0,1', 'imsize': [256, 128], 'niter': 5}
    """
    listed: dict[str, list[Any]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.rstrip(":").isidentifier():
            raise ValueError(f"{word!r:.80} is not NAME=TEXT or NAME:=JSON")
        try:
            value = json.loads(text) if name.endswith(":") else text
        except ValueError:
            raise ValueError(f"{word!r:.80} has no JSON behind :=") from None
        listed.setdefault(name.rstrip(":"), []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in listed.items()}


def _configure() -> None:
    """Set CASA up before it is imported: its own data, no update, its log on the output."""
    # What it reads of the command line; the files of the site and of the user are left alone.
    sys.argv = [sys.argv[0], "--noconfig", "--nositeconfig"]
    config: Any = importlib.import_module("casaconfig.config")
    config.measurespath = importlib.import_module("casadata").datapath
    config.datapath = [config.measurespath]
    config.data_auto_update = config.measures_auto_update = False
    config.logfile, config.log2term = "casa.log", True
    config.nogui = config.agg = True


def _version() -> str:
    """Versions of all that has a part in a result."""
    said = [f"{name} {_version_of(name)}" for name in _PACKAGES]
    here = Path(__file__).parent
    shared = (here.parent / "noise.py", here.parent / "contract" / "scores.py")
    sources = [*sorted(here.glob("*.py")), *shared]
    own = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return f"{', '.join(said)}, runner {own}"


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # of a CASA that is no package of pip's
        return "of this Python"


def _refuse(message: str, code: int) -> int:
    print(f"radps-dag-casa: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
