"""A question: what is asked and shown, what an answer must give, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from radps_dag.facts import About, QuestionAsked, strict_json
from radps_dag.language.shape import describe, filled, from_schema, mismatch, not_json
from radps_dag.language.shape.violations import violation
from radps_dag.problem import Problem, Source, UsageError, did_you_mean, there_are

__all__ = ["Question", "WrongAnswer", "identity"]


class WrongAnswer(UsageError):
    """An answer that the question does not take. Nothing has changed."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person. `inputs` are JSON Schemas by name, with default and description.

    `deadline` is in seconds since the epoch; after it, `on_timeout` says what happens.
    """

    run: str
    place: str
    id: str
    message: str
    inputs: Mapping[str, Mapping[str, Any]] = field(hash=False)
    show: tuple[Any, ...] = field(default=(), hash=False)
    about: About = "pause"
    asked: float = 0.0
    deadline: float | None = None
    on_timeout: str = "fail"

    @classmethod
    def of(cls, run: str, fact: QuestionAsked) -> Question:
        """The question that a fact says was asked."""
        return cls(
            run=run,
            place=fact.place,
            id=fact.question,
            message=fact.message,
            inputs=fact.inputs,
            show=tuple(fact.show),
            about=fact.about,
            asked=fact.time,
            deadline=fact.deadline,
            on_timeout=fact.on_timeout,
        )

    def fact(self, time: float) -> QuestionAsked:
        """Fact that the question was asked at a time, in seconds since the epoch."""
        return QuestionAsked(
            time=time,
            place=self.place,
            question=self.id,
            message=self.message,
            inputs=self.inputs,
            show=self.show,
            about=self.about,
            deadline=self.deadline,
            on_timeout=self.on_timeout,
        )

    @property
    def defaults(self) -> dict[str, Any]:
        """The default values of the inputs; inputs without a default are left out."""
        return {
            name: schema["default"] for name, schema in self.inputs.items() if "default" in schema
        }

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer, defaults included. Raises WrongAnswer with what does not fit."""
        for name in given:
            if name not in self.inputs:
                raise WrongAnswer(self._unknown(name))
        values = {
            name: filled(self.inputs[name], value)
            for name, value in {**self.defaults, **given}.items()
        }
        for name, schema in self.inputs.items():
            if name not in values:
                takes = describe(from_schema(schema))
                raise WrongAnswer(f"{self.place}: input {name!r} is missing; it takes {takes}")
            if reason := _misfit(schema, values[name]):
                raise WrongAnswer(f"{self.place}: input {name!r}: {reason}")
        return {name: values[name] for name in self.inputs}

    def read(self, arguments: Iterable[str]) -> dict[str, Any]:
        """The values of `name=value` texts, read as the inputs ask. Raises WrongAnswer."""
        given: dict[str, Any] = {}
        for argument in arguments:
            name, equals, text = argument.partition("=")
            if not equals:
                raise WrongAnswer(f"{argument!r} gives no value; write -i name=value")
            if name not in self.inputs:
                raise WrongAnswer(self._unknown(name))
            given[name] = self.value(name, text)
        return given

    def typed(self, name: str, text: str) -> Any:
        """A text as the value of an input, which takes it. Raises WrongAnswer where it does not."""
        value = self.value(name, text)
        if reason := _misfit(self.inputs[name], value):
            raise WrongAnswer(f"{self.place}: input {name!r}: {reason}")
        return value

    def value(self, name: str, text: str) -> Any:
        """A text as the value that an input takes: as it is for a string, else as YAML."""
        shape = from_schema(self.inputs[name])
        if shape.kinds == {"string"}:
            return text
        from radps_dag.language.source import parse  # who lists questions reads no YAML

        problems: list[Problem] = []
        document = parse(Source("-i", text), problems.append)
        if document is not None and not problems and not mismatch(shape, document.data):
            return document.data
        if "string" in shape.kinds:
            return text
        reason = f"cannot be read; it takes {describe(shape)}"
        if document is not None and not problems:
            reason = mismatch(shape, document.data)
        raise WrongAnswer(f"{self.place}: input {name!r}: {reason}")

    def _unknown(self, name: str) -> str:
        if not self.inputs:
            return f"{self.place}: unknown input {name!r}; the question takes none"
        hint = did_you_mean(name, self.inputs) or f"; {there_are(self.inputs)}"
        return f"{self.place}: unknown input {name!r}{hint}"


def identity(
    place: str, round: int, message: str, inputs: Mapping[str, Any], show: Iterable[Any]
) -> str:
    """The id of a question: the same while all that is asked is the same.

    `round` counts how often a group around it was tried again, when it is asked again too.
    """
    what = strict_json([place, round, message, dict(inputs), list(show)])
    return sha256(what.encode()).hexdigest()[:32]


def _misfit(schema: Mapping[str, Any], value: Any) -> str:
    return not_json(value) or mismatch(from_schema(schema), value) or violation(schema, value)
