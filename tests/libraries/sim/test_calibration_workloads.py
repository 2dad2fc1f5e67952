"""The workloads of the calibration, one after the other as the pipelines call them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration_support import (
    array,
    flagged,
    observe,
    random_gains,
    referred,
    some_observation,
)

from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.knowledge import Declared, Snapshot
from radps_dag.workloads.contract.workload import invoke
from radps_dag.workloads.sim import bandpass, caltables, gains
from radps_dag.workloads.sim.calibration.catalogue import known_model
from radps_dag.workloads.sim.solutions import Solutions
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.processing_sets import derive, write_visibilities
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

COUNT = 9
FLUX = {"J2": 1.17}

Call = Callable[..., dict[str, Any]]
Calibrated = tuple[Product, dict[tuple[str, int], Any], Product]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """An observation as imported, its gains, and the bandpass that a stage makes up."""
    root = tmp_path_factory.mktemp("observed")
    ms, known = observed(root / "ms")
    made = invoke(caltables.describe_caltable.workload, {"ms": ms}, root / "bandpass", 1)
    return ms, known, made["caltable"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Calls a workload as the engine does, each call in a directory of its own."""
    number = iter(range(1000))

    def call(function: Any, **arguments: Any) -> dict[str, Any]:
        return invoke(function.workload, arguments, tmp_path / f"call{next(number)}", 1)

    return call


def truth(seed: int, spw: int, times: int, offset: int) -> np.ndarray:
    """Gains (t, a, f, p): a bandpass of mean amplitude 1, a constant, phases that wander."""
    random = np.random.default_rng([seed, spw])
    band = 1 + 0.1 * random.normal(size=(COUNT, 1, 2)) * np.sin(np.linspace(0, 3, 16))[:, None]
    band = band / band.mean(axis=1, keepdims=True)
    slope = 0.3 * random.normal(size=(COUNT, 1, 2)) * np.linspace(-1, 1, 16)[:, None]
    constant = random_gains(COUNT, seed=seed + 100 * spw)
    walk = np.cumsum(np.random.default_rng([seed, 7, offset]).normal(size=(times, COUNT)), axis=0)
    return band * np.exp(1j * slope) * constant * np.exp(0.1j * walk)[:, :, None, None]


def observed(
    workdir: Path, seed: int = 1, noise: float = 1.0, dead: tuple[int, int] | None = None
) -> tuple[Product, dict[tuple[str, int], np.ndarray]]:
    """Two calibrators and a target in two spws as imported, and their gains."""
    about, antennas = some_observation(COUNT, seed), array(COUNT)
    parts, known = [], {}
    for number, (field, intents, times) in enumerate(
        (("J1", ("BANDPASS", "FLUX"), 15), ("J2", ("PHASE",), 10), ("G1", ("TARGET",), 10))
    ):
        for spw in about.spws:
            gain = truth(seed, spw, 2 * times, number)
            if dead is not None:
                gain[:, dead[0], :, dead[1]] = 0.0
            model = known_model(about, field)
            sky = ((FLUX.get(field, 0.3), 0.0, 0.0),)
            vis = observe(
                antennas,
                gain,
                times=times,
                sky=sky,
                field=field,
                intents=intents,
                spw=spw,
                scans=(1, 2),
                noise=noise,
                seed=seed * 100 + number * 10 + spw,
                model=model,
                start=1_767_225_600.0 + 60.0 * number,
            )
            known[field, spw] = gain
            parts.append(replace(vis, model=None))
    workdir.mkdir()
    return write_visibilities(workdir, about, parts, "imported"), known


def _part(workdir: Path, ms: Product, fields: list[str], **which: Any) -> Product:
    """Some fields, spws or polarizations as a data group of their own, as autoflag leaves them."""
    parts = [vis for vis in read_visibilities(ms, **which) if vis.field in fields]
    workdir.mkdir(parents=True)
    return derive(workdir, ms, "flagged", parts, ("flag",))


def _solve_bandpass(call: Call, workdir: Path, ms: Product) -> tuple[Product, list[dict[str, Any]]]:
    """The bandpass of both spws and polarizations, each by itself."""
    ends, tables = [], []
    for spw in (0, 1):
        for polarization in ("XX", "YY"):
            part = _part(
                workdir / f"{spw}{polarization}",
                ms,
                ["J1", "J2"],
                spws=[spw],
                polarizations=[polarization],
            )
            modelled = call(bandpass.set_model, ms=part)
            up = call(bandpass.solve_phase_up, ms=modelled["ms"])
            assert up["phase_rms"] > 5.0
            start, loops = None, 0
            while loops < 12:
                solved = call(
                    bandpass.solve_bandpass, ms=modelled["ms"], phase_up=up["caltable"], start=start
                )
                start, loops = solved["caltable"], loops + 1
                if solved["change"] < 0.005:
                    break
            ends.append({**solved, "loops": loops, "flux": modelled["flux_density"]})
            tables.append(solved["caltable"])
    return call(caltables.combine_caltables, caltables=tables)["caltable"], ends


def reference_of(part: Solutions) -> int:
    """The antenna whose phases are 0."""
    return int(np.abs(np.angle(part.gain)).max(axis=(0, 2, 3)).argmin())


def _iterated(call: Call, ms: Product, band: Product, **which: Any) -> dict[str, Any]:
    """Gains of a scan, iterated until they stay as they are."""
    solved = call(gains.solve_gains, ms=ms, bandpass=band, **which)
    loops = 1
    while solved["change"] >= 0.005 and loops < 12:
        start = solved["caltable"]
        solved = call(gains.solve_gains, ms=ms, bandpass=band, start=start, **which)
        loops += 1
    assert 2 <= loops < 12
    history = read_caltable(solved["caltable"]).history
    assert [entry["iteration"] for entry in history] == list(range(1, loops + 1))
    assert history[-1]["change"] == solved["change"]
    return solved


def _solve_gains(call: Call, ms: Product, band: Product) -> tuple[Product, dict[str, Any]]:
    chosen = call(gains.choose_solution_interval, ms=ms, bandpass=band)
    tables = []
    for spws in chosen["spw_groups"]:
        for scan in (1, 2):
            interval = chosen["interval"]
            solved = _iterated(call, ms, band, spws=spws, scan=scan, interval=interval)
            tables.append(solved["caltable"])
    return call(caltables.combine_caltables, caltables=tables)["caltable"], {**chosen, **solved}


def test_calibration_finds_the_sky(call: Call, tmp_path: Path) -> None:
    """Bandpass, gains and flux scale, applied to all fields, give each its true flux density."""
    ms, known = observed(tmp_path / "ms")
    band, ends = _solve_bandpass(call, tmp_path / "parts", ms)
    model = known_model(some_observation(COUNT), "J1")
    assert model is not None
    for end in ends:
        assert 2 <= end["loops"] <= 12
        assert end["dead_receptors"] == []
        assert end["flagged_fraction"] == 0.0
        assert end["snr"] > 50
        assert end["score"] > 0.99
    assert ends[0]["flux"] == pytest.approx(model.at(np.array([230.9375e9]))[0], rel=1e-3)
    for part in read_caltable(band).parts:
        p = ["XX", "YY"].index(part.polarizations[0])
        wanted = known["J1", part.spws[0]][:1, :, :, p : p + 1]
        error = part.gain / referred(wanted, reference_of(part))
        error /= error.mean(axis=2, keepdims=True)
        assert np.sqrt(np.mean(np.abs(error - 1) ** 2)) < 0.016

    table, solved = _solve_gains(call, ms, band)
    assert solved["interval"] == 2.0
    assert solved["combined"] is False
    assert solved["spw_groups"] == [[0], [1]]
    assert solved["snr"] > 20
    assert solved["snr_score"] > 0.95
    assert 5 < solved["phase_rms"] < 60
    scaled = call(gains.derive_flux_scale, ms=ms, gains=table)
    assert scaled["flux_densities"]["J2"] == pytest.approx(FLUX["J2"], rel=0.005)
    assert scaled["flux_densities"]["J1"] == pytest.approx(model.flux_density, rel=0.02)
    assert scaled["snr"] > 100
    assert scaled["snr_score"] == 1.0
    assert scaled["spread"] < 0.02
    assert scaled["spread_score"] == 1.0

    applied = call(
        caltables.apply_calibration, ms=ms, caltables=[band, scaled["caltable"]], group="corrected"
    )
    assert applied["ms"]["group"] == "corrected"
    assert applied["flagged_fraction"] == 0.0
    assert applied["score"] == 1.0
    for vis in read_visibilities(applied["ms"]):
        flux = model.at(vis.frequency) if vis.field == "J1" else FLUX.get(vis.field)
        if flux is not None:
            ratio = vis.data.mean(axis=(0, 1, 3)) / flux
            assert np.abs(ratio - 1).max() < 0.02
            assert ratio.mean() == pytest.approx(1.0, abs=0.005)
            # Scatter as the new weights say.
            left = (vis.data - np.broadcast_to(flux, 16)[:, None]).real * np.sqrt(vis.weight)
            assert left.std() == pytest.approx(1.0, abs=0.08)


def test_one_dead_receptor_is_named_and_flagged(call: Call, tmp_path: Path) -> None:
    """A receptor that sees noise alone is named, scored, and no data of it are calibrated."""
    ms, _ = observed(tmp_path / "ms", dead=(3, 1))
    band, ends = _solve_bandpass(call, tmp_path / "parts", ms)
    assert [end["dead_receptors"] for end in ends] == [[], ["A03:YY"]] * 2
    assert ends[1]["flagged_fraction"] == pytest.approx(1 / COUNT)
    assert ends[1]["score"] == pytest.approx(1 - 1 / COUNT)
    assert read_caltable(band).parameters["dead_receptors"] == ["A03:YY"]
    table, _ = _solve_gains(call, ms, band)
    scaled = call(gains.derive_flux_scale, ms=ms, gains=table)
    assert scaled["flux_densities"]["J2"] == pytest.approx(FLUX["J2"], rel=0.006)
    applied = call(caltables.apply_calibration, ms=ms, caltables=[band, scaled["caltable"]])
    for vis in read_visibilities(applied["ms"]):
        with_it = (vis.antenna1 == 3) | (vis.antenna2 == 3)
        assert vis.flag[:, with_it, :, 1].all()
        assert not vis.flag[..., 0].any()
        assert not vis.flag[:, ~with_it].any()


def test_spws_are_combined_for_a_weak_calibrator(
    call: Call, calibrated: Calibrated, tmp_path: Path
) -> None:
    """With noise that no spw beats alone, spws are combined, and solutions are surer for it."""
    _, _, band = calibrated
    weak, _ = observed(tmp_path / "weak", noise=30.0)
    chosen = call(gains.choose_solution_interval, ms=weak, bandpass=band, snr_min=9.0)
    assert chosen["combined"] is True
    assert chosen["spw_groups"] == [[0, 1]]
    assert chosen["snr"] < 9.0
    assert chosen["score"] > 0.5
    alone, together = (
        _iterated(call, weak, band, spws=spws, scan=1, interval=chosen["interval"])
        for spws in ([0], [0, 1])
    )
    assert together["snr"] > 1.2 * alone["snr"]
    first, second = (
        next(part for part in read_caltable(together["caltable"]).parts if part.spws == (spw,))
        for spw in (0, 1)
    )
    # One phase for both, an amplitude for each.
    assert np.allclose(np.angle(first.gain), np.angle(second.gain))
    assert not np.allclose(np.abs(first.gain), np.abs(second.gain))


def test_applying_nothing_renames_the_data(call: Call, calibrated: Calibrated) -> None:
    """Without caltables the new group has the data of the old one, and writes none."""
    ms, _, _ = calibrated
    applied = call(caltables.apply_calibration, ms=ms, caltables=[], group="corrected")
    for before, after in zip(read_visibilities(ms), read_visibilities(applied["ms"]), strict=True):
        assert np.array_equal(before.data, after.data)
        assert np.array_equal(before.weight, after.weight)


def test_a_bandpass_is_made_up_from_the_data(call: Call, calibrated: Calibrated) -> None:
    """A stage run on its own solves the bandpass that it is not given; one given is passed on."""
    ms, known, made = calibrated
    table = read_caltable(made)
    assert table.type == "bandpass"
    assert [part.spws for part in table.parts] == [(0,), (1,)]
    part = table.parts[1]
    error = part.gain / referred(known["J1", 1][:1], reference_of(part))
    error /= error.mean(axis=2, keepdims=True)
    assert np.sqrt(np.mean(np.abs(error - 1) ** 2)) < 0.016
    assert call(caltables.describe_caltable, ms=ms, caltable=made) == {"caltable": made}
    with pytest.raises(ValueError, match="no caltable of type gains is given"):
        call(caltables.describe_caltable, ms=ms, type="gains")


def test_flux_densities_go_to_the_context(
    call: Call, calibrated: Calibrated, tmp_path: Path
) -> None:
    """Where the pipeline declares the key, the flux densities are added under it."""
    ms, _, band = calibrated
    table, _ = _solve_gains(call, ms, band)
    context = Context(Snapshot(declared={"flux_densities": Declared({})}))
    scaled = invoke(
        gains.derive_flux_scale.workload, {"ms": ms, "gains": table}, tmp_path / "s", 1, context
    )
    assert [(one.key, one.value) for one in context.added] == [
        ("flux_densities", scaled["flux_densities"])
    ]


def test_the_same_is_the_same_to_the_byte(call: Call, calibrated: Calibrated) -> None:
    """A solver called twice writes the same version."""
    ms, _, one = calibrated
    other = call(caltables.describe_caltable, ms=ms)["caltable"]
    assert one["version"] == other["version"]
    assert one["uri"] != other["uri"]


def _spoiled(workdir: Path, ms: Product, spoil: Any) -> Product:
    parts = [spoil(vis) for vis in read_visibilities(ms)]
    workdir.mkdir()
    return derive(workdir, ms, "spoiled", parts, ("data", "flag"))


def test_bad_data_have_an_answer(call: Call, calibrated: Calibrated, tmp_path: Path) -> None:
    """What cannot be solved is named: the place and the cause in one line."""
    ms, _, band = calibrated
    flagged_all = _spoiled(tmp_path / "flagged", ms, lambda vis: flagged(vis, ...))
    nan = _spoiled(tmp_path / "nan", ms, lambda vis: replace(vis, data=vis.data * np.nan))
    for bad in (flagged_all, nan):
        with pytest.raises(ValueError, match=r"all data of J1 \(XX, YY\) are flagged"):
            call(bandpass.solve_phase_up, ms=bad)
        with pytest.raises(ValueError, match="all data of J2 are flagged"):
            call(gains.choose_solution_interval, ms=bad, bandpass=band)
        with pytest.raises(ValueError, match="all data of spws 0, scan 1 are flagged"):
            call(gains.solve_gains, ms=bad, bandpass=band, spws=[0], scan=1, interval=4.0)
        applied = call(caltables.apply_calibration, ms=bad, caltables=[band])
        assert applied["flagged_fraction"] == 1.0
        assert applied["score"] == 0.0
        assert all(np.isfinite(vis.data).all() for vis in read_visibilities(applied["ms"]))
    with pytest.raises(ValueError, match=r"no data of scan 9 in .*; there are 1, 2"):
        call(gains.solve_gains, ms=ms, bandpass=band, spws=[0], scan=9, interval=4.0)
    with pytest.raises(ValueError, match=r"interval of 0\.0 s"):
        call(gains.solve_gains, ms=ms, bandpass=band, spws=[0], scan=1, interval=0.0)
    with pytest.raises(ValueError, match="no spw 5"):
        call(gains.solve_gains, ms=ms, bandpass=band, spws=[5], scan=1, interval=4.0)
    only_target = _part(tmp_path / "target", ms, ["G1"])
    with pytest.raises(ValueError, match=r"no field with the intent BANDPASS in .*; there are G1"):
        call(bandpass.solve_phase_up, ms=only_target)
    with pytest.raises(ValueError, match="no calibrators in"):
        call(gains.solve_gains, ms=only_target, bandpass=band, spws=[0], scan=1, interval=4.0)
    with pytest.raises(ValueError, match="no caltables to combine"):
        call(caltables.combine_caltables, caltables=[])
    with pytest.raises(ValueError, match="expected a caltable of type gains, found bandpass"):
        call(gains.derive_flux_scale, ms=ms, gains=band)
    solved = call(gains.solve_gains, ms=ms, bandpass=band, spws=[0], scan=1, interval=4.0)
    with pytest.raises(ValueError, match="types bandpass and gains"):
        call(caltables.combine_caltables, caltables=[band, solved["caltable"]])
    with pytest.raises(ValueError, match="no solutions for spw 1; there are spws 0"):
        call(caltables.apply_calibration, ms=ms, caltables=[solved["caltable"]])
    with pytest.raises(ValueError, match="other solution intervals"):
        call(
            gains.solve_gains,
            ms=ms,
            bandpass=band,
            spws=[0],
            scan=1,
            interval=8.0,
            start=solved["caltable"],
        )
    with pytest.raises(StoreUnusable, match="expected caltable"):
        call(caltables.describe_caltable, ms=ms, caltable=ms)


def test_one_polarization_may_be_missing(call: Call, tmp_path: Path) -> None:
    """Where one polarization is flagged wholly, the other is solved, and it stays flagged."""
    ms, _ = observed(tmp_path / "ms")
    half = _spoiled(tmp_path / "half", ms, lambda vis: flagged(vis, (..., 1)))
    band = call(caltables.describe_caltable, ms=half)["caltable"]
    table, _ = _solve_gains(call, half, band)
    scaled = call(gains.derive_flux_scale, ms=half, gains=table)
    assert scaled["flux_densities"]["J2"] == pytest.approx(FLUX["J2"], rel=0.01)
    applied = call(caltables.apply_calibration, ms=half, caltables=[band, scaled["caltable"]])
    for vis in read_visibilities(applied["ms"]):
        assert vis.flag[..., 1].all()
        assert not vis.flag[..., 0].any()
