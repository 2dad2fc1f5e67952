"""Keys: the same for what gives the same, different for all else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fact_strategy import values
from hypothesis import given
from hypothesis import strategies as st
from repository import SUPPORT

from radps_dag.facts import Made
from radps_dag.journal.workspace import Workspace
from radps_dag.reuse.keys import Keys
from radps_dag.workloads.contract.registry import Library, find_library

HERE = Workspace(Path("/data/work"))
RUNS = "file:///data/work/runs"


@pytest.fixture(scope="module")
def library() -> Library:
    return find_library("placeholder", [(SUPPORT / "crash_workloads.py")])


def key(
    library: Library,
    arguments: Mapping[str, Any],
    *made: Made,
    name: str = "store",
    seed: str = "0 here",
    workspace: Workspace = HERE,
) -> str:
    keys = Keys(library, workspace)
    for one in made:
        keys.learn(one)
    return keys.key(library.workloads[name], arguments, seed)


def made(folder: str, digest: str = "d1") -> Made:
    return Made(key="k", workdir=f"{RUNS}/{folder}", files={"data": (1, digest), "ms": (2, "d2")})


def product(folder: str, name: str = "data", **more: Any) -> dict[str, Any]:
    return {"uri": f"{RUNS}/{folder}/{name}", "kind": "data", **more}


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_order_does_not_count(library: Library, arguments: dict[str, Any]) -> None:
    """Inputs are the same in whatever order they are written."""
    turned = dict(reversed(arguments.items()))
    assert key(library, arguments) == key(library, turned)


ONE = {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    "other",
    [
        {"a": [1, {"b": 3}]},
        {"a": [{"b": 2}, 1]},
        {"b": [1, {"b": 2}]},
        {"a": [1, {"b": 2}], "c": None},
        {"a": [1, {"b": "2"}]},
        {},
    ],
)
def test_inputs_count(library: Library, other: dict[str, Any]) -> None:
    """Any difference of the inputs is one of the keys."""
    assert key(library, ONE) != key(library, other)


def test_no_number_is_not_nothing(library: Library) -> None:
    """Infinities and what is not a number are told apart from null and from each other."""
    numbers = [None, float("nan"), float("inf"), -float("inf"), 0.0]
    assert len({key(library, {"value": number}) for number in numbers}) == len(numbers)


def test_products_count_by_content(library: Library) -> None:
    """The same content at another address is the same; another one at the same address is not."""
    one = key(library, {"ms": product("r1/a")}, made("r1/a"))
    assert one == key(library, {"ms": product("r2/b c")}, made("r2/b c"))
    assert one != key(library, {"ms": product("r1/a")}, made("r1/a", digest="other"))
    assert one != key(library, {"ms": product("r1/a", kind="image")}, made("r1/a"))
    assert one != key(library, {"ms": product("r1/a", selection={"spw": 1})}, made("r1/a"))
    assert one != key(library, {"ms": product("r1/a", "ms")}, made("r1/a"))


def test_a_part_of_a_product(library: Library) -> None:
    """A file inside a product counts by the product's content and its place in there."""
    parts = [product("r1/a", "ms/f1"), product("r1/a", "ms/f2"), product("r1/a", "ms")]
    assert len({key(library, {"ms": part}, made("r1/a")) for part in parts}) == 3


def test_products_from_elsewhere(library: Library) -> None:
    """What nobody here has made counts by its address."""
    one, other = ({"uri": f"file:///archive/{n}", "kind": "data"} for n in (1, 2))
    assert key(library, {"ms": one}) != key(library, {"ms": other})


def test_the_workspace_does_not_count(library: Library) -> None:
    """A path in the workspace is the same wherever that lies."""
    there = Workspace(Path("/elsewhere/x"))
    here = key(library, {"path": "/data/work/models/m1", "list": ["/data/work/a"]})
    moved = {"path": "/elsewhere/x/models/m1", "list": ["/elsewhere/x/a"]}
    assert here == key(library, moved, workspace=there)


def test_seeds_count_where_numbers_are_drawn(library: Library) -> None:
    """The seed is one of the inputs of what draws numbers, and of nothing else."""
    assert key(library, {}, name="draw", seed="1 a") != key(library, {}, name="draw", seed="2 a")
    assert key(library, {}, seed="1 a") == key(library, {}, seed="2 a")


def test_the_workload_counts(library: Library) -> None:
    """Two workloads that get the same give not the same."""
    assert key(library, {}, name="draw") != key(library, {}, name="store")
