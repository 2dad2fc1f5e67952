"""Random numbers that depend on the observation's seed and on what they are for, no more."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from radps_dag.workloads.sim.observation import Observation

__all__ = ["chance"]


def chance(observation: Observation | int, *words: object) -> np.random.Generator:
    """A generator of its own for each purpose: whatever is drawn elsewhere, and in what
    order; of an observation, or of its seed alone."""
    seed = observation if isinstance(observation, int) else observation.seed
    keys = [crc32(str(word).encode()) for word in words]
    return np.random.default_rng(np.random.SeedSequence([seed, *keys]))
