"""Workloads of plots: what a calibration, a spectrum, an iteration look like.

Matplotlib is imported when something is drawn: that takes longer than all the rest of the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Drawn
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.files import write_file
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.records import read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_caltable", "draw_convergence", "draw_spectrum"]


@workload
def draw_caltable(caltable: Product, *, workdir: Workdir) -> Drawn:
    """Plot solutions against time or frequency."""
    from radps_dag.workloads.sim.charts.solutions import solutions

    return {"plot": plotted(solutions(read_caltable(caltable)), caltable, workdir)}


@workload
def draw_spectrum(spectrum: Product, ranges: Product | None = None, *, workdir: Workdir) -> Drawn:
    """Plot a spectrum with its line-free channels."""
    from radps_dag.workloads.sim.charts.spectrum import spectrum as drawn

    free = None if ranges is None else read_record(ranges, "continuum_ranges")
    return {"plot": plotted(drawn(read_record(spectrum, "spectrum"), free), spectrum, workdir)}


@workload
def draw_convergence(product: Product, *, workdir: Workdir) -> Drawn:
    """Plot how a loop came to its result."""
    from radps_dag.workloads.sim.charts.convergence import image_convergence, table_convergence

    match product["kind"]:
        case "image":
            figure = image_convergence(read_image(product))
        case "caltable":
            figure = table_convergence(read_caltable(product))
        case kind:
            raise ValueError(
                f"expected an image or a caltable, which know the iterations that made them; found "
                f"{kind}: {product['uri']}"
            )
    return {"plot": plotted(figure, product, workdir)}


def plotted(figure: Figure, of: Product, workdir: Workdir, name: str = "plot") -> Product:
    """Write a figure of a product as PNG."""
    from radps_dag.workloads.sim.charts.sheet import encoded

    return write_file(workdir, name, ".png", encoded(figure), of.get("selection"))
