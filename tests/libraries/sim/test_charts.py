"""Pictures say what the data say, and can be read."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from charts_support import (
    ARCSEC,
    drawn,
    make_image,
    make_spectrum,
    make_table,
    pixels_of,
    size_of,
    texts,
)
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from radps_dag.workloads.sim.charts.convergence import image_convergence, table_convergence
from radps_dag.workloads.sim.charts.quicklook import quicklook
from radps_dag.workloads.sim.charts.sheet import encoded
from radps_dag.workloads.sim.charts.solutions import solutions
from radps_dag.workloads.sim.charts.spectrum import spectrum
from radps_dag.workloads.sim.image import Plane
from radps_dag.workloads.sim.solutions import Caltable

OFFSETS = {f"A{n:02d}": [1e-3 * n, 0.0, -2e-4] for n in range(40)}
POSITIONS = Caltable("antenna_positions", tuple(OFFSETS), (), {"offsets": OFFSETS})
LINES = [
    {"name": f"CH3OH {n}(-1,{n})-7(0,7)", "frequency": 229.3 + 0.13 * n + 0.11 * (n % 2)}
    for n in range(12)
]
RANGES = {"ranges": {"0": [[0, 7], [17, 31]]}, "lines": LINES}
CLEANED: tuple[Plane, ...] = ("psf", "dirty", "residual", "model", "mask")
PICTURES: dict[str, Callable[[], Figure]] = {
    "image": lambda: quicklook(make_image()),
    "cube": lambda: quicklook(make_image(100, 12)),
    "dirty": lambda: quicklook(make_image(16, planes=("psf", "dirty"))),
    "no residual": lambda: quicklook(make_image(planes=("psf", "dirty", "model"))),
    "large": lambda: quicklook(make_image(512, noise=3e-9)),
    "cleaned": lambda: quicklook(make_image(planes=CLEANED, cycles=1)),
    "cleaned cube": lambda: quicklook(make_image(48, 5, planes=CLEANED)),
    "blank": lambda: quicklook(blank()),
    "gains": lambda: solutions(make_table(antennas=16, flagged=0.1)),
    "two antennas": lambda: solutions(make_table(antennas=2)),
    "many antennas": lambda: solutions(make_table(antennas=50)),
    "one solution": lambda: solutions(make_table(antennas=1, times=1, scans=1)),
    "combined": lambda: solutions(make_table(spws=((0, 1, 2),), phase=1.0)),
    "bandpass": lambda: solutions(make_table("bandpass", 16, 64, 1, 1, flagged=0.05)),
    "one channel": lambda: solutions(make_table("bandpass", 3, 1, 1, 1)),
    "tsys": lambda: solutions(make_table("tsys", 12, times=1)),
    "wvr": lambda: solutions(make_table("wvr", 5, times=60)),
    "eight series": lambda: solutions(make_table(spws=((0,), (1,), (2,), (3,)), flagged=0.2)),
    "all flagged": lambda: solutions(make_table(flagged=2.0)),
    "positions": lambda: solutions(POSITIONS),
    "spectrum": lambda: spectrum(make_spectrum(), RANGES),
    "spectrum of one": lambda: spectrum(make_spectrum(1), None),
    "no continuum": lambda: spectrum(make_spectrum(64), {"ranges": {"0": []}}),
    "cycles": lambda: image_convergence(make_image(16)),
    "many cycles": lambda: image_convergence(make_image(16, cycles=57)),
    "one cycle": lambda: image_convergence(make_image(16, cycles=1)),
    "solver": lambda: table_convergence(make_table()),
}


def blank() -> Any:
    """An image all of whose visibilities are flagged."""
    image = make_image(32)
    planes = {name: np.zeros_like(plane) for name, plane in image.planes.items()}
    return replace(image, planes=planes, sensitivity=np.zeros(1), beam=np.zeros((1, 3)))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_can_be_read(name: str) -> None:
    """Every picture says that it is simulated; no text is on another, or leaves the page."""
    figure = PICTURES[name]()
    found = texts(figure)
    assert "simulated" in [text.words for text in found]
    width, height = size_of(figure)
    for text in found:
        assert text.left >= 0 and text.bottom >= 0, text
        assert text.right <= width and text.top <= height, text
    over = [(one, other) for one, other in combinations(found, 2) if one.overlaps(other)]
    assert not over


@pytest.mark.parametrize("name", ["image", "cube", "gains", "bandpass", "spectrum", "solver"])
def test_pictures_are_png_of_some_size(name: str) -> None:
    """A PNG that decodes to the shape of the figure, small enough to be shown in place, with ink on
    a light page."""
    figure = PICTURES[name]()
    content = encoded(figure)
    assert 10_000 < len(content) < 300_000
    pixels = matplotlib.image.imread(io.BytesIO(content))
    height, width = pixels.shape[:2]
    assert width / height == pytest.approx(np.divide(*size_of(figure)), rel=0.01)
    assert width >= size_of(figure)[0]
    assert (pixels[..., :3].sum(axis=-1) < 0.8).sum() > 300
    assert pixels[:12, :, :3].mean() > 0.95


@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF-")])
def test_a_picture_is_png_or_pdf(form: Any, start: bytes) -> None:
    """The same table is the same picture byte for byte: no fonts of the system, no clock."""
    content = encoded(table_convergence(make_table()), form)
    assert content.startswith(start)
    assert content == encoded(table_convergence(make_table()), form)


def test_pictures_are_drawn_in_threads() -> None:
    """Several at once come out as they do one after the other."""
    draw = [PICTURES[name] for name in ("spectrum", "solver")] * 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: encoded(one()), draw)) == [encoded(one()) for one in draw]


def test_noise_is_no_large_file() -> None:
    """Noise, which does not compress, is drawn in so few shades that the file can be shown."""
    for image in (make_image(256, noise=0.01), make_image(128, 2, noise=0.01)):
        assert len(encoded(quicklook(image))) < 300_000


@pytest.mark.parametrize("what", ["Dirty", "Restored"])
def test_north_is_up_and_east_is_left(what: str) -> None:
    """A source to the north-east is at the upper left, where the offsets are positive."""
    figure = quicklook(make_image(at=(10, -20)))
    light = pixels_of(figure, what)
    row, column = np.unravel_index(light.argmax(), light.shape)
    axes = drawn(figure, what)
    east, west, south, north = axes.images[0].get_extent()
    assert east > 0 > west and south < 0 < north
    assert axes.get_xlim() == (east, west) and axes.get_ylim() == (south, north)
    # 20 pixels of 0.1 arcsec to the east, 10 to the north, to half a pixel.
    pixel = (east - west) / light.shape[1]
    assert east - (column + 0.5) * pixel == pytest.approx(2.0)
    assert south + (row + 0.5) * pixel == pytest.approx(1.0)


def test_half_of_the_primary_beam_is_outlined() -> None:
    """Dashed, in the restored image, where it falls into the picture."""
    narrow, wide = (replace(make_image(64), diameter=12.0, cell=cell) for cell in (5e-7, 5e-6))
    outlines = [len(drawn(quicklook(image), "Restored").collections) for image in (narrow, wide)]
    assert outlines[1] == outlines[0] + 1


def test_the_beam_is_turned_from_north_through_east() -> None:
    """Its major axis is the longer one of the ellipse, at the position angle."""
    image = make_image()
    ellipse = next(
        one for one in drawn(quicklook(image), "Restored").patches if isinstance(one, Ellipse)
    )
    major, minor, angle = image.beam[0]
    assert (ellipse.width, ellipse.height) == pytest.approx((major / ARCSEC, minor / ARCSEC))
    turned = np.deg2rad(ellipse.angle)
    # To the east, which is where x grows, and to the north.
    assert [abs(np.cos(turned)), np.sin(turned)] == pytest.approx([np.sin(angle), np.cos(angle)])


def test_a_cube_shows_the_spectrum_at_its_peak() -> None:
    """With the place of the peak, east and north of the centre."""
    words = [text.words for text in texts(quicklook(make_image(64, 8, at=(10, -20))))]
    assert "Spectrum at the peak, at +2.0, +1.0 arcsec" in words


def test_the_worst_plane_of_a_residual_is_shown() -> None:
    """Of a cube, the one that is the farthest from zero for its noise."""
    image = make_image(32, 6, planes=CLEANED)
    image.planes["residual"][3, 4, 5] = -0.1
    image.planes["residual"][1, 4, 5] = 0.2
    image.sensitivity[1] *= 10
    words = [text.words for text in texts(quicklook(image))]
    assert "Residual of plane 4 of 6, with the mask in green" in words
    assert "G09.62, spw 0, cube: after 3 major cycles" in words


def test_maps_show_brightness_and_signs() -> None:
    """Luminance grows with emission; of a residual it is highest at zero, and falls to both sides,
    in which the hues are told apart without red or green cones."""
    figure = quicklook(make_image())
    light = luminance(drawn(figure, "Restored").images[0].cmap(np.linspace(0, 1, 33)))
    assert np.all(np.diff(light) > 0)
    shades = drawn(figure, "Residual").images[0].cmap(np.linspace(0, 1, 33))
    light = luminance(shades)
    assert np.all(np.diff(light[:17]) > 0) and np.all(np.diff(light[16:]) < 0)
    assert shades[0, 2] > 2 * shades[0, 0] and shades[-1, 0] > 2 * shades[-1, 2]


def luminance(colours: Any) -> Any:
    """Relative luminance of colours (..., 4), by the definition of sRGB."""
    value = np.asarray(colours)[..., :3]
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_noise_and_peak_are_both_seen() -> None:
    """The scale of emission is logarithmic: ten times the noise is far from both ends of it."""
    image = make_image()
    norm = drawn(quicklook(image), "Restored").images[0].norm
    assert 0.2 < float(norm(10 * 0.3)) < 0.6  # mJy/beam; the peak is 300


def test_flagged_solutions_are_marked_not_drawn() -> None:
    """Values of flagged solutions do not count; an antenna of which all are flagged says so."""
    table = make_table(antennas=3)
    for part in table.parts:
        part.flag[:, 1] = True
        part.flag[0, 0] = True
        part.gain[part.flag] = np.nan
    figure = solutions(table)
    words = [text.words for text in texts(figure)]
    assert words.count("all flagged") == 2 and "flagged" in words
    lines = [line for axes in figure.axes for line in axes.lines if line.get_marker() != "x"]
    assert sum(np.isfinite(line.get_ydata()).sum() for line in lines) == 2 * sum(
        (~part.flag).sum() for part in table.parts
    )


def test_a_phase_that_wraps_does_not_cross_the_frame() -> None:
    """The line is interrupted between 179 and -179 degrees."""
    table = make_table(antennas=1, times=2, scans=1, spws=((0,),))
    table.parts[0].gain[:] = np.exp(1j * np.deg2rad([179.0, -179.0]))[:, None, None, None]
    (line, _) = solutions(table).axes[-1].lines
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_line_free_channels_are_shaded() -> None:
    """As many shades as there are ranges, as wide as their channels."""
    figure = spectrum(make_spectrum(), {"ranges": {"0": [[0, 7], [17, 31]]}, "lines": []})
    shades = [one for one in figure.axes[0].patches if one.get_gid() == "line-free"]
    widths = [one.get_extents().width for one in shades]
    assert len(widths) == 2
    assert widths[0] / widths[1] == pytest.approx(8 / 15, rel=0.01)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: quicklook(spoiled("restored")), "1 of 4096 pixels of the restored plane"),
        (lambda: quicklook(spoiled("residual")), "1 of 4096 pixels of the residual plane"),
        (lambda: quicklook(make_image(planes=("psf",))), "has no plane to draw"),
        (lambda: image_convergence(make_image(cycles=0)), "no major cycle has made it"),
        (lambda: table_convergence(POSITIONS), "no iteration has made it"),
        (lambda: solutions(Caltable("gains", ("A00",), ())), "no solutions to draw"),
        (lambda: solutions(replace(POSITIONS, parameters={})), "no offsets to draw"),
        (lambda: solutions(not_finite()), "solutions of antenna A01, spws 0, are not numbers"),
        (lambda: spectrum({**make_spectrum(), "mean": [], "frequency": []}, None), "channels"),
        (lambda: spectrum(make_spectrum(), {"ranges": {"3": []}}), "of spw 3, not of spw 0"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw: Callable[[], Figure], says: str) -> None:
    """One line, instead of an empty picture."""
    with pytest.raises(ValueError, match=says) as caught:
        draw()
    assert "\n" not in str(caught.value)


def spoiled(plane: Any) -> Any:
    """An image of which one pixel is not a number."""
    image = make_image()
    image.planes[plane][0, 3, 3] = np.nan
    return image


def not_finite() -> Caltable:
    """A caltable with a solution that is no number and not flagged."""
    table = make_table()
    table.parts[0].gain[0, 1, 0, 0] = np.inf
    return table
