"""Free ports for servers whose port a test has to choose."""

import secrets
import socket
from contextlib import suppress
from typing import Final

_PORTS: Final = range(20_000, 30_000)
"""Below the ports that the system chooses itself, so no connection takes one meanwhile."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that no program uses."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
