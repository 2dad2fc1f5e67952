"""The placeholder library: honest, repeatable, and shaped like real processing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radps_dag.problem import UsageError
from radps_dag.workloads import Product, Workload, invoke, local_path
from radps_dag.workloads.contract.registry import find_library
from radps_dag.workloads.placeholder.fake_data import read, write

LIBRARY = find_library("placeholder")
ALL = sorted(LIBRARY.workloads.values(), key=lambda workload: workload.name)


class Bench:
    """Calls placeholders as the engine does, each in a directory of its own."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root = root
        self.seed = seed
        self.calls = 0

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        place = f"{self.seed} {self.calls} {name}"
        workdir = self.root / str(self.calls)
        return invoke(LIBRARY.find(name), arguments, workdir, place)

    def target(self, group: str = "corrected") -> dict[str, Any]:
        return self("describe_visibilities", intent="target", group=group, pace=0.0)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("workload", ALL, ids=lambda workload: workload.name)
def test_says_what_it_is(workload: Workload) -> None:
    """Each says that it is a placeholder, and describes every input and output."""
    assert workload.placeholder
    assert "placeholder" in workload.summary
    assert not [one.name for one in workload.inputs if not one.description]
    assert workload.outputs
    assert not [one.name for one in workload.outputs if not one.description]


def test_every_product_says_simulated(bench: Bench, tmp_path: Path) -> None:
    """Each file says that it is simulated, and what was made of what."""
    opened = bench.target()
    dirty = bench("make_dirty_image", ms=opened["ms"], field="G09.62", spws=[0])
    files = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    assert len(files) == 3  # observation, visibilities, image
    assert all("simulated" in document["simulated"] for document in files)
    image = json.loads(local_path(dirty["image"]).read_text())
    assert image["sources"] == [opened["ms"]["version"]]


def test_same_seed_same_products(tmp_path: Path) -> None:
    """Versions are digests of the contents: the same seed makes the same, another another."""

    def versions(folder: str, seed: int) -> list[str]:
        bench = Bench(tmp_path / folder, seed)
        ms = bench.target()["ms"]
        flagged = bench("autoflag", ms=ms, spw=0)["ms"]
        return [ms["version"], flagged["version"]]

    assert versions("a", 1) == versions("b", 1)
    assert versions("a", 1) != versions("c", 2)


def test_products_are_written_once(tmp_path: Path) -> None:
    """Another content is another file, and nothing half-written stays."""
    observation = {"cost": {}}
    first = write(tmp_path, "caltable", observation, {"n": 1})
    again = write(tmp_path, "caltable", observation, {"n": 1})
    other = write(tmp_path, "caltable", observation, {"n": 2})
    assert first == again
    assert first["uri"] != other["uri"]
    assert len(list(tmp_path.iterdir())) == 2


def test_wrong_kind_is_refused(bench: Bench) -> None:
    """A caltable where visibilities are wanted is an error in words."""
    ms = bench.target()["ms"]
    table = bench("describe_caltable", ms=ms)["caltable"]
    with pytest.raises(ValueError, match="expected visibilities, found caltable"):
        bench("autoflag", ms=table, spw=0)
    elsewhere: Product = {"uri": "nowhere://bucket/ms", "kind": "visibilities"}
    with pytest.raises(UsageError, match="no place for products"):
        read(elsewhere)


def test_absent_spw_is_refused(bench: Bench) -> None:
    """A spw that the data do not have is an error that names it."""
    ms = bench.target()["ms"]
    for name, arguments in {
        "autoflag": {"spw": 9},
        "subtract_continuum": {"spw": 9},
        "make_dirty_image": {"spws": [9], "field": "G09.62"},
    }.items():
        with pytest.raises(ValueError, match="no spw 9"):
            bench(name, ms=ms, **arguments)


def test_solver_converges_when_the_cost_model_says(bench: Bench) -> None:
    """The change falls each time, to a thousandth at the iteration asked for."""
    observed = bench("simulate_observation", pace=0.0, converge_after=4)
    part = bench(
        "import_visibilities", observation=observed["observation"], field="J1924-2914", spw=0
    )
    phase_up = bench("solve_phase_up", ms=part["ms"])["caltable"]
    changes, start = [], None
    for _ in range(4):
        solved = bench("solve_bandpass", ms=part["ms"], phase_up=phase_up, start=start)
        start = solved["caltable"]
        changes.append(solved["change"])
    assert changes == sorted(changes, reverse=True)
    assert changes[3] == pytest.approx(1e-3)
    assert changes[2] > 5e-3


def test_low_snr_combines_spws(bench: Bench) -> None:
    """Where a spw alone does not reach the signal to noise, all are solved together."""
    ms = bench("describe_visibilities", pace=0.0)["ms"]
    table = bench("describe_caltable", ms=ms)["caltable"]
    alone = bench("choose_solution_interval", ms=ms, bandpass=table)
    together = bench("choose_solution_interval", ms=ms, bandpass=table, snr_min=100.0)
    assert (alone["combined"], alone["spw_groups"]) == (False, [[0], [1]])
    assert (together["combined"], together["spw_groups"]) == (True, [[0, 1]])


def test_clean_approaches_the_noise(bench: Bench) -> None:
    """The residual falls with each major cycle, faster with more iterations, to the noise."""
    ms = bench.target()["ms"]
    dirty = bench("make_dirty_image", ms=ms, field="G09.62", spws=[0, 1])

    def peaks(niter: int) -> list[float]:
        image, found = dirty["image"], []
        for _ in range(8):
            cleaned = bench("clean", ms=ms, image=image, niter=niter)
            image = cleaned["image"]
            found.append(cleaned["peak"])
        return found

    slow, fast = peaks(50), peaks(400)
    assert slow == sorted(slow, reverse=True)
    assert fast[0] < slow[0] < dirty["peak"]
    assert 2.4 * dirty["rms"] < fast[-1] < 4.0 * dirty["rms"]


def test_selfcal_rises_and_then_spoils(bench: Bench) -> None:
    """Dynamic range rises with the first cycles and falls with one too many, as it does."""
    opened = bench.target()
    ms, ranges = opened["ms"], []
    for cycle in range(5):
        dirty = bench("make_dirty_image", ms=ms, field="G09.62", spws=opened["spws"])
        image = dirty["image"]
        for _ in range(4):
            image = bench("clean", ms=ms, image=image)["image"]
        ranges.append(bench("restore_image", image=image)["dynamic_range"])
        solved = bench("solve_selfcal", ms=ms, model=image, spw=0, scan=1)
        table = bench("combine_caltables", caltables=[solved["caltable"]])["caltable"]
        applied = bench("apply_calibration", ms=ms, caltables=[table], group=f"sc{cycle + 1}")
        ms = applied["ms"]
        assert ms["group"] == f"sc{cycle + 1}"
    assert 140 < ranges[0] < 170
    assert ranges[0] * 3 < ranges[1] < ranges[2] < ranges[3]
    assert ranges[4] < ranges[3]


def test_choose_image_keeps_the_better(bench: Bench) -> None:
    """Self-calibration that made it worse is left out, with its visibilities."""
    ms = bench.target()["ms"]
    images = bench("describe_images", pace=0.0)["images"]
    chosen = bench("choose_image", ms=[ms, {**ms, "group": "sc1"}], images=images)
    assert chosen["ms"] == ms  # equally good: the earlier
    with pytest.raises(ValueError, match="2 images do not go with 1"):
        bench("choose_image", ms=[ms], images=images)


def test_sigma_clip_ends(bench: Bench) -> None:
    """Rounds clip less and less, down to nothing; what is left is continuum."""
    ms = bench.target()["ms"]
    dirty = bench("make_dirty_image", ms=ms, field="G09.62", spws=[0], mode="cube")
    spectrum = bench("average_spectrum", images=[dirty["image"]])
    assert spectrum["channels"] == 32
    ranges, clipped = None, []
    while not clipped or clipped[-1]:
        found = bench("sigma_clip", spectrum=spectrum["spectrum"], ranges=ranges)
        ranges = found["ranges"]
        clipped.append(found["clipped"])
    assert clipped == sorted(clipped, reverse=True)
    assert 2 <= len(clipped) < 10
    assert 0.2 < found["continuum_fraction"] < 0.9


def test_export_is_verified(bench: Bench) -> None:
    """A file that was changed after the manifest was written lowers the score."""
    images = bench("describe_images", pace=0.0)["images"]
    files = [bench("export_fits", image=image)["file"] for image in images]
    manifest = bench("write_manifest", files=files)["manifest"]
    assert bench("verify_export", manifest=manifest)["score"] == 1.0
    local_path(files[0]).write_text("{}")
    assert bench("verify_export", manifest=manifest) == {"good": 1, "total": 2, "score": 0.5}
    local_path(files[1]).unlink()
    assert bench("verify_export", manifest=manifest)["score"] == 0.0


def test_a_manifest_names_no_place(tmp_path: Path) -> None:
    """The same files, wherever they were written, have the same manifest and receipt."""
    made = []
    for place in ("here", "here.resumed-1/in another place"):
        bench = Bench(tmp_path / place)
        images = bench("describe_images", pace=0.0)["images"]
        files = [bench("export_fits", image=image)["file"] for image in images]
        manifest = bench("write_manifest", files=files)["manifest"]
        receipt = bench("submit_to_archive", manifest=manifest)["receipt"]
        made.append([local_path(one).read_bytes() for one in (manifest, receipt)])
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("gather_visibilities", {"parts": [], "group": "x"}),
        ("combine_caltables", {"caltables": []}),
        ("concatenate_images", {"images": []}),
        ("average_spectrum", {"images": []}),
        ("combine_continuum_ranges", {"parts": [], "total": 0}),
        ("write_manifest", {"files": []}),
    ],
)
def test_gathering_nothing(name: str, arguments: dict[str, Any], bench: Bench) -> None:
    """A gathering task without parts says so, instead of making an empty product."""
    with pytest.raises(ValueError, match=r"^no "):
        bench(name, **arguments)


def test_simulated_work(bench: Bench) -> None:
    """Work of any kind hands its value through; a solver's residual falls by its rate."""
    assert bench("simulate_work", value={"a": 1}, seconds=0.0)["value"] == {"a": 1}
    assert bench("simulate_convergence", residual=1.0, rate=0.5, seconds=0.0) == {"residual": 0.5}
