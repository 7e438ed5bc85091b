"""What may grow: memory, tasks, sockets, file descriptors; and whether it did.

Growth is that of a line fitted to the samples (least squares), from the first to the last of them.
It is noise when it is no more than twice the standard deviation of the samples around the line, or
than the meter's own quantum: a byte a request for what Python allocates, 16 bytes a request (its
smallest object) for the process, whose allocator works in pages and arenas, and one task, socket or
file descriptor. What cannot be read on a system is left out.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, linear_regression, pstdev
from typing import Final

_SELF = Path("/proc/self")
_DESCRIPTORS = str(_SELF / "fd")


def _resident() -> float:
    pages = int((_SELF / "statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _traced() -> float:
    return float(tracemalloc.get_traced_memory()[0])


def _tasks() -> float:
    return float(len(asyncio.all_tasks()))


def _descriptors() -> list[str]:
    # Not with pathlib: it interns the names, which differ each time, until Python doubles the table
    # of all interned strings, by a megabyte. That was growth, and nobody's.
    found: list[str] = []
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - see above
        try:
            found.append(os.readlink(f"{_DESCRIPTORS}/{name}"))  # noqa: PTH115 - see above
        except FileNotFoundError:  # the one that lists them
            continue
    return found


def _sockets() -> float:
    return float(sum(name.startswith("socket:") for name in _descriptors()))


def _open_files() -> float:
    return float(len(_descriptors()))


@dataclass(frozen=True)
class Meter:
    """One thing to read, in its unit; its quantum is so much, and so much a request."""

    name: str
    unit: str
    read: Callable[[], float]
    quantum: float = 0.0
    quantum_a_request: float = 0.0


_EVERYWHERE = [
    Meter("memory, traced", "KiB", _traced, quantum_a_request=1),
    Meter("tasks", "", _tasks, quantum=1),
]
_ON_LINUX = [
    Meter("memory, resident", "KiB", _resident, quantum_a_request=16),
    Meter("sockets", "", _sockets, quantum=1),
    Meter("file descriptors", "", _open_files, quantum=1),
]
METERS: Final = [*_EVERYWHERE, *(_ON_LINUX if _SELF.exists() else [])]
COUNTED: Final = [meter for meter in METERS if not meter.unit]


def read() -> dict[str, float]:
    """Read every meter, when what is not used any more has been collected."""
    gc.collect()
    return {meter.name: meter.read() for meter in METERS}


class Samples:
    """What the meters said, with its times, in room that is there from the beginning.

    Samples that took memory would be seen as growth.
    """

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._times = array("d", bytes(8 * capacity))
        self._values = {meter.name: array("d", bytes(8 * capacity)) for meter in METERS}

    def add(self, now: float) -> None:
        """Read every meter; what is over the capacity is left out."""
        if self._count < len(self._times):
            self._times[self._count] = now
            for name, value in read().items():
                self._values[name][self._count] = value
            self._count += 1

    def of(self, meter: Meter) -> tuple[array[float], array[float]]:
        """The times and what a meter said."""
        return self._times[: self._count], self._values[meter.name][: self._count]


@dataclass(frozen=True)
class Growth:
    """How a meter went, in its own unit."""

    meter: Meter
    mean: float
    growth: float
    noise: float

    @property
    def is_noise(self) -> bool:
        """Whether there is no reason to believe that it grew; to shrink is none."""
        return self.growth <= self.noise


def growth_of(meter: Meter, samples: Samples, requests: int) -> Growth:
    """Fit a line to what a meter said, at least twice."""
    times, values = samples.of(meter)
    slope, start = linear_regression(times, values)
    around = [value - start - slope * time for time, value in zip(times, values, strict=True)]
    quantum = meter.quantum + meter.quantum_a_request * requests
    growth = slope * (times[-1] - times[0])
    return Growth(meter, fmean(values), growth, max(2 * pstdev(around), quantum))
