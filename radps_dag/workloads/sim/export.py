"""Workloads of what leaves the pipeline: files, pictures, a manifest, the archive."""

from __future__ import annotations

from typing import Any

from radps_dag.workloads.contract.delivery import (
    are_there,
    checksum_of,
    entries,
    name_of,
    standing_on,
)
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
from radps_dag.workloads.sim.drawing import plotted
from radps_dag.workloads.sim.stores.files import write_file
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.observations import observation_behind
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable
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


@workload
def export_fits(image: Product, *, workdir: Workdir) -> Exported:
    """Export the restored plane of an image for the archive, corrected for the primary beam, as
    FITS.
    """
    from radps_dag.workloads.sim.stores.fits import fits

    content = fits(read_image(image), observation_behind(image))
    return _exported(write_file(workdir, "fits", ".fits", content, image.get("selection")))


@workload
def draw_quicklook(image: Product, *, workdir: Workdir) -> Exported:
    """Draw an image for people: dirty, model, residual and restored planes, as far as there are."""
    from radps_dag.workloads.sim.charts.quicklook import quicklook

    return _exported(plotted(quicklook(read_image(image)), image, workdir, "quicklook"))


@workload
def export_measurement_set(ms: Product, *, workdir: Workdir) -> MeasurementSet:
    """Write visibilities as a MeasurementSet v2, for programs that read those."""
    from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set

    path = write_measurement_set(workdir.resolve() / "visibilities.ms", read_visibilities(ms))
    product: Product = {"uri": path.as_uri(), "kind": "visibilities"}
    if selection := ms.get("selection"):
        product["selection"] = selection
    return {"ms": product}


@workload
def describe_fits(image: Product, *, workdir: Workdir) -> Measured:
    """Measure an image in FITS, whichever program has made it, and draw it."""
    from radps_dag.workloads.sim.charts.planes import ARCSEC
    from radps_dag.workloads.sim.charts.quicklook import fits_quicklook
    from radps_dag.workloads.sim.stores.fits_reading import read_plane

    plane = read_plane(image)
    peak, rms = float(plane.values.max()), plane.rms
    dynamic_range = peak / rms if rms else 0.0
    return {
        "peak": peak,
        "rms": rms,
        "dynamic_range": dynamic_range,
        "beam_major": float(plane.beam[0]) / ARCSEC,
        "beam_minor": float(plane.beam[1]) / ARCSEC,
        "score": snr_score(dynamic_range),
        "plot": plotted(fits_quicklook(plane), image, workdir),
    }


@workload
def mask_fits(
    image: Product,
    threshold: Sigmas = 5.0,
    growth: float = 0.4,
    inner: Fraction = 0.5,
    *,
    workdir: Workdir,
) -> Masked:
    """Mask what stands out of the noise of a FITS image, for a program that cleans in a mask."""
    import numpy as np

    from radps_dag.workloads.sim.imaging.regions import dilated
    from radps_dag.workloads.sim.stores.fits_reading import mask_like, read_plane

    if not threshold > 0 or not growth >= 0 or not 0 < inner <= 1:
        raise ValueError(
            "threshold must be over 0, growth not under 0, inner over 0 to 1; they are "
            f"{threshold}, {growth}, {inner}"
        )
    plane = read_plane(image)
    width = float(np.sqrt(plane.beam[0] * plane.beam[1])) / plane.cell
    away = [
        np.abs(np.arange(size) + 0.5 - size / 2) > inner * size / 2 for size in plane.values.shape
    ]
    mask = dilated(plane.values > threshold * plane.rms, growth * width)
    mask &= ~(away[0][:, np.newaxis] | away[1])
    content = mask_like(image, mask)
    return {
        "mask": write_file(workdir, "mask", ".fits", content, image.get("selection")),
        "masked_fraction": float(mask.mean()),
    }


def _exported(file: Product) -> Exported:
    checksum, size = checksum_of(file)
    return {"file": file, "checksum": checksum, "size": size}


@workload
def write_manifest(files: list[Product], *, workdir: Workdir) -> Manifest:
    """List files with their checksums."""
    listed = entries(files, workdir)
    manifest = write_record(workdir, "manifest", {"files": listed})
    return {
        "manifest": standing_on(manifest, files),
        "files": len(listed),
        "size": sum(entry["size"] for entry in listed),
    }


@workload
def submit_to_archive(manifest: Product, *, workdir: Workdir) -> Submitted:
    """Hand the files of a manifest to the archive (simulated: nothing is sent anywhere).

    The archive takes those that are present with the right checksums, and says so.
    """
    files = _listed(manifest)
    checks = zip(files, are_there(manifest, files), strict=True)
    refused = [name_of(file) for file, there in checks if not there]
    content = {"accepted": len(files) - len(refused), "refused": refused}
    return {"receipt": write_record(workdir, "receipt", content)}


@workload
def verify_export(manifest: Product) -> Verified:
    """Check that the files of a manifest are present with the right checksums."""
    files = _listed(manifest)
    good = sum(are_there(manifest, files))
    return {"good": good, "total": len(files), "score": export_score(good, len(files))}


def _listed(manifest: Product) -> list[dict[str, Any]]:
    """The files of a manifest; raises StoreUnusable for one that does not say which they are."""
    entries: list[dict[str, Any]] = read_record(manifest, "manifest").get("files", [])
    if not entries:
        raise StoreUnusable(
            f"manifest {manifest['uri']} lists no files; write it with write_manifest"
        )
    return entries
