"""A function's signature is its schema, and what it returns is held against that."""

from __future__ import annotations

import enum
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.language.shape import describe
from radps_dag.problem import UsageError
from radps_dag.workloads import (
    OutputInvalid,
    Product,
    Random,
    Unit,
    Workdir,
    Workload,
    invoke,
    workload,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
)
Jansky = Annotated[float, Unit("Jy")]
MS: Product = {"uri": "file:///ms", "kind": "visibilities"}


class Solved(TypedDict):
    """Solutions.

    Attributes:
        snr: signal to noise
        flux: flux density,
            of the brightest source
    """

    snr: float
    flux: Jansky | None
    tables: list[Product]


@dataclass
class Measured:
    """A measurement.

    Attributes:
        noise: the noise
    """

    noise: Jansky
    channels: list[int]


class Loose(TypedDict):
    snr: NotRequired[float]


class Grade(enum.IntEnum):
    GOOD = 1


@workload
def solve(
    ms: Product, spw: int, threshold: Jansky = 0.5, *, workdir: Workdir, random: Random
) -> Solved:
    """Solve the gains.

    A longer story.

    Args:
        ms: the visibilities
        threshold: where to stop
    """
    return {"snr": random.random(), "flux": None, "tables": [ms]}


@workload(name="measure", version="2", placeholder=True)
def measure_it(channels: list[int] = [0]) -> Measured:  # noqa: B006
    return Measured(0.5, channels)


def described(function: Any) -> Workload:
    found: Workload = function.workload
    return found


def test_signature_is_schema() -> None:
    """Names, types, defaults, units and descriptions come from the function."""
    found = described(solve)
    assert [one.name for one in found.inputs] == ["ms", "spw", "threshold"]
    assert [one.required for one in found.inputs] == [True, True, False]
    threshold = found.inputs[2]
    assert (threshold.default, threshold.unit) == (0.5, "Jy")
    assert threshold.description == "where to stop"
    assert describe(found.inputs[1].shape) == "an integer"
    assert found.given == {"workdir": "workdir", "random": "random"}
    assert found.summary == "Solve the gains."
    assert found.description == "Solve the gains.\n\nA longer story."


def test_return_type_names_outputs() -> None:
    """A TypedDict's or dataclass's members are the outputs, units found through `| None`."""
    snr, flux, tables = described(solve).outputs or ()
    assert (snr.name, snr.description) == ("snr", "signal to noise")
    assert (flux.unit, flux.description) == ("Jy", "flux density, of the brightest source")
    assert describe(tables.shape).startswith("a list of Product")
    noise, channels = described(measure_it).outputs or ()
    assert (noise.name, noise.unit, channels.name) == ("noise", "Jy", "channels")


def test_options_of_the_decorator() -> None:
    """Name, version and mark are what the decorator says; the function stays callable."""
    found = described(measure_it)
    assert (found.name, found.version, found.placeholder) == ("measure", "2", True)
    assert measure_it([3]) == Measured(0.5, [3])


def test_function_without_hints() -> None:
    """Without hints anything goes in and out: the contract is gradual."""

    @workload
    def anything(value, other=1):  # type: ignore[no-untyped-def]
        return {"value": value}

    assert described(anything).outputs is None
    assert described(anything).inputs[0].shape.unknown
    assert invoke(described(anything), {"value": [1]}, Path(), 0) == {"value": [1]}


def _variadic(*values: int) -> None: ...
def _positional(value: int, /) -> None: ...
def _array(value: memoryview) -> None: ...
def _unknown(value: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _number() -> float:
    return 1.0


def _default(value: int = "three") -> None: ...  # type: ignore[assignment]
def _no_json(value: Any = object()) -> None: ...  # noqa: B008
def _optional() -> Loose:
    return {}


async def _async(value: int) -> None: ...


def _documented(value: int) -> None:
    """Do.

    Args:
        valeu: misspelt
    """


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_variadic, "parameter 'values' must have a name"),
        (_positional, "parameter 'value' must have a name"),
        (_array, "parameter 'value': memoryview has no JSON form"),
        (_unknown, "name 'Nowhere' is not defined; define it in the module"),
        (_number, "make it a TypedDict, a dataclass or a dict"),
        (_default, "default of parameter 'value': expected an integer, found 'three'"),
        (_no_json, "default of parameter 'value': an object has no JSON form"),
        (_optional, "output 'snr' may be missing; say `... | None` instead"),
        (_async, "must be a plain function"),
        (_documented, "its docstring describes 'valeu', no parameter; did you mean 'value'?"),
    ],
)
def test_signature_that_is_no_schema(function: Any, message: str) -> None:
    """What cannot be a schema is refused where it is decorated, with file and line."""
    with pytest.raises(UsageError) as raised:
        workload(function)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{__file__}:")


@pytest.mark.parametrize("thing", [print, int, functools.partial(print), 3])
def test_only_functions(thing: Any) -> None:
    """What is no Python function has no signature to go by."""
    with pytest.raises(UsageError, match="@workload makes a workload of a function, not of"):
        workload(thing)


@given(value=JSON)
def test_any_json_comes_back(value: Any) -> None:
    """Whatever is JSON goes in and comes out unchanged, and as a copy."""

    @workload
    def hand_through(value: Any) -> dict[str, Any]:
        return {"value": value}

    outputs = invoke(described(hand_through), {"value": value}, Path(), 0)
    assert outputs == {"value": value}
    assert json.dumps(outputs) == json.dumps({"value": value})
    assert not isinstance(value, list | dict) or outputs["value"] is not value


def test_invoke_gives_what_the_engine_gives(tmp_path: Path) -> None:
    """The directory is made if asked for; the same seed draws the same numbers."""
    arguments = {"ms": MS, "spw": 1}
    first = invoke(described(solve), arguments, tmp_path / "a" / "b", "7 solve")
    assert (tmp_path / "a" / "b").is_dir()
    assert invoke(described(solve), arguments, tmp_path / "c", "7 solve") == first
    assert invoke(described(solve), arguments, tmp_path / "c", "8 solve") != first
    invoke(described(measure_it), {}, tmp_path / "unasked", 0)
    assert not (tmp_path / "unasked").exists()


def test_arguments_are_the_callers_own(tmp_path: Path) -> None:
    """A workload that changes its arguments, or keeps its outputs, changes nobody else's."""
    kept: list[Any] = []

    @workload
    def spoil(values):  # type: ignore[no-untyped-def]
        values.append(3)
        kept.append(values)
        return {"values": values}

    given = [1, 2]
    outputs = invoke(described(spoil), {"values": given}, tmp_path, 0)
    kept[0].append(4)
    assert (given, outputs) == ([1, 2], {"values": [1, 2, 3]})


def test_defaults_are_the_calls_own(tmp_path: Path) -> None:
    """A workload that changes its default changes it for no other call."""

    @workload
    def grow(values: list[int] = [1]) -> dict[str, Any]:  # noqa: B006
        values.append(2)
        return {"values": values}

    for _ in range(2):
        assert invoke(described(grow), {}, tmp_path, 0) == {"values": [1, 2]}


def test_name_must_fit_pipelines() -> None:
    """A name that no pipeline file could say is refused."""
    with pytest.raises(UsageError, match="'my workload' is not a name"):
        workload(name="my workload")(_variadic)


def test_outputs_become_plain(tmp_path: Path) -> None:
    """Tuples become lists and subclasses of numbers plain ones, as JSON would have them."""

    @workload
    def odd() -> dict[str, Any]:
        return {"pair": (1, 2), "grade": Grade.GOOD, "dataclass": None}

    outputs = invoke(described(odd), {}, tmp_path, 0)
    assert outputs == {"pair": [1, 2], "grade": 1, "dataclass": None}
    assert type(outputs["grade"]) is int
    assert invoke(described(measure_it), {}, tmp_path, 0) == {"noise": 0.5, "channels": [0]}


class One(TypedDict):
    snr: float


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"snr": math.nan}, "what is not JSON: snr: nan is not a JSON number"),
        ({"snr": math.inf}, "what is not JSON: snr: inf is not a JSON number"),
        ({"snr": b"bytes"}, "what is not JSON: snr: a bytes has no JSON form"),
        ({"snr": {1, 2}}, "what is not JSON: snr: a set has no JSON form"),
        ({"snr": 1.0, "sn": 2.0}, "an undeclared output 'sn'; did you mean 'snr'?"),
        ({}, "no output 'snr'"),
        ({"snr": "high"}, "a wrong output 'snr': expected a number, found 'high'"),
        ({"snr": True}, "a wrong output 'snr'"),
        (3.0, "a float instead of outputs"),
        (None, "no output 'snr'"),
        ({1: 2}, "what is not JSON: key 1 is not a string"),
    ],
)
def test_wrong_outputs(result: Any, message: str, tmp_path: Path) -> None:
    """What was not declared, or is not strict JSON, is refused in words."""

    @workload
    def wrong() -> One:
        return result  # type: ignore[no-any-return]

    with pytest.raises(OutputInvalid) as raised:
        invoke(described(wrong), {}, tmp_path, 0)
    assert str(raised.value).startswith("workload 'wrong' returned ")
    assert message in str(raised.value)


def test_exit_is_an_error_of_the_call(tmp_path: Path) -> None:
    """A workload that leaves by sys.exit has failed; the process that computes stays."""

    @workload
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match=r"the workload called sys\.exit\(3\)"):
        invoke(described(leave), {}, tmp_path, 0)


def test_no_outputs(tmp_path: Path) -> None:
    """A function that returns None has no outputs."""

    @workload
    def quiet() -> None: ...

    assert described(quiet).outputs == ()
    assert invoke(described(quiet), {}, tmp_path, 0) == {}


def _changes(mutates: Any, function: Any) -> tuple[bool, tuple[str, ...]]:
    described = workload(mutates=mutates)(function).workload
    return described.mutates, described.changes


def _flag(ms: Product, level: float = 5.0, note: str = "") -> None: ...
def _flag_path(path, names: list[str], level: float, mode: Literal["a", "b"]) -> None: ...  # type: ignore[no-untyped-def]
def _list(all_ms: list[Product], model: Product | None = None) -> None: ...


@pytest.mark.parametrize(
    ("function", "mutates", "changes"),
    [
        (_flag, True, ("ms",)),
        (_flag, "ms", ("ms",)),
        (_flag, ("ms", "note", "ms"), ("ms", "note")),
        (_flag_path, True, ("path", "names")),
        (_list, True, ("all_ms", "model")),
        (_list, ["all_ms"], ("all_ms",)),
    ],
)
def test_inputs_that_it_changes(function: Any, mutates: Any, changes: tuple[str, ...]) -> None:
    """Those that are named or, for True, products, or else whatever can be a path."""
    assert _changes(mutates, function) == (True, changes)


@pytest.mark.parametrize("mutates", [False, ()])
def test_nothing_that_it_changes(mutates: Any) -> None:
    """Without a name, a workload changes nothing in place."""
    assert _changes(mutates, _flag) == (False, ())


@pytest.mark.parametrize("mutates", ["mss", ("ms", "mss")])
def test_a_name_that_is_not_an_input(mutates: Any) -> None:
    """It is an error at registration, in one line, with the likely fix."""
    with pytest.raises(
        UsageError, match=r"mutates 'mss', which is not an input; did you mean 'ms'"
    ):
        workload(mutates=mutates)(_flag)
