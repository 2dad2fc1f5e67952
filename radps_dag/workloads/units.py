"""Units and small types of the placeholder library's signatures."""

from __future__ import annotations

from typing import Annotated, TypedDict

from radps_dag.workloads.contract.workload import Unit

__all__ = [
    "Arcseconds",
    "Bytes",
    "ChannelBlock",
    "ChannelRange",
    "Degrees",
    "Fraction",
    "Gigahertz",
    "Jansky",
    "JanskyPerBeam",
    "Kelvin",
    "Megabytes",
    "Metres",
    "Score",
    "Seconds",
    "Sigmas",
]

Arcseconds = Annotated[float, Unit("arcsec")]
Bytes = Annotated[int, Unit("byte")]
Megabytes = Annotated[float, Unit("MB")]
Degrees = Annotated[float, Unit("deg")]
Gigahertz = Annotated[float, Unit("GHz")]
Jansky = Annotated[float, Unit("Jy")]
JanskyPerBeam = Annotated[float, Unit("Jy/beam")]
Kelvin = Annotated[float, Unit("K")]
Metres = Annotated[float, Unit("m")]
Seconds = Annotated[float, Unit("s")]
Sigmas = Annotated[float, Unit("sigma")]
Fraction = Annotated[float, Unit("0 to 1")]
Score = Annotated[float, Unit("0 to 1")]


class ChannelRange(TypedDict):
    """A block of channels of one spectral window, first to last inclusive."""

    first: int
    last: int


class ChannelBlock(ChannelRange):
    """A block of channels that says of which spectral window."""

    spw: int
