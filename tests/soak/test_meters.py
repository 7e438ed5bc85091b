"""The meters: what is growth, and what is noise."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.soak import meters
from tests.soak.meters import Meter, Samples, growth_of


def samples_of(values: list[float], monkeypatch: pytest.MonkeyPatch, meter: Meter) -> Samples:
    """Samples of one meter that says these, ten seconds apart."""
    said: Iterator[float] = iter(values)
    monkeypatch.setattr(meters, "METERS", [meter])
    monkeypatch.setattr(meters, "read", lambda: {meter.name: next(said)})
    samples = Samples(len(values))
    for number in range(len(values)):
        samples.add(number * 10.0)
    samples.add(1e9)  # over the capacity
    return samples


@pytest.mark.parametrize(
    ("values", "growth", "is_noise"),
    [
        ([100, 100, 100, 100], 0, True),
        ([100, 102, 104, 106], 6, False),
        ([106, 104, 102, 100], -6, True),
        ([100, 110, 100, 110], 6, True),
        ([100, 101, 100, 101], 0.6, True),
    ],
)
def test_growth_is_a_lines_and_noise_is_what_is_around_it(
    monkeypatch: pytest.MonkeyPatch, values: list[float], growth: float, *, is_noise: bool
) -> None:
    """Twice the standard deviation of the samples around the line, or the meter's quantum."""
    meter = Meter("thing", "", float, quantum=1)
    seen = growth_of(meter, samples_of(values, monkeypatch, meter), requests=0)
    assert seen.growth == pytest.approx(growth)
    assert seen.is_noise is is_noise


def test_a_quantum_may_be_so_much_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Growth that is less than a byte a request is no object that was kept."""
    meter = Meter("memory", "KiB", float, quantum_a_request=1)
    samples = samples_of([0, 10, 20, 30], monkeypatch, meter)
    assert growth_of(meter, samples, requests=30).is_noise
    assert not growth_of(meter, samples, requests=29).is_noise


async def test_the_meters_see_what_they_are_for() -> None:
    """A task, and where the system tells, a socket, which is a file descriptor too."""
    before = meters.read()
    with socket.socket():
        task = asyncio.ensure_future(asyncio.sleep(60))
        after = meters.read()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {name for name in before if after[name] - before[name] == 1} >= {
        meter.name for meter in meters.COUNTED
    }
