"""The flux catalogue: what is known of calibrators before they are observed."""

from __future__ import annotations

from dataclasses import replace

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.sky import calibrator_model
from radps_dag.workloads.sim.visibilities import PointModel, Visibilities

__all__ = ["known_model", "with_model"]

_UNKNOWN = PointModel(1.0)


def known_model(observation: Observation, field: str) -> PointModel | None:
    """The model of the flux calibrator, which is the first calibrator; None for any other field.

    Raises ValueError where data have none.
    """
    if observation.data is not None:
        if "FLUX" not in observation.data.intents.get(field, ()):
            return None
        raise ValueError(
            f"the data have no model of the flux calibrator {field}: set one before the conversion,"
            " as with CASA's setjy(vis, field, usescratch=True)"
        )
    if not observation.calibrators or field != observation.calibrators[0]:
        return None
    return calibrator_model(observation, field)


def with_model(vis: Visibilities, observation: Observation) -> Visibilities:
    """Visibilities of a calibrator with a model: their own, the catalogue's, or of 1 Jy."""
    if vis.model is not None:
        return vis
    return replace(vis, model=known_model(observation, vis.field) or _UNKNOWN)
