"""Workloads that tell lines and continuum apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.scores import continuum_score, found_score, uvcontsub_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Clipped, Line, Lines, Ranges, Spectrum, Subtracted
from radps_dag.workloads.sim.imaging import continuum as finding
from radps_dag.workloads.sim.imaging.joining import concatenate
from radps_dag.workloads.sim.imaging.statistics import has_data
from radps_dag.workloads.sim.imaging.uvcontsub import (
    brightest_direction,
    residual_continuum,
    subtract_polynomial,
)
from radps_dag.workloads.sim.inputs import line_free
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.simulation.sky import line_of
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.processing_sets import derive
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.sources import (
    list_visibilities,
    observation_behind,
    read_visibilities,
)
from radps_dag.workloads.sim.visibilities import Visibilities
from radps_dag.workloads.units import Sigmas

__all__ = [
    "average_spectrum",
    "combine_continuum_ranges",
    "query_line_catalogue",
    "sigma_clip",
    "subtract_continuum",
]


@workload
def average_spectrum(images: list[Product], *, workdir: Workdir) -> Spectrum:
    """Average a dirty cube, given in blocks of channels, to a spectrum.

    Over where there is emission of lines, or of the continuum where there is none.
    """
    if not images:
        raise ValueError("no images to average")
    cube = concatenate([read_image(image) for image in images])
    if len(cube.spws) != 1:
        raise ValueError(f"a spectrum is of one spw; the images are of {len(cube.spws)}")
    good = has_data(cube)
    dirty = np.asarray(cube.planes["dirty"], dtype=np.float64)[good]
    mean = finding.mean_spectrum(dirty, finding.emission_region(dirty))
    rms = finding.spectrum_noise(mean)
    content = {
        "observation": observation_behind(images[0]).to_json(),
        "field": cube.field,
        "spw": cube.spws[0],
        "channels": np.array(cube.channels[cube.spws[0]])[good].tolist(),
        "total": len(good),
        "frequency": cube.frequency[good].tolist(),
        "mean": mean.tolist(),
        "rms": rms,
    }
    selection = {"field": cube.field, "spws": list(cube.spws)}
    spectrum = write_record(workdir, "spectrum", content, selection)
    return {"spectrum": spectrum, "channels": int(good.sum()), "rms": rms}


@workload
def query_line_catalogue(ms: Product, spw: int) -> Lines:
    """Ask the line catalogue, an external service, what may be in a spw's band (simulated).

    It knows the lines that were simulated, to a tenth of a MHz.
    """
    observation = observation_behind(ms)
    fields = [field for field, number in list_visibilities(ms) if number == spw]
    if not fields:
        raise ValueError(f"no spw {spw} in {ms['uri']}")
    lines = [line_of(observation, field, spw) for field in fields]
    frequencies = {line.name: round(line.frequency / 1e9, 4) for line in lines if line is not None}
    return {"lines": [{"name": name, "frequency": at} for name, at in frequencies.items()]}


@workload
def sigma_clip(
    spectrum: Product,
    ranges: Product | None = None,
    threshold: Sigmas = 3.0,
    lines: list[Line] = [],  # noqa: B006  # never changed: JSON Schema wants the plain list
    *,
    workdir: Workdir,
) -> Clipped:
    """Clip once what stands out of the spectrum, of what the round before left."""
    if not threshold > 0:
        raise ValueError(f"threshold must be more than 0, not {threshold}")
    document = read_record(spectrum, "spectrum")
    spw, channels = int(document["spw"]), np.array(document["channels"], dtype=np.int64)
    frequency, mean = np.array(document["frequency"]), np.array(document["mean"])
    if ranges is None:
        before = np.ones(channels.size, dtype=bool)
        line_frequencies = [line["frequency"] * 1e9 for line in lines]
        kept = finding.mask_lines(frequency, before, line_frequencies)
    else:
        before = kept = np.isin(channels, line_free(ranges, spw))
    kept = finding.clip_once(frequency, mean, kept, threshold)
    fraction = float(kept.sum()) / int(document["total"])
    free = finding.ranges_of(channels[kept].tolist())
    content = {
        "observation": document["observation"],
        "field": document["field"],
        "ranges": {str(spw): free},
        "total": {str(spw): int(document["total"])},
        "lines": [dict(line) for line in lines],
    }
    return {
        "ranges": write_record(workdir, "continuum_ranges", content, spectrum.get("selection")),
        "clipped": int(before.sum() - kept.sum()),
        "continuum_fraction": fraction,
        "score": continuum_score(fraction, len(free)),
    }


@workload
def combine_continuum_ranges(parts: list[Product], total: int, *, workdir: Workdir) -> Ranges:
    """Put the continuum ranges of all spws together."""
    if not parts:
        raise ValueError("no continuum ranges to combine")
    documents = [read_record(part, "continuum_ranges") for part in parts]
    ranges: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    for document in documents:
        for spw in sorted(set(document["ranges"]) & set(ranges)):
            raise ValueError(f"two of the continuum ranges are of spw {spw}: give one of each")
        ranges |= document["ranges"]
        channels |= document["total"]
    count = sum(bool(channels) for channels in ranges.values())
    lines = [line for document in documents for line in document["lines"]]
    shared = {name: documents[0][name] for name in ("observation", "field")}
    content = {**shared, "ranges": ranges, "total": channels, "lines": lines}
    product = write_record(workdir, "continuum_ranges", content)
    return {"ranges": product, "found": count, "score": found_score(count, total)}


@workload
def subtract_continuum(
    ms: Product,
    spw: int,
    ranges: Product | None = None,
    fit_order: int = 1,
    *,
    workdir: Workdir,
) -> Subtracted:
    """Fit the continuum of one spw in the visibilities, and subtract it.

    `residual_z` is what is left in four parts of the line-free band, towards the brightest source:
    the rms of mean over error, which noise alone keeps near 1.
    """
    if fit_order < 0:
        raise ValueError(f"fit_order must not be less than 0, but is {fit_order}")
    cell = cell_of(observation_behind(ms))
    lines, worst = [], 0.0
    for vis in read_visibilities(ms, spws=[spw]):
        free = _to_fit(vis, ranges)
        line, continuum = subtract_polynomial(vis, free, fit_order)
        direction = brightest_direction(continuum.of_channels(free), cell)
        worst = max(worst, residual_continuum(line, free, direction))
        lines.append(line)
    product = derive(workdir, ms, "line", lines, ["data", "flag"], {"spw": spw})
    return {"ms": product, "residual_z": worst, "score": uvcontsub_score(worst)}


def _to_fit(vis: Visibilities, ranges: Product | None) -> NDArray[np.bool_]:
    """(f,) the channels to fit; raises ValueError where there are none."""
    if vis.flag.all():
        raise ValueError(f"all visibilities of {vis.name} are flagged: there is nothing to fit")
    if ranges is None:
        return np.ones(vis.frequency.size, dtype=bool)
    free = np.isin(vis.channels, line_free(ranges, vis.spw))
    if not free.any():
        raise ValueError(f"no line-free channels of {vis.name}: its continuum was not found")
    return free
