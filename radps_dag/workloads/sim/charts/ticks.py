"""A range of numbers to the round ones in it, and these to words."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isclose, isfinite, log10

__all__ = ["labels", "linear_ticks", "log_ticks", "prefixed", "scientific"]

_STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_MINUS = "\N{MINUS SIGN}"
_TINY = 1e-9
_LARGER = ((1e-3, "k"), (1e-6, "M"), (1e-9, "G"))
_SMALLER = ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"), (1e12, "p"), (1e15, "f"))


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many multiples of 1, 2 or 5 times a power of ten from low to high.

    Raises ValueError for a range without length, or one that is not finite.

    >>> linear_ticks(-0.13, 0.98, 6)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    span = high - low
    if not (isfinite(span) and span > 0):
        raise ValueError(f"no axis from {low} to {high}")
    power = 10.0 ** floor(log10(span / (most + 1)))
    for step in (power * factor for factor in _STEPS):
        first, last = ceil(low / step - _TINY), floor(high / step + _TINY)
        if last - first < most:
            return [_rounded(number * step, step) for number in range(first, last + 1)]
    raise AssertionError("a step of ten times the range leaves one")


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many powers of ten from low to high; with 2 and 5 times these where they are few.

    >>> log_ticks(0.03, 40.0, 8)
    [0.1, 1.0, 10.0]
    >>> log_ticks(0.03, 0.4, 8)
    [0.05, 0.1, 0.2]
    """
    if not (0 < low < high and isfinite(high)):
        raise ValueError(f"no logarithmic axis from {low} to {high}")
    first, last = ceil(log10(low) - _TINY), floor(log10(high) + _TINY)
    every = max(1, ceil((last - first + 1) / most))
    decades = [_power(number) for number in range(first, last + 1) if (number - first) % every == 0]
    if len(decades) > 2:
        return decades
    finer = [
        float(f"{digit}e{number}")
        for number in range(floor(log10(low)) - 1, last + 1)
        for digit in (1, 2, 5)
    ]
    finer = [one for one in finer if low * (1 - _TINY) <= one <= high * (1 + _TINY)]
    if 2 <= len(finer) <= most:
        return finer
    return decades if len(decades) > 1 else linear_ticks(low, high, most)


def _power(exponent: int) -> float:
    return float(f"1e{exponent}")


def _rounded(value: float, step: float) -> float:
    """The multiple of the step without the dust of binary fractions."""
    return round(value, max(0, 2 - floor(log10(step)))) + 0.0


def labels(ticks: Sequence[float]) -> list[str]:
    """Ticks as words, all with the decimals that tell them apart.

    >>> labels([0.0, 0.5, 1.0]), labels([2.0, 10.0])
    (['0.0', '0.5', '1.0'], ['2', '10'])
    """
    largest = max((abs(tick) for tick in ticks), default=0.0)
    smallest = min((abs(tick) for tick in ticks if tick), default=1.0)
    if largest >= 1e6 or smallest < 1e-3:
        return [scientific(tick) for tick in ticks]
    if len(ticks) > 1 and largest / smallest > 20 and min(ticks) > 0:
        return [f"{tick:g}" for tick in ticks]
    decimals = next(
        (
            places
            for places in range(12)
            if all(isclose(round(tick, places), tick, abs_tol=1e-12) for tick in ticks)
        ),
        12,
    )
    return [f"{tick:.{decimals}f}".replace("-", _MINUS) for tick in ticks]


def scientific(value: float) -> str:
    """A number with a power of ten, as short as it can be.

    >>> scientific(2.5e7)
    '2.5e7'
    """
    if not value:
        return "0"
    digits, _, exponent = f"{value:.11e}".partition("e")
    short = digits.rstrip("0").rstrip(".")
    return f"{short}e{int(exponent)}".replace("-", _MINUS)


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """The factor, and the unit with a prefix, in which a number is neither long nor tiny.

    >>> prefixed(0.004, "Jy/beam")
    (1000.0, 'mJy/beam')
    >>> prefixed(2e4, "Jy/beam")
    (0.001, 'kJy/beam')
    """
    if largest >= 1e4:
        fitting = [one for one in _LARGER if largest * one[0] < 1e4] or _LARGER[-1:]
    else:
        fitting = [one for one in _SMALLER if largest * one[0] >= 0.5] or _SMALLER[:1]
    factor, prefix = fitting[0]
    return factor, f"{prefix}{unit}"
