"""Numbers and names that nobody expects are drawn legibly, or get an answer in one line."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import astropy.io.fits
import numpy as np
import pytest
from charts_support import OBSERVATION, make_image, make_spectrum, make_table, size_of, texts
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from radps_dag.workloads import invoke
from radps_dag.workloads.sim import export
from radps_dag.workloads.sim.charts.convergence import (
    image_convergence,
    table_convergence,
)
from radps_dag.workloads.sim.charts.quicklook import quicklook
from radps_dag.workloads.sim.charts.sheet import prefixed
from radps_dag.workloads.sim.charts.solutions import solutions
from radps_dag.workloads.sim.charts.spectrum import spectrum
from radps_dag.workloads.sim.solutions import Caltable
from radps_dag.workloads.sim.stores.fits import fits
from radps_dag.workloads.sim.stores.records import write_record

POWERS = {"f": 15, "p": 12, "n": 9, "µ": 6, "m": 3, "": 0, "k": -3, "M": -6, "G": -9}
anything = st.text(max_size=60)


def assert_legible(figure: Figure) -> None:
    """Every text is on the page and on no other, and is drawn without a complaint."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = texts(figure)
    width, height = size_of(figure)
    for one, other in combinations(found, 2):
        assert not one.overlaps(other), f"{one} on {other}"
    for one in found:
        inside = one.left >= 0 and one.bottom >= 0 and one.right <= width and one.top <= height
        assert inside, f"{one} leaves the page of {width} by {height}"


def image_of(brightness: float, noise: float, channels: int) -> Any:
    """An image of which all planes have this peak, and noise that is a share of it."""
    image = make_image(24, channels, noise=0.3 * noise)
    planes = {
        name: values if name in ("psf", "mask") else brightness * values
        for name, values in image.planes.items()
    }
    return replace(image, planes=planes, sensitivity=brightness * image.sensitivity)


@example(10**-8.5, 10**-3.5, 1)
@given(
    st.floats(-9, 6).map(lambda power: 10.0**power),
    st.floats(-6, 0).map(lambda power: 10.0**power),
    st.integers(1, 4),
)
@examples(12)
def test_any_brightness_is_legible(brightness: float, noise: float, channels: int) -> None:
    """From nJy to MJy and from noise alone to a millionth of it, scales have labels that fit."""
    image = image_of(brightness, noise, channels)
    assert_legible(quicklook(image))
    del image.planes["restored"]
    assert_legible(quicklook(image))


@given(st.floats(-14, 12).map(lambda power: 10.0**power))
def test_units_keep_numbers_short(largest: float) -> None:
    """With its prefix a number has at most four digits before the point, and is no tiny one."""
    factor, unit = prefixed(largest, "Jy")
    assert 0.5 <= largest * factor < 1e4
    assert math.isclose(factor, 10.0 ** POWERS[unit.removesuffix("Jy")])


@example([727273.0, 0.0078125])
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
@examples(15)
def test_any_changes_are_legible(changes: list[float]) -> None:
    """Zeros and what is next to them, which no logarithmic axis has, and jumps by many powers."""
    history = tuple({"change": one, "snr": 1e3 * one} for one in changes)
    assert_legible(table_convergence(Caltable("gains", ("A00",), (), {}, history)))


@given(
    st.lists(st.tuples(anything, st.floats(220, 240)), max_size=10),
    anything,
    st.floats(-9, 6).map(lambda power: 10.0**power),
)
@examples(15)
def test_any_lines_are_legible(lines: list[tuple[str, float]], field: str, scale: float) -> None:
    """Lines wherever, and whatever they and the field are called."""
    record = make_spectrum()
    record |= {"field": field, "rms": scale * record["rms"]}
    record["mean"] = [scale * one for one in record["mean"]]
    named = [{"name": name, "frequency": at} for name, at in lines]
    assert_legible(spectrum(record, {"ranges": {"0": [[0, 9]]}, "lines": named}))


@given(st.lists(anything, min_size=3, max_size=3, unique=True), st.floats(0, 1e4))
@examples(10)
def test_any_antennas_are_legible(names: list[str], offset: float) -> None:
    """Names of any length, and offsets from nothing to kilometres."""
    antennas = tuple(names)
    assert_legible(solutions(replace(make_table(antennas=3), antennas=antennas)))
    offsets = {name: [offset, -offset, offset / 3] for name in antennas}
    table = Caltable("antenna_positions", antennas, (), {"offsets": offsets})
    assert_legible(solutions(table))


def model_of_no_numbers() -> Any:
    """An image whose model has one component that is no number."""
    image = make_image()
    image.planes["model"][0, 3, 3] = np.nan
    return image


def history_without(name: str) -> tuple[dict[str, float], ...]:
    """Of two entries, the second without one of its members."""
    entry = {"peak": 1.0, "rms": 1.0, "flux": 1.0, "change": 0.1, "snr": 9.0}
    return (entry, {key: value for key, value in entry.items() if key != name})


def without(name: str) -> dict[str, Any]:
    """A record of a spectrum that lacks a member."""
    return {key: value for key, value in make_spectrum().items() if key != name}


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: quicklook(model_of_no_numbers()), "1 of 4096 pixels of the model plane"),
        *(
            (lambda name=name: spectrum(without(name), None), f"spectrum has no {name}; make")
            for name in ("field", "spw", "channels", "frequency", "mean", "rms")
        ),
        (lambda: spectrum({**make_spectrum(), "channels": [1]}, None), "has 1 channels, 32 f"),
        (lambda: spectrum({**make_spectrum(), "mean": [0.1]}, None), "32 frequencies and 1 m"),
        (lambda: spectrum({**make_spectrum(), "rms": math.nan}, None), "that are not numbers"),
        (lambda: spectrum(make_spectrum(), {"lines": []}), "of spw none, not of spw 0"),
        *(
            (
                lambda name=name: image_convergence(
                    replace(make_image(16), history=history_without(name))
                ),
                f"major cycle 2 of the image of G09.62 says nothing of {name}; draw what clean",
            )
            for name in ("peak", "rms", "flux")
        ),
        *(
            (
                lambda name=name: table_convergence(
                    replace(make_table(), history=history_without(name))
                ),
                f"iteration 2 of the caltable of type gains says nothing of {name}; draw what",
            )
            for name in ("change", "snr")
        ),
    ],
)
def test_what_is_incomplete_says_so(draw: Callable[[], str], says: str) -> None:
    """What lacks a member, has other counts of them, or is not a number: one line, no traceback."""
    with pytest.raises(ValueError, match=says) as caught:
        draw()
    assert "\n" not in str(caught.value)


@example("x" + 60 * "'")
@given(st.text(st.sampled_from("x'"), min_size=1, max_size=90))
@examples(20)
def test_any_name_fits_into_a_header(name: str) -> None:
    """However long a name is and however many quotes it has, it can be read again."""
    content = fits(replace(make_image(16), field=name), OBSERVATION)
    with astropy.io.fits.open(io.BytesIO(content)) as found:
        found.verify("exception")
        assert found[0].header["OBJECT"] == name


@pytest.mark.parametrize("content", [{}, {"files": []}])
def test_a_manifest_that_lists_nothing(content: dict[str, Any], tmp_path: Path) -> None:
    """It is not a manifest: not verified, which would be a share of nothing, nor handed over."""
    manifest = write_record(tmp_path, "manifest", content)
    for function in (export.verify_export, export.submit_to_archive):
        with pytest.raises(ValueError, match="lists no files; write it with write_manifest"):
            invoke(function.workload, {"manifest": manifest}, tmp_path, 1)
