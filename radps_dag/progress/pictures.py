"""Products to be looked at: pictures, plots and images, by their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from radps_dag.facts import NodeFailed, NodeSucceeded
from radps_dag.workloads.contract.products import products_in

__all__ = ["KINDS", "Picture", "is_picture", "made_by"]

KINDS = ("quicklook", "plot")
_IMAGES = ("image", "fits")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that a call has made. `name` is the place and the file's name. `again` is true if an
    earlier run has made it, whose page shows it already.
    """

    name: str
    uri: str
    again: bool = False


def made_by(fact: NodeSucceeded | NodeFailed, *, images: bool = False) -> list[Picture]:
    """The PNG files that a call left, and what it returned that is a quicklook or a plot; with
    `images`, those too."""
    made = fact.made
    if made is None or not (fact.outputs or made.files or made.added):
        return []
    pictures = {
        f"{made.workdir}/{quote(name)}": f"{fact.place}/{name}"
        for name in made.files
        if is_picture(name)
    }
    kinds = (*KINDS, *_IMAGES) if images else KINDS
    for product in products_in([fact.outputs, [addition.value for addition in made.added]]):
        uri = str(product["uri"])
        if uri not in pictures and (product["kind"] in kinds or is_picture(uri)):
            pictures[uri] = f"{fact.place}/{unquote(uri.rstrip('/').rpartition('/')[2])}"
    return [Picture(name, uri, bool(made.origin)) for uri, name in pictures.items()]


def is_picture(name: str) -> bool:
    """Whether it is one, by its name."""
    return name.lower().endswith(".png")
