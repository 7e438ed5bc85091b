"""How much is measured: in full, in some ten minutes, and quickly, to see that everything runs.

Numbers only.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """The size of each measure."""

    rounds: int = 1000
    """Of requests in memory and of `get_token`, in turn."""
    loopback_rounds: int = 600
    httpx_rounds: int = 200
    herd: int = 1000
    """Requests at once that want a token."""
    turns: int = 4
    """How often each contender sends at its token's expiry."""
    seconds: float = 4.5
    """How long each of these turns is."""
    sizes: tuple[int, ...] = (1, 10, 100, 1_000, 10_000)
    """Numbers of callers and of clients."""
    work: int = 20_000
    """Requests of each contender for each number, over as many rounds as that makes."""
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
