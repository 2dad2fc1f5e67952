"""How near real processing comes to the truth: `full_cube.yaml` with the sim library, seed by seed.

    python -m benchmarks.truth              # seeds 1 to 3, the small profile
    python -m benchmarks.truth 1 2 3 4 5

Each seed is an observation of its own: array, sky, atmosphere, receivers, interference. What the
pipeline finds is compared with what the simulation put in, and printed as a table in Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sim import PIPELINES, SMALL
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.corruption import bandpass
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.simulation.sky import (
    REFERENCE,
    Source,
    calibrator_model,
    line_of,
    sky_of,
)
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.observations import read_observation
from radps_dag.workloads.sim.stores.sources import read_visibilities

Outputs = Mapping[str, Any]


def main(arguments: Sequence[str]) -> None:
    seeds = [int(one) for one in arguments] or [1, 2, 3]
    rows = [dict(measured(seed)) for seed in seeds]
    print("| | " + " | ".join(f"seed {seed}" for seed in seeds) + " |")
    print("|---|" + "---|" * len(seeds))
    for name in rows[0]:
        print(f"| {name} | " + " | ".join(row[name] for row in rows) + " |")


def measured(seed: int) -> Iterator[tuple[str, str]]:
    """What a run of one seed found, against the truth."""
    with tempfile.TemporaryDirectory(prefix="radps-dag-truth-") as folder:
        nodes = run(folder, seed)
        about = read_observation(nodes["observation"]["observation"])
        recall, alarms = interference(nodes, about)
        yield "interference found", f"{recall:.1%}"
        yield "good data flagged", f"{alarms:.2%}"
        errors = bandpass_errors(nodes, about)
        yield "bandpass, rms error", f"{min(errors):.2%} to {max(errors):.2%}"
        found = nodes["calibrate_gains/flux_scale"]["flux_densities"]
        worst = max(abs(found[field] / true_flux(about, field) - 1) for field in about.calibrators)
        yield "flux scale, worst error", f"{worst:.2%}"
        yield from continuum(nodes, about)
        yield "line peak, worst error of the spws", f"{line_error(nodes, about):.1%}"
        blocks = [
            outputs["rms_over_sensitivity"]
            for place, outputs in nodes.items()
            if place.startswith("image_cube/block[") and place.endswith("/restore")
        ]
        yield "noise of the cube over thermal", f"{min(blocks):.2f} to {max(blocks):.2f}"
        before = nodes["image_continuum/first_image"]["dynamic_range"]
        history = nodes["image_continuum/selfcal"]["history"]
        steps = ", ".join(f"{one:,.0f}" for one in [before, *history])
        yield "dynamic range, cycle by cycle", steps


def run(folder: str, seed: int) -> dict[str, Outputs]:
    """The outputs of each node of a run; of loops, of the last iteration too."""
    params = {**SMALL, "seed": seed}
    given = [part for name, value in params.items() for part in ("-p", f"{name}={value}")]
    command = [sys.executable, "-m", "radps_dag", "run", str(PIPELINES / "full_cube.yaml")]
    command += ["--library=sim", "--no-prefect", "--json", *given]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    facts = map(json.loads, done.stdout.splitlines())
    return {fact["place"]: fact["outputs"] for fact in facts if fact["fact"] == "node_succeeded"}


def interference(nodes: Mapping[str, Outputs], about: Observation) -> tuple[float, float]:
    """Share of the interference that is flagged, and of the good data that are flagged with it."""
    hit = missed = clean = wrong = 0
    for place in ("calibrate_bandpass/flagged", "calibrate_target_and_find_continuum/gather"):
        for vis in read_visibilities(nodes[place]["ms"]):
            truth = simulate(about, vis.field, vis.spw)
            known = np.broadcast_to(truth.off_source[..., np.newaxis, np.newaxis], vis.flag.shape)
            bad = truth.interference & ~known
            good = ~truth.interference & ~known
            hit += int(bad.sum())
            missed += int((bad & ~vis.flag).sum())
            clean += int(good.sum())
            wrong += int((good & vis.flag).sum())
    return 1 - missed / hit, wrong / clean


def bandpass_errors(nodes: Mapping[str, Outputs], about: Observation) -> list[float]:
    """Rms over antennas and channels of each solution over the truth, but for a factor of each
    antenna, which is for the gains to find."""
    table = read_caltable(nodes["calibrate_bandpass/combine"]["caltable"])
    errors = []
    for part in table.parts:
        chosen = [about.polarizations.index(one) for one in part.polarizations]
        true = bandpass(about, part.spws[0])[..., chosen]
        # Phases are relative to those of an antenna, in each channel.
        reference = int(np.abs(np.angle(part.gain)).max(axis=(0, 2, 3)).argmin())
        ratio = part.gain[0] / (true * np.exp(-1j * np.angle(true[reference])))
        ratio /= ratio.mean(axis=1, keepdims=True)
        errors.append(float(np.sqrt(np.mean(np.abs(ratio - 1)[~part.flag[0]] ** 2))))
    return errors


def true_flux(about: Observation, field: str) -> float:
    """Of a calibrator in Jy, in the middle of the observed bands."""
    centres = np.array([230.9375e9 + 2e9 * spw for spw in about.spws])
    return float(calibrator_model(about, field).at(centres).mean())


def continuum(nodes: Mapping[str, Outputs], about: Observation) -> Iterator[tuple[str, str]]:
    """Of the continuum image: flux densities and positions of its points, and all of the flux."""
    image = read_image(nodes["image_continuum"]["image"])
    model, restored = image.planes["model"][0] / image.primary_beam[0], image.corrected[0]
    sources = sky_of(about, about.targets[0])
    points = [source for source in sources if source.width == 0]
    beam = float(np.sqrt(image.beam[0, 0] * image.beam[0, 1]))
    errors, shift = [], []
    for source in points:
        near = around(image, source, 0.8 * beam)
        errors.append(abs(brightness_error(image, 0, restored, source, sources)))
        shift.append(float(np.hypot(*np.subtract(peak(restored, near)[1:], place(image, source)))))
    faintest = min(source.flux_density for source in points)
    points_of = f"points of {1e3 * faintest:.0f} to 300 mJy"
    yield f"brightness of the {points_of}, worst error", f"{max(errors):.1%}"
    yield "positions of the points, worst error in beams", f"{max(shift) * image.cell / beam:.3f}"
    total = sum(source.flux_density for source in sources)
    yield "flux of all sources, extended ones too, error", f"{float(model.sum()) / total - 1:+.1%}"


def brightness_error(
    image: Image, plane: int, values: NDArray[Any], at: Source, sources: Sequence[Source]
) -> float:
    """The relative error of the peak at a source, of values (y, x) in Jy/beam; true is what the
    beam of this plane spreads to there of all sources."""
    major, minor, angle = map(float, image.beam[plane])
    axes = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
    true = 0.0
    for source in sources:
        widths = np.hypot([major, minor], source.width)
        off = axes @ np.array([at.l - source.l, at.m - source.m]) / widths
        flux = source.flux_density * (image.frequency[plane] / REFERENCE) ** source.spectral_index
        true += flux * major * minor / widths.prod() * np.exp(-4 * np.log(2) * (off @ off))
    return peak(values, around(image, at, 0.8 * np.sqrt(major * minor)))[0] / true - 1


def place(image: Image, source: Source) -> tuple[float, float]:
    """Row and column of a source."""
    middle = image.size // 2
    return middle + source.m / image.cell, middle - source.l / image.cell


def around(image: Image, source: Source, reach: float) -> NDArray[np.bool_]:
    """(y, x) the pixels within so many rad of a source."""
    rows, columns = np.mgrid[: image.size, : image.size]
    y, x = place(image, source)
    near: NDArray[np.bool_] = np.hypot(rows - y, columns - x) * image.cell <= reach
    return near


def peak(plane: NDArray[Any], near: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Height, row and column of the peak, by parabolas through its neighbours."""
    y, x = np.unravel_index(int(np.where(near, plane, -np.inf).argmax()), plane.shape)
    middle = float(plane[y, x])

    def vertex(low: float, high: float) -> tuple[float, float]:
        """How far the peak is off, and how much higher."""
        off = (high - low) / (2 * (2 * middle - low - high))
        return off, (high - low) * off / 4

    down, right = vertex(plane[y - 1, x], plane[y + 1, x]), vertex(plane[y, x - 1], plane[y, x + 1])
    return middle + down[1] + right[1], float(y) + down[0], float(x) + right[0]


def line_error(nodes: Mapping[str, Outputs], about: Observation) -> float:
    """Of the line's brightness in its brightest channel, the worst of the spws."""
    cube = read_image(nodes["image_cube/cube"]["image"])
    errors = []
    for spw in about.spws:
        line = line_of(about, about.targets[0], spw)
        assert line is not None
        plane = int(np.abs(cube.frequency - line.frequency).argmin())
        values = cube.corrected[plane] / line.profile(cube.frequency[plane : plane + 1])
        errors.append(abs(brightness_error(cube, plane, values, line.sources[1], line.sources)))
    return max(errors)


if __name__ == "__main__":
    main(sys.argv[1:])
