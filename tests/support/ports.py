"""Free ports for servers whose port a test has to choose."""

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that no program uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
