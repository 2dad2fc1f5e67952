"""What leaves the sim library is true: FITS files, pictures, manifests."""

from __future__ import annotations

import io
import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import astropy.io.fits
import matplotlib.image
import numpy as np
import pytest
from astropy.coordinates import EarthLocation
from astropy.wcs import WCS
from charts_support import (
    CELL,
    OBSERVATION,
    make_image,
    make_spectrum,
    make_table,
)

from radps_dag.workloads import invoke, local_path, placeholder
from radps_dag.workloads.sim import drawing, export, work
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.observation import Data, Observation
from radps_dag.workloads.sim.simulation.sky import line_of
from radps_dag.workloads.sim.stores.caltables import write_caltable
from radps_dag.workloads.sim.stores.fits import fits
from radps_dag.workloads.sim.stores.images import write_image
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

HDU = tuple[dict[str, Any], bytes]
NAMES = [(module, name) for module in (drawing, export, work) for name in module.__all__]


class Bench:
    """Calls workloads as an engine would, each in a directory of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._calls = count()

    def folder(self) -> Path:
        """A new directory."""
        path = self.path / f"call {next(self._calls)}"
        path.mkdir()
        return path

    def __call__(self, function: Any, **arguments: Any) -> dict[str, Any]:
        return invoke(function.workload, arguments, self.folder(), 1)

    def image(self, image: Any, group: str = "restored") -> dict[str, Any]:
        """An image as a product."""
        return write_image(self.folder(), OBSERVATION, image, group)

    def table(self, table: Any) -> dict[str, Any]:
        """A caltable as a product."""
        return write_caltable(self.folder(), OBSERVATION, table)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def read_fits(content: bytes) -> list[HDU]:
    """The headers and data of a FITS file, by the rules of the standard."""
    assert len(content) % 2880 == 0
    found, place = [], 0
    while place < len(content):
        header: dict[str, Any] = {"COMMENT": []}
        ended = False
        while not ended:
            block = content[place : place + 2880].decode("ascii")
            place += 2880
            for card in (block[start : start + 80] for start in range(0, 2880, 80)):
                if ended:
                    assert card == " " * 80
                elif card.startswith("END "):
                    ended = True
                elif card.startswith("COMMENT "):
                    header["COMMENT"].append(card[8:].strip())
                else:
                    assert card[8:10] == "= "
                    header[card[:8].strip()] = _value(card[10:])
        size = abs(header["BITPIX"]) // 8 if header["NAXIS"] else 0
        for axis in range(header["NAXIS"]):
            size *= header[f"NAXIS{axis + 1}"]
        found.append((header, content[place : place + size]))
        place += -(-size // 2880) * 2880
    return found


def _value(text: str) -> Any:
    if text.startswith("'"):
        end = text.replace("''", "  ").index("'", 1)
        return text[1:end].replace("''", "'").rstrip()
    word = text.partition("/")[0].strip()
    if word in ("T", "F"):
        assert text[19] == word
        return word == "T"
    return int(word) if word.lstrip("+-").isdigit() else float(word)


def pixels(hdu: HDU) -> Any:
    """The array of the first part of a file."""
    header, data = hdu
    shape = [header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1)]
    return np.frombuffer(data, ">f4").reshape(shape)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_workloads_are_those_of_the_placeholders(module: Any, name: str) -> None:
    """The same inputs with the same defaults, the same outputs, units and words."""
    ours, theirs = getattr(module, name).workload, getattr(placeholder, name).workload
    # As the library has it: what it does not say of an input is what the placeholder says.
    assert ours.described_by(theirs).inputs == theirs.inputs
    assert ours.outputs == theirs.outputs
    assert not ours.placeholder and "(placeholder" not in (ours.description or "")


def test_fits_holds_the_restored_cube(bench: Bench) -> None:
    """All pixels, the units, the beam, the object, and that it is simulated."""
    image = make_image(48, 6)
    made = bench(export.export_fits, image=bench.image(image))
    content = local_path(made["file"]).read_bytes()
    assert made["size"] == len(content)
    header, _ = (first := read_fits(content)[0])
    np.testing.assert_array_equal(pixels(first)[0], image.planes["restored"].astype(np.float32))
    assert header["BUNIT"] == "Jy/beam" and header["OBJECT"] == "G09.62"
    assert header["SIMULATD"] is True and "simulated" in header["COMMENT"][0]
    assert header["BMAJ"] * 3600 == pytest.approx(0.5)
    assert header["BMIN"] * 3600 == pytest.approx(0.4)
    assert header["BPA"] == pytest.approx(np.degrees(0.6))


def test_fits_is_corrected_for_the_primary_beam() -> None:
    """The restored planes over the primary beam, which is in the file and gives them back; blank
    where it is under a fifth. Without dishes that are alike, neither."""
    image = replace(make_image(64, 3), diameter=12.0, cell=10 * CELL)
    (header, _), *_, power = hdus = read_fits(fits(image, OBSERVATION))
    assert header["PBCOR"] is True and header["DISHDIAM"] == 12.0
    assert power[0]["EXTNAME"] == "PRIMARY_BEAM"
    assert power[0]["CTYPE3"] == "FREQ" and power[0]["CRPIX1"] == 33.0
    beam, values = pixels(power)[0], pixels(hdus[0])[0]
    assert beam[0, 32, 32] == 1.0 and beam.min() < 0.2
    np.testing.assert_array_equal(np.isnan(values), beam < 0.2)
    seen = beam >= 0.2
    np.testing.assert_allclose(
        (values * beam)[seen], image.planes["restored"][seen], rtol=1e-5, atol=1e-9
    )
    (header, _), *others = read_fits(fits(replace(image, diameter=0.0), OBSERVATION))
    assert header["PBCOR"] is False and "DISHDIAM" not in header
    assert "PRIMARY_BEAM" not in [part["EXTNAME"] for part, _ in others]


def test_fits_knows_where_it_points() -> None:
    """The reference pixel is the phase centre; right ascension falls with the column; planes are
    at their frequencies."""
    image = make_image(48, 6)
    header, _ = read_fits(fits(image, OBSERVATION))[0]
    kinds = [header[f"CTYPE{axis}"] for axis in (1, 2, 3, 4)]
    assert kinds == ["RA---SIN", "DEC--SIN", "FREQ", "STOKES"]
    assert header["CRPIX1"] - 1 == header["CRPIX2"] - 1 == 24
    assert header["CDELT1"] == pytest.approx(-np.degrees(CELL))
    assert header["CDELT2"] == pytest.approx(np.degrees(CELL))
    assert header["CRVAL1"] == pytest.approx(np.degrees(4.7))
    assert header["CRVAL2"] == pytest.approx(np.degrees(-0.35))
    planes = header["CRVAL3"] + header["CDELT3"] * (np.arange(6) + 1 - header["CRPIX3"])
    assert planes == pytest.approx(image.frequency)


def test_fits_has_the_beam_of_each_plane() -> None:
    """In a table, as CASA reads it; the header has the median."""
    image = make_image(16, 3)
    image.beam[:, 0] = np.array([5.0, 6.0, 9.0]) * CELL
    (first, _), (header, data) = read_fits(fits(image, OBSERVATION))
    assert header["EXTNAME"] == "BEAMS" and header["NAXIS2"] == 3
    rows = np.frombuffer(data, ">f4,>f4,>f4,>i4,>i4")
    assert rows["f0"] == pytest.approx([0.5, 0.6, 0.9])
    assert rows["f3"].tolist() == [0, 1, 2]
    assert first["BMAJ"] * 3600 == pytest.approx(0.6)


def test_fits_of_two_spws_has_a_table_of_frequencies() -> None:
    """Planes that are not at equal steps are where a table says, in order of frequency."""
    image = make_image(16, 4)
    uneven = np.array([232.0e9, 230.0e9, 230.1e9, 232.1e9])
    image = replace(image, frequency=uneven, spws=(0, 1))
    first, _, (header, data) = read_fits(fits(image, OBSERVATION))
    assert first[0]["CTYPE3"] == "FREQ-TAB"
    assert (first[0]["PS3_0"], first[0]["PS3_1"]) == (header["EXTNAME"], header["TTYPE1"])
    assert np.frombuffer(data, ">f8").tolist() == sorted(uneven)
    order = np.argsort(uneven)
    expected = image.planes["restored"][order].astype(np.float32)
    np.testing.assert_array_equal(pixels(first)[0], expected)


def test_fits_of_the_continuum_is_as_wide_as_what_went_in() -> None:
    """One plane in the middle of the band, whose width is that of its channels."""
    header, _ = read_fits(fits(make_image(16), OBSERVATION))[0]
    assert header["NAXIS3"] == 1
    assert header["CDELT3"] == pytest.approx(1.875e9)


def test_fits_has_the_rest_frequency_of_the_line() -> None:
    """Of the window's line, simulated or of data; without one, the middle of the band."""
    target = OBSERVATION.targets[0]
    image = replace(make_image(16, 3), field=target, spws=(0,))
    line = line_of(OBSERVATION, target, 0)
    assert line is not None

    def rest(image: Image, observation: Observation) -> float:
        found: float = read_fits(fits(image, observation))[0][0]["RESTFRQ"]
        return found

    assert rest(image, OBSERVATION) == pytest.approx(line.frequency, rel=1e-12)
    middle = pytest.approx(np.median(image.frequency))
    assert rest(replace(image, spws=(0, 1)), OBSERVATION) == middle
    data = Data("base", "VLA", (1.0, 2.0, 3.0), 1.7e9, CELL, {}, {"0": 1e6}, {"0": 230.538e9})
    assert rest(image, replace(OBSERVATION, data=data)) == 230.538e9
    assert rest(image, replace(OBSERVATION, data=replace(data, lines={}))) == middle
    header = read_fits(fits(image, replace(OBSERVATION, data=data)))[0][0]
    assert header["TELESCOP"] == "VLA" and header["SIMULATD"] is False
    assert [header[f"OBSGEO-{axis}"] for axis in "XYZ"] == [1.0, 2.0, 3.0]
    assert not header["COMMENT"]


def test_planes_without_data_are_blank() -> None:
    """All flagged is not a measurement of zero."""
    image = make_image(16, 3)
    image.sensitivity[1] = 0.0
    first = read_fits(fits(image, OBSERVATION))[0]
    assert np.isnan(pixels(first)[0, 1]).all()
    assert np.isfinite(pixels(first)[0, [0, 2]]).all()
    assert any("1 planes have no data" in text for text in first[0]["COMMENT"])


@pytest.mark.parametrize("frequency", [[230e9, 230.1e9, 230.2e9], [230e9, 230.1e9, 232e9]])
def test_fits_is_what_astropy_reads(frequency: list[float]) -> None:
    """The reader of astronomers finds nothing to mend, the same places and frequencies, the
    telescope where it is, and when."""
    image = replace(make_image(16, 3), frequency=np.array(frequency))
    with astropy.io.fits.open(io.BytesIO(fits(image, OBSERVATION))) as found:
        found.verify("exception")
        header = found[0].header
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "'obsfix'")  # says where the place is on Earth
            system = WCS(header, fobj=found)
        world = system.all_pix2world([[8, 8, 2, 0]], 0)[0]
    assert world[:3] == pytest.approx([np.degrees(4.7), np.degrees(-0.35), frequency[2]])
    assert (system.wcs.specsys, system.wcs.radesys, system.wcs.timesys) == (
        "TOPOCENT",
        "ICRS",
        "UTC",
    )
    assert system.wcs.dateobs == "2026-01-01T00:01:50.000" and header["TELESCOP"] == "ALMA"
    site = EarthLocation.from_geocentric(*system.wcs.obsgeo[:3], "m")
    assert site.lat.deg == pytest.approx(-23.0, abs=0.2)
    assert site.lon.deg == pytest.approx(-67.75, abs=0.01)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (make_image(16, planes=("psf", "residual")), "no restored plane: restore it first"),
        (replace(make_image(16), sensitivity=np.zeros(1)), "all visibilities are flagged"),
    ],
)
def test_what_cannot_be_exported_says_why(image: Any, says: str, bench: Bench) -> None:
    """One line."""
    with pytest.raises(ValueError, match=says):
        bench(export.export_fits, image=bench.image(image))


def test_no_number_is_no_brightness(bench: Bench) -> None:
    """NaN in an image that has data is a mistake, not a blank: neither exported nor drawn."""
    image = make_image(16)
    image.planes["restored"][0, 2, 2] = np.nan
    product = bench.image(image)
    for function in (export.export_fits, export.draw_quicklook):
        with pytest.raises(ValueError, match=r"1 of 256 pixels of the restored .*not numbers"):
            bench(function, image=product)


def test_pictures_are_products(bench: Bench) -> None:
    """PNG files, which are shown on Prefect's page, with the selection of what they show."""
    image, table = bench.image(make_image(16)), bench.table(make_table(antennas=2))
    spectrum = write_record(bench.folder(), "spectrum", make_spectrum())
    ranges = write_record(
        bench.folder(), "continuum_ranges", {"ranges": {"0": [[0, 7]]}, "lines": []}
    )
    drawn = [
        bench(export.draw_quicklook, image=image)["file"],
        bench(drawing.draw_caltable, caltable=table)["plot"],
        bench(drawing.draw_spectrum, spectrum=spectrum)["plot"],
        bench(drawing.draw_spectrum, spectrum=spectrum, ranges=ranges)["plot"],
        bench(drawing.draw_convergence, product=image)["plot"],
        bench(drawing.draw_convergence, product=table)["plot"],
    ]
    assert {one["kind"] for one in drawn} == {"plot", "quicklook"}
    assert len({one["version"] for one in drawn}) == len(drawn)
    for one in drawn:
        assert one["uri"].endswith(".png")
        assert local_path(one).read_bytes().startswith(b"\x89PNG")
    assert drawn[0]["selection"] == {"field": "G09.62", "spws": [0]}


def test_the_same_image_is_the_same_file(bench: Bench) -> None:
    """Pictures and FITS files know no clock and no place."""
    product = bench.image(make_image(16))
    for function in (export.export_fits, export.draw_quicklook):
        sums = {bench(function, image=product)["checksum"] for _ in range(2)}
        assert len(sums) == 1


def test_quicklook_decodes(bench: Bench) -> None:
    """An independent reader finds a picture, dark where there is noise and light where a source."""
    image = make_image(16, planes=("psf", "dirty"))
    made = bench(export.draw_quicklook, image=bench.image(image, "dirty"))["file"]
    shades = matplotlib.image.imread(local_path(made))[..., :3].sum(axis=-1)
    assert shades.min() < 0.25 and shades.max() > 2.8


@pytest.mark.parametrize("kind", ["image", "caltable"])
def test_what_has_no_history_has_no_convergence(kind: str, bench: Bench) -> None:
    """The error says what would have one."""
    if kind == "image":
        product = bench.image(make_image(16, cycles=0))
    else:
        product = bench.table(replace(make_table(antennas=2), history=()))
    with pytest.raises(ValueError, match=r"has no history: .* draw what"):
        bench(drawing.draw_convergence, product=product)


def test_what_has_no_iterations_is_named(bench: Bench) -> None:
    """A record is no image and no caltable."""
    spectrum = write_record(bench.folder(), "spectrum", make_spectrum())
    with pytest.raises(ValueError, match=r"expected an image or a caltable.*found spectrum"):
        bench(drawing.draw_convergence, product=spectrum)


def test_products_of_other_kinds_are_refused(bench: Bench) -> None:
    """Before anything is drawn or written."""
    image, table = bench.image(make_image(16)), bench.table(make_table(antennas=2))
    for function, arguments in (
        (export.draw_quicklook, {"image": table}),
        (export.export_fits, {"image": table}),
        (drawing.draw_caltable, {"caltable": image}),
        (drawing.draw_spectrum, {"spectrum": image}),
        (export.verify_export, {"manifest": image}),
    ):
        with pytest.raises(StoreUnusable, match="expected"):
            bench(function, **arguments)


def exported(bench: Bench) -> list[Mapping[str, Any]]:
    """Two files for the archive."""
    image = bench.image(make_image(16))
    return [
        bench(export.export_fits, image=image)["file"],
        bench(export.draw_quicklook, image=image)["file"],
    ]


def test_an_export_is_verified(bench: Bench) -> None:
    """A file that was changed, or is gone, lowers the score; the archive refuses it."""
    files = exported(bench)
    made = bench(export.write_manifest, files=files)
    manifest = made["manifest"]
    sizes = [local_path(file).stat().st_size for file in files]
    assert (made["files"], made["size"]) == (2, sum(sizes))
    assert bench(export.verify_export, manifest=manifest)["score"] == 1.0
    receipt = bench(export.submit_to_archive, manifest=manifest)["receipt"]
    assert read_record(receipt, "receipt")["accepted"] == 2
    local_path(files[0]).write_bytes(local_path(files[0]).read_bytes()[:-1] + b"x")
    found = bench(export.verify_export, manifest=manifest)
    assert found == {"good": 1, "total": 2, "score": 0.5}
    local_path(files[1]).unlink()
    assert bench(export.verify_export, manifest=manifest)["score"] == 0.0
    receipt = bench(export.submit_to_archive, manifest=manifest)["receipt"]
    content = read_record(receipt, "receipt")
    assert content["accepted"] == 0 and len(content["refused"]) == 2


def test_an_export_that_moved_is_verified(tmp_path: Path) -> None:
    """Files that moved together with their manifest are found where the reference has them."""
    (tmp_path / "first place").mkdir()
    bench = Bench(tmp_path / "first place")
    manifest = bench(export.write_manifest, files=exported(bench))["manifest"]
    shutil.move(tmp_path / "first place", tmp_path / "other")
    moved = json.loads(json.dumps(manifest).replace("first%20place", "other"))
    assert bench.path != tmp_path / "other"
    assert Bench(tmp_path)(export.verify_export, manifest=moved)["score"] == 1.0


def test_a_manifest_names_no_place(tmp_path: Path) -> None:
    """The same files, wherever they were written, have the same manifest."""
    made = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        bench = Bench(tmp_path / place)
        made.append(bench(export.write_manifest, files=exported(bench))["manifest"])
    assert made[0]["version"] == made[1]["version"]
    assert local_path(made[0]).read_bytes() == local_path(made[1]).read_bytes()


def test_a_manifest_lists_files(bench: Bench) -> None:
    """Nothing, and a directory, cannot be listed."""
    with pytest.raises(ValueError, match=r"^no files to list in a manifest$"):
        bench(export.write_manifest, files=[])
    with pytest.raises(ValueError, match="is a directory; a manifest lists files"):
        bench(export.write_manifest, files=[bench.image(make_image(16))])


def test_simulated_work(bench: Bench) -> None:
    """Work of any kind hands its value through; a solver's residual falls by its rate."""
    done = bench(work.simulate_work, value={"a": 1}, seconds=0.0, megabytes=1.0)
    assert done["value"] == {"a": 1} and 0 <= done["score"] <= 1
    assert done == bench(work.simulate_work, value={"a": 1}, seconds=0.0)
    found = bench(work.simulate_convergence, residual=1.0, rate=0.5, seconds=0.0)
    assert found == {"residual": 0.5}
