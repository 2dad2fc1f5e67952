"""Better positions of antennas to phases of their visibilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.chance import chance
from radps_dag.workloads.sim.simulation.corruption import position_errors, position_phase
from radps_dag.workloads.sim.simulation.observe import SERVICE_ERROR
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["correct_positions", "service_offsets"]


def service_offsets(observation: Observation) -> NDArray[np.float64]:
    """True less nominal positions (a, 3) in m, as the service knows them: to 5 %."""
    errors = position_errors(observation)
    wrong = chance(observation, "position service").standard_normal(errors.shape)
    return errors + SERVICE_ERROR * observation.position_error * wrong


def correct_positions(vis: Visibilities, offsets: Mapping[str, Sequence[float]]) -> Visibilities:
    """Take out the phases that wrong positions made; `offsets` in m by antenna, none is no change.

    An antenna off by e sees the source earlier by e . s / c, s the direction to it: the phase of
    its gain is 2 pi nu / c e . s (Thompson, Moran and Swenson 2017, 12.2).
    """
    moved = np.array([offsets.get(name, (0.0, 0.0, 0.0)) for name in vis.antennas.names])
    frequency = np.asarray(vis.frequency, dtype=np.float64)
    direction = np.asarray(vis.direction, dtype=np.float64)
    time = np.asarray(vis.time, dtype=np.float64)
    turn = np.exp(1j * position_phase(moved.reshape(-1, 3), direction, time, frequency))
    both = turn[:, vis.antenna1] * turn[:, vis.antenna2].conj()
    return replace(vis, data=(vis.data / both[..., np.newaxis]).astype(np.complex64))
