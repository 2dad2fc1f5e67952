"""Outputs that the workloads of every library return, with their units.

A library of one's own returns these, so that its signatures are those of the placeholders.
"""

from __future__ import annotations

from radps_dag.workloads.outcomes.calibration import (
    Applied,
    Bandpass,
    Chosen,
    Compared,
    FluxScale,
    Gains,
    Interval,
    Modelled,
    PhasedUp,
    Solved,
    Table,
)
from radps_dag.workloads.outcomes.delivery import (
    Converging,
    Drawn,
    Exported,
    Manifest,
    Masked,
    Measured,
    MeasurementSet,
    Submitted,
    Verified,
    Worked,
)
from radps_dag.workloads.outcomes.imaging import (
    Cleaned,
    Clipped,
    Concatenated,
    Described,
    Dirty,
    Line,
    Lines,
    Ranges,
    Restored,
    Spectrum,
    Subtracted,
)
from radps_dag.workloads.outcomes.importing import (
    Corrected,
    Flagged,
    Gathered,
    Imported,
    Positions,
    Tsys,
    Wvr,
)
from radps_dag.workloads.outcomes.observing import Observed, Opened

__all__ = [
    "Applied",
    "Bandpass",
    "Chosen",
    "Cleaned",
    "Clipped",
    "Compared",
    "Concatenated",
    "Converging",
    "Corrected",
    "Described",
    "Dirty",
    "Drawn",
    "Exported",
    "Flagged",
    "FluxScale",
    "Gains",
    "Gathered",
    "Imported",
    "Interval",
    "Line",
    "Lines",
    "Manifest",
    "Masked",
    "Measured",
    "MeasurementSet",
    "Modelled",
    "Observed",
    "Opened",
    "PhasedUp",
    "Positions",
    "Ranges",
    "Restored",
    "Solved",
    "Spectrum",
    "Submitted",
    "Subtracted",
    "Table",
    "Tsys",
    "Verified",
    "Worked",
    "Wvr",
]
