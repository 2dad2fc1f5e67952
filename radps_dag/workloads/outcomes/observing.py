"""Outputs of workloads that say what there is to process."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import ChannelBlock, Fraction

__all__ = [
    "Observed",
    "Opened",
]


class Observed(TypedDict):
    """An observation and what is in it.

    Attributes:
        observation: reference to the observation's record
        calibrators: names of the calibrator fields
        targets: names of the target fields
        spws: spectral window ids
        scans: scan numbers of each field
        polarizations: correlated polarizations
    """

    observation: Product
    calibrators: list[str]
    targets: list[str]
    spws: list[int]
    scans: list[int]
    polarizations: list[str]


class Opened(TypedDict):
    """Visibilities and what is in them.

    Attributes:
        ms: the visibilities
        fields: names of the fields
        spws: spectral window ids
        scans: scan numbers
        polarizations: correlated polarizations
        channel_blocks: blocks of channels that cover each spectral window
        flagged_fraction: share of the visibilities that is flagged
    """

    ms: Product
    fields: list[str]
    spws: list[int]
    scans: list[int]
    polarizations: list[str]
    channel_blocks: list[ChannelBlock]
    flagged_fraction: Fraction
