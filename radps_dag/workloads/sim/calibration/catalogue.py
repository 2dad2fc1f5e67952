"""The flux catalogue: what is known of calibrators before they are observed."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import numpy as np

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.visibilities import PointModel, Visibilities

__all__ = ["known_model", "with_model"]

_UNKNOWN = PointModel(1.0)


def known_model(observation: Observation, field: str) -> PointModel | None:
    """The model of the flux calibrator, which is the first calibrator; None for any other field."""
    if not observation.calibrators or field != observation.calibrators[0]:
        return None
    # The words of the simulation: the catalogue knows what is there.
    words = (observation.seed, crc32(b"flux density"), crc32(field.encode()))
    random = np.random.default_rng(np.random.SeedSequence(words))
    return PointModel(
        flux_density=round(float(random.uniform(2.5, 4.0)), 3),
        spectral_index=round(float(random.uniform(-0.8, -0.3)), 2),
        frequency=230e9,
    )


def with_model(vis: Visibilities, observation: Observation) -> Visibilities:
    """Visibilities of a calibrator with a model: their own, the catalogue's, or of 1 Jy."""
    if vis.model is not None:
        return vis
    return replace(vis, model=known_model(observation, vis.field) or _UNKNOWN)
