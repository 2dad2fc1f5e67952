"""Workloads of plots: what a calibration, a spectrum, an iteration look like."""

from __future__ import annotations

from radps_dag.workloads.contract import Product, Workdir, workload
from radps_dag.workloads.outcomes import Drawn
from radps_dag.workloads.sim.charts.convergence import image_convergence, table_convergence
from radps_dag.workloads.sim.charts.solutions import solutions_picture
from radps_dag.workloads.sim.charts.spectrum import spectrum_picture
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.files import write_file
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.records import read_record

__all__ = ["draw_caltable", "draw_convergence", "draw_spectrum"]


@workload
def draw_caltable(caltable: Product, *, workdir: Workdir) -> Drawn:
    """Plot solutions against time or frequency.

    Args:
        caltable: what to plot
    """
    return _drawn(solutions_picture(read_caltable(caltable)), caltable, workdir)


@workload
def draw_spectrum(spectrum: Product, ranges: Product | None = None, *, workdir: Workdir) -> Drawn:
    """Plot a spectrum with its line-free channels.

    Args:
        spectrum: mean spectrum of one spw
        ranges: line-free channels, to be marked
    """
    found = None if ranges is None else read_record(ranges, "continuum_ranges")
    picture = spectrum_picture(read_record(spectrum, "spectrum"), found)
    return _drawn(picture, spectrum, workdir)


@workload
def draw_convergence(product: Product, *, workdir: Workdir) -> Drawn:
    """Plot how a loop came to its result.

    Args:
        product: an image or a caltable, which knows the iterations that made it
    """
    match product["kind"]:
        case "image":
            picture = image_convergence(read_image(product))
        case "caltable":
            picture = table_convergence(read_caltable(product))
        case kind:
            raise ValueError(
                f"expected an image or a caltable, which know the iterations that made them; found "
                f"{kind}: {product['uri']}"
            )
    return _drawn(picture, product, workdir)


def _drawn(picture: bytes, of: Product, workdir: Workdir) -> Drawn:
    return {"plot": write_file(workdir, "plot", ".png", picture, of.get("selection"))}
