"""Placeholders for telling lines and continuum apart."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import continuum_score, found_score, uvcontsub_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Clipped, Line, Lines, Ranges, Spectrum, Subtracted
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.units import (
    ChannelRange,
    Sigmas,
)

__all__ = [
    "average_spectrum",
    "combine_continuum_ranges",
    "query_line_catalogue",
    "sigma_clip",
    "subtract_continuum",
]


@workload(placeholder=True)
def average_spectrum(images: list[Product], *, workdir: Workdir) -> Spectrum:
    """Average a dirty cube, given in blocks of channels, to a spectrum (placeholder).

    Args:
        images: dirty images of the channel blocks; at least one
    """
    if not images:
        raise ValueError("no images to average")
    parts = [read(image, "image") for image in images]
    spend(parts[0].observation)
    blocks = [part.content["channels"] for part in parts]
    channels = sum(block["last"] - block["first"] + 1 for block in blocks)
    rms = parts[0].content["rms"] / 10.0
    spectrum = write(
        workdir,
        "spectrum",
        parts[0].observation,
        {"channels": channels, "rms": rms},
        sources=images,
        selection=images[0].get("selection"),
    )
    return {"spectrum": spectrum, "channels": channels, "rms": rms}


@workload(placeholder=True)
def query_line_catalogue(ms: Product, spw: int, *, random: Random) -> Lines:
    """Ask the line catalogue, an external service, what may be in a spw's band (placeholder).

    Args:
        ms: the visibilities
        spw: spectral window id
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    frequency = 230.0 + 2.0 * spw + random.uniform(0.0, 1.0)
    return {"lines": [{"name": "CO v=0 2-1 (simulated)", "frequency": round(frequency, 4)}]}


@workload(placeholder=True)
def sigma_clip(
    spectrum: Product,
    ranges: Product | None = None,
    threshold: Sigmas = 3.0,
    lines: list[Line] = [],  # noqa: B006  # never changed: JSON Schema wants the plain list
    *,
    workdir: Workdir,
    random: Random,
) -> Clipped:
    """Clip once what stands out of the spectrum, of what the round before left (placeholder).

    Args:
        spectrum: mean spectrum of one spw
        ranges: line-free channels after the round before
        threshold: how far above the noise a line starts
        lines: lines of the catalogue, masked in the first round
    """
    data = read(spectrum, "spectrum")
    spend(data.observation)
    total = int(data.content["channels"])
    before = total if ranges is None else int(read(ranges, "continuum_ranges").content["left"])
    masked = len(lines) if ranges is None else 0
    # Each round finds a third of what the one before found, until nothing is left to find.
    previous = (
        int(total * random.uniform(0.9, 1.2) / threshold)
        if ranges is None
        else int(read(ranges, "continuum_ranges").content["clipped"]) // 3
    )
    clipped = min(before, previous + masked)
    remaining = before - clipped
    fraction = remaining / total
    line_free = _ranges(total, remaining)
    content = {"left": remaining, "clipped": clipped, "ranges": line_free}
    product = write(
        workdir,
        "continuum_ranges",
        data.observation,
        content,
        sources=[spectrum, *([ranges] if ranges else [])],
        selection=spectrum.get("selection"),
    )
    return {
        "ranges": product,
        "clipped": clipped,
        "continuum_fraction": fraction,
        "score": continuum_score(fraction, len(line_free)),
    }


def _ranges(total: int, remaining: int) -> list[ChannelRange]:
    """The line in the middle of the band, what is left on both sides of it."""
    low = remaining // 2
    sides: list[ChannelRange] = [
        {"first": 0, "last": low - 1},
        {"first": total - (remaining - low), "last": total - 1},
    ]
    return [side for side in sides if side["last"] >= side["first"]]


@workload(placeholder=True)
def combine_continuum_ranges(parts: list[Product], total: int, *, workdir: Workdir) -> Ranges:
    """Put the continuum ranges of all spws together (placeholder).

    Args:
        parts: continuum ranges of single spws; at least one
        total: how many spws there are
    """
    if not parts:
        raise ValueError("no continuum ranges to combine")
    read_parts = [read(part, "continuum_ranges") for part in parts]
    spend(read_parts[0].observation)
    count = sum(bool(part.content["left"]) for part in read_parts)
    content = {
        "left": sum(part.content["left"] for part in read_parts),
        "clipped": 0,
        "ranges": [part.content["ranges"] for part in read_parts],
    }
    ranges = write(workdir, "continuum_ranges", read_parts[0].observation, content, sources=parts)
    return {"ranges": ranges, "found": count, "score": found_score(count, total)}


@workload(placeholder=True)
def subtract_continuum(
    ms: Product,
    spw: int,
    ranges: Product | None = None,
    fit_order: int = 1,
    *,
    workdir: Workdir,
    random: Random,
) -> Subtracted:
    """Fit the continuum of one spw in the visibilities, and subtract it (placeholder).

    Args:
        ms: the visibilities
        spw: spectral window id
        ranges: line-free channels to fit; all where none are given
        fit_order: order of the polynomial
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    datasets = [dataset for dataset in data.content["datasets"] if dataset["spw"] == spw]
    if not datasets:
        raise ValueError(f"no spw {spw} in {ms['uri']}")
    residual_z = round(abs(random.gauss(0.0, 1.0 if fit_order else 4.0)), 3)
    line = write(
        workdir,
        "visibilities",
        data.observation,
        {**data.content, "datasets": datasets},
        sources=[ms, *([ranges] if ranges else [])],
        group="line",
        selection={"spw": spw},
    )
    return {"ms": line, "residual_z": residual_z, "score": uvcontsub_score(residual_z)}
