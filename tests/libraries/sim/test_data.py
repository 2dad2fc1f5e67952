"""Data of others: processing sets however they are written, and MeasurementSets v2."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_support import PIPELINES, run
from sim_data_support import BANDPASS, FIELDS, PHASE, TARGET, Calls, observation

from radps_dag.storage.remote import path_of
from radps_dag.workloads.contract.workload import Product
from radps_dag.workloads.sim.bandpass import set_model, solve_bandpass, solve_phase_up
from radps_dag.workloads.sim.caltables import apply_calibration
from radps_dag.workloads.sim.cleaning import clean, make_dirty_image
from radps_dag.workloads.sim.gains import derive_flux_scale, solve_gains
from radps_dag.workloads.sim.importing import (
    apply_online_flags,
    calibrate_tsys,
    calibrate_wvr,
    gather_visibilities,
    import_visibilities,
)
from radps_dag.workloads.sim.observing import open_data
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.simulation.sky import calibrator_model, line_of
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.observations import read_observation
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, open_store
from radps_dag.workloads.sim.visibilities import Visibilities

xarray = pytest.importorskip("xarray")

# Of zarr, about texts in its format 3, as xradio writes them.
pytestmark = pytest.mark.filterwarnings("ignore:The data type")

ABOUT = observation(antennas=5, channels=8, scans=(1, 2))


@lru_cache
def some(field: str = TARGET, spw: int = 0) -> Visibilities:
    """Simulated ones."""
    return simulate(ABOUT, field, spw, "prepared").vis


def flagged_zero(vis: Visibilities) -> Visibilities:
    """With zeros where flagged."""
    return replace(vis, data=np.where(vis.flag, 0, vis.data))


def same(one: Visibilities, two: Visibilities) -> None:
    """What is measured is equal, to the last bit."""
    for name in ("time", "scan", "uvw", "data", "flag", "weight", "frequency", "direction"):
        left, right = getattr(one, name), getattr(two, name)
        assert left.dtype == right.dtype, name
        assert np.array_equal(left, right), name
    for name in ("field", "spw", "intents", "polarizations", "channel_width", "integration"):
        assert getattr(one, name) == getattr(two, name), name
    assert np.array_equal(one.antenna1, two.antenna1)
    assert np.array_equal(one.antennas.positions, two.antennas.positions)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """Directories of their own."""
    return Calls(tmp_path / "calls")


@pytest.fixture
def tree(calls: Calls) -> Any:
    """A processing set of this library as xarray has it: a calibrator and the target."""
    parts = [some(BANDPASS), some(TARGET)]
    ms = write_visibilities(calls.directory(), ABOUT, parts, "imported")
    return xarray.open_datatree(
        path_of(ms["uri"]), engine="zarr", chunks=None, decode_times=False, mask_and_scale=False
    ).load()


def written(tree: Any, path: Path, **options: Any) -> Product:
    """A processing set written by xarray, as a product."""
    for node in tree.subtree:
        for variable in node.variables.values():
            variable.encoding.clear()
    tree.to_zarr(path, **options)
    return {"uri": str(path), "kind": "visibilities"}


def imported(calls: Calls, data: Product, field: str, spw: int = 0, **options: Any) -> Visibilities:
    """A field and spw of data, after the import."""
    opened = calls(open_data, data=data, **options)
    ms = calls(import_visibilities, observation=opened["observation"], field=field, spw=spw)["ms"]
    (vis,) = read_visibilities(ms)
    return vis


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_compressed_processing_set_is_read(
    calls: Calls, tree: Any, tmp_path: Path, zarr_format: int
) -> None:
    """With zarr's own compression, in both of its formats; from it come the same visibilities."""
    data = written(tree, tmp_path / "a.zarr", zarr_format=zarr_format)
    opened = calls(open_data, data=data)
    assert (opened["calibrators"], opened["targets"]) == ([BANDPASS], [TARGET])
    assert (opened["spws"], opened["scans"]) == ([0], [1, 2])
    same(imported(calls, data, TARGET), some())
    same(imported(calls, data, BANDPASS), some(BANDPASS))


def test_shards_and_other_types_are_read(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """Several chunks in a file, and numbers of twice the precision."""
    name = f"/{TARGET}_spw0"
    node = tree[name]
    node["VISIBILITY"] = node["VISIBILITY"].astype(np.complex128)
    node["WEIGHT"] = node["WEIGHT"].astype(np.float64)
    shape = node["VISIBILITY"].shape
    how = {"chunks": (20, 5, 4, 1), "shards": (shape[0], 10, 8, 2)}
    data = written(tree, tmp_path / "a.zarr", zarr_format=3, encoding={name: {"VISIBILITY": how}})
    same(imported(calls, data, TARGET), some())


def test_partitions_are_joined(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """One for each scan, the later first, the one with baselines from the other end, the other
    without a baseline: the field is whole, and what is not there is flagged."""
    name = f"{TARGET}_spw0"
    node = tree[name]
    tables = {below: node[below].to_dataset(inherit=False) for below in node.children}
    del tree[name]
    for scan, place in (("2", "a"), ("1", "b")):
        chosen = np.flatnonzero(node["scan_name"].values == scan)
        part = node.to_dataset().isel(time=chosen).copy(deep=True)
        if scan == "2":
            part = part.isel(baseline_id=slice(1, None))
        else:
            ends = [part[f"baseline_antenna{end}_name"].values.copy() for end in (1, 2)]
            for end, names in zip((2, 1), ends, strict=True):
                part[f"baseline_antenna{end}_name"].values[:] = names
            part["VISIBILITY"].values[:] = part["VISIBILITY"].values.conj()
            part["UVW"].values[:] *= -1
        tree[place] = xarray.DataTree.from_dict({"/": part, **tables})
    vis = imported(calls, written(tree, tmp_path / "a.zarr"), TARGET)
    expected = some()
    lost = np.ix_(expected.scan == 2, [0])
    assert vis.flag[lost].all()
    for name in ("data", "flag", "weight", "uvw"):
        getattr(vis, name)[lost] = getattr(expected, name)[lost]
    same(vis, expected)


def test_arrays_that_may_be_missing(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """Without flags and weights what is no number is flagged, and each weight is 1."""
    node = tree[f"{TARGET}_spw0"]
    node["VISIBILITY"].values[3, 2, 1, 0] = np.nan
    for name in ("FLAG", "WEIGHT"):
        del node[name]
        node.attrs["data_groups"]["base"].pop(name.lower())
    vis = imported(calls, written(tree, tmp_path / "a.zarr"), TARGET)
    assert np.argwhere(vis.flag).tolist() == [[3, 2, 1, 0]]
    assert (vis.weight[~vis.flag] == 1).all()


@pytest.mark.parametrize("sizes", [[12.0, 7.0, 12.0, 12.0, 12.0], [], [25.0] * 5])
def test_the_diameter_of_the_dishes(
    calls: Calls, tree: Any, tmp_path: Path, sizes: list[float]
) -> None:
    """Known where all are alike, so that images can be corrected; else they are not."""
    for node in tree.children.values():
        if sizes:
            node["antenna_xds"]["ANTENNA_DISH_DIAMETER"].values[:] = sizes
        else:
            del node["antenna_xds"]["ANTENNA_DISH_DIAMETER"]
    vis = imported(calls, written(tree, tmp_path / "a.zarr"), TARGET)
    assert vis.antennas.diameter == (25.0 if set(sizes) == {25.0} else 0.0)


def test_a_data_group_is_chosen(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """What is in another group is processed where it is asked for; an unknown one is named."""
    for node in tree.children.values():
        groups = node.attrs["data_groups"]
        node["VISIBILITY_CORRECTED"] = node["VISIBILITY"] * np.complex64(2)
        groups["corrected"] = {**groups["base"], "correlated_data": "VISIBILITY_CORRECTED"}
    data = written(tree, tmp_path / "a.zarr")
    vis = imported(calls, data, TARGET, data_group="corrected")
    assert np.array_equal(vis.data, some().data * np.complex64(2))
    with pytest.raises(StoreUnusable, match=r"no data group 'best' in .*; there are base, correct"):
        calls(open_data, data=data, data_group="best")


def test_a_wrong_file_is_refused(calls: Calls, tmp_path: Path) -> None:
    """What is not there, a folder of something else, a file: one line with what to give."""
    with pytest.raises(FileNotFoundError, match=r"no data at /nowhere: give the folder of an MSv4"):
        calls(open_data, data={"uri": "/nowhere", "kind": "visibilities"})
    file = tmp_path / "notes.txt"
    file.write_text("no data")
    (tmp_path / "folder").mkdir()
    for path in (file, tmp_path / "folder"):
        with pytest.raises(
            StoreUnusable, match=r"is not a processing set of MSv4 .*; give a"
        ) as caught:
            calls(open_data, data={"uri": str(path), "kind": "visibilities"})
        assert "\n" not in str(caught.value)


def test_a_flux_calibrator_without_a_model(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """It is asked for where the flux scale needs it."""
    opened = calls(open_data, data=written(tree, tmp_path / "a.zarr"))
    ms = calls(
        import_visibilities, observation=opened["observation"], field=BANDPASS, spw=0
    )["ms"]  # fmt: skip
    with pytest.raises(ValueError, match=r"no model of the flux calibrator J1924-2914: set one"):
        calls(set_model, ms=ms)


def test_data_are_not_marked_as_simulated(calls: Calls, tree: Any, tmp_path: Path) -> None:
    """Neither the stores that are made of them, nor images."""
    opened = calls(open_data, data=written(tree, tmp_path / "a.zarr"))
    ms = calls(import_visibilities, observation=opened["observation"], field=TARGET, spw=0)["ms"]
    image = calls(make_dirty_image, ms=ms, field=TARGET, spws=[0], pixels=64)["image"]
    assert not read_image(image).simulated
    assert "simulated" not in open_store(ms).about
    assert "simulated" not in open_store(image).about


# A MeasurementSet v2


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calls, Product, Product]:
    """The observation of a MeasurementSet v2 that was written of simulated visibilities, and of
    these themselves, after the imports: all fields and spws."""
    pytest.importorskip("casacore")
    pytest.importorskip("arcae")
    pytest.importorskip("xradio")
    from foreign_ms import add_models, add_rest_frequency

    from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set

    folder = tmp_path_factory.mktemp("msv2")
    calls = Calls(folder / "calls")
    parts = [some(field, spw) for field in FIELDS for spw in (0, 1)]
    model = calibrator_model(ABOUT, BANDPASS)
    path = write_measurement_set(folder / "a.ms", parts)
    add_models(path, {BANDPASS: model})
    add_rest_frequency(path, 230.538e9)
    opened = calls(open_data, data={"uri": str(path), "kind": "visibilities"})
    pieces = []
    for field in (*opened["calibrators"], *opened["targets"]):
        for spw in opened["spws"]:
            record = opened["observation"]
            ms = calls(import_visibilities, observation=record, field=field, spw=spw)["ms"]
            ms = calls(apply_online_flags, ms=ms)["ms"]
            tables = [calls(one, ms=ms)["caltable"] for one in (calibrate_tsys, calibrate_wvr)]
            pieces.append(calls(apply_calibration, ms=ms, caltables=tables, group="prepared")["ms"])
    there = calls(gather_visibilities, parts=pieces, group="prepared")["ms"]
    # Of the same pixels, and by the same names: that is all it has of the data.
    record = replace(ABOUT, data=read_observation(opened["observation"]).data)
    here = [replace(vis, model=model if vis.field == BANDPASS else None) for vis in parts]
    direct = write_visibilities(calls.directory(), record, here, "prepared")
    return calls, there, direct


def test_the_visibilities_of_a_measurement_set(both: tuple[Calls, Product, Product]) -> None:
    """They are those that were written, to rounding; antennas and fields have longer names."""
    _, there, direct = both
    found = {(vis.field.rpartition("_")[0], vis.spw): vis for vis in read_visibilities(there)}
    for vis in read_visibilities(direct):
        other = found[vis.field, vis.spw]
        assert np.array_equal(other.flag, vis.flag)
        good = ~vis.flag
        assert np.allclose(other.data[good], vis.data[good], rtol=1e-6)
        assert np.allclose(other.uvw, vis.uvw, atol=1e-9)
        assert np.allclose(other.weight[good], vis.weight[good], rtol=1e-6)
        assert np.allclose(other.time, vis.time)
        assert set(other.intents) == set(vis.intents)
        assert other.antennas.names[0] == f"{vis.antennas.names[0]}_{vis.antennas.names[0]}"


def _calibrated(calls: Calls, ms: Product, fields: list[str]) -> dict[str, Any]:
    """Bandpass, gains, flux scale and a cleaned image of the target."""
    modelled = calls(set_model, ms=ms)["ms"]
    phases = calls(solve_phase_up, ms=modelled)["caltable"]
    bandpass = calls(solve_bandpass, ms=modelled, phase_up=phases)["caltable"]
    gains = [
        calls(solve_gains, ms=ms, bandpass=bandpass, spws=[0, 1], scan=scan, interval=30.0)
        for scan in (1, 2)
    ]
    from radps_dag.workloads.sim.caltables import combine_caltables

    table = calls(combine_caltables, caltables=[one["caltable"] for one in gains])["caltable"]
    flux = calls(derive_flux_scale, ms=ms, gains=table)
    good = calls(
        apply_calibration, ms=ms, caltables=[bandpass, flux["caltable"]], group="corrected"
    )["ms"]
    image = calls(make_dirty_image, ms=good, field=fields[-1], spws=[0, 1], pixels=64)["image"]
    image = calls(clean, ms=good, image=image, niter=100)["image"]
    densities = [flux["flux_densities"][field] for field in fields[:-1]]
    return {"bandpass": read_caltable(bandpass), "flux": densities, "image": read_image(image)}


def test_a_measurement_set_is_calibrated_and_imaged(both: tuple[Calls, Product, Product]) -> None:
    """The bandpass, the flux scale and the image are those of the visibilities themselves."""
    calls, there, direct = both
    found = _calibrated(calls, there, [f"{name}_{at}" for at, name in enumerate(FIELDS)])
    expected = _calibrated(calls, direct, [BANDPASS, PHASE, TARGET])
    for one, other in zip(found["bandpass"].parts, expected["bandpass"].parts, strict=True):
        assert np.array_equal(one.flag, other.flag)
        assert np.allclose(one.gain, other.gain, rtol=1e-5, atol=1e-6)
    assert np.allclose(found["flux"], expected["flux"], rtol=1e-6)
    assert np.isclose(found["flux"][0], calibrator_model(ABOUT, BANDPASS).flux_density, rtol=0.02)
    for plane in ("dirty", "residual", "model"):
        one, other = found["image"].planes[plane], expected["image"].planes[plane]
        assert np.abs(one - other).max() < 1e-5 * np.abs(expected["image"].planes["dirty"]).max()


def test_without_the_converter(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A MeasurementSet v2 says what to install; a table that is none says so."""
    import sys

    (tmp_path / "a.ms").mkdir()
    (tmp_path / "a.ms" / "table.dat").write_text("no table")
    data = {"uri": str(tmp_path / "a.ms"), "kind": "visibilities"}
    monkeypatch.setitem(sys.modules, "xradio.measurement_set", None)
    with pytest.raises(StoreUnusable, match=r"xradio converts: pip install 'radps-dag\[ms\]'"):
        calls(open_data, data=data)


def test_what_a_stranger_wrote_is_imaged(tmp_path: Path) -> None:
    """A MeasurementSet with antennas in another order, one lost in a scan, autocorrelations, four
    correlations, windows of 8 and of 12 channels, neither weights of channels nor sources, and the
    processing set that xradio makes of it: to a cube with the line where it is on the sky."""
    pytest.importorskip("casacore")
    pytest.importorskip("arcae")
    convert = pytest.importorskip("xradio.measurement_set").convert_msv2_to_processing_set
    from foreign_ms import write_foreign

    of_window = [observation(antennas=7, channels=channels, scans=(1, 2)) for channels in (8, 12)]
    parts = [
        simulate(about, field, spw, "prepared").vis
        for spw, about in enumerate(of_window)
        for field in FIELDS
    ]
    modes = {
        BANDPASS: "CALIBRATE_BANDPASS#ON_SOURCE,CALIBRATE_FLUX#ON_SOURCE,CALIBRATE_WVR#ON_SOURCE",
        PHASE: "CALIBRATE_PHASE#ON_SOURCE",
        TARGET: "OBSERVE_TARGET#UNSPECIFIED",
    }
    models = {BANDPASS: calibrator_model(of_window[0], BANDPASS)}
    table = write_foreign(tmp_path / "a.ms", parts, modes, models, lost=(2, 2))
    convert(str(table), str(tmp_path / "b.ps.zarr"))
    small = ("-p", "pixels=64", "-p", "niter=100", "-p", "channels_per_block=4")
    options = ("--library", "sim", "--no-prefect", "-p", "imaging=cube", *small)
    for data in ("b.ps.zarr", "a.ms"):
        ran = run(PIPELINES / "full_cube.yaml", *options, "-p", f"data={data}", cwd=tmp_path)
        assert ran.code == 0, ran.err
        assert not ran.of("node_failed")
        assert ran.outputs["spws_without_cube"] == []
        cube = read_image(ran.one("node_succeeded", "image_cube")["outputs"]["image"])
        assert {spw: len(used) for spw, used in cube.channels.items()} == {0: 8, 1: 12}
        for spw, about in enumerate(of_window):
            line = line_of(about, TARGET, spw)
            assert line is not None
            plane = int(np.abs(cube.frequency - line.frequency).argmin())
            restored = cube.planes["restored"][plane]
            core = line.sources[-1]
            north, west = np.argwhere(restored == restored.max())[0] - cube.size // 2
            offset = np.hypot(north * cube.cell - core.m, -west * cube.cell - core.l)
            assert offset < cube.beam[plane, 0] / 2
            assert restored.max() > 20 * cube.sensitivity[plane]
