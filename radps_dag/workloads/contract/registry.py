"""Names to workloads: libraries found through entry points, and a project's own files."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from radps_dag.plugins import imported, plugins
from radps_dag.problem import InvalidPipeline, Problem, UsageError, did_you_mean, there_are
from radps_dag.workloads.contract.workload import Workload

if TYPE_CHECKING:
    from radps_dag.workloads.tools.tool import Containers

__all__ = [
    "Library",
    "collect",
    "find_library",
    "in_containers",
    "libraries",
    "read_tools",
    "tools_in",
    "with_functions",
    "with_tools",
]

_GROUP = "radps_dag.workloads"
# The folder of tool files, beside a pipeline, a profile or the module of a library.
TOOLS = "tools"
# Known without reading the metadata of all that is installed (which also takes a moment), so that
# a checkout that is not installed works, and no other package stands in their place.
_OWN = {"placeholder": "radps_dag.workloads.placeholder", "sim": "radps_dag.workloads.sim"}
# What a library of ours imports that a plain installation does not have.
_NEEDS = {"sim": ("numpy", "zarr")}

_importing = threading.RLock()


@dataclass(frozen=True, slots=True)
class Library:
    """Workloads by name. `modules` are the project's own files that were merged in, resolved, so
    that a process that works elsewhere finds them too. A library that `computes` keeps processors
    busy (its module says `COMPUTES = True`): more calls at once than there are of them would gain
    nothing and hold more memory. `containers` is the engine for tools that have an image."""

    name: str
    workloads: Mapping[str, Workload] = field(hash=False)
    modules: tuple[Path, ...] = ()
    computes: bool = False
    containers: Containers | None = None

    def find(self, name: str) -> Workload:
        """The workload of that name; raises UsageError with the likely fix. Nothing is imported."""
        if name in self.workloads:
            return self.workloads[name]
        hint = did_you_mean(name, self.workloads) or "; `radps-dag workloads` lists them"
        raise UsageError(f"no workload {name!r} in library {self.name!r}{hint}")


def libraries() -> tuple[str, ...]:
    """The names of the libraries that are installed."""
    return tuple(sorted(_known()))


def find_library(name: str, modules: Sequence[Path] = ()) -> Library:
    """The library of that name, with a project's own workload and tool files merged over it.

    A placeholder gives way to a function of its name; no other workload does. What a docstring does
    not say of an input is what that of the placeholder of the same name says.
    Raises UsageError for an unknown library, a module that cannot be imported, and a name that two
    functions claim, and InvalidPipeline for mistakes in tool files.
    """
    libraries = _OWN if name in _OWN else _known()
    if name not in libraries:
        hint = did_you_mean(name, libraries) or f"; {there_are(sorted(libraries))}"
        raise UsageError(f"no workload library {name!r}{hint}")
    library = _import_library(name, libraries[name])
    workloads = collect(library)
    inputs = (item for workload in workloads.values() for item in workload.inputs)
    if not all(item.description for item in inputs):
        models = collect(importlib.import_module(_OWN["placeholder"]))
        workloads |= {
            name: workloads[name].described_by(models[name]) for name in workloads if name in models
        }
    if (file := getattr(library, "__file__", None)) and name not in _OWN:
        for tool in read_tools(tools_in(Path(file).parent)):
            _add(workloads, tool.name, tool)
    files = list(_files(modules))
    for tool in read_tools([path for path in files if _is_yaml(path)]):
        _add_own(workloads, tool)
    for path in files:
        if _is_yaml(path):
            continue
        module = _import_file(path)
        for own in collect(module).values():
            # What a file imports from elsewhere to build on is not its own.
            if own.function.__module__ == module.__name__:
                _add_own(workloads, own)
    computes = getattr(library, "COMPUTES", False) is True
    return Library(name, workloads, tuple(path.resolve() for path in files), computes)


def with_functions(library: Library, functions: Sequence[Callable[..., Any]]) -> Library:
    """The library with workloads merged in that are functions of this process.

    What they call can change under them, as in a notebook, and no file says what it was. So each
    time they are taken for new: nothing that they made before is used again.
    """
    if not functions:
        return library
    workloads = dict(library.workloads)
    for function in functions:
        described = getattr(function, "workload", None)
        if not isinstance(described, Workload):
            name = getattr(function, "__qualname__", repr(function))
            raise UsageError(f"{name} is not a workload; write @workload above it")
        _add_own(workloads, replace(described, version=f"{described.version} {uuid4()}"))
    return replace(library, workloads=workloads)


def in_containers(library: Library, containers: Containers | None) -> Library:
    """The library, its tools that have an image with the engine in which they run."""
    images = [
        workload for workload in library.workloads.values() if workload.tool and workload.tool.image
    ]
    if containers is None or not images:
        return library
    from radps_dag.workloads.tools.running import ProgramCall

    workloads = dict(library.workloads)
    for workload in images:
        assert workload.tool is not None
        tool = replace(workload.tool, containers=containers)
        workloads[tool.name] = replace(workload, tool=tool, function=ProgramCall(tool))
    return replace(library, workloads=workloads, containers=containers)


def collect(module: ModuleType) -> dict[str, Workload]:
    """The workloads in a module's namespace, by name, in the order of the text."""
    workloads: dict[str, Workload] = {}
    for value in list(vars(module).values()):
        described = getattr(value, "workload", None)
        if isinstance(described, Workload):
            _add(workloads, described.name, described)
    return workloads


def tools_in(folder: Path) -> tuple[Path, ...]:
    """The tool files of a project or of a package: those in its folder `tools`."""
    if not (folder / TOOLS).is_dir():
        return ()
    from radps_dag.workloads.tools.files import tool_files

    return tool_files(folder / TOOLS)


def read_tools(paths: Sequence[Path]) -> list[Workload]:
    """The workloads of tool files. Raises InvalidPipeline with every mistake in any of them."""
    if not paths:
        return []
    from radps_dag.workloads.tools.reading import read_tool

    tools: list[Workload] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            tools.append(read_tool(path))
        except InvalidPipeline as error:
            problems += error.problems
    if problems:
        raise InvalidPipeline(problems)
    return tools


def with_tools(library: Library, paths: Sequence[Path]) -> Library:
    """The library with tool files merged over it that it does not have yet."""
    new = [path for path in _files(paths) if path.resolve() not in library.modules]
    if not new:
        return library
    workloads = dict(library.workloads)
    for tool in read_tools(new):
        _add_own(workloads, tool)
    modules = (*library.modules, *(path.resolve() for path in new))
    return replace(library, workloads=workloads, modules=modules)


def _is_yaml(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Workload and tool files, each once; of a folder, the tool files in it."""
    seen: set[Path] = set()
    for path in paths:
        for file in _in_folder(path) if path.is_dir() else [path]:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield file


def _in_folder(folder: Path) -> Sequence[Path]:
    from radps_dag.workloads.tools.files import tool_files

    files = tool_files(folder)
    if not files:
        raise UsageError(f"no tool file is in {folder}; name a folder that has some, or a file")
    return files


def _add_own(workloads: dict[str, Workload], own: Workload) -> None:
    """Add a workload of the project's own, also where a placeholder held its place."""
    existing = workloads.get(own.name)
    if existing is not None and existing.placeholder and not own.placeholder:
        del workloads[own.name]
        own = own.described_by(existing)
    _add(workloads, own.name, own)


def _add(workloads: dict[str, Workload], name: str, new: Workload) -> None:
    existing = workloads.setdefault(name, new)
    if existing is not new:
        raise UsageError(
            f"two workloads are called {name!r}: {existing.defined_at} and {new.defined_at}; "
            "rename one, or give it a name with @workload(name=...)"
        )


def _known() -> dict[str, str]:
    """The module of each library, by the library's name."""
    return {name: plugin.value for name, plugin in plugins(_GROUP, _OWN).items()}


def _import_library(name: str, module: str) -> ModuleType:
    for needed in _NEEDS.get(name, ()):
        if importlib.util.find_spec(needed) is None:
            raise UsageError(
                f"library {name!r} needs {needed}, which is not installed: "
                f"pip install 'radps-dag[{name}]'"
            )
    return imported(f"library {name!r} ({module})", lambda: importlib.import_module(module))


def _import_file(path: Path) -> ModuleType:
    resolved = path.resolve()
    if not resolved.is_file():
        raise UsageError(f"workload file {path} does not exist")
    try:
        content = resolved.read_bytes()
    except OSError as error:
        raise UsageError(f"workload file {path} cannot be read: {error.strerror}") from error
    # Named by its place, so that two projects' `workloads.py` never stand for one another, and by
    # its text, so that a program that goes on sees what has been edited. Imported once, so that a
    # module is the same one to all who ask, also in two threads at once.
    digest = sha256(os.fsencode(resolved) + b"\0" + content).hexdigest()[:16]
    name = f"_radps_dag_project_{digest}"
    with _importing:
        return (
            sys.modules[name] if name in sys.modules else _import_as(name, path, resolved, content)
        )


class _ReadLoader(SourceFileLoader):
    """Runs the text that was read, never a stored bytecode of it.

    Python takes the bytecode of a file for its own by size and time in whole seconds: a file edited
    twice in a second would run as it was before.
    """

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self._content = content

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.source_to_code(self._content, self.path)


def _import_as(name: str, path: Path, resolved: Path, content: bytes) -> ModuleType:
    if resolved.suffix != ".py":
        raise UsageError(
            f"workload file {path} is not a Python file, nor a tool file; its name must end in .py "
            "or .yaml"
        )
    loader = _ReadLoader(name, os.fspath(resolved), content)
    spec = importlib.util.spec_from_file_location(name, resolved, loader=loader)
    assert spec is not None, "a loader is given"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module

    def load() -> ModuleType:
        loader.exec_module(module)
        return module

    try:
        return imported(f"workload file {path}", load)
    except BaseException:
        del sys.modules[name]
        raise
