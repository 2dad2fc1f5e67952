"""Parameters of a cab to inputs of a tool file, and to words of its command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.foreign.cab_files import Cab
from radps_dag.foreign.cab_types import Unsayable, longhand, type_of
from radps_dag.foreign.drafts import Draft, identifier
from radps_dag.foreign.substitutions import with_inputs
from radps_dag.language.source import Table
from radps_dag.problem import Location

__all__ = ["Parameter", "add_input", "parameters_in"]

# Keys by which a schema is told from a group of them.
_SCHEMA = {"dtype", "info", "default", "required", "implicit", "nom_de_guerre", "choices"}
_SCHEMA |= {"element_choices", "policies", "writable"}
# Of what needs no word here: a file is there or the call fails, a call has its own directory.
_SELF_EVIDENT = {"must_exist", "mkdir", "path_policies", "skip_freshness_checks", "tags"}
_SELF_EVIDENT |= {"access_parent_dir", "write_parent_dir", "remove_if_exists", "category"}
_SELF_EVIDENT |= {"metadata", "metavar", "name"}
_POLICIES = {"prefix", "key_value", "positional", "positional_head", "repeat", "skip", "replace"}
_POLICIES |= {"skip_implicits", "explicit_true", "explicit_false", "split", "format_list"}
_POLICIES |= {"disable_substitutions"}
_FILE = re.compile(r"\b(File|Directory|MS|URI)\b")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a cab: its schema, with the policies of the cab below its own."""

    name: str
    about: Mapping[str, Any]
    policies: Mapping[str, Any]
    type: Mapping[str, Any]
    at: Location

    @property
    def id(self) -> str:
        """Its name in a tool file."""
        return identifier(self.name)

    @property
    def dtype(self) -> str:
        """The type as the cab has it."""
        return str(self.about.get("dtype", "str"))

    @property
    def info(self) -> str:
        """Its meaning, on a line."""
        return " ".join(str(self.about.get("info") or "").split())

    @property
    def positional(self) -> bool:
        """Whether its value stands by itself."""
        return bool(self.policies.get("positional") or self.policies.get("positional_head"))

    @property
    def flag(self) -> str:
        """The option on the command line."""
        name = str(self.about.get("nom_de_guerre") or self.name)
        for old, new in (self.policies.get("replace") or {}).items():
            name = name.replace(str(old), str(new))
        if self.policies.get("key_value"):
            return f"{name}="
        prefix = self.policies.get("prefix")
        return f"{'--' if prefix is None else prefix}{name}"


def parameters_in(draft: Draft, cab: Cab, key: str) -> Iterator[Parameter]:
    """The inputs or outputs of a cab; those that are not understood are warnings."""
    table = cab.get(key)
    if not isinstance(table, Table):
        return
    defaults = dict(_values(cab.get("defaults") or {}, ""))
    for name, about, where in _flat(table, ""):
        try:
            schema: Mapping[str, Any] = longhand(about) if isinstance(about, str) else about
            if name in defaults:
                schema = {**schema, "default": defaults[name]}
            own = schema.get("policies") or {}
            policies = {**(cab.get("policies") or {}), **own}
            parameter = Parameter(
                name, schema, policies, type_of(str(schema.get("dtype", "str"))), where
            )
        except Unsayable as error:
            draft.warn(where, f"{key.removesuffix('s')} {name!r} is left out: {error}")
            continue
        if _FILE.search(parameter.dtype) and parameter.type["type"] == "string":
            draft.warn(where, f"{name!r} is a text here, not data: its dtype allows both")
        if key == "inputs" and _need_not_exist(schema, parameter.type):
            draft.warn(where, f"{name!r} must exist here; what the program makes is an output")
        for word in schema:
            if word not in _SCHEMA | _SELF_EVIDENT:
                draft.warn(where, f"{word!r} of {name!r} has no counterpart")
        for word in policies:
            if word not in _POLICIES and (word in own or key == "inputs"):
                draft.warn(where, f"the policy {word!r} of {name!r} has no counterpart")
        yield parameter


def _need_not_exist(schema: Mapping[str, Any], kind: Mapping[str, Any]) -> bool:
    is_data = "Product" in (kind["type"], kind.get("items", {}).get("type"))
    return is_data and schema.get("must_exist") is False and "implicit" not in schema


def _values(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    """Defaults by the whole names of their parameters."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _values(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _flat(table: Table, before: str) -> Iterator[tuple[str, Any, Location]]:
    """Schemas with their whole names: groups of them have names with dots."""
    for name, about in table.items():
        if name == "subsection":  # of a group: its title
            continue
        full, at = f"{before}{name}", table.key_at(name)
        if isinstance(about, Table) and not _SCHEMA & set(about):
            yield from _flat(about, f"{full}.")
        elif about is None:
            yield full, Table(table.source), at
        else:
            yield full, about, at


def add_input(draft: Draft, parameter: Parameter, positional: list[tuple[bool, str]]) -> None:
    """Add an input with its flag; `positional` gets the words that have none, with whether they
    stand in front. Raises Unsayable."""
    about, policies = parameter.about, parameter.policies
    if "implicit" in about:
        _add_fixed(draft, parameter)
        return
    if parameter.id in draft.content["inputs"]:
        raise Unsayable(f"another input is named {parameter.id!r} here")
    kind = parameter.type["type"]
    entry: dict[str, Any] = dict(parameter.type)
    if about.get("writable") and "Product" not in (kind, entry.get("items", {}).get("type")):
        entry, kind = {"type": "Product"}, "Product"
        draft.warn(parameter.at, f"{parameter.name!r} is data here, because it is writable")
    if "choices" in about and kind != "Product":
        entry["enum"] = list(about["choices"])
    if "element_choices" in about and kind == "array":
        entry["items"] = {**entry["items"], "enum": list(about["element_choices"])}
    if "Union" in parameter.dtype and kind == "array" and not policies.get("format_list_scalar"):
        entry.pop("minItems", None)  # a single value is a list of one here
    if kind == "string" and policies.get("split"):
        entry |= {"type": "array", "items": {"type": "string"}}
        draft.warn(parameter.at, f"{parameter.name!r} is a list here, and no text that is split")
    if kind == "boolean" and "explicit_true" in policies:
        truth, falsehood = policies["explicit_true"], policies.get("explicit_false", False)
        entry |= {"type": "string", "enum": [str(truth), str(falsehood)]}
        draft.warn(parameter.at, f"{parameter.name!r} is one of two texts here, not true or false")
    _add_default(draft, parameter, entry)
    if parameter.info:
        entry["description"] = parameter.info
    if policies.get("skip"):
        raise Unsayable("the policy 'skip' keeps it from the command line")
    if parameter.positional:
        word = f"inputs.{parameter.id}"
        join = policies.get("repeat")
        if entry["type"] == "array" and join not in ("list", "repeat", None):
            word = f"{word} | join('{join}')"
        positional.append((bool(policies.get("positional_head")), f"${{{{ {word} }}}}"))
    else:
        entry["flag"] = parameter.flag
        if entry["type"] == "array":
            entry |= _list_words(draft, parameter)
    if about.get("writable"):
        draft.content["mutates"].append(parameter.id)
    draft.content["inputs"][parameter.id] = entry


def _add_default(draft: Draft, parameter: Parameter, entry: dict[str, Any]) -> None:
    """The default; null of what is not required."""
    default = parameter.about.get("default")
    if parameter.about.get("required") and default is None:
        return
    if isinstance(default, str) and ("{" in default or default.startswith("=")):
        draft.warn(parameter.at, f"the default {default!r:.60} of {parameter.name!r} is left out")
        default = None
    if default is not None and entry["type"] == "Product":
        draft.warn(parameter.at, f"data have no default: {parameter.name!r} has none here")
        default = None
    if default is not None and entry["type"] == "array" and not isinstance(default, list):
        default = [default]
    if default is not None and entry["type"] == "string":
        default = str(default)
    entry["default"] = default


def _list_words(draft: Draft, parameter: Parameter) -> dict[str, Any]:
    """Keys that say how a list becomes words."""
    match parameter.policies.get("repeat"):
        case "list":
            return {"spread": True}
        case "repeat":
            return {"repeat": True}
        case "[]":
            raise Unsayable("a list in brackets is no word of ours")
        case None if parameter.policies.get("split") or parameter.policies.get("format_list"):
            return {"spread": True}
        case None:
            draft.warn(parameter.at, f"the words of the list {parameter.name!r} are a guess")
            return {"spread": True}
        case separator:
            return {"join": str(separator)}


def _add_fixed(draft: Draft, parameter: Parameter) -> None:
    """A value that the cab itself gives: words that always stand there."""
    if parameter.policies.get("skip") or parameter.policies.get("skip_implicits"):
        return
    value = parameter.about["implicit"]
    if parameter.type["type"] == "boolean":
        words = [parameter.flag] if value else []
    else:
        text = with_inputs(str(value), draft.content["inputs"])
        together = parameter.flag.endswith("=")
        words = [parameter.flag + text] if together else [parameter.flag, text]
        words = [text] if parameter.positional else words
    place = "arguments" if any("${{" in word for word in words) else "program"
    draft.content[place] += words
