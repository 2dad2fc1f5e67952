"""The placeholder library: every task of a pipeline, simulated. Nothing here is a measurement.

Calls sleep and compute trivially, so that the shape of real processing can be played through. A
library that processes data has workloads of the same names and signatures.
"""

from __future__ import annotations

from radps_dag.workloads.placeholder.bandpass import set_model, solve_bandpass, solve_phase_up
from radps_dag.workloads.placeholder.caltables import (
    apply_calibration,
    combine_caltables,
    describe_caltable,
)
from radps_dag.workloads.placeholder.continuum import (
    average_spectrum,
    combine_continuum_ranges,
    query_line_catalogue,
    sigma_clip,
    subtract_continuum,
)
from radps_dag.workloads.placeholder.drawing import (
    draw_caltable,
    draw_convergence,
    draw_spectrum,
)
from radps_dag.workloads.placeholder.export import (
    describe_fits,
    draw_quicklook,
    export_fits,
    export_measurement_set,
    mask_fits,
    submit_to_archive,
    verify_export,
    write_manifest,
)
from radps_dag.workloads.placeholder.flagging import autoflag
from radps_dag.workloads.placeholder.gains import (
    choose_solution_interval,
    derive_flux_scale,
    solve_gains,
)
from radps_dag.workloads.placeholder.images import concatenate_images, describe_images
from radps_dag.workloads.placeholder.imaging import clean, make_dirty_image, restore_image
from radps_dag.workloads.placeholder.importing import (
    apply_antenna_positions,
    apply_online_flags,
    calibrate_tsys,
    calibrate_wvr,
    gather_visibilities,
    import_visibilities,
    query_antenna_positions,
)
from radps_dag.workloads.placeholder.observing import (
    describe_observation,
    describe_visibilities,
    open_data,
    simulate_observation,
)
from radps_dag.workloads.placeholder.selfcal import choose_image, compare_images, solve_selfcal
from radps_dag.workloads.placeholder.work import simulate_convergence, simulate_work

__all__ = [
    "apply_antenna_positions",
    "apply_calibration",
    "apply_online_flags",
    "autoflag",
    "average_spectrum",
    "calibrate_tsys",
    "calibrate_wvr",
    "choose_image",
    "choose_solution_interval",
    "clean",
    "combine_caltables",
    "combine_continuum_ranges",
    "compare_images",
    "concatenate_images",
    "derive_flux_scale",
    "describe_caltable",
    "describe_fits",
    "describe_images",
    "describe_observation",
    "describe_visibilities",
    "draw_caltable",
    "draw_convergence",
    "draw_quicklook",
    "draw_spectrum",
    "export_fits",
    "export_measurement_set",
    "gather_visibilities",
    "import_visibilities",
    "make_dirty_image",
    "mask_fits",
    "open_data",
    "query_antenna_positions",
    "query_line_catalogue",
    "restore_image",
    "set_model",
    "sigma_clip",
    "simulate_convergence",
    "simulate_observation",
    "simulate_work",
    "solve_bandpass",
    "solve_gains",
    "solve_phase_up",
    "solve_selfcal",
    "submit_to_archive",
    "subtract_continuum",
    "verify_export",
    "write_manifest",
]
