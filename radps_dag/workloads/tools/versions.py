"""Programs of tools on this machine: where they are, and which version they say they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from radps_dag.workloads.tools.argv import PASSED
from radps_dag.workloads.tools.containers import (
    ContainerMissing,
    container_of,
    identity_of_image,
)
from radps_dag.workloads.tools.tool import NOT_FOUND, Tool

__all__ = ["absent", "answer_of", "find_program", "identity_of", "missing", "version_of"]

# Seconds that a program may take to say its version: some import half of Python.
_PATIENCE = 60
_MOST = 10_000  # bytes of an answer
_NUMBER = re.compile(r"\d+(?:\.\d+)+\S*|\b\d+\b")


def find_program(name: str) -> str | None:
    """The path of a program, on the PATH or beside the Python that runs us, where pip puts those of
    packages; None where there is none that may be executed."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def missing(tool: Tool) -> str:
    """Say that the program is not there, and how to get it."""
    how = f": {tool.install}" if tool.install else "; install it, or say in PATH where it is"
    return f"{tool.program[0]} is not on this machine{how}"


def absent(tool: Tool) -> str:
    """Say why what the program needs is not there, "" where it is or nothing asks for it: the
    version command says so by the exit code of shells for what they have not found."""
    code, answer = _asked(tool) if tool.version_command else (0, "")
    return answer if code == NOT_FOUND else ""


def answer_of(tool: Tool) -> str:
    """The answer of the version command, "" if it cannot be asked. Asked once while the program's
    file stays as it is."""
    return _asked(tool)[1]


def _asked(tool: Tool) -> tuple[int, str]:
    program = find_program((tool.version_command or tool.program)[0])
    if program is None:
        return 0, ""
    about = Path(program).stat()
    return _answer(
        program, tool.version_command[1:], about.st_size, about.st_mtime_ns, _variables(tool)
    )


def identity_of(tool: Tool) -> str:
    """The mark of the program's version: its image, its answer, or the digest of its file."""
    try:
        container = container_of(tool)
    except ContainerMissing:
        return ""
    if container is not None:
        return identity_of_image(container)
    if tool.version_command:
        return answer_of(tool)
    program = find_program(tool.program[0])
    if program is None:
        return ""
    about = Path(program).stat()
    return _digest(program, about.st_size, about.st_mtime_ns)


def version_of(tool: Tool) -> str:
    """The image, or the first line of the answer with a number in it; "" where there is none."""
    try:
        container = container_of(tool)
    except ContainerMissing:
        return ""
    if container is not None:
        return f"{container.image} ({identity_of_image(container)[:19]})"
    if not tool.version_command:
        return ""
    lines = [line.strip() for line in answer_of(tool).splitlines() if line.strip()]
    return next((line for line in lines if _NUMBER.search(line)), lines[0] if lines else "")[:200]


def _variables(tool: Tool) -> tuple[tuple[str, str], ...]:
    names = (*PASSED, *tool.passed)
    return tuple((name, os.environ[name]) for name in names if name in os.environ)


@lru_cache(maxsize=256)
def _answer(
    program: str,
    words: tuple[str, ...],
    size: int,
    changed: int,
    variables: tuple[tuple[str, str], ...],
) -> tuple[int, str]:
    del size, changed
    try:
        asked = subprocess.run(  # noqa: S603  # a list of words, and no shell
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0, ""
    return asked.returncode, asked.stdout[:_MOST].decode("utf-8", "replace").strip()


@lru_cache(maxsize=256)
def _digest(program: str, size: int, changed: int) -> str:
    del size, changed
    digest = sha256()
    try:
        with Path(program).open("rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()
