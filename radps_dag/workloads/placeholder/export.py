"""Placeholders for what leaves the pipeline: files, pictures, a manifest, the archive."""

from __future__ import annotations

from typing import Literal

from radps_dag.workloads.contract.delivery import are_there, checksum_of, entries, standing_on
from radps_dag.workloads.contract.scores import export_score, snr_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import (
    Exported,
    Manifest,
    Masked,
    Measured,
    MeasurementSet,
    Submitted,
    Verified,
)
from radps_dag.workloads.placeholder.fake_data import SIMULATED, read, spend, write
from radps_dag.workloads.units import Fraction, Sigmas

__all__ = [
    "describe_fits",
    "draw_quicklook",
    "export_fits",
    "export_measurement_set",
    "mask_fits",
    "submit_to_archive",
    "verify_export",
    "write_manifest",
]


@workload(placeholder=True)
def export_fits(image: Product, *, workdir: Workdir) -> Exported:
    """Export an image for the archive, here as JSON that stands for FITS (placeholder).

    Args:
        image: the image
    """
    return _export(image, "fits", workdir)


@workload(placeholder=True)
def draw_quicklook(image: Product, *, workdir: Workdir) -> Exported:
    """Draw an image for people, here as JSON that stands for PNG (placeholder).

    Args:
        image: the image
    """
    return _export(image, "quicklook", workdir)


@workload(placeholder=True)
def export_measurement_set(ms: Product, *, workdir: Workdir) -> MeasurementSet:
    """Write visibilities as a MeasurementSet, here as JSON that stands for one (placeholder).

    Args:
        ms: the visibilities
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    selection = ms.get("selection")
    content = dict(data.content)
    written = write(
        workdir, "visibilities", data.observation, content, sources=[ms], selection=selection
    )
    return {"ms": written}


@workload(placeholder=True)
def describe_fits(image: Product, *, workdir: Workdir) -> Measured:
    """Measure an image in FITS, here JSON that stands for it (placeholder).

    Args:
        image: the file
    """
    data = read(image, "fits")
    spend(data.observation)
    rms = float(data.content["rms"])
    content = {"label": SIMULATED, "rms": rms}
    plot = write(workdir, "plot", data.observation, content, sources=[image])
    return {
        "peak": 100 * rms,
        "rms": rms,
        "dynamic_range": 100.0,
        "beam_major": 1.0,
        "beam_minor": 1.0,
        "score": snr_score(100.0),
        "plot": plot,
    }


@workload(placeholder=True)
def mask_fits(
    image: Product,
    threshold: Sigmas = 5.0,
    growth: float = 0.4,
    inner: Fraction = 0.5,
    *,
    workdir: Workdir,
) -> Masked:
    """Mask what stands out of the noise of an image in FITS, here JSON that stands for it
    (placeholder).

    Args:
        image: the file
        threshold: how far above the noise
        growth: how much is added around it, in widths of the beam
        inner: share of width and height, in the middle, outside of which nothing is masked; within
            a half a point-spread function of the image's size reaches from each pixel to each other
    """
    data = read(image, "fits")
    spend(data.observation)
    content = {"label": SIMULATED, "threshold": threshold, "growth": growth, "inner": inner}
    mask = write(workdir, "mask", data.observation, content, sources=[image])
    return {"mask": mask, "masked_fraction": 0.05}


def _export(image: Product, kind: Literal["fits", "quicklook"], workdir: Workdir) -> Exported:
    data = read(image, "image")
    spend(data.observation)
    content = {"label": SIMULATED, "of": image.get("version", ""), "rms": data.content["rms"]}
    selection = image.get("selection")
    file = write(workdir, kind, data.observation, content, sources=[image], selection=selection)
    checksum, size = checksum_of(file)
    return {"file": file, "checksum": checksum, "size": size}


@workload(placeholder=True)
def write_manifest(files: list[Product], *, workdir: Workdir) -> Manifest:
    """List files with their checksums (placeholder).

    Args:
        files: what to list; at least one
    """
    listed = entries(files, workdir)
    observation = read(files[0]).observation
    spend(observation)
    manifest = write(workdir, "manifest", observation, {"files": listed}, sources=files)
    return {
        "manifest": standing_on(manifest, files),
        "files": len(files),
        "size": sum(entry["size"] for entry in listed),
    }


@workload(placeholder=True)
def submit_to_archive(manifest: Product, *, workdir: Workdir) -> Submitted:
    """Hand the files of a manifest to the archive (placeholder: nothing is sent anywhere).

    Args:
        manifest: what to hand over
    """
    data = read(manifest, "manifest")
    spend(data.observation, 0.05)
    content = {"accepted": len(data.content["files"])}
    return {"receipt": write(workdir, "receipt", data.observation, content, sources=[manifest])}


@workload(placeholder=True)
def verify_export(manifest: Product) -> Verified:
    """Check that the files of a manifest are present with the right checksums (placeholder).

    Args:
        manifest: what to check
    """
    data = read(manifest, "manifest")
    spend(data.observation)
    files = data.content["files"]
    good = sum(are_there(manifest, files))
    return {"good": good, "total": len(files), "score": export_score(good, len(files))}
