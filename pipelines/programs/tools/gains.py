#!/usr/bin/python3
"""Gains of antennas from a MeasurementSet's model, and corrected data from gains.

    gains.py solve MS --interval 60 --mode phase
    gains.py apply MS gains.npz

`solve` compares DATA with MODEL_DATA for each window, field, correlation and interval, by StEFCal
(Salvini & Wijnholds 2014, A&A 571, A97), and writes gains.npz. `apply` writes CORRECTED_DATA, by
gains interpolated between the intervals. Where an antenna has no gain, its data are left as they
are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from casacore import tables

ITERATIONS, TOLERANCE = 200, 1e-6
LEAST = 4  # antennas that a solution needs


def solve(path: str, interval: float, mode: str) -> None:
    """Solve gains, and print how large the phases are."""
    with tables.table(path, ack=False) as ms:
        if "MODEL_DATA" not in ms.colnames():
            raise SystemExit(f"{path} has no MODEL_DATA; predict a model first")
        rows = keys_of(ms, interval)
        antennas = 1 + int(max(ms.getcol("ANTENNA1").max(), ms.getcol("ANTENNA2").max()))
        time = ms.getcol("TIME")
        found: list[np.ndarray] = []
        times: list[float] = []
        keys = np.unique(rows, axis=0)
        for key in keys:
            of = np.flatnonzero((rows == key).all(axis=1))
            part = ms.selectrows(of)
            found.append(solve_part(part, antennas, mode))
            times.append(float(np.unique(time[of]).mean()))
    gains = np.array(found)  # (key, correlation, antenna)
    np.savez("gains.npz", keys=keys, gains=gains, times=times)
    solved = gains[gains != 1]
    about = {
        "solved": float((gains != 1).mean()),
        "phase_rms": float(np.degrees(np.angle(solved).std())) if solved.size else 0.0,
        "amplitude_rms": float(np.abs(solved).std()) if solved.size else 0.0,
    }
    Path("gains.json").write_text(json.dumps(about), encoding="utf-8")


def keys_of(ms: tables.table, interval: float) -> np.ndarray:
    """(row, 3) window, field and number of the interval."""
    time = ms.getcol("TIME")
    number = np.floor((time - time.min()) / interval).astype(int)
    return np.stack([ms.getcol("DATA_DESC_ID"), ms.getcol("FIELD_ID"), number], axis=1)


def solve_part(part: tables.table, antennas: int, mode: str) -> np.ndarray:
    """(correlation, antenna) gains of some rows; 1 where there is none."""
    first, second = part.getcol("ANTENNA1"), part.getcol("ANTENNA2")
    data, model = part.getcol("DATA"), part.getcol("MODEL_DATA")
    good = ~part.getcol("FLAG") & (first != second)[:, None, None] & np.isfinite(data)
    weight = part.getcol("WEIGHT")[:, None, :] * good
    data = np.where(good, data, 0)
    product = (weight * data * model.conj()).sum(axis=1)  # (row, correlation)
    power = (weight * np.abs(model) ** 2).sum(axis=1)
    gains = np.ones((data.shape[2], antennas), complex)
    for number in range(data.shape[2]):
        top = np.zeros((antennas, antennas), complex)
        below = np.zeros((antennas, antennas))
        np.add.at(top, (first, second), product[:, number])
        np.add.at(top, (second, first), product[:, number].conj())
        np.add.at(below, (first, second), power[:, number])
        np.add.at(below, (second, first), power[:, number])
        present = (below > 0).sum(axis=1) >= LEAST - 1
        if present.sum() >= LEAST:
            top[~present] = top[:, ~present] = below[~present] = below[:, ~present] = 0
            gains[number, present] = stefcal(top, below, mode)[present]
    return gains


def stefcal(top: np.ndarray, below: np.ndarray, mode: str) -> np.ndarray:
    """Gains that make `gain_p conj(gain_q) below` fit `top`; the mean phase is 0."""
    gain = np.ones(len(top), complex)
    for iteration in range(ITERATIONS):
        before = gain
        scale = below @ np.abs(gain) ** 2
        gain = np.where(scale > 0, top @ gain / np.where(scale > 0, scale, 1), 0)
        if mode == "phase":
            gain = np.where(np.abs(gain) > 0, gain / np.where(gain == 0, 1, np.abs(gain)), 0)
        if iteration % 2:
            gain = (gain + before) / 2
            if np.abs(gain - before).max() < TOLERANCE * np.abs(gain).max():
                break
    if mode == "phase":
        gain = np.where(gain == 0, 0, gain / np.where(gain == 0, 1, np.abs(gain)))
    mean = gain.sum()
    return gain * (mean.conjugate() / abs(mean) if mean else 1)


def apply(path: str, name: str) -> None:
    """Write CORRECTED_DATA of the gains in a file, interpolated in time."""
    with np.load(name) as file:
        keys, gains, times = file["keys"], file["gains"], file["times"]
    with tables.table(path, readonly=False, ack=False) as ms:
        if "CORRECTED_DATA" not in ms.colnames():
            description = tables.makecoldesc("CORRECTED_DATA", ms.getcoldesc("DATA"))
            ms.addcols(tables.maketabdesc(description))
        rows = np.stack([ms.getcol("DATA_DESC_ID"), ms.getcol("FIELD_ID")], axis=1)
        for key in np.unique(rows, axis=0):
            part = ms.selectrows(np.flatnonzero((rows == key).all(axis=1)))
            data = part.getcol("DATA")
            solved = np.flatnonzero((keys[:, :2] == key).all(axis=1))
            if solved.size:
                at, which = np.unique(part.getcol("TIME"), return_inverse=True)
                gain = interpolated(
                    at, times[solved], gains[solved]
                )  # (time, correlation, antenna)
                first = gain[which, :, part.getcol("ANTENNA1")]
                both = first * gain[which, :, part.getcol("ANTENNA2")].conj()
                data = data / np.where(both == 0, 1, both)[:, np.newaxis]
            part.putcol("CORRECTED_DATA", data.astype(np.complex64))


def interpolated(at: np.ndarray, times: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """(time, correlation, antenna) gains at other times, amplitudes and phases by themselves."""
    result = np.ones((at.size, *gains.shape[1:]), complex)
    for place in np.ndindex(gains.shape[1:]):
        of = gains[(slice(None), *place)]
        there = (of != 1) & (of != 0)
        if not there.any():
            continue
        when, size = times[there], np.abs(of[there])
        turn = of[there] / size
        turned = np.interp(at, when, turn.real) + 1j * np.interp(at, when, turn.imag)
        length = np.abs(turned)
        turned = np.where(length > 0, turned / np.where(length > 0, length, 1), 1)
        result[(slice(None), *place)] = np.interp(at, when, size) * turned
    return result


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    solving, applying = commands.add_parser("solve"), commands.add_parser("apply")
    solving.add_argument("ms")
    solving.add_argument("--interval", type=float, required=True)
    solving.add_argument("--mode", choices=["phase", "amplitude_phase"], default="phase")
    applying.add_argument("ms")
    applying.add_argument("gains")
    given = parser.parse_args()
    if given.command == "solve":
        solve(given.ms, given.interval, given.mode)
    else:
        apply(given.ms, given.gains)


if __name__ == "__main__":
    main()
