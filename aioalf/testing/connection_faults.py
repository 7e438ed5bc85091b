"""Network faults for `FaultProxy`: values that say how to spoil a connection below HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, kw_only=True)
class ConnectionFault:
    """A network fault on the connection between a client and a server.

    Create a fault with one of the class methods and set it with ``proxy.fault = fault``. It applies
    to every connection that is opened until it is removed. `times` limits it:
    ``ConnectionFault.reset().times(2)`` applies to two connections and is then removed.
    """

    kind: str
    """A short description, for example ``"black hole"``."""
    delay: float = field(default=0.0, repr=False)
    """Seconds before the first byte from the server is forwarded."""
    chunk_size: int | None = field(default=None, repr=False)
    """The number of bytes to forward at a time; None forwards all that have arrived."""
    chunk_interval: float = field(default=0.0, repr=False)
    """Seconds between two chunks."""
    reset_after: int | None = field(default=None, repr=False)
    """After how many bytes the connection is reset; None never resets it."""
    is_black_hole: bool = field(default=False, repr=False)
    """True if nothing is forwarded to the server."""
    uses_left: int | None = field(default=None, repr=False)
    """The number of further connections that the fault applies to; None means all."""

    @classmethod
    def slow_first_byte(cls, seconds: float) -> ConnectionFault:
        """Delay the response: forward its first byte late.

        Args:
            seconds: The delay.
        """
        return cls(kind="slow first byte", delay=seconds)

    @classmethod
    def trickle(cls, seconds: float, *, size: int = 1) -> ConnectionFault:
        """Forward the response in small pieces.

        Args:
            seconds: The time between two pieces.
            size: The bytes in each piece, at least 1.

        Raises:
            ValueError: If ``size`` is less than 1.
        """
        if size < 1:
            raise ValueError(f"trickle() takes a size of at least 1 byte, not {size}")
        return cls(kind="trickle", chunk_size=size, chunk_interval=seconds)

    @classmethod
    def reset(cls, *, after: int = 0) -> ConnectionFault:
        """Reset the connection (TCP RST) in the middle of the response.

        Args:
            after: How many bytes of the response to forward first. With 0 the server has received
                the request but the client gets no response.

        Raises:
            ValueError: If ``after`` is negative.
        """
        if after < 0:
            raise ValueError(f"reset() takes a number of bytes of at least 0, not {after}")
        return cls(kind=f"reset after {after} bytes", reset_after=after)

    @classmethod
    def black_hole(cls) -> ConnectionFault:
        """Accept the connection and never respond. Nothing is forwarded to the server."""
        return cls(kind="black hole", is_black_hole=True)

    def times(self, count: int) -> ConnectionFault:
        """Return the same fault, limited to a number of connections.

        Args:
            count: How many connections the fault applies to, at least 1.

        Raises:
            ValueError: If ``count`` is less than 1.
        """
        if count < 1:
            raise ValueError(f"times() takes a count of at least 1, not {count}")
        return replace(self, uses_left=count)

    def after_use(self) -> ConnectionFault | None:
        """Return the fault that is left after one more use, or None if it is used up."""
        if self.uses_left is None:
            return self
        return self.times(self.uses_left - 1) if self.uses_left > 1 else None
