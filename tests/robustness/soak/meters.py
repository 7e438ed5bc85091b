"""Meters for memory, tasks, sockets and file descriptors, and a test for growth.

Growth is the rise of a line fitted to the samples by least squares. It is noise if it is at most
twice the standard deviation around the line, or at most the quantum of the meter: one byte per
request for memory traced by Python, 16 bytes per request for the process, and one task, socket or
file descriptor. The memory of the process is read on Linux only.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISSOCK
from statistics import fmean, linear_regression, pstdev
from typing import Final

_MEMORY = Path("/proc/self/statm")
_DESCRIPTORS = "/dev/fd"


def _resident() -> float:
    pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _traced() -> float:
    return float(tracemalloc.get_traced_memory()[0])


def _tasks() -> float:
    return float(len(asyncio.all_tasks()))


def _modes() -> list[int]:
    """Return the file modes of the open descriptors."""
    modes: list[int] = []
    # pathlib would intern the names, which differ each time. Then Python doubles its table of
    # interned strings, which would look like a growth of one megabyte.
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - see above
        with suppress(OSError):  # the descriptor of the listing itself
            modes.append(os.fstat(int(name)).st_mode)
    return modes


def _sockets() -> float:
    return float(sum(map(S_ISSOCK, _modes())))


def _open_files() -> float:
    return float(len(_modes()))


@dataclass(frozen=True)
class Meter:
    """A meter. Growth up to `quantum` plus `quantum_per_request` per request is noise."""

    name: str
    unit: str
    read: Callable[[], float]
    quantum: float = 0.0
    quantum_per_request: float = 0.0


_EVERYWHERE = [
    Meter("memory, traced", "KiB", _traced, quantum_per_request=1),
    Meter("tasks", "", _tasks, quantum=1),
    Meter("sockets", "", _sockets, quantum=1),
    Meter("file descriptors", "", _open_files, quantum=1),
]
_ON_LINUX = [Meter("memory, resident", "KiB", _resident, quantum_per_request=16)]
METERS: Final = [*_EVERYWHERE, *(_ON_LINUX if _MEMORY.exists() else [])]
COUNTED: Final = [meter for meter in METERS if not meter.unit]


def read() -> dict[str, float]:
    """Collect garbage, then read all meters."""
    gc.collect()
    return {meter.name: meter.read() for meter in METERS}


class Samples:
    """Readings and their times, in preallocated arrays: growing lists would count as growth."""

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._times = array("d", bytes(8 * capacity))
        self._values = {meter.name: array("d", bytes(8 * capacity)) for meter in METERS}

    def add(self, now: float) -> None:
        """Read all meters, unless the capacity is reached."""
        if self._count < len(self._times):
            self._times[self._count] = now
            for name, value in read().items():
                self._values[name][self._count] = value
            self._count += 1

    def of(self, meter: Meter) -> tuple[array[float], array[float]]:
        """Return the times and readings of a meter."""
        return self._times[: self._count], self._values[meter.name][: self._count]


@dataclass(frozen=True)
class Growth:
    """The growth of a meter, in its unit."""

    meter: Meter
    mean: float
    growth: float
    noise: float

    @property
    def is_noise(self) -> bool:
        """Whether the growth is negative or within the noise."""
        return self.growth <= self.noise


def growth_of(meter: Meter, samples: Samples, requests: int) -> Growth:
    """Fit a line to at least two readings of a meter."""
    times, values = samples.of(meter)
    slope, start = linear_regression(times, values)
    around = [value - start - slope * time for time, value in zip(times, values, strict=True)]
    quantum = meter.quantum + meter.quantum_per_request * requests
    growth = slope * (times[-1] - times[0])
    return Growth(meter, fmean(values), growth, max(2 * pstdev(around), quantum))
