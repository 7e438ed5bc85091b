"""The listening sockets of the redirect listener: loopback addresses and ports.

Must not know HTTP or sign-ins.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from aioalf.errors import ListenerError, TokenConfigurationError

MAX_PORT: Final = 65535
FREE_PORT_ATTEMPTS: Final = 16

# For each host, groups of addresses to try in order. All addresses of a group share one port.
_ADDRESSES: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    # Browsers try ::1 first: another program on that port of ::1 would receive the token.
    "localhost": [["127.0.0.1", "::1"]],
    "127.0.0.1": [["127.0.0.1"], ["::1"]],
    "::1": [["::1"], ["127.0.0.1"]],
}
_NO_SUCH_ADDRESS: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def checked_ports(ports: object) -> Sequence[int]:
    """Return the ports to try in order. Raises TokenConfigurationError for an invalid range."""
    match ports:
        case None:
            return [0] * FREE_PORT_ATTEMPTS
        case int(first), int(last) if 1 <= first <= last <= MAX_PORT and first is not True:
            return range(first, last + 1)
        case _:
            raise TokenConfigurationError(
                f"The ports of the redirect listener are {ports!r}; they must be two whole "
                f"numbers from 1 to {MAX_PORT}, the lower one first, such as (32000, 32009)"
            )


def checked_host(host: str) -> str:
    """Return the host. Raises TokenConfigurationError unless it is a loopback host."""
    if host in _ADDRESSES:
        return host
    raise TokenConfigurationError(
        f"The host of the redirect listener is {host!r}; it must be one of "
        f"{', '.join(_ADDRESSES)}: other machines must not reach it"
    )


def listen(host: str, ports: Sequence[int]) -> list[socket.socket]:
    """Listen on the first available port. Raises ListenerError if all are busy."""
    cause: OSError | None = None
    for addresses in _ADDRESSES[host]:
        for port in ports:
            try:
                sockets = _listen_on_each(addresses, port)
            except OSError as error:
                cause = error
                continue
            if sockets:
                return sockets
            break
    span = f"from {ports[0]} to {ports[-1]}" if any(ports) else "of this machine"
    raise ListenerError(
        f"The redirect listener got no port {span} on {host}: all are in use or forbidden. "
        "End the programs that use them, or choose other ports"
    ) from cause


def _listen_on_each(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Listen on one port on all of these addresses that this machine has."""
    sockets: list[socket.socket] = []
    with ExitStack() as undo:
        for address in addresses:
            try:
                listening = _bind(address, port)
            except OSError as error:
                if error.errno in _NO_SUCH_ADDRESS:
                    continue
                raise
            undo.enter_context(listening)
            sockets.append(listening)
            port = listening.getsockname()[1]
        undo.pop_all()
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.create_server((address, port), family=family)
    listening.settimeout(0)
    return listening
