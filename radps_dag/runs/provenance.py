"""A pipeline, its workloads and this machine to the provenance that a run records."""

from __future__ import annotations

import getpass
import os
import platform
import re
import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from radps_dag import __version__
from radps_dag.engine.provenance import Provenance
from radps_dag.language.model import Pipeline, Use, walk
from radps_dag.sealed import NO_SECRETS, STARS, Secrets
from radps_dag.storage.addresses import redacted
from radps_dag.workloads.contract.registry import Library
from radps_dag.workloads.tools.used import used_tools

__all__ = ["describe", "sources", "texts_digest"]

# What decides about results beside the workloads' own packages.
_PACKAGES = ("prefect", "jinja2", "pyyaml", "jsonschema", "networkx", "sqlalchemy", "numpy")


def describe(pipeline: Pipeline, library: Library, secrets: Secrets = NO_SECRETS) -> Provenance:
    """The pipeline's text, the versions of what runs it, and the machine."""
    texts = sources(pipeline)
    return Provenance(
        sources=texts,
        sources_sha256=texts_digest(texts),
        packages={**_packages(library), **_programs(pipeline, library)},
        python=platform.python_version(),
        platform=platform.platform(),
        host=platform.node(),
        cpu=_cpu(),
        cpus=os.cpu_count(),
        user=_user(),
        pid=os.getpid(),
        directory=Path.cwd(),
        command=tuple(_discreet(word, secrets) for word in sys.argv[1:]),
    )


def _discreet(word: str, secrets: Secrets) -> str:
    """A word of the command line without what it gives to a secret param, also where another one
    goes before it."""
    for name in secrets.contents:
        word = re.sub(rf"(\b{name}|^-\w*p{name})=.*", rf"\1={STARS}", word, flags=re.DOTALL)
    return secrets.hide(redacted(word))


def sources(pipeline: Pipeline) -> dict[str, str]:
    """The text of the file and of every file that it uses, by the names relative to the first."""
    root = Path(pipeline.path).parent
    texts: dict[str, str] = {}
    waiting = [pipeline]
    while waiting:
        used = waiting.pop()
        name = os.path.relpath(used.path, root) if used.path else used.name
        if name in texts:
            continue
        texts[name] = used.at.source.text
        waiting += [node.pipeline for _, node in walk(used) if isinstance(node, Use)]
    return dict(sorted(texts.items()))


def texts_digest(texts: Mapping[str, str]) -> str:
    """SHA-256 of the names and texts of files, in hexadecimal digits."""
    return sha256("\0".join(f"{name}\0{text}" for name, text in texts.items()).encode()).hexdigest()


def _packages(library: Library) -> dict[str, str]:
    packages = {"radps-dag": __version__}
    modules = {
        workload.function.__module__.partition(".")[0] for workload in library.workloads.values()
    }
    names = (*_PACKAGES, *sorted(modules - {"radps_dag"}))
    for name in names:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return packages


def _programs(pipeline: Pipeline, library: Library) -> dict[str, str]:
    """The versions that the programs of the tools report."""
    versions = {}
    for workload in used_tools(pipeline, library):
        from radps_dag.workloads.tools.versions import version_of

        assert workload.tool is not None
        if version := version_of(workload.tool):
            versions[workload.tool.program[0].rpartition("/")[2]] = version
    return versions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no entry for this user, as in some containers
        return str(os.getuid()) if hasattr(os, "getuid") else ""
