"""Placeholders for plots: what a calibration, a spectrum, an iteration look like."""

from __future__ import annotations

from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Drawn
from radps_dag.workloads.placeholder.fake_data import SIMULATED, read, spend, write

__all__ = ["draw_caltable", "draw_convergence", "draw_spectrum"]


@workload(placeholder=True)
def draw_caltable(caltable: Product, *, workdir: Workdir) -> Drawn:
    """Plot solutions against time or frequency, here as JSON that stands for PNG (placeholder).

    Args:
        caltable: what to plot
    """
    return _drawn("solutions", [caltable], workdir)


@workload(placeholder=True)
def draw_spectrum(spectrum: Product, ranges: Product | None = None, *, workdir: Workdir) -> Drawn:
    """Plot a spectrum with its line-free channels, here as JSON that stands for PNG (placeholder).

    Args:
        spectrum: mean spectrum of one spw
        ranges: line-free channels, to be marked
    """
    return _drawn("spectrum", [spectrum, *([ranges] if ranges else [])], workdir)


@workload(placeholder=True)
def draw_convergence(product: Product, *, workdir: Workdir) -> Drawn:
    """Plot how a loop came to its result, here as JSON that stands for PNG (placeholder).

    Args:
        product: an image or a caltable, which knows the iterations that made it
    """
    return _drawn("convergence", [product], workdir)


def _drawn(what: str, sources: list[Product], workdir: Workdir) -> Drawn:
    data = read(sources[0])
    spend(data.observation)
    content = {"label": SIMULATED, "shows": what}
    selection = sources[0].get("selection")
    plot = write(workdir, "plot", data.observation, content, sources=sources, selection=selection)
    return {"plot": plot}
