"""An observation: what was observed, and all that the simulation draws from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What simulate_observation was asked for; its arguments by their names."""

    project: str
    calibrators: tuple[str, ...]
    targets: tuple[str, ...]
    spws: tuple[int, ...]
    scans: tuple[int, ...]
    polarizations: tuple[str, ...]
    channels: int
    antennas: int
    seed: int
    noise: float
    phase_rms: float
    amplitude_rms: float
    bandpass_rms: float
    interference: float
    position_error: float
    wvr_error: float
    dead_receptors: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Its members as JSON."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document
