"""Stores: what is written is read, and what is damaged or of others is refused in words."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sim_data_support import BANDPASS, PHASE, TARGET, Calls, observation

from radps_dag.executors.manifest import describe
from radps_dag.storage.remote import path_of
from radps_dag.workloads.contract.workload import Product
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.solutions import Caltable, Solutions
from radps_dag.workloads.sim.stores.caltables import read_caltable, write_caltable
from radps_dag.workloads.sim.stores.images import read_image, write_image
from radps_dag.workloads.sim.stores.observations import read_observation, write_observation
from radps_dag.workloads.sim.stores.processing_sets import derive, gather, write_visibilities
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.sources import (
    list_visibilities,
    observation_behind,
    read_table,
    read_visibilities,
)
from radps_dag.workloads.sim.stores.zarr_store import LAYOUT, StoreUnusable, Writing, open_store
from radps_dag.workloads.sim.visibilities import PointModel, Visibilities

ABOUT = observation(1, antennas=4, channels=20, scans=(1, 2))
NAME = f"{TARGET}_spw0"
FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """Directories of their own, below one that can be moved."""
    return Calls(tmp_path / "here")


def some(field: str = TARGET, spw: int = 0) -> Visibilities:
    """Simulated ones."""
    return simulate(ABOUT, field, spw, "prepared").vis


def written(calls: Calls) -> Product:
    """Visibilities of the target in one spw."""
    return write_visibilities(calls.directory(), ABOUT, [some()], "imported")


def flagged(calls: Calls, ms: Product) -> Product:
    """All of them flagged, as a derived data group."""
    parts = [replace(vis, flag=np.ones_like(vis.flag)) for vis in read_visibilities(ms)]
    return derive(calls.directory(), ms, "flagged", parts, ["flag"])


def equal(one: Any, two: Any) -> None:
    """All members of two values are the same, arrays to the bit."""
    for member in fields(one):
        left, right = getattr(one, member.name), getattr(two, member.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, member.name
            assert np.array_equal(left, right), member.name
        elif member.name == "antennas" and not isinstance(left, tuple):
            assert left.names == right.names
            assert np.array_equal(left.positions, right.positions)
        elif isinstance(left, dict) and any(isinstance(v, np.ndarray) for v in left.values()):
            assert left.keys() == right.keys()
            assert all(np.array_equal(left[key], right[key]) for key in left)
        else:
            assert left == right, member.name


def one_line(caught: pytest.ExceptionInfo[Exception]) -> None:
    """The error fits in a line and names a place."""
    assert "\n" not in str(caught.value)
    assert "/" in str(caught.value)


# What is written is read


def test_visibilities_come_back(calls: Calls) -> None:
    """All members, the model included, are those that were written."""
    vis = replace(some(), model=PointModel(1.2, -0.5, 230e9))
    ms = write_visibilities(calls.directory(), ABOUT, [vis], "model")
    equal(read_visibilities(ms)[0], vis)
    assert observation_behind(ms) == ABOUT
    assert list_visibilities(ms) == [(TARGET, 0)]


def test_parts_of_visibilities_are_read(calls: Calls) -> None:
    """Scans, polarizations and channels can be read alone; channels across chunks, too."""
    ms = written(calls)
    (vis,) = read_visibilities(
        ms, field=TARGET, spws=[0], scans=[2], polarizations=["YY"], channels=slice(14, 18)
    )
    whole = some()
    expected = whole.data[whole.scan == 2][:, :, 14:18, 1:]
    assert np.array_equal(vis.data, expected)
    assert vis.channels.tolist() == [14, 15, 16, 17]
    assert np.array_equal(vis.frequency, whole.frequency[14:18])
    assert vis.polarizations == ("YY",)
    assert read_visibilities(ms, scans=[9])[0].data.shape[0] == 0


def test_derived_groups_keep_the_rest(calls: Calls) -> None:
    """A derived group has its own flags, and data and weights of what it was made of, which stays
    as it is."""
    ms = written(calls)
    (vis,) = read_visibilities(flagged(calls, ms))
    assert vis.flag.all()
    equal(replace(vis, flag=some().flag), some())
    equal(read_visibilities(ms)[0], some())


def test_derived_groups_write_only_what_is_new(calls: Calls) -> None:
    """Of a change of flags, flags alone are on the disk."""
    path = path_of(flagged(calls, written(calls))["uri"])
    assert [one.parent.name for one in path.glob("**/.zarray")] == ["FLAG_FLAGGED"]


def test_gathered_polarizations_are_one(calls: Calls) -> None:
    """Parts with one polarization each make a whole with both; one that no part has is flagged."""
    ms = written(calls)
    parts = {}
    for polarization in ("XX", "YY"):
        (vis,) = read_visibilities(ms, polarizations=[polarization])
        new = replace(vis, data=vis.data * 2, flag=np.zeros_like(vis.flag))
        parts[polarization] = derive(calls.directory(), ms, "corrected", [new], ["data", "flag"])
    (both,) = read_visibilities(gather(calls.directory(), list(parts.values()), "corrected"))
    assert np.array_equal(both.data, some().data * 2)
    assert not both.flag.any()
    (half,) = read_visibilities(gather(calls.directory(), [parts["YY"]], "corrected"))
    assert half.flag[..., 0].all()
    assert np.array_equal(half.data[..., 1], some().data[..., 1] * 2)


def test_gathered_groups_add_up(calls: Calls) -> None:
    """A whole has all the groups that were gathered before, by their names."""
    ms = gather(calls.directory(), [flagged(calls, written(calls))], "flagged")
    again = gather(calls.directory(), [flagged(calls, ms)], "sc1")
    groups = open_store(again, "visibilities").attributes(NAME)["data_groups"]
    assert list(groups) == ["base", "flagged", "sc1"]
    assert read_visibilities(again)[0].flag.all()


def test_a_workspace_moves(calls: Calls, tmp_path: Path) -> None:
    """What was made of one another is read where all of it was moved to."""
    ms = flagged(calls, flagged(calls, written(calls)))
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved: Product = {**ms, "uri": ms["uri"].replace("/here/", "/there/")}
    assert read_visibilities(moved)[0].flag.all()
    equal(replace(read_visibilities(moved)[0], flag=some().flag), some())


def test_where_a_parent_lies_is_not_in_what_was_made_of_it(calls: Calls) -> None:
    """Made of the same at two places it is the same to the last byte, so what reads it need not
    run again; the reference leads to where the parent is."""
    made = [flagged(calls, flagged(calls, written(calls))) for _ in range(2)]
    assert len({describe(path_of(one["uri"])) for one in made}) == 1
    assert made[0]["stands_on"] != made[1]["stands_on"]
    assert all(path_of(base["uri"]).exists() for one in made for base in one["stands_on"])


def test_a_reference_by_hand_is_enough(calls: Calls) -> None:
    """An address alone leads to what visibilities were made of, and on from there."""
    ms = flagged(calls, written(calls))
    bare: Product = {"uri": ms["uri"], "kind": "visibilities"}
    assert read_visibilities(flagged(calls, bare))[0].flag.all()
    path_of(f"{ms['uri']}.parent.json").unlink()
    assert read_visibilities(ms)[0].flag.all()
    with pytest.raises(StoreUnusable, match="do not tell of what they were made") as caught:
        read_visibilities(bare)
    one_line(caught)


def test_tables_come_back(calls: Calls) -> None:
    """Tables below a measurement set are read from whatever was derived of it."""
    ms = flagged(calls, calls.imported(ABOUT))
    assert read_table(ms, NAME, "system_calibration_xds")["TSYS"].shape == (4, 2, 2)


def some_solutions(**changes: Any) -> Solutions:
    """Random ones."""
    random = np.random.default_rng(3)
    shape = (5, 4, 1, 2)
    gain = random.standard_normal(shape) + 1j * random.standard_normal(shape)
    members: dict[str, Any] = {
        "field": PHASE,
        "intents": ("PHASE",),
        "spws": (0, 1),
        "scan": 2,
        "time": np.arange(5.0),
        "interval": 2.0,
        "frequency": np.array([231e9]),
        "polarizations": ("XX", "YY"),
        "gain": gain,
        "flag": random.random(shape) < 0.3,
        "snr": random.random(shape),
    }
    return Solutions(**{**members, **changes})


def test_an_old_caltable_is_read(tmp_path: Path) -> None:
    """One that was written when times, frequencies and polarizations were arrays."""
    shutil.unpack_archive(FIXTURES / "caltable_of_arrays.zip", tmp_path)
    table = read_caltable({"uri": (tmp_path / "bandpass.zarr").as_uri(), "kind": "caltable"})
    (part,) = table.parts
    assert (table.type, table.antennas) == ("bandpass", ("A00", "A01", "A02"))
    assert part.time.tolist() == [1.7e9, 1.7e9 + 30]
    assert part.frequency.tolist() == [2.3e11, 2.31e11]
    assert part.polarizations == ("XX", "YY")
    assert np.allclose(np.angle(part.gain).ravel(), 0.1 * np.arange(24))


def test_caltables_come_back(calls: Calls) -> None:
    """All parts in their order, parameters and history are those that were written."""
    parts = tuple(some_solutions(scan=scan) for scan in (1, None, *range(2, 14)))
    table = Caltable(
        "gains", ("A00", "A01", "A02", "A03"), parts, {"flux": {"a": 1.5}}, ({"change": 0.1},)
    )
    back = read_caltable(write_caltable(calls.directory(), ABOUT, table))
    for one, two in zip(back.parts, parts, strict=True):
        equal(one, two)
    assert replace(back, parts=()) == replace(table, parts=())


def test_images_come_back(calls: Calls) -> None:
    """Planes, beam, and all else of an image are those that were written."""
    random = np.random.default_rng(4)
    planes: dict[Any, Any] = {
        name: random.standard_normal((2, 8, 8)).astype(np.float32)
        for name in ("psf", "dirty", "residual", "model")
    }
    image = Image(
        field=TARGET,
        spws=(0, 1),
        mode="cube",
        channels={0: (1, 2), 1: (3,)},
        frequency=np.array([231e9, 232e9]),
        cell=5e-7,
        direction=np.array([4.7, -0.3]),
        robust=0.5,
        planes=planes,
        beam=np.ones((2, 3)),
        sensitivity=np.array([1e-3, 2e-3]),
        diameter=12.0,
        history=({"peak": 0.5},),
    )
    equal(read_image(write_image(calls.directory(), ABOUT, image, "residual")), image)


@examples(25)
@given(
    values=st.one_of(
        arrays(np.float32, array_shapes(max_dims=3, min_side=0, max_side=20)),
        arrays(np.complex128, array_shapes(max_dims=3, min_side=0, max_side=20)),
        arrays(np.bool_, array_shapes(max_dims=3, min_side=0, max_side=20)),
        arrays(np.int64, array_shapes(max_dims=2, min_side=0, max_side=20)),
        arrays("U5", array_shapes(max_dims=1, min_side=1, max_side=4)),
    )
)
def test_any_array_comes_back(values: Any) -> None:
    """Of any type, shape and values, zeros and NaN included, in chunks; its version is that of
    its content, wherever it lies."""
    dimensions = ("time", "frequency", "polarization")[: values.ndim]
    versions = []
    with TemporaryDirectory() as folder:
        for number in range(2):
            store = Writing(Path(folder) / f"{number}.zarr", "image", {})
            store.array("VALUES", values, dimensions)
            product = store.product()
            back = open_store(product, "image").array("VALUES")
            assert back.dtype == values.dtype
            assert back.shape == values.shape
            assert back.tobytes() == np.ascontiguousarray(values).tobytes()
            versions.append(product["version"])
    assert versions[0] == versions[1]


def test_versions_tell_contents_apart(calls: Calls) -> None:
    """Another value, type, shape, name, dimension or attribute is another version."""

    def version(
        values: Any = np.zeros(4, np.float32),  # noqa: B008  # never changed
        name: str = "A",
        dimension: str = "x",
        **attributes: str,
    ) -> str:
        store = Writing(calls.directory() / "a.zarr", "image", {})
        store.array(name, values, (dimension, "y")[: values.ndim], attributes)
        return store.product()["version"]

    versions = [
        version(),
        version(np.ones(4, np.float32)),
        version(np.zeros(4, np.int32)),
        version(np.zeros((2, 2), np.float32)),
        version(name="B"),
        version(dimension="z"),
        version(units="Jy"),
    ]
    assert len(set(versions)) == len(versions)
    assert version() == versions[0]


def test_the_same_visibilities_have_the_same_version(calls: Calls) -> None:
    """Wherever they are written; derived ones, too."""
    one, two = written(calls), written(calls)
    assert one["version"] == two["version"]
    assert flagged(calls, one)["version"] == flagged(calls, one)["version"]


# What is damaged, or of others


def test_a_newer_layout_is_refused(calls: Calls) -> None:
    """With both numbers, and what to do; so is a newer record."""
    ms = written(calls)
    file = path_of(ms["uri"]) / ".zattrs"
    document = json.loads(file.read_text())
    document["radps_dag"]["layout"] = LAYOUT + 6
    file.write_text(json.dumps(document))
    with pytest.raises(StoreUnusable, match=r"has layout 7, newer than 1.*update") as caught:
        read_visibilities(ms)
    one_line(caught)
    record = write_observation(calls.directory(), ABOUT)
    path = path_of(record["uri"])
    path.write_text(path.read_text().replace('"layout": 1', '"layout": 7'))
    with pytest.raises(StoreUnusable, match=r"has layout 7, newer than 1"):
        read_observation(record)


def chunks(ms: Product, array: str) -> list[Path]:
    """The files of an array's chunks."""
    folder = path_of(ms["uri"]) / NAME / array
    return sorted(one for one in folder.iterdir() if not one.name.startswith("."))


@pytest.mark.parametrize("array", ["VISIBILITY", "FLAG", "WEIGHT", "UVW", "time", "scan_name"])
def test_a_truncated_chunk_is_damage(calls: Calls, array: str) -> None:
    """Of any array; the message names it."""
    ms = written(calls)
    chunk = chunks(ms, array)[-1]
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(
        StoreUnusable, match=rf"is damaged: array {NAME}/{array} cannot be read"
    ) as caught:
        read_visibilities(ms)
    one_line(caught)


@pytest.mark.parametrize("array", ["VISIBILITY", "FLAG", "WEIGHT", "UVW", "time", "scan_name"])
def test_a_lost_chunk_is_damage(calls: Calls, array: str) -> None:
    """It is not taken for zeros, which an unflagged FLAG is."""
    ms = written(calls)
    chunks(ms, array)[-1].unlink()
    with pytest.raises(
        StoreUnusable, match=rf"is damaged: array {NAME}/{array} has lost 1"
    ) as caught:
        read_visibilities(ms)
    one_line(caught)


def test_damaged_metadata_are_damage(calls: Calls) -> None:
    """Metadata of an array or a group that are no JSON are refused."""
    for file in ("FLAG/.zarray", "time/.zattrs", ".zattrs"):
        ms = written(calls)
        (path_of(ms["uri"]) / NAME / file).write_text("{")
        with pytest.raises(StoreUnusable, match="is damaged: ") as caught:
            read_visibilities(ms)
        one_line(caught)


@pytest.mark.parametrize("compressors", ["auto", None])
def test_what_is_compressed_is_read(calls: Calls, compressors: Any) -> None:
    """However its arrays are compressed and cut into chunks: that is for zarr to know."""
    import zarr

    ms = written(calls)
    group = zarr.open_group(path_of(ms["uri"]), mode="r+", zarr_format=2)
    for name in ("VISIBILITY", "FLAG", "WEIGHT", "UVW", "scan_name"):
        values, about = group[f"{NAME}/{name}"][...], dict(group[f"{NAME}/{name}"].attrs)
        chunks = tuple(max(1, size // 3) for size in values.shape)
        array = group.create_array(
            f"{NAME}/{name}", data=values, chunks=chunks, compressors=compressors,
            attributes=about, overwrite=True, config={"write_empty_chunks": True},
        )  # fmt: skip
        assert bool(array.compressors) == (compressors == "auto")
    equal(read_visibilities(ms)[0], some())


@given(st.integers(1, 40), st.integers(-45, 45), st.integers(-45, 45), st.integers(1, 3))
def test_a_part_is_that_of_the_array(channels: int, low: int, high: int, step: int) -> None:
    """Whatever its bounds are, and wherever chunks begin."""
    values = np.arange(3 * channels).reshape(3, channels)
    with TemporaryDirectory() as folder:
        writing = Writing(Path(folder) / "a.zarr", "image", {})
        writing.array("A", values, ("time", "frequency"))
        store = open_store(writing.product())
        where = (slice(1, 3), slice(low, high, step))
        assert np.array_equal(store.array("A", where), values[where])


def test_of_a_part_only_its_chunks_are_read(calls: Calls) -> None:
    """A block of channels costs what it is long, not what the array is."""
    many = simulate(replace(ABOUT, channels=40), TARGET, 0).vis
    ms = write_visibilities(calls.directory(), ABOUT, [many], "imported")
    chunks = path_of(ms["uri"]) / NAME / "VISIBILITY"
    for chunk in chunks.glob("0.0.[02].0"):
        chunk.write_bytes(b"")
    (part,) = read_visibilities(ms, channels=slice(16, 32))
    assert np.array_equal(part.data, many.data[:, :, 16:32])
    with pytest.raises(StoreUnusable, match=r"VISIBILITY cannot be read"):
        read_visibilities(ms, channels=slice(15, 32))


def test_what_is_missing_is_named(calls: Calls) -> None:
    """A group, an array, or a data group that is not there."""
    ms = calls.imported(ABOUT)
    path = path_of(ms["uri"]) / NAME
    with pytest.raises(StoreUnusable, match=r"have no G09.62_spw0/weather_xds"):
        read_table(ms, NAME, "weather_xds")
    with pytest.raises(StoreUnusable, match=r"have no M87_spw0"):
        read_table(ms, "M87_spw0", "flags_xds")
    shutil.rmtree(path / "WEIGHT")
    with pytest.raises(StoreUnusable, match=r"have no array G09.62_spw0/WEIGHT") as caught:
        read_visibilities(ms)
    one_line(caught)
    ms = calls.imported(ABOUT)
    path = path_of(ms["uri"]) / NAME
    shutil.rmtree(path / "antenna_xds")
    with pytest.raises(StoreUnusable, match=r"has no G09.62_spw0/antenna_xds/antenna_name"):
        read_visibilities(ms)
    ms = calls.imported(ABOUT)
    file = path_of(ms["uri"]) / NAME / ".zattrs"
    document = json.loads(file.read_text())
    document["data_groups"] = {"other": document["data_groups"]["base"]}
    file.write_text(json.dumps(document))
    with pytest.raises(
        StoreUnusable, match=r"no data group 'base' in G09.62_spw0; there are other"
    ):
        read_visibilities(ms)


def test_what_is_asked_for_and_not_there_is_named(calls: Calls) -> None:
    """A field, spw or polarization."""
    ms = write_visibilities(calls.directory(), ABOUT, [some(), some(BANDPASS, 1)], "imported")
    with pytest.raises(ValueError, match=r"no field 'M87' in file.*; there are G09.62, J1924-2914"):
        read_visibilities(ms, field="M87")
    with pytest.raises(ValueError, match=r"no spw 1 of field 'G09.62' in file"):
        read_visibilities(ms, field=TARGET, spws=[1])
    with pytest.raises(ValueError, match=r"no polarization RR in G09.62_spw0"):
        read_visibilities(ms, field=TARGET, polarizations=["RR"])


def test_a_parent_that_is_gone_is_named(calls: Calls) -> None:
    """Derived visibilities say of what they were made, and what to do."""
    ms = written(calls)
    derived = flagged(calls, ms)
    shutil.rmtree(path_of(ms["uri"]))
    with pytest.raises(
        StoreUnusable, match=r"imported.zarr, of which .*flagged.zarr was made"
    ) as caught:
        read_visibilities(derived)
    one_line(caught)
    with pytest.raises(StoreUnusable):
        gather(calls.directory(), [derived], "flagged")


def test_a_parent_that_is_another_is_refused(calls: Calls) -> None:
    """Visibilities that lie where the parent was are not taken for it."""
    ms = written(calls)
    derived = flagged(calls, ms)
    shutil.rmtree(path_of(ms["uri"]))
    other = replace(some(), data=some().data * 2)
    write_visibilities(path_of(ms["uri"]).parent, ABOUT, [other], "imported")
    with pytest.raises(StoreUnusable, match=r"are not those of which .*flagged.zarr was made"):
        read_visibilities(derived)


def test_no_directory(calls: Calls) -> None:
    """What is not there at all is not found."""
    ms: Product = {"uri": "file:///nowhere/a.zarr", "kind": "visibilities"}
    with pytest.raises(
        FileNotFoundError, match=r"visibilities file:///nowhere/a.zarr is not there"
    ):
        read_visibilities(ms)
    with pytest.raises(FileNotFoundError):
        read_record({"uri": "file:///nowhere/a.json", "kind": "observation"}, "observation")


def test_kinds_are_not_mixed_up(calls: Calls) -> None:
    """A caltable is no visibilities, whatever the reference says; a receipt no observation."""
    table = write_caltable(calls.directory(), ABOUT, Caltable("gains", (), ()))
    with pytest.raises(StoreUnusable, match=r"expected visibilities, found caltable: file:"):
        read_visibilities(table)
    with pytest.raises(StoreUnusable, match=r"expected visibilities, found caltable: /"):
        read_visibilities({**table, "kind": "visibilities"})
    record = write_record(calls.directory(), "receipt", {})
    with pytest.raises(StoreUnusable, match=r"expected observation, found receipt"):
        read_observation({**record, "kind": "observation"})


@pytest.mark.parametrize(
    "content", ['{"kind": "observation", "observation": {"spws": [0]}}', "[1]", "", "no JSON"]
)
def test_files_of_another_library_are_refused(calls: Calls, content: str) -> None:
    """What the placeholders or others wrote is asked about, and not a KeyError."""
    path = calls.directory() / "observation.json"
    path.write_text(content)
    with pytest.raises(StoreUnusable, match=r"was it made with another --library\?") as caught:
        read_observation({"uri": path.as_uri(), "kind": "observation"})
    one_line(caught)
    with pytest.raises(StoreUnusable, match=r"was it made with another --library\?"):
        read_visibilities({"uri": path.as_uri(), "kind": "visibilities"})
    with pytest.raises(StoreUnusable, match=r"was it made with another --library\?"):
        read_visibilities({"uri": path.parent.as_uri(), "kind": "visibilities"})


def test_a_record_without_a_member_is_refused(calls: Calls) -> None:
    """An observation's record of which a member is missing says which."""
    record = write_observation(calls.directory(), ABOUT)
    path = path_of(record["uri"])
    document = json.loads(path.read_text())
    del document["observation"]["wvr_error"]
    path.write_text(json.dumps(document))
    with pytest.raises(StoreUnusable, match=r"the observation's record has no wvr_error"):
        read_observation(record)


def test_nothing_is_overwritten(calls: Calls) -> None:
    """A store is not written where one is."""
    folder = calls.directory()
    write_visibilities(folder, ABOUT, [some()], "imported")
    with pytest.raises(FileExistsError):
        write_visibilities(folder, ABOUT, [some()], "imported")
