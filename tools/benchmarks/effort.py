"""The amount of measuring: in full, in about ten minutes, or quickly as a smoke test."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Effort:
    """The size of each measure."""

    rounds: int = 1000
    """Rounds of requests in memory, and of `get_token`."""
    loopback_rounds: int = 600
    httpx_rounds: int = 200
    herd: int = 1000
    """Concurrent requests that need a token."""
    turns: int = 4
    """Turns of each contender in the measure of latency at expiry."""
    seconds: float = 4.5
    """Duration of such a turn."""
    sizes: tuple[int, ...] = (1, 10, 100, 1_000, 10_000)
    """Numbers of callers and of clients."""
    work: int = 20_000
    """Requests of each contender for each of these sizes, spread over rounds."""
    imports: int = 30


FULL: Final = Effort()
QUICK: Final = Effort(
    rounds=2,
    loopback_rounds=2,
    httpx_rounds=2,
    herd=20,
    turns=1,
    seconds=0.5,
    sizes=(1, 10),
    work=20,
    imports=1,
)
