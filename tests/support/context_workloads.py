"""Workloads that read the context and add to it, for threads and for worker processes alike."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit

from radps_dag.workloads import Context, Product, Workdir, workload

# What waits for somebody who never comes fails after this, and the test with it.
PATIENCE = 20.0


class Given(TypedDict):
    value: Any


class Made(TypedDict):
    product: Product


def called(log: str, name: str) -> int:
    """Note a call in a file; how many there have been of that name."""
    if not log:
        return 0
    path = Path(log)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    return path.read_text(encoding="utf-8").split("\n").count(name)


def wait_for(path: str) -> None:
    end = time.monotonic() + PATIENCE
    while path and not Path(path).exists():
        if time.monotonic() > end:
            raise ValueError(f"{path} never came")
        time.sleep(0.005)


@workload
def give(value: Any = None, log: str = "", name: str = "give", after: str = "") -> Given:
    """Give what it gets."""
    wait_for(after)
    called(log, name)
    return {"value": value}


@workload
def note(
    key: str,
    value: Any = None,
    of: Any = None,
    log: str = "",
    name: str = "note",
    after: str = "",
    then: str = "",
    *,
    context: Context,
) -> Given:
    """Add a value to the context."""
    wait_for(after)
    called(log, name)
    context.add(key, value)
    if then:
        Path(then).touch()
    return {"value": value}


@workload
def note_then_fail(
    key: str, value: Any, times: int, log: str, name: str = "note_then_fail", *, context: Context
) -> Given:
    """Add a value to the context, and raise, so many times."""
    number = called(log, name)
    context.add(key, [value, number])
    if number <= times:
        raise ValueError("it is broken")
    return {"value": number}


@workload
def fail(of: Any = None, times: int = 1_000_000, log: str = "", name: str = "fail") -> Given:
    """Raise, so many times."""
    number = called(log, name)
    if times >= (number or 1):
        raise ValueError("it is broken")
    return {"value": number}


@workload
def look(
    key: str,
    default: Any = None,
    of: Any = None,
    log: str = "",
    name: str = "look",
    after: str = "",
    *,
    context: Context,
) -> Given:
    """Read a value in the context."""
    wait_for(after)
    called(log, name)
    return {"value": context.get(key, default)}


@workload
def look_around(of: Any = None, *, context: Context) -> Given:
    """Read all keys and values."""
    return {"value": dict(context)}


@workload
def make(
    kind: str,
    spw: int = 0,
    field: str = "3C286",
    of: Any = None,
    log: str = "",
    *,
    workdir: Workdir,
) -> Made:
    """Make a product."""
    called(log, "make")
    path = workdir / f"{kind}.json"
    path.write_text(json.dumps({"kind": kind, "spw": spw, "field": field}), encoding="utf-8")
    selection = {"spw": spw, "field": field}
    return {"product": {"uri": path.as_uri(), "kind": kind, "selection": selection}}


@workload
def find(
    kind: str, spw: int | None = None, of: Any = None, log: str = "", *, context: Context
) -> Given:
    """The selections of the products of a kind."""
    called(log, "find")
    selection = {} if spw is None else {"spw": spw}
    return {"value": [one["selection"] for one in context.products(kind, **selection)]}


@workload
def withdraw(product: Product, reason: str = "it is bad", *, context: Context) -> Given:
    """Withdraw a product."""
    context.withdraw(product, reason=reason)
    return {"value": reason}


@workload
def withdraw_kind(kind: str, spw: int, *, context: Context) -> Given:
    """Withdraw what fits."""
    for product in context.products(kind, spw=spw):
        context.withdraw(product, reason="it is bad")
    return {"value": spw}


class MaybeMade(TypedDict):
    product: Product | None


@workload
def handed_through(product: Product) -> MaybeMade:
    """Give the product that it gets."""
    return {"product": product}


@workload
def remembered(product: Product, *, context: Context) -> MaybeMade:
    """Add the product that it gets to the context."""
    context.add("best", product)
    return {"product": None}


@workload
def read_product(product: Product | None, number: int = 0, *, context: Context) -> Given:
    """What is in a product, or in the one of which the context tells."""
    best = product if product is not None else context["best"]
    return {"value": json.loads(Path(unquote(urlsplit(best["uri"]).path)).read_text())}
