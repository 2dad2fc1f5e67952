"""Containers: the command of an engine around a program's, and the end of what it started.

The image is never fetched. It is run by its digest, which is part of the key of a call.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from radps_dag.storage.remote import is_local
from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.contract.products import products_in
from radps_dag.workloads.tools.argv import DRIVER, PASSED, InputRefused
from radps_dag.workloads.tools.tool import Tool

__all__ = [
    "Bind",
    "Container",
    "ContainerMissing",
    "binds_of",
    "container_of",
    "ending",
    "identity_of_image",
]

_PATIENCE = 60  # seconds that an engine may take to look at an image, or to remove a container
# Variables that mean something to an engine itself, or something else inside.
_OF_THE_MACHINE = frozenset(PASSED) - {"LANG", "LC_ALL", "TZ"}
# Waits until whoever holds the pipe is gone or says that all is well, and removes the container.
_REMOVES = "import os,sys\nif not os.read(0,1): os.execvp(sys.argv[1], sys.argv[1:])"


class ContainerMissing(Exception):
    """The engine is not there, or the image; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A path of the machine that is at the same path in the container."""

    path: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """An image that an engine of this machine can run."""

    engine: str
    program: str  # the path of the engine
    image: str  # as people name it
    identity: str  # by which it is run

    def command(
        self,
        words: Sequence[bytes],
        folder: Path,
        binds: Iterable[Bind],
        variables: Mapping[bytes, bytes],
        *,
        network: bool,
        name: str,
    ) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The words around those of a program, and the variables for the engine itself."""
        mine = dict(os.environb)
        given = {key: text for key, text in variables.items() if key.decode() not in PASSED}
        for key in (b"LANG", b"LC_ALL", b"TZ"):
            if key in variables:
                given[key] = variables[key]
        if self.engine == "apptainer":
            mine |= {b"APPTAINERENV_" + key: text for key, text in given.items()}
            options = [*self._apptainer(folder, network), *_mounts(binds, "ro")]
            head = [self.program, "exec", *options, self.identity]
            return [*map(os.fsencode, head), *words], mine
        options = [*self._docker(folder, name, network), *_mounts(binds, "readonly")]
        for key, text in given.items():
            if key in mine and mine[key] != text:  # what the engine itself may read
                options += ["--env", os.fsdecode(key + b"=" + text)]
            else:  # its value is shown to nobody
                mine[key] = text
                options += ["--env", os.fsdecode(key)]
        head = [self.program, "run", *options, "--entrypoint", os.fsdecode(words[0]), self.identity]
        return [*map(os.fsencode, head), *words[1:]], mine

    def _docker(self, folder: Path, name: str, network: bool) -> Iterator[str]:
        yield from ("--rm", "--name", name, "--pull", "never")
        if not network:
            yield from ("--network", "none")
        if self.engine == "podman" and os.getuid() != 0:
            yield from ("--userns", "keep-id")
        yield from ("--user", f"{os.getuid()}:{os.getgid()}")
        # What is bound has no label that containers may read, where SELinux asks for one.
        yield from ("--security-opt", "label=disable")
        yield from ("--workdir", str(folder), "--env", f"HOME={folder}")

    def _apptainer(self, folder: Path, network: bool) -> Iterator[str]:
        yield from ("--containall", "--cleanenv")
        if not network:
            yield from ("--net", "--network", "none")
        yield from ("--home", str(folder), "--pwd", str(folder))


def container_of(tool: Tool) -> Container | None:
    """The container in which a tool runs; None if the program of the machine does.

    Raises ContainerMissing.
    """
    if not tool.image or tool.containers is None:
        return None
    match _found(tool.containers.engine, tool.image):
        case Container() as container:
            return container
        case reason if not tool.containers.fallback:
            raise ContainerMissing(reason)
    return None


def binds_of(tool: Tool, inputs: Mapping[str, Any], folder: Path) -> list[Bind]:
    """The data of the inputs, to read, or to write what `mutates` names; the directory of the call;
    the folder of a program that lies beside the tool file."""
    writable = {str(folder): True}
    for name, value in inputs.items():
        for product in products_in(value):
            for part in (product, *product.get("stands_on", ())):
                path = str(local_path(part).absolute())
                changed = part is product and name in tool.changes and is_local(part["uri"])
                writable[path] = writable.get(path, False) or changed
    beside = Path(tool.program[0]).parent
    if beside == Path(tool.at.source.name).resolve().parent:
        writable.setdefault(str(beside), False)
    for path in writable:
        if any(sign in path for sign in ',"\n'):
            raise InputRefused(f"{path!r}: no container can have a path with a comma or a quote")
    # Those around others first.
    return [Bind(path, writable[path]) for path in sorted(writable)]


@dataclass(slots=True)
class Started:
    """A container by its name; `ended` says that it has ended by itself."""

    name: str
    ended: bool = False


@contextlib.contextmanager
def ending(container: Container) -> Iterator[Started]:
    """Give a container its name, and make sure that it is gone afterwards, even if this process is
    killed: the engine's command is only a client, and the container not a process of ours."""
    started = Started(f"radps-dag-{uuid4().hex[:16]}")
    if container.engine == "apptainer":  # it is one there
        yield started
        return
    environment = {key: text for key, text in os.environ.items() if key != DRIVER}
    at_once = ["--time", "0"] if container.engine == "podman" else []  # docker does not wait
    remove = [container.program, "rm", "--force", *at_once, started.name]
    with subprocess.Popen(  # noqa: S603  # a list of words, and no shell
        [sys.executable, "-ISc", _REMOVES, *remove],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as watch:
        assert watch.stdin is not None
        try:
            yield started
        finally:
            with contextlib.suppress(BrokenPipeError):
                if started.ended:
                    watch.stdin.write(b"x")
                watch.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                watch.wait(_PATIENCE)


@lru_cache(maxsize=256)
def _found(engine: str, image: str) -> Container | str:
    """The container, or why there is none."""
    from radps_dag.workloads.tools.versions import find_program

    program = find_program(engine)
    if program is None:
        return f"{engine} is not on this machine; install it, or change [containers] in the profile"
    if engine == "apptainer":
        return _of_apptainer(program, image)
    reference = image.removeprefix("docker://")
    if "://" in reference or reference.endswith(".sif"):
        return f"{engine} does not run {image}; name an image of a registry, or use apptainer"
    identity = _asked([program, "image", "inspect", "--format", "{{.Id}}", reference])
    if not identity:
        return f"the image {reference} is not on this machine: {engine} pull {reference}"
    return Container(engine, program, reference, identity)


def _of_apptainer(program: str, image: str) -> Container | str:
    if image.endswith(".sif"):
        if not Path(image).is_file():
            return f"the image {image} is not there; make it with `apptainer pull`"
        return Container("apptainer", program, image, image)
    if "@sha256:" not in image:
        return f"apptainer cannot say which {image} is; name it with @sha256:..., or a .sif file"
    reference = image if "://" in image else f"docker://{image}"
    return Container("apptainer", program, reference, reference)


def identity_of_image(container: Container) -> str:
    """The mark of what is in an image: the digest that its engine knows it by, or of its file."""
    if container.engine != "apptainer" or "://" in container.identity:
        return container.identity
    digest = sha256()
    with Path(container.identity).open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def _asked(words: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # a list of words, and no shell
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def _mounts(binds: Iterable[Bind], read_only: str) -> Iterator[str]:
    for bind in binds:
        mount = f"type=bind,source={bind.path},destination={bind.path}"
        yield from ("--mount", mount if bind.writable else f"{mount},{read_only}")
