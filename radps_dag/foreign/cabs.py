"""A cab of Stimela to a tool file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.foreign.cab_files import Cab
from radps_dag.foreign.cab_parameters import Parameter, add_input, parameters_in
from radps_dag.foreign.cab_types import Unsayable
from radps_dag.foreign.drafts import Draft, identifier
from radps_dag.foreign.substitutions import with_inputs
from radps_dag.language.source import Table
from radps_dag.problem import Location
from radps_dag.workloads.tools.patterns import PatternRefused, bounded

__all__ = ["cab_to_tool"]

_UNDERSTOOD = {"name", "command", "info", "image", "inputs", "outputs", "policies", "flavour"}
_UNDERSTOOD |= {"management", "defaults", "parameter_passing"}
_VALUES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def cab_to_tool(name: str, cab: Cab, at: Location) -> Draft:
    """The tool file of a cab. Raises Unsayable for a cab that is not a program."""
    flavour = cab.get("flavour", "binary")
    kind = flavour.get("kind", "binary") if isinstance(flavour, Mapping) else flavour
    if kind != "binary":
        raise Unsayable(f"it is {kind}, and no program; write a workload in Python for it")
    if cab.get("parameter_passing", "args") != "args":
        raise Unsayable("its program takes its parameters as YAML; no tool file says that")
    draft = Draft(identifier(name), "cab", at)
    words = shlex.split(str(cab.get("command") or ""))
    if not words:
        raise Unsayable("it has no command")
    draft.content = {
        "version": 1,
        "name": draft.name,
        "description": " ".join(str(cab.get("info", "")).split()),
        "program": words,
        "image": _image(draft, cab),
        "inputs": {},
        "arguments": [],
        "environment": {},
        "outputs": {},
        "fail_on": [],
        "warn_on": [],
        "mutates": [],
    }
    if any("{" in word for word in words):
        draft.warn(cab.value_at("command"), "the braces of the command are left as they are")
    positional: list[tuple[bool, str]] = []
    for parameter in parameters_in(draft, cab, "inputs"):
        try:
            add_input(draft, parameter, positional)
        except Unsayable as error:
            draft.warn(parameter.at, f"input {parameter.name!r} is left out: {error}")
    for parameter in parameters_in(draft, cab, "outputs"):
        try:
            _add_output(draft, parameter)
        except Unsayable as error:
            draft.warn(parameter.at, f"output {parameter.name!r} is left out: {error}")
    if any(head for head, _ in positional):
        draft.warn(at, "words that stood before the options (positional_head) stand behind them")
    heads_first = sorted(positional, key=lambda each: not each[0])
    draft.content["arguments"] += [word for _, word in heads_first]
    _add_management(draft, cab.get("management"))
    draft.content["mutates"] = list(dict.fromkeys(draft.content["mutates"]))
    for key in cab:
        if key not in _UNDERSTOOD:
            draft.warn(cab.key_at(key), f"{key!r} has no counterpart")
    return draft


def _image(draft: Draft, cab: Cab) -> str:
    """The image by the name that engines know it by, as far as it is said."""
    image = cab.get("image")
    if not image:
        return ""
    if isinstance(image, str):
        return f"docker://{image}"
    registry, name, version = (str(image.get(key, "")) for key in ("registry", "name", "version"))
    if not name:
        draft.warn(cab.value_at("image"), "the image has no name")
        return ""
    if not registry:
        draft.warn(cab.value_at("image"), f"the image {name!r} has no registry here")
    tag = f":{version}" if version else ""
    return "docker://" + "/".join(part for part in (registry, name) if part) + tag


def _add_output(draft: Draft, parameter: Parameter) -> None:
    """An output: files that the program names itself, files that an option names, or a value."""
    about: dict[str, Any] = {}
    if parameter.info:
        about["description"] = parameter.info
    items = parameter.type.get("items", {})
    if "Product" not in (parameter.type["type"], items.get("type")):
        if parameter.dtype in _VALUES:  # a wrangler may say where it is
            draft.content["outputs"][parameter.id] = {"type": _VALUES[parameter.dtype], **about}
            return
        raise Unsayable(f"a value of dtype {parameter.dtype!r} is not read from lines")
    many = parameter.type["type"] == "array"
    optional = parameter.about.get("required") is False or (
        parameter.about.get("must_exist") is False
    )
    if "implicit" in parameter.about:
        path = with_inputs(str(parameter.about["implicit"]), draft.content["inputs"])
    elif many:
        raise Unsayable("its files are named by an option; give their names in arguments")
    elif optional or not (parameter.about.get("required") or "default" in parameter.about):
        raise Unsayable(f"it is there if {parameter.flag} is given; write that into arguments")
    else:
        default = str(parameter.about.get("default") or parameter.id)
        path = with_inputs(default, draft.content["inputs"]).rpartition("/")[2]
        words = [path] if parameter.positional else [parameter.flag, path]
        draft.content["arguments"] += [words[0] + path] if words[0].endswith("=") else words
    glob = many or any(sign in path for sign in "*?[")
    source = {"glob" if glob else "path": path, "kind": _kind(parameter, path)}
    may_miss = {"optional": True} if optional else {}
    draft.content["outputs"][parameter.id] = {**source, **may_miss, **about}


def _kind(parameter: Parameter, path: str) -> str:
    if "MS" in re.findall(r"\w+", parameter.dtype):
        return "visibilities"
    return "image" if path.endswith((".fits", ".fits.gz")) else "file"


def _add_management(draft: Draft, management: Any) -> None:
    """Patterns in what the program prints, and variables."""
    if isinstance(management, Table):
        for name, value in (management.get("environment") or {}).items():
            draft.content["environment"][name] = str(value)
        wranglers = management.get("wranglers") or Table(management.source)
        for pattern, actions in wranglers.items():
            for action in [actions] if isinstance(actions, str) else actions:
                _add_action(draft, pattern, str(action), wranglers.key_at(pattern))
        for key in management:
            if key not in ("environment", "wranglers"):
                draft.warn(management.key_at(key), f"'management.{key}' has no counterpart")
    outputs = draft.content["outputs"]
    for name in [name for name, about in outputs.items() if not _SOURCES & set(about)]:
        del outputs[name]
        message = f"output {name!r} is left out: no pattern says where its value is"
        draft.warn(draft.at, message)
    if any("stdout" in about for about in (*outputs.values(), *_triggers(draft))):
        message = "patterns are looked for in standard output alone, not in standard error"
        draft.warn(draft.at, message)


_SOURCES = {"path", "glob", "stdout", "input"}


def _triggers(draft: Draft) -> Iterator[Mapping[str, Any]]:
    yield from draft.content["fail_on"]
    yield from draft.content["warn_on"]


def _add_action(draft: Draft, pattern: str, action: str, at: Location) -> None:
    """Add what Stimela does with a line that matches."""
    try:
        groups = list(bounded(pattern).groupindex)
    except PatternRefused as error:
        draft.warn(at, f"the pattern {pattern!r:.60} is left out: {error}")
        return
    word, _, rest = action.partition(":")
    match word:
        case "PARSE_OUTPUT":
            parts = rest.split(":")
            group = parts[-2] if len(parts) > 1 else ""
            name = identifier(parts[0])
            about = draft.content["outputs"].get(name)
            if group not in groups or about is None:
                draft.warn(at, f"{action!r:.60} names no output and group of the pattern")
            else:
                about["stdout"] = pattern.replace(f"(?P<{group}>", f"(?P<{name}>")
        case "ERROR":
            name = "".join(part.capitalize() for part in re.findall(r"[A-Za-z]+", rest))[:40]
            draft.content["fail_on"].append({"stdout": pattern, "error": name or "CabFailed"})
        case "WARNING":
            draft.content["warn_on"].append({"stdout": pattern})
        case "SEVERITY" if rest.lower().startswith("warn"):
            draft.content["warn_on"].append({"stdout": pattern})
        case _:
            draft.warn(at, f"{action!r:.60} of lines that match {pattern!r:.60} has no counterpart")
