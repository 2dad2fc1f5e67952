"""A task of CASA that has ended to numbers: outputs of its tool file, under the usual names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from radps_dag.workloads.contract.scores import flag_score, flux_snr_score, snr_score

__all__ = ["MEASURES"]

Values = Mapping[str, Any]


def _flags(arguments: Values, answer: Any) -> dict[str, Any]:
    """Share of a MeasurementSet that is flagged, of the fields that the task has looked at."""
    flagdata = importlib.import_module("casatasks").flagdata
    name = arguments.get("outputvis", arguments["vis"])
    field = "" if "outputvis" in arguments else arguments.get("field", "")
    summary = flagdata(vis=name, field=field, mode="summary")
    fraction = float(summary["flagged"] / summary["total"]) if summary.get("total") else 1.0
    return {"flagged_fraction": fraction, "score": flag_score(fraction)}


def _model(arguments: Values, answer: Any) -> dict[str, Any]:
    """Mean flux density in Jy of the model over the windows."""
    fields = [about for key, about in answer.items() if key != "format"]
    values = [
        float(window["fluxd"][0])
        for about in fields
        for window in about.values()
        if isinstance(window, Mapping)
    ]
    if not values:
        raise ValueError("no field was given a model: is its name right?")
    return {"flux_density": sum(values) / len(values)}


def _solutions(arguments: Values, answer: Any) -> dict[str, Any]:
    """Signal to noise, flags and phases in degrees of the solutions in a caltable."""
    import numpy as np

    snr, flag, gain = _columns(arguments["caltable"], "SNR", "FLAG", "CPARAM")
    good = ~np.concatenate([each.ravel() for each in flag])
    if not good.any():
        raise ValueError("all solutions are flagged")
    gains = np.concatenate([each.ravel() for each in gain])[good]
    median = float(np.median(np.concatenate([each.ravel() for each in snr])[good]))
    return {
        "snr": median,
        "flagged_fraction": float(1 - good.mean()),
        "phase_rms": float(np.degrees(np.sqrt(np.mean(np.angle(gains) ** 2)))),
        "score": min(float(good.mean()), snr_score(median)),
    }


def _columns(name: str, *columns: str) -> list[list[Any]]:
    """Columns of a table, row by row: windows may have different numbers of channels."""
    table = importlib.import_module("casatools").table()
    if not table.open(name):
        raise ValueError("no solutions were made")
    with closing(table):
        return [[table.getcell(column, row) for row in range(table.nrows())] for column in columns]


def _flux_scale(arguments: Values, answer: Any) -> dict[str, Any]:
    """Flux densities in Jy by field, means over the windows, and the least signal to noise."""
    densities, least = {}, float("inf")
    for about in (answer or {}).values():
        if not isinstance(about, Mapping):  # frequencies and windows
            continue
        windows = [window for window in about.values() if isinstance(window, Mapping)]
        solved = [window for window in windows if window["fluxd"][0] > 0]
        if solved:
            values = [float(window["fluxd"][0]) for window in solved]
            densities[str(about["fieldName"])] = sum(values) / len(values)
            ratios = [float(window["fluxd"][0] / window["fluxdErr"][0]) for window in solved]
            least = min([least, *ratios])
    if not densities:
        raise ValueError("no flux density was found")
    least = min(least, 1e6)  # without an error it is not infinite: JSON has no such number
    return {"flux_densities": densities, "snr": least, "score": flux_snr_score(least)}


def _image(arguments: Values, answer: Any) -> dict[str, Any]:
    """Peak and noise in Jy/beam, and the beam in arcsec, of a restored image."""
    import numpy as np

    from radps_dag.workloads.noise import clipped_noise

    image = importlib.import_module("casatools").image()
    name = f"{arguments['imagename']}.image"
    if not image.open(name):
        raise ValueError(f"there is no {name}")
    with closing(image):
        values = np.asarray(image.getchunk(), dtype=np.float64)
        beam = image.restoringbeam()
    while "beams" in beam or "*0" in beam:  # of a cube: that of the first plane
        beam = next(iter(beam.get("beams", beam).values()))
    values = values[np.isfinite(values)]
    peak, rms = float(values.max()), clipped_noise(values)
    dynamic_range = peak / rms if rms else 0.0
    return {
        "peak": peak,
        "rms": rms,
        "dynamic_range": dynamic_range,
        "beam_major": float(beam["major"]["value"]),
        "beam_minor": float(beam["minor"]["value"]),
        "iterations": int(answer.get("iterdone", 0)) if isinstance(answer, Mapping) else 0,
        "score": snr_score(dynamic_range),
    }


def _nothing(arguments: Values, answer: Any) -> dict[str, Any]:
    """Nothing: the output is the file."""
    return {}


MEASURES: dict[str, Callable[[Values, Any], dict[str, Any]]] = {
    "flagdata": _flags,
    "setjy": _model,
    "gaincal": _solutions,
    "bandpass": _solutions,
    "fluxscale": _flux_scale,
    "applycal": _flags,
    "mstransform": _flags,
    "tclean": _image,
    "exportfits": _nothing,
}
