"""Evidence of a question, as text: one thing after another, with the digits that matter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from radps_dag.progress.look import clean, short
from radps_dag.progress.pictures import KINDS
from radps_dag.workloads.contract.products import products_in

__all__ = ["addresses", "lines", "listing", "pictures_in"]

MOST_PICTURES = 6
LONGEST = 400  # characters of a value

Entry = list[tuple[str, str]]  # names with what they are; a text alone has no name


def pictures_in(outputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The quicklooks and plots among outputs, the first few: evidence for the person asked."""
    pictures = (product for product in products_in(outputs) if product["kind"] in KINDS)
    return list(islice(pictures, MOST_PICTURES))


def lines(show: Iterable[Any]) -> Iterator[str]:
    """A line for each thing, for a terminal: the values of a mapping beside each other."""
    for entry in _entries(show):
        text = ", ".join(f"{name} {value}" if name else value for name, value in entry)
        # Nothing of what a workload says may change the terminal.
        yield from (_visible(line) for line in text.splitlines() or [""])


def listing(show: Iterable[Any], linked: Collection[str] = ()) -> Iterator[str]:
    """A line for each value, for a narrow page: the values of a mapping below each other. No
    addresses of what has a link there."""
    for entry in _entries(show):
        if entry[0][1] in linked:
            continue
        widest = max(len(name) for name, _ in entry)
        for name, value in entry:
            yield f"{name.ljust(widest)}  {value}" if name else value


def addresses(show: Iterable[Any]) -> Iterator[str]:
    """The addresses of the products shown, also of those in lists and mappings."""
    for item in show:
        if (uri := _uri(item)) is not None:
            yield uri
        elif isinstance(item, Mapping):
            yield from addresses(item.values())
        elif isinstance(item, list):
            yield from addresses(item)


def _entries(show: Iterable[Any]) -> Iterator[Entry]:
    for item in show:
        if (uri := _uri(item)) is not None:
            yield [(f"{clean(str(item.get('kind', 'product')))}:", uri)]
        elif isinstance(item, Mapping):
            yield from _of_mapping(item)
        elif isinstance(item, list) and any(addresses(item)):
            yield from _entries(item)  # what a fan-out made: each on a line of its own
        else:
            yield [("", item if isinstance(item, str) else short(item, LONGEST))]


def _of_mapping(values: Mapping[str, Any]) -> Iterator[Entry]:
    products = {name: list(addresses([value])) for name, value in values.items()}
    if plain := [name for name in values if not products[name]]:
        yield [(clean(name), short(values[name], LONGEST)) for name in plain]
    for name, uris in products.items():
        yield from ([(f"{clean(name)}:", uri)] for uri in uris)


def _uri(item: Any) -> str | None:
    uri = item.get("uri") if isinstance(item, Mapping) else None
    return uri if isinstance(uri, str) else None


def _visible(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)[:LONGEST]
