"""Pictures say what the data say, and can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from charts_support import (
    decoded,
    embedded,
    make_image,
    make_spectrum,
    make_table,
    numbers,
    size_of,
    texts,
)
from hypothesis import example, given
from hypothesis import strategies as st

from radps_dag.workloads.sim.charts.axes import LEAST, Axis, Frame, around
from radps_dag.workloads.sim.charts.colours import DIVERGING, SEQUENTIAL
from radps_dag.workloads.sim.charts.convergence import (
    image_convergence_svg,
    table_convergence_svg,
)
from radps_dag.workloads.sim.charts.page import to_png
from radps_dag.workloads.sim.charts.png import png
from radps_dag.workloads.sim.charts.quicklook import (
    quicklook_picture,
    quicklook_svg,
    residual_picture,
    residual_svg,
)
from radps_dag.workloads.sim.charts.solutions import solutions_picture, solutions_svg
from radps_dag.workloads.sim.charts.spectrum import spectrum_svg
from radps_dag.workloads.sim.charts.stretch import Stretch
from radps_dag.workloads.sim.charts.ticks import labels, linear_ticks, log_ticks
from radps_dag.workloads.sim.solutions import Caltable

OFFSETS = {f"A{n:02d}": [1e-3 * n, 0.0, -2e-4] for n in range(40)}
POSITIONS = Caltable("antenna_positions", tuple(OFFSETS), (), {"offsets": OFFSETS})
LINES = [
    {"name": f"CH3OH {n}(-1,{n})-7(0,7)", "frequency": 229.3 + 0.13 * n + 0.11 * (n % 2)}
    for n in range(12)
]
RANGES = {"ranges": {"0": [[0, 7], [17, 31]]}, "lines": LINES}
PICTURES: dict[str, Callable[[], str]] = {
    "image": lambda: quicklook_svg(make_image()),
    "cube": lambda: quicklook_svg(make_image(100, 12)),
    "dirty": lambda: quicklook_svg(make_image(16, planes=("psf", "dirty"))),
    "not restored": lambda: quicklook_svg(make_image(planes=("psf", "dirty", "residual", "model"))),
    "large": lambda: quicklook_svg(make_image(512, noise=3e-9)),
    "residual": lambda: residual_svg(make_image(cycles=1)),
    "residual cube": lambda: residual_svg(make_image(48, 5)),
    "blank": lambda: quicklook_svg(blank()),
    "gains": lambda: solutions_svg(make_table(antennas=16, flagged=0.1)),
    "two antennas": lambda: solutions_svg(make_table(antennas=2)),
    "many antennas": lambda: solutions_svg(make_table(antennas=50)),
    "one solution": lambda: solutions_svg(make_table(antennas=1, times=1, scans=1)),
    "combined": lambda: solutions_svg(make_table(spws=((0, 1, 2),), phase=1.0)),
    "bandpass": lambda: solutions_svg(make_table("bandpass", 16, 64, 1, 1, flagged=0.05)),
    "one channel": lambda: solutions_svg(make_table("bandpass", 3, 1, 1, 1)),
    "tsys": lambda: solutions_svg(make_table("tsys", 12, times=1)),
    "wvr": lambda: solutions_svg(make_table("wvr", 5, times=60)),
    "eight series": lambda: solutions_svg(make_table(spws=((0,), (1,), (2,), (3,)), flagged=0.2)),
    "all flagged": lambda: solutions_svg(make_table(flagged=2.0)),
    "positions": lambda: solutions_svg(POSITIONS),
    "spectrum": lambda: spectrum_svg(make_spectrum(), RANGES),
    "spectrum of one": lambda: spectrum_svg(make_spectrum(1), None),
    "no continuum": lambda: spectrum_svg(make_spectrum(64), {"ranges": {"0": []}}),
    "cycles": lambda: image_convergence_svg(make_image(16)),
    "many cycles": lambda: image_convergence_svg(make_image(16, cycles=57)),
    "one cycle": lambda: image_convergence_svg(make_image(16, cycles=1)),
    "solver": lambda: table_convergence_svg(make_table()),
}


def blank() -> Any:
    """An image all of whose visibilities are flagged."""
    image = make_image(32)
    planes = {name: np.zeros_like(plane) for name, plane in image.planes.items()}
    return replace(image, planes=planes, sensitivity=np.zeros(1), beam=np.zeros((1, 3)))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_can_be_read(name: str) -> None:
    """Every picture says that it is simulated; no text is on another, or leaves the page."""
    svg = PICTURES[name]()
    found = texts(svg)
    assert "simulated" in [text.words for text in found]
    width, height = size_of(svg)
    for text in found:
        assert text.left >= 0 and text.top >= 0, text
        assert text.right <= width and text.bottom <= height, text
    over = [(one, other) for one, other in combinations(found, 2) if one.overlaps(other)]
    assert not over


@pytest.mark.parametrize("name", ["image", "cube", "gains", "bandpass", "spectrum", "solver"])
def test_pictures_are_png_of_some_size(name: str) -> None:
    """A PNG that decodes to as many pixels as it says, small enough to be shown in place."""
    svg = PICTURES[name]()
    content = to_png(svg)
    assert 10_000 < len(content) < 300_000
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    assert width / height == pytest.approx(np.divide(*size_of(svg)), rel=0.01)
    assert width >= size_of(svg)[0]


def test_a_rendered_picture_decodes() -> None:
    """What is drawn is there: ink on a light page, the same bytes again."""
    svg = table_convergence_svg(make_table())
    content = to_png(svg)
    assert content == to_png(svg)
    pixels = decoded(content)
    assert pixels[..., :3].mean() > 220
    assert (pixels[..., :3].sum(axis=-1) < 200).sum() > 300


def test_noise_is_no_large_file() -> None:
    """Noise, which does not compress, is drawn in so few shades that the file can be shown."""
    for image in (make_image(256, noise=0.01), make_image(128, 2, noise=0.01)):
        assert len(quicklook_picture(image)) < 300_000
        assert len(residual_picture(image)) < 300_000


def test_blocks_of_pixels_are_means_and_said_to_be() -> None:
    """An image with more pixels than are shown is averaged, in place."""
    svg = quicklook_svg(make_image(300, at=(60, 30)))
    assert any("means of 3 by 3 pixels" in text.words for text in texts(svg))
    light = embedded(svg, "Restored").sum(axis=-1, dtype=np.int64)
    assert light.shape == (100, 100)
    # Row 210 and column 180 of 300, seen from the top.
    assert np.argwhere(light == light.max()).mean(axis=0) == pytest.approx([29, 60], abs=0.5)


def test_png_keeps_pixels() -> None:
    """An independent reader finds the very pixels that were written."""
    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(png(pixels)), pixels)


@pytest.mark.parametrize("what", ["Dirty", "Restored"])
def test_north_is_up_and_east_is_left(what: str) -> None:
    """A source to the north-east is at the upper left, where the offsets are positive."""
    svg = quicklook_svg(make_image(at=(10, -20)))
    light = embedded(svg, what).sum(axis=-1, dtype=np.int64)
    # 10 pixels above row 31, which is the centre's, and 20 to the left of column 32.
    assert np.argwhere(light == light.max()).mean(axis=0) == pytest.approx([21, 12], abs=0.5)
    found = texts(svg)
    first = next(place for place, text in enumerate(found) if text.words == "RA offset (arcsec)")
    ticks = [one for one in found[:first] if one.words[-1].isdigit()][-5:]
    across = [numbers(one.words) for one in sorted(ticks, key=lambda one: one.left)]
    assert across == sorted(across, reverse=True)


def test_a_cube_shows_the_spectrum_at_its_peak() -> None:
    """With the place of the peak, east and north of the centre."""
    words = [text.words for text in texts(quicklook_svg(make_image(64, 8, at=(10, -20))))]
    assert "Spectrum at the peak, at +2.0, +1.0 arcsec" in words


def test_the_worst_plane_of_a_residual_is_shown() -> None:
    """Of a cube, the one that is the farthest from zero for its noise."""
    image = make_image(32, 6)
    image.planes["residual"][3, 4, 5] = -0.1
    image.planes["residual"][1, 4, 5] = 0.2
    image.sensitivity[1] *= 10
    shown = "Residual of plane 4 of 6, with the mask in green"
    assert shown in [text.words for text in texts(residual_svg(image))]


def test_brightness_is_seen_in_the_sequential_map() -> None:
    """Luminance grows with every shade."""
    assert np.all(np.diff(luminance(SEQUENTIAL(np.linspace(0, 1, 33)))) > 0)


def test_signs_are_seen_in_the_diverging_map() -> None:
    """Luminance grows up to zero, which is neutral, and falls after it; the ends have hues that a
    person without red or green cones tells apart."""
    shades = DIVERGING(np.linspace(0, 1, 33)).astype(np.int64)
    light = luminance(shades)
    assert np.all(np.diff(light[:17]) > 0) and np.all(np.diff(light[16:]) < 0)
    assert np.ptp(shades[16]) <= 3
    assert shades[0, 2] > 2 * shades[0, 0] and shades[-1, 0] > 2 * shades[-1, 2]


def luminance(colours: Any) -> Any:
    """Relative luminance of colours (..., 3), by the definition of sRGB."""
    value = np.asarray(colours) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


finite = st.floats(-1e7, 1e7, allow_nan=False)


@given(finite, st.floats(1e-6, 1e7), st.integers(2, 20))
@example(low=0.029296875, span=1e-6, most=20)  # eight decimals tell them apart
def test_linear_ticks_are_round(low: float, span: float, most: int) -> None:
    """Not too many, evenly spaced, in the range; no two labels are equal; at least two if asked
    for six."""
    if low + span <= low or span < 1e-6 * abs(low):
        return
    ticks = linear_ticks(low, low + span, most)
    assert len(ticks) <= most
    assert len(ticks) >= 2 or most < 6
    dust = 1e-6 * span
    assert all(low - dust <= tick <= low + span + dust for tick in ticks)
    steps = [after - before for before, after in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3) if steps else True
    digits = f"{steps[0]:.3e}"[:5] if steps else "1.000"
    assert digits in ("1.000", "2.000", "5.000")
    assert len(set(labels(ticks))) == len(ticks)


@given(st.floats(1e-9, 1e9), st.floats(1.01, 1e12), st.integers(2, 12))
def test_logarithmic_ticks_are_in_range(low: float, ratio: float, most: int) -> None:
    """Not too many, in the range, in order, with different labels."""
    ticks = log_ticks(low, low * ratio, most)
    assert len(ticks) <= most
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert len(set(labels(ticks))) == len(ticks)


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf"))])
def test_an_axis_without_length_is_refused(ends: tuple[float, float]) -> None:
    """There are no ticks from a number to itself, or to infinity."""
    with pytest.raises(ValueError, match="no axis from"):
        linear_ticks(*ends, 5)
    with pytest.raises(ValueError, match="no logarithmic axis from"):
        log_ticks(*ends, 5)


@given(st.lists(finite, max_size=5), st.booleans())
@example(values=[5e-324], log=True)
def test_there_is_room_around_any_numbers(values: list[float], log: bool) -> None:
    """Numbers are within their range, which is never without length."""
    low, high = around(np.array(values), log=log)
    assert low < high
    assert all(low <= value <= high for value in values if value >= LEAST or not log)
    assert low > 0 or not log


def test_a_frame_puts_numbers_where_its_axes_say() -> None:
    """The first at the left and bottom; an axis may run backwards, or in powers of ten."""
    frame = Frame(100, 50, 200, 80, Axis(5, -5), Axis(1, 100, scale="log"))
    assert frame.across([5.0, 0.0, -5.0]).tolist() == [100, 200, 300]
    assert frame.down([1.0, 10.0, 100.0]).tolist() == pytest.approx([130, 90, 50])


def test_a_stretch_shows_noise_and_peak() -> None:
    """From 0 to 1, growing; in asinh what is faint gets more room than its share."""
    values = np.linspace(-1, 1000, 500)
    for stretch in (Stretch(-1, 1000), Stretch(-1, 1000, 2.0)):
        share = stretch.share(values)
        assert share[0] == 0 and share[-1] == pytest.approx(1) and np.all(np.diff(share) > 0)
    assert Stretch(-1, 1000, 2.0).share(np.array([10.0]))[0] > 0.3


def test_flagged_solutions_are_marked_not_drawn() -> None:
    """Values of flagged solutions do not count; an antenna of which all are flagged says so."""
    table = make_table(antennas=3)
    for part in table.parts:
        part.flag[:, 1] = True
        part.flag[0, 0] = True
        part.gain[part.flag] = np.nan
    svg = solutions_svg(table)
    words = [text.words for text in texts(svg)]
    assert words.count("all flagged") == 2 and "flagged" in words
    assert "nan" not in svg.lower()


def test_a_phase_that_wraps_does_not_cross_the_frame() -> None:
    """The line is interrupted between 179 and -179 degrees."""
    table = make_table(antennas=1, times=2, scans=1, spws=((0,),))
    table.parts[0].gain[:] = np.exp(1j * np.deg2rad([179.0, -179.0]))[:, None, None, None]
    lines = [one for one in solutions_svg(table).split("<path") if 'fill="none"' in one]
    drawn = [one for one in lines if "stroke-linejoin" in one and one.count("M") == 2]
    assert drawn and not any("L" in one.split('"')[1] for one in drawn)


def test_line_free_channels_are_shaded() -> None:
    """As many shades as there are ranges, as wide as their channels."""
    svg = spectrum_svg(make_spectrum(), {"ranges": {"0": [[0, 7], [17, 31]]}, "lines": []})
    widths = [
        float(one.split('width="')[1].split('"')[0])
        for one in svg.split("<rect")[1:]
        if 'fill="#cfeadf"' in one.split("/>")[0]
    ]
    assert len(widths) == 2
    assert widths[0] / widths[1] == pytest.approx(8 / 15, rel=0.01)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: quicklook_svg(spoiled("restored")), "1 of 4096 pixels of the restored plane"),
        (lambda: residual_svg(spoiled("residual")), "1 of 4096 pixels of the residual plane"),
        (lambda: residual_svg(make_image(planes=("psf", "dirty"))), "has no residual plane"),
        (lambda: quicklook_svg(make_image(planes=("psf",))), "has no plane to draw"),
        (lambda: image_convergence_svg(make_image(cycles=0)), "no major cycle has made it"),
        (lambda: table_convergence_svg(POSITIONS), "no iteration has made it"),
        (lambda: solutions_svg(Caltable("gains", ("A00",), ())), "no solutions to draw"),
        (lambda: solutions_svg(replace(POSITIONS, parameters={})), "no offsets to draw"),
        (lambda: solutions_svg(not_finite()), "solutions of antenna A01, spws 0, are no numbers"),
        (lambda: spectrum_svg({**make_spectrum(), "mean": [], "frequency": []}, None), "channels"),
        (lambda: spectrum_svg(make_spectrum(), {"ranges": {"3": []}}), "of spw 3, not of spw 0"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw: Callable[[], str], says: str) -> None:
    """One line, instead of an empty picture."""
    with pytest.raises(ValueError, match=says) as caught:
        draw()
    assert "\n" not in str(caught.value)


def spoiled(plane: Any) -> Any:
    """An image of which one pixel is no number."""
    image = make_image()
    image.planes[plane][0, 3, 3] = np.nan
    return image


def not_finite() -> Caltable:
    """A caltable with a solution that is no number and not flagged."""
    table = make_table()
    table.parts[0].gain[0, 1, 0, 0] = np.inf
    return table


def test_the_same_table_is_the_same_picture() -> None:
    """Byte for byte, on any machine: no fonts of the system, no clock."""
    assert solutions_picture(make_table()) == solutions_picture(make_table())
