"""FITS images of other programs: measured, drawn, and refused where they are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from radps_dag.workloads import Product, invoke
from radps_dag.workloads.contract.registry import find_library
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

DESCRIBE = find_library("sim").find("describe_fits")
CARDS = {
    "CDELT1": -1e-5,
    "CDELT2": 1e-5,
    "BMAJ": 4e-5,
    "BMIN": 3e-5,
    "BPA": 20.0,
    "OBJECT": "G1",
    "CTYPE3": "FREQ",
    "CRVAL3": 1e11,
}


def written(folder: Path, values: Any, **cards: Any) -> Product:
    hdu = fits.PrimaryHDU(np.asarray(values, np.float32))
    hdu.header.update({**CARDS, **cards})
    hdu.writeto(folder / "a.fits")
    return {"uri": (folder / "a.fits").as_uri(), "kind": "image"}


def noise(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(0, 1e-3, shape)


@pytest.mark.parametrize("shape", [(128, 128), (1, 1, 128, 128), (128, 200)])
def test_an_image_is_measured(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Peak, noise without what stands out, dynamic range, beam; a picture of any shape."""
    values = noise(shape)
    values[..., 60:66, 60:66] = 0.5
    found = invoke(DESCRIBE, {"image": written(tmp_path, values)}, tmp_path / "call", 0)
    assert found["peak"] == pytest.approx(0.5)
    assert found["rms"] == pytest.approx(1e-3, rel=0.05)
    assert found["dynamic_range"] == pytest.approx(500, rel=0.05)
    assert found["beam_major"] == pytest.approx(4e-5 * 3600)
    assert found["beam_minor"] == pytest.approx(3e-5 * 3600)
    assert found["score"] == pytest.approx(1)
    assert Path(found["plot"]["uri"].removeprefix("file://")).read_bytes()[1:4] == b"PNG"


def test_a_blank_image_has_no_dynamic_range(tmp_path: Path) -> None:
    """Nothing is divided by a noise of zero."""
    image = written(tmp_path, np.zeros((64, 64)))
    found = invoke(DESCRIBE, {"image": image}, tmp_path / "call", 0)
    assert (found["rms"], found["dynamic_range"], found["score"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("values", "cards", "reason"),
    [
        ([1.0, 2.0], {}, "has no image in its first part"),
        (np.zeros((8, 8)), {"CDELT2": 0.0}, "with a width of a pixel"),
        (np.full((8, 8), np.nan), {}, "has pixels that are not numbers"),
    ],
)
def test_what_is_no_image_is_told(
    tmp_path: Path, values: Any, cards: dict[str, Any], reason: str
) -> None:
    """One line with the file and what it lacks."""
    with pytest.raises(StoreUnusable, match=reason):
        invoke(DESCRIBE, {"image": written(tmp_path, values, **cards)}, tmp_path / "call", 0)


def test_another_file_is_told(tmp_path: Path) -> None:
    """A file that is not FITS is one line, too."""
    (tmp_path / "a.fits").write_text("no FITS")
    image = {"uri": (tmp_path / "a.fits").as_uri(), "kind": "image"}
    with pytest.raises(StoreUnusable, match="is not a FITS image"):
        invoke(DESCRIBE, {"image": image}, tmp_path / "call", 0)


def test_what_stands_out_is_masked(tmp_path: Path) -> None:
    """With most of the beam around it and the axes of the image; not what is near the rim, from
    which a point-spread function of the image's size does not reach all that is masked."""
    values = noise((1, 1, 128, 128))
    values[..., 60, 64] = values[..., 4, 64] = 0.5
    mask = find_library("sim").find("mask_fits")
    image = written(tmp_path, values)
    given = {"image": image, "growth": 1.0}
    found = invoke(mask, given, tmp_path / "call", 0)
    with fits.open(found["mask"]["uri"].removeprefix("file://")) as file:
        pixels, header = file[0].data, file[0].header
    assert pixels.shape == (1, 1, 128, 128)
    assert header["CDELT2"] == CARDS["CDELT2"]
    rows, columns = np.nonzero(pixels[0, 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (57, 63, 61, 67)
    assert found["masked_fraction"] == pytest.approx(rows.size / 128**2)


def test_a_mask_is_of_what_can_be(tmp_path: Path) -> None:
    """A threshold of zero would mask noise."""
    image = written(tmp_path, noise((64, 64)))
    with pytest.raises(ValueError, match="threshold must be over 0"):
        invoke(
            find_library("sim").find("mask_fits"),
            {"image": image, "threshold": 0.0},
            tmp_path / "call",
            0,
        )
