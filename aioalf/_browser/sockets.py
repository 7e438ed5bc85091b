"""The listening sockets of the redirect listener: loopback addresses and ports.

Must not know HTTP or sign-ins.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

from aioalf._browser.redirect_uri import RedirectUri
from aioalf.errors import ListenerError

# For each host, groups of addresses: a group is used only if this machine has no address of the
# groups before it. All addresses of a group share one port.
_ADDRESSES: Final[Mapping[str | None, Sequence[Sequence[str]]]] = {
    None: [["127.0.0.1"], ["::1"]],
    # Browsers try ::1 first: another program on that port of ::1 would receive the token.
    "localhost": [["127.0.0.1", "::1"]],
    "127.0.0.1": [["127.0.0.1"]],
    "::1": [["::1"]],
}
_NO_SUCH_ADDRESS: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def listen(uri: RedirectUri) -> list[socket.socket]:
    """Listen on the first available port. Raises ListenerError if no port is available."""
    for addresses in _ADDRESSES[uri.host]:
        if sockets := _listen_on_first(uri, addresses):
            return sockets
    raise ListenerError(
        f"The redirect listener cannot listen on {uri.host or '127.0.0.1 or ::1'}: this machine "
        "has no such address. The grant DeviceCode needs no listener"
    )


def _listen_on_first(uri: RedirectUri, addresses: Sequence[str]) -> list[socket.socket]:
    """Listen on the first port that is free on these addresses; none if there is no address."""
    ports = uri.ports_to_try
    cause: OSError | None = None
    for port in ports:
        try:
            return _listen_on_each(addresses, port)
        except OSError as error:
            cause = error
    # Another address would be another redirect URI, which may not be registered.
    span = f"from {ports[0]} to {ports[-1]}" if any(ports) else "of this machine"
    raise ListenerError(
        f"The redirect listener found no free port {span} on {uri.host or addresses[0]}: all are "
        "in use or forbidden. End the programs that use them, or choose other ports"
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
