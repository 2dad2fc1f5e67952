"""Inputs that several workloads read in the same way, or one line that says why they cannot."""

from __future__ import annotations

from collections.abc import Sequence

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.imaging.continuum import channels_of
from radps_dag.workloads.sim.solutions import Caltable, CaltableType
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.records import read_record
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["caltable_of", "line_free", "of_scan", "some_visibilities"]


def some_visibilities(ms: Product) -> list[Visibilities]:
    """All visibilities; raises ValueError where there are none."""
    parts = read_visibilities(ms)
    if not parts:
        raise ValueError(f"no visibilities in {ms['uri']}")
    return parts


def of_scan(parts: Sequence[Visibilities], scan: int, place: str) -> list[Visibilities]:
    """Select a scan, of the parts that have data of it; raises ValueError where none has."""
    inside = [vis.of_times(vis.scan == scan) for vis in parts]
    if not any(vis.time.size for vis in inside):
        there = ", ".join(map(str, sorted({int(number) for vis in parts for number in vis.scan})))
        raise ValueError(f"no data of scan {scan} {place}; there are {there or 'none'}")
    return [vis for vis in inside if vis.time.size]


def caltable_of(product: Product, type: CaltableType) -> Caltable:
    """A caltable of a type; raises ValueError for one of another."""
    table = read_caltable(product)
    if table.type != type:
        raise ValueError(
            f"expected a caltable of type {type}, found {table.type}: {product['uri']}"
        )
    return table


def line_free(ranges: Product, spw: int) -> list[int]:
    """The line-free channels of a spw; none of one that the ranges are not of."""
    return channels_of(read_record(ranges, "continuum_ranges")["ranges"].get(str(spw), []))
