"""Questions and params as forms on Prefect's page: the schemas, and the words above a question."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from radps_dag.language.model import Param
from radps_dag.prefect.markdown import block, image, link_to, plain, value
from radps_dag.prefect.pictures import openings
from radps_dag.prefect.pictures import shown as pictures
from radps_dag.prefect.server.links import Link, no_link
from radps_dag.progress.look import clean
from radps_dag.questions import Question
from radps_dag.questions.evidence import listing

__all__ = ["SETTINGS", "params_schema", "schema", "signed", "words"]

SETTINGS = "_run"  # of a deployment, beside its params, none of which has such a name
BY = "by"  # the field in which who answers may say who it is: the page knows no persons
LONGEST_NAME = 100
MOST_LINES = 100  # of evidence
MOST_PICTURES = 6

_TYPES: Mapping[type, str] = {
    bool: "boolean",
    str: "string",
    int: "integer",
    float: "number",
    type(None): "null",
}


def schema(question: Question) -> dict[str, Any]:
    """The JSON Schema of an answer. Prefect's page makes a form of it, and its server refuses what
    does not fit."""
    fields = {
        name: _field(name, inputs, position)
        for position, (name, inputs) in enumerate(question.inputs.items())
    }
    if BY not in fields:
        about = "who answers, for the record"
        fields[BY] = {"title": BY, "type": "string", "description": about, "position": len(fields)}
    return {
        "type": "object",
        "title": f"Answer to {question.place}",
        "properties": fields,
        "required": [name for name, given in question.inputs.items() if "default" not in given],
        "additionalProperties": False,
    }


def params_schema(params: Iterable[Param], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the params that a run may be begun with from the page, with the `defaults`
    of those that have one. Secret ones are left out: Prefect would keep them as they are."""
    shown = [param for param in params if not param.secret]
    fields = {}
    for position, param in enumerate(shown):
        given = {key: value for key, value in param.schema.items() if key not in _OURS}
        if param.name in defaults:
            given["default"] = defaults[param.name]
        # The page checks bounds, and shows neither them nor units.
        bounds = [words.format(given[name]) for name, words in _BOUNDS.items() if name in given]
        more = ", ".join(filter(None, (param.unit, *bounds)))
        if about := " ".join(filter(None, (param.description, f"({more})" if more else ""))):
            given["description"] = about
        fields[param.name] = _field(param.name, given, position)
    return {
        "type": "object",
        "title": "Parameters",
        "properties": fields,
        "required": [param.name for param in shown if param.name not in defaults],
        # Not among the properties, of which the page makes fields.
        "patternProperties": {f"^{SETTINGS}$": {"type": "object"}},
        "additionalProperties": False,
    }


_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
}
# Words of params that JSON Schema does not have, or has for something else.
_OURS = ("default", "format", "must_exist", "secret", "unit")


def signed(question: Question, said: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Split a filled-in form into the values and the name of who filled it in."""
    values = dict(said)
    by = "" if BY in question.inputs else values.pop(BY, None) or ""
    return values, clean(str(by))[:LONGEST_NAME]


def _field(name: str, given: Mapping[str, Any], position: int) -> dict[str, Any]:
    field = {"title": name, "position": position, **given}
    if "description" in field:
        field["description"] = plain(str(field["description"]))
    if "__prefect_kind" in value(field.get("default")):
        # Prefect's server would compute what is between such marks. The prompts know the default.
        del field["default"]
    types = {_TYPES.get(type(item)) for item in field.get("enum", ())}
    if "type" not in field and len(types) == 1 and None not in types:
        # The page asks for a field's type, also where its choices are listed.
        field["type"] = types.pop()
    elif isinstance(field.get("type"), list):
        field["anyOf"] = [{"type": name} for name in field.pop("type")]
    return field


def words(question: Question, notice: str = "", more: int = 0, link: Link = no_link) -> str:
    """Write the text above the form: the message, the evidence and the deadline. `notice` is why
    the last answer was refused; `more` questions wait behind this one; `link` opens products. Reads
    the pictures shown.
    """
    parts = [f"**{plain(question.place)}**", plain(question.message)]
    if notice:
        parts.insert(0, f"**The answer was refused, nothing has changed:** {plain(notice)}")
    opens = openings(question.show, link)
    linked = {uri for uri, _, _ in opens}
    if shown := list(islice(listing(question.show, linked), MOST_LINES)):
        parts.append(block("\n".join(shown)))
    parts += [f"{plain(name)}: {link_to('open', address)}" for _, name, address in opens]
    parts += [image(source) for source in islice(pictures(question.show, link), MOST_PICTURES)]
    if question.deadline is not None:
        until = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(question.deadline))
        then = (
            "the run goes on with the defaults"
            if question.on_timeout == "defaults"
            else ("it fails")
        )
        parts.append(f"Until {until}; then {then}.")
    if more:
        parts.append(f"{more} more {'question waits' if more == 1 else 'questions wait'} after it.")
    return "\n\n".join(parts)
