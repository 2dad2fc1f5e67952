"""Online flags: data that the telescope knew to be bad while it observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["flag_online"]


def flag_online(vis: Visibilities, events: Mapping[str, NDArray[Any]]) -> Visibilities:
    """Flag the baselines of an antenna while an event lasted; what is no number is flagged too.

    `events` has ANTENNA (names), START and END (s), one entry for each event.
    """
    flag = vis.flag | ~np.isfinite(vis.data)
    number = {name: index for index, name in enumerate(vis.antennas.names)}
    for antenna, start, end in zip(events["ANTENNA"], events["START"], events["END"], strict=True):
        of = number[str(antenna)]
        during = (vis.time >= start) & (vis.time < end)
        with_it = (vis.antenna1 == of) | (vis.antenna2 == of)
        flag[np.ix_(during, with_it)] = True
    return replace(vis, flag=flag)
