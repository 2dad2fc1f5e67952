"""The sim library: the placeholders' tasks done for real, on simulated visibilities or on data.

`pip install 'radps-dag[sim]'` brings what it needs; `[ms]` what MeasurementSets v2 need.
"""

from __future__ import annotations

from radps_dag.workloads.sim.bandpass import set_model, solve_bandpass, solve_phase_up
from radps_dag.workloads.sim.caltables import (
    apply_calibration,
    combine_caltables,
    describe_caltable,
)
from radps_dag.workloads.sim.cleaning import clean, make_dirty_image, restore_image
from radps_dag.workloads.sim.continuum import (
    average_spectrum,
    combine_continuum_ranges,
    query_line_catalogue,
    sigma_clip,
    subtract_continuum,
)
from radps_dag.workloads.sim.drawing import draw_caltable, draw_convergence, draw_spectrum
from radps_dag.workloads.sim.export import (
    describe_fits,
    draw_quicklook,
    export_fits,
    export_measurement_set,
    mask_fits,
    submit_to_archive,
    verify_export,
    write_manifest,
)
from radps_dag.workloads.sim.flagging import autoflag
from radps_dag.workloads.sim.gains import (
    choose_solution_interval,
    derive_flux_scale,
    solve_gains,
)
from radps_dag.workloads.sim.images import concatenate_images, describe_images
from radps_dag.workloads.sim.importing import (
    apply_antenna_positions,
    apply_online_flags,
    calibrate_tsys,
    calibrate_wvr,
    gather_visibilities,
    import_visibilities,
    query_antenna_positions,
)
from radps_dag.workloads.sim.observing import (
    describe_observation,
    describe_visibilities,
    open_data,
    simulate_observation,
)
from radps_dag.workloads.sim.selfcal import choose_image, compare_images, solve_selfcal
from radps_dag.workloads.sim.work import simulate_convergence, simulate_work

# More calls at once than there are processors would hold more memory, and gain nothing.
COMPUTES = True

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
