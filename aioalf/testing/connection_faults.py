"""What can go wrong with a connection, whatever is said on it.

Values only: they say what is to happen to the bytes that a server sends, and send none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFault:
    """One way for a connection to go wrong; made by the methods of its class.

    It strikes every connection that is made while it is set; `times` limits it:
    ``ConnectionFault.reset().times(2)`` strikes two connections and is gone.
    """

    kind: str
    delay: float = field(default=0.0, repr=False)
    """Seconds before the first byte of the server's is passed on."""
    size: int | None = field(default=None, repr=False)
    """How many bytes are passed on at a time; None for all that there are."""
    pause: float = field(default=0.0, repr=False)
    """Seconds between them."""
    reset_after: int | None = field(default=None, repr=False)
    """After how many bytes the connection is reset; None for never."""
    is_silent: bool = field(default=False, repr=False)
    """Whether what the client sends goes nowhere."""
    strikes: int | None = field(default=None, repr=False)
    """How many connections it has yet to strike; None for all."""

    @classmethod
    def slow_first_byte(cls, seconds: float) -> ConnectionFault:
        """Pass on what the server sends, its first byte so many seconds late."""
        return cls(kind="slow first byte", delay=seconds)

    @classmethod
    def trickle(cls, seconds: float, *, size: int = 1) -> ConnectionFault:
        """Pass on so many bytes of the server's at a time, so many seconds apart."""
        if size < 1:
            raise ValueError(f"a trickle passes on at least one byte, not {size}")
        return cls(kind="trickle", size=size, pause=seconds)

    @classmethod
    def reset(cls, *, after: int = 0) -> ConnectionFault:
        """Pass on so many bytes of the server's answer, and reset the connection (TCP RST).

        With 0 the server has got the request, and the client learns nothing of it.
        """
        if after < 0:
            raise ValueError(f"a connection cannot be reset after {after} bytes")
        return cls(kind=f"reset after {after} bytes", reset_after=after)

    @classmethod
    def black_hole(cls) -> ConnectionFault:
        """Accept, and never answer; the server learns nothing of it."""
        return cls(kind="black hole", is_silent=True)

    def times(self, count: int) -> ConnectionFault:
        """The same fault for so many connections only, at least 1; else ValueError."""
        if count < 1:
            raise ValueError(f"a fault strikes at least once, not {count} times")
        return replace(self, strikes=count)

    def spent(self) -> ConnectionFault | None:
        """What is left of the fault once it has struck; None when that was the last time."""
        if self.strikes is None:
            return self
        return self.times(self.strikes - 1) if self.strikes > 1 else None
