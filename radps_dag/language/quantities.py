"""Durations and amounts of memory, as a person writes them."""

from __future__ import annotations

import re

__all__ = ["in_words", "length", "octets", "octets_in", "seconds", "seconds_in"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def seconds(duration: str | float) -> float:
    """A duration in seconds.

    >>> seconds("1.5h"), seconds("500ms"), seconds(10)
    (5400.0, 0.5, 10.0)
    """
    if not isinstance(duration, str):
        return float(duration)
    number = duration.rstrip("mshd")
    return float(number) * _SECONDS[duration[len(number) :]]


def seconds_in(text: str) -> float | None:
    """The same of any text; None where it is not a duration.

    >>> seconds_in("90m"), seconds_in("a while")
    (5400.0, None)
    """
    match = re.fullmatch(rf"\d{{1,9}}(\.\d{{1,20}})?({'|'.join(_SECONDS)})", text)
    return seconds(text) if match else None


def length(duration: float) -> str:
    """A duration in seconds as a person writes it.

    >>> length(5400), length(0.5), length(100)
    ('1.5h', '0.5s', '100s')
    """
    for unit in ("d", "h", "m"):
        if duration >= _SECONDS[unit] and duration * 10 % _SECONDS[unit] == 0:
            return f"{duration / _SECONDS[unit]:g}{unit}"
    return f"{duration:g}s"


def octets(memory: str | int) -> int:
    """An amount of memory in bytes.

    >>> octets("1.5GB"), octets("2KiB"), octets(4096)
    (1500000000, 2048, 4096)
    """
    if not isinstance(memory, str):
        return int(memory)
    number = memory.rstrip("BkKMGTi")
    return int(float(number) * _BYTES[memory[len(number) :]])


def octets_in(memory: str) -> int | None:
    """The same of any text; None where it is not an amount of memory.

    >>> octets_in("64GB"), octets_in("a lot")
    (64000000000, None)
    """
    units = "|".join(_BYTES)
    return octets(memory) if re.fullmatch(rf"\d{{1,9}}(\.\d{{1,20}})?({units})", memory) else None


def in_words(memory: int) -> str:
    """An amount of memory as a person writes it.

    >>> in_words(64_000_000_000), in_words(4096)
    ('64 GB', '4.1 kB')
    """
    unit = next((unit for unit in ("TB", "GB", "MB", "kB") if memory >= _BYTES[unit]), "B")
    return f"{round(memory / _BYTES[unit], 1):g} {unit}"
