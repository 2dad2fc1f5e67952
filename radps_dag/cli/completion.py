"""Completion at the cursor of a shell: runs, stages, places and params.

A shell asks with every key. So only files are read, nothing heavy is imported, and what is wrong is
left to the command to say: there is nothing to complete then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import Any

from click import Context, Parameter
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

__all__ = [
    "BashWords",
    "FishWords",
    "ZshWords",
    "executors",
    "libraries",
    "params",
    "places",
    "runs",
    "stages",
]

Items = list[CompletionItem[str]]
Complete = Callable[[Context, Parameter, str], Items]
# The data of a file by its name, from the folder of the pipeline; nothing where it says nothing.
Read = Callable[[str], Mapping[str, Any]]
# Nodes by name, and the folder of the file that has them.
Level = tuple[PurePosixPath, Mapping[str, Any]]

_INSTANCE = re.compile(r"\[.*|#.*")  # of a place's level: `clean[spw=2]#3`
# What a shell leaves as it is, and what stands in places, which a person has typed and quoted.
_PLAIN = re.compile(r"[\w.,:/=@%+#*\[\]-]+", re.ASCII)


def _quietly(complete: Callable[[Context, str], Iterator[CompletionItem[str]]]) -> Complete:
    @wraps(complete)
    def completed(ctx: Context, _param: Parameter, incomplete: str) -> Items:
        try:
            return [item for item in complete(ctx, incomplete) if _PLAIN.fullmatch(item.value)]
        except Exception:  # noqa: BLE001  # a shell that completes says nothing of it
            return []

    return completed


@_quietly
def runs(ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Ids of runs, newest first: those that begin so, or else those with that part."""
    with os.scandir(_workspace(ctx) / "runs") as entries:
        ids = sorted((entry.name for entry in entries if entry.is_dir()), reverse=True)
    named = _names(_workspace(ctx))
    matching = [id for id in (*ids, *named.values(), "last") if id.startswith(incomplete)]
    if not matching:
        matching = [id for id in (*ids, *named.values()) if incomplete in id]
        # Bash puts what all have in common in the place of what was typed: with this, nothing.
        matching += ["last"] if len(matching) > 1 else []
    matching = list(dict.fromkeys(matching))
    yield from map(CompletionItem, matching)


@_quietly
def stages(ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Stages of the file, also behind a comma."""
    before, comma, word = incomplete.rpartition(",")
    for name, node in _table(_pipeline(ctx), "stages").items():
        if name.startswith(word):
            yield CompletionItem(f"{before}{comma}{name}", help=_description(node))


@_quietly
def places(ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Places of the file, or of the run, one level at a time; one that holds others twice, so that
    a shell does not take it for the end."""
    read, name = _files(ctx)
    before, slash, word = incomplete.rpartition("/")
    levels = [(PurePosixPath(name).parent, _table(read(name), "stages"))]
    for level in before.split("/") if slash else ():
        pattern = _INSTANCE.sub("", level)
        levels = [
            _inside(folder, node, read)
            for folder, nodes in levels
            for inner, node in nodes.items()
            if fnmatchcase(inner, pattern)
        ]
    nodes = {inner: node for _, level in levels for inner, node in level.items()}
    for inner, node in nodes.items():
        if inner.startswith(word):
            place = f"{before}{slash}{inner}"
            yield CompletionItem(place, help=_description(node))
            if isinstance(node, Mapping) and not {"steps", "use"}.isdisjoint(node):
                yield CompletionItem(f"{place}/")


@_quietly
def params(ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Params of the file, as `name=`; and the values of the only one left, as far as they are
    known."""
    declared = _table(_pipeline(ctx), "params")
    name, equals, value = incomplete.partition("=")
    matching = [
        param for param in declared if (param == name if equals else param.startswith(name))
    ]
    for param in matching:
        if not equals:
            yield CompletionItem(f"{param}=", help=_description(declared[param]))
        for choice in _values(declared[param]) if len(matching) == 1 else ():
            if choice.startswith(value):
                yield CompletionItem(f"{param}={choice}")


@_quietly
def executors(ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Executors that are installed, and those of the profile."""
    from radps_dag.executors.registry import executors as installed
    from radps_dag.executors.registry import unready
    from radps_dag.profile import find_profile

    configured = find_profile(ctx.params.get("profile_file")).executors
    names = [*(name for name in installed() if not unready(name)), *configured]
    yield from (
        CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)
    )


@_quietly
def libraries(_ctx: Context, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Libraries of workloads that are installed."""
    from radps_dag.workloads.contract.registry import libraries as installed

    yield from (CompletionItem(name) for name in installed() if name.startswith(incomplete))


@add_completion_class
class BashWords(BashComplete):
    """Bash ends words at `=` and `:` too. Here they are put together again, and of an answer bash
    gets what comes behind."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Words before the cursor, and the incomplete one at it."""
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        glued = False
        for word in (*args, incomplete):
            ends = bool(word) and not word.strip("=:")
            if words and (ends or glued):
                words[-1] += word
            else:
                words.append(word)
            glued = ends
        *args, glued_word = words
        # Click takes an option's name away itself.
        value = glued_word.partition("=")[2] if glued_word.startswith("-") else glued_word
        self._before = max(0, len(value) - (0 if glued else len(incomplete)))
        return args, glued_word

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Type and value of an item, without what bash has already."""
        return f"{item.type},{item.value[self._before :]}"


class _WholeWords(ShellComplete):
    """Zsh and fish take an answer for the whole word, of which click leaves out the option."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        option, equals, _ = incomplete.partition("=")
        self._before = f"{option}=" if equals and option.startswith("--") else ""
        return args, incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        completed = CompletionItem(f"{self._before}{item.value}", item.type, item.help)
        return super().format_completion(completed)


@add_completion_class
class ZshWords(_WholeWords, ZshComplete):
    """Completion for zsh."""


@add_completion_class
class FishWords(_WholeWords, FishComplete):
    """Completion for fish."""


def _workspace(ctx: Context) -> Path:
    return ctx.params.get("workspace") or Path(".radps")


def _pipeline(ctx: Context) -> Mapping[str, Any]:
    read, name = _files(ctx)
    return read(name)


def _files(ctx: Context) -> tuple[Read, str]:
    """The files of a pipeline and the name of the first: of the file that the command is given, or
    of the run, as it recorded them."""
    file = ctx.params.get("file")
    if file is not None:
        return lambda name: _data(name, _text(Path(file).parent / name)), Path(file).name
    texts, name = _recorded(ctx)
    return lambda name: _data(name, texts.get(name, "")), name


def _names(workspace: Path) -> Mapping[str, str]:
    """The names of runs, by id; none where the journal does not say."""
    from radps_dag.journal.glance import names

    try:
        return names(workspace / "journal.db")
    except Exception:  # noqa: BLE001  # ids are completed all the same
        return {}


def _recorded(ctx: Context) -> tuple[Mapping[str, str], str]:
    from radps_dag.journal.glance import first_start
    from radps_dag.journal.workspace import pick

    folder = _workspace(ctx)
    ids = sorted((entry.name for entry in (folder / "runs").iterdir()), reverse=True)
    wanted = ctx.params.get("run") or "last"
    run = ids[0] if wanted == "last" else pick(wanted, ids, _names(folder))
    started = first_start(folder / "journal.db", run)
    return started["provenance"]["sources"], Path(started["file"]).name


def _text(path: Path) -> str:
    from radps_dag.language.source import MAX_BYTES

    if not path.is_file():  # whoever reads a pipe waits
        return ""
    with path.open(encoding="utf-8-sig") as file:
        return file.read(MAX_BYTES)


def _data(name: str, text: str) -> Mapping[str, Any]:
    from radps_dag.language.source import parse
    from radps_dag.problem import Source

    document = parse(Source(name, text), lambda problem: None)
    return document.data if document is not None and isinstance(document.data, dict) else {}


def _inside(folder: PurePosixPath, node: Any, read: Read) -> Level:
    """The children of a node, and the folder that a `use` in it starts from."""
    used = node.get("use") if isinstance(node, Mapping) else None
    if not isinstance(used, str):
        return folder, _table(node, "steps")
    file = PurePosixPath(os.path.normpath(folder / used))
    return file.parent, _table(read(str(file)), "stages")


def _table(data: Any, key: str) -> Mapping[str, Any]:
    steps = data.get(key) if isinstance(data, Mapping) else None
    return steps if isinstance(steps, Mapping) else {}


def _description(node: Any) -> str | None:
    """The description of a stage or a param, on one line."""
    text = node.get("description") if isinstance(node, Mapping) else None
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return line if line and line.isprintable() else None


def _values(param: Any) -> list[str]:
    """Values that a param may have, as far as they are known: those of a choice, or the default."""
    if not isinstance(param, Mapping):
        return []
    choices = [True, False] if param.get("type") == "boolean" else param.get("enum")
    if not isinstance(choices, list):
        choices = [param.get("default")]
    return [
        choice if isinstance(choice, str) else json.dumps(choice)
        for choice in choices
        if choice is not None
    ]
