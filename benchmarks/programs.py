"""Self-calibration by the library `sim` and with WSClean, of the same visibilities, against truth.

    python -m benchmarks.programs

`selfcal.yaml` with the library `sim` and `programs/wsclean_selfcal.yaml` simulate the same target,
whose phases are left as its calibrator left them, and solve the same intervals. Pixels are as wide.
Peak and noise of the restored images, primary beam not corrected for, are measured alike: the noise
with all that stands out left out. Printed as a table in Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sim import PIPELINES
from radps_dag.workloads import local_path
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.primary_beam import primary_beam
from radps_dag.workloads.sim.simulation.geometry import cell_of, frequencies_of
from radps_dag.workloads.sim.simulation.sky import REFERENCE, sky_of
from radps_dag.workloads.sim.stores.fits_reading import FitsPlane, read_plane
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set
from radps_dag.workloads.sim.stores.observations import read_observation
from radps_dag.workloads.sim.stores.sources import read_visibilities

ARCSEC = np.pi / 180 / 3600
PIXELS = 256
INTERVALS = (60, 20, 6)


@dataclass(frozen=True, slots=True)
class Image:
    """Peak and noise in Jy/beam; how far the peak lies from the true source, in beams."""

    peak: float
    rms: float
    off: float = 0.0

    @property
    def dynamic_range(self) -> float:
        return self.peak / self.rms


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="radps-dag-programs-") as folder:
        ours = run(folder, "selfcal.yaml", "phase", nsigma=3)
        about = observation(folder)
        scale = f"scale={cell_of(about) / ARCSEC:.6f}asec"
        theirs = run(folder, "programs/wsclean_selfcal.yaml", "phase", given=[scale])
        sim = [of_sim(ours[place], about) for place in ("first_image", "rounds")]
        clean = theirs["first_image/clean"]["image"], theirs["rounds"]["image"]
        wsclean = [measured(read_plane(image), about) for image in clean]
        mask = theirs["rounds"]["mask"]
        both = exported(ours, folder), theirs["apply"]
        alike = [imaged(ms, mask, Path(folder), scale) for ms in both]
        calibrated = [measured(read_plane(image), about) for image in alike]
    true = brightness(about)
    print("| | library `sim` | WSClean | apart |")
    print("|---|---|---|---|")
    for name, one, other in zip(("before", "after"), sim, wsclean, strict=True):
        show(f"dynamic range {name}", one.dynamic_range, other.dynamic_range, "{:.0f}")
    ranges = [image.dynamic_range for image in calibrated]
    show("the same after, both imaged with WSClean in one mask", *ranges, "{:.0f}")
    after, other = sim[1], wsclean[1]
    show("peak in mJy/beam", 1e3 * after.peak, 1e3 * other.peak, "{:.1f}")
    show("noise in mJy/beam", 1e3 * after.rms, 1e3 * other.rms, "{:.2f}")
    errors = [image.peak / true - 1 for image in (after, other)]
    print(f"| peak over the true {1e3 * true:.1f} mJy | {errors[0]:+.1%} | {errors[1]:+.1%} | |")
    print(f"| place of the peak, in beams off | {after.off:.2f} | {other.off:.2f} | |")


def show(name: str, one: float, other: float, form: str) -> None:
    print(f"| {name} | {form.format(one)} | {form.format(other)} | {abs(other / one - 1):.1%} |")


def run(
    folder: str, recipe: str, mode: str, given: list[str] | None = None, **more: Any
) -> dict[str, Mapping[str, Any]]:
    """The outputs of each node of a run; of loops those that were kept."""
    rounds = json.dumps([{"interval": each, "mode": mode, **more} for each in INTERVALS])
    params = [f"rounds={rounds}", f"pixels={PIXELS}", *(given or [])]
    command = [sys.executable, "-m", "radps_dag", "run", str(PIPELINES / recipe), "--library=sim"]
    command += ["--no-prefect", "--json", *(word for one in params for word in ("-p", one))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    facts = map(json.loads, done.stdout.splitlines())
    return {fact["place"]: fact["outputs"] for fact in facts if fact["fact"] == "node_succeeded"}


def exported(ours: Mapping[str, Mapping[str, Any]], folder: str) -> Mapping[str, Any]:
    """The visibilities that the library `sim` has calibrated, as a MeasurementSet."""
    parts = read_visibilities(ours["accept"]["ms"])
    path = write_measurement_set(Path(folder) / "sim.ms", parts, column="CORRECTED_DATA")
    return {"ms": {"uri": path.as_uri(), "kind": "visibilities"}}


def imaged(
    outputs: Mapping[str, Any], mask: Mapping[str, Any], folder: Path, scale: str
) -> dict[str, str]:
    """CORRECTED_DATA of a MeasurementSet, imaged within a mask as the recipe does it."""
    path = local_path(outputs["ms"])
    into = folder / f"image-of-{Path(path).stem}"
    into.mkdir()
    words = ["wsclean", "-name", "img", "-temp-dir", ".", "-reorder", "-no-update-model-required"]
    words += ["-data-column", "CORRECTED_DATA", "-size", str(PIXELS), str(PIXELS), "-scale"]
    words += [scale.removeprefix("scale="), "-weight", "briggs", "0.5", "-niter", "20000"]
    words += ["-mgain", "0.8", "-fits-mask", local_path(mask), "-auto-threshold", "0.6"]
    words += ["-multiscale", "-padding", "2", "-j", "1", path]
    subprocess.run(words, cwd=into, capture_output=True, check=True)
    return {"uri": (into / "img-image.fits").as_uri(), "kind": "image"}


def observation(folder: str) -> Observation:
    """What both have simulated."""
    record = next(Path(folder).glob(".radps/runs/*-selfcal/products/input/observation-*.json"))
    return read_observation({"uri": record.as_uri(), "kind": "observation"})


def of_sim(outputs: Mapping[str, Any], about: Observation) -> Image:
    image = read_image(outputs["image"])
    beam = np.array(image.beam[0])
    return measured(FitsPlane(image.planes["restored"][0], image.cell, beam, "", ""), about)


def measured(plane: FitsPlane, about: Observation) -> Image:
    y, x = np.unravel_index(plane.values.argmax(), plane.values.shape)
    middle = plane.values.shape[0] // 2
    east, north = (middle - x) * plane.cell, (y - middle) * plane.cell
    source = max(sky_of(about, about.targets[0]), key=lambda source: source.flux_density)
    off = np.hypot(east - source.l, north - source.m) / np.sqrt(plane.beam[0] * plane.beam[1])
    return Image(float(plane.values.max()), plane.rms, float(off))


def brightness(about: Observation) -> float:
    """Of the brightest source through the primary beam, in Jy."""
    source = max(sky_of(about, about.targets[0]), key=lambda source: source.flux_density)
    frequency = np.concatenate([frequencies_of(about, spw) for spw in about.spws])
    seen = primary_beam(np.hypot(source.l, source.m), frequency, 12.0)
    spectrum = (frequency / REFERENCE) ** source.spectral_index
    return float((source.flux_density * spectrum * seen).mean())


if __name__ == "__main__":
    main()
