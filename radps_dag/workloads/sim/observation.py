"""An observation: what was observed, and all that the simulation draws from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["NOTHING_SIMULATED", "Data", "Observation"]

# Of an observation whose data are real.
NOTHING_SIMULATED: Mapping[str, Any] = {
    "seed": 0,
    "noise": 0.0,
    "phase_rms": 0.0,
    "amplitude_rms": 0.0,
    "bandpass_rms": 0.0,
    "interference": 0.0,
    "position_error": 0.0,
    "wvr_error": 0.0,
}


@dataclass(frozen=True, slots=True)
class Data:
    """Description of real data, read from them; nothing of them is simulated.

    Attributes:
        group: data group that is processed
        telescope: its name
        place: of the array in m (ITRF)
        start: of the observation in s since 1970, UTC
        cell: width of a pixel in rad, a 4.5th of the resolution
        intents: why each field was observed, such as BANDPASS
        widths: of a channel of each spw in Hz
        lines: rest frequency in Hz of each spw's line, where one is named
    """

    group: str
    telescope: str
    place: tuple[float, float, float]
    start: float
    cell: float
    intents: Mapping[str, tuple[str, ...]]
    widths: Mapping[str, float]
    lines: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Observation:
    """The arguments of simulate_observation by their names and with their defaults, or their values
    in real data."""

    project: str = "simulated"
    calibrators: tuple[str, ...] = ("J1924-2914", "J1832-2039")
    targets: tuple[str, ...] = ("G09.62",)
    spws: tuple[int, ...] = (0, 1)
    scans: tuple[int, ...] = (1, 2, 3)
    polarizations: tuple[str, ...] = ("XX", "YY")
    channels: int = 32
    antennas: int = 12
    seed: int = 1
    noise: float = 1.0
    phase_rms: float = 40.0
    amplitude_rms: float = 0.05
    bandpass_rms: float = 0.1
    interference: float = 0.01
    position_error: float = 3e-4
    wvr_error: float = 0.2
    dead_receptors: tuple[str, ...] = ()
    data: Data | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Calibrators and targets."""
        return (*self.calibrators, *self.targets)

    def to_json(self) -> dict[str, Any]:
        """Its members as JSON."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document
