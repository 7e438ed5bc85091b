"""Run the test server until Ctrl-C or SIGTERM, and print each request that it receives."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, TextIO

from aioalf import providers
from aioalf._serve.faults import parse_fault
from aioalf._serve.introduction import PUBLIC_CLIENT, introduction
from aioalf._serve.request_line import request_line
from aioalf.providers import Provider
from aioalf.testing import OAuthServer, RecordedRequest
from aioalf.testing._behaviours import BEHAVIOURS

_FAILED: Final = 1
_USAGE: Final = 2
_DEVICE_INTERVAL: Final = 1
"""Seconds between two polls of a device: the default of servers would make a trial slow."""

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "auth0": ("example.eu.auth0.com",),
    "cognito": ("example.auth.eu-west-1.amazoncognito.com", "eu-west-1", "eu-west-1_example"),
    "entra": ("contoso.onmicrosoft.com",),
    "keycloak": ("https://sso.example.com", "example"),
    "okta": ("example.okta.com",),
    "reddit": ("linux:com.example.program:1.0 (by /u/example)",),
    "shopify": ("example.myshopify.com",),
    "twitch": ("client-id",),
}
"""Arguments of the functions in `aioalf.providers` that require some. The server ignores them."""


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit code."""
    try:
        server = make_server(options)
    except ValueError as error:
        return _fail(_USAGE, str(error))
    try:
        failure = asyncio.run(_serve(server, options))
    except OSError as error:
        return _fail(_FAILED, f"{error.strerror or error} (see --port and --api-port)")
    if isinstance(failure, BrokenPipeError):  # handled by `main`, as when `head` stops reading
        raise failure
    if failure is not None:
        return _fail(_FAILED, f"Standard output cannot be written: {failure.strerror or failure}")
    return 0


def _fail(code: int, message: str) -> int:
    sys.stderr.write(f"Error: {message}\n")
    return code


def make_server(options: argparse.Namespace) -> OAuthServer:
    """Return the server that the options describe. Raises ValueError for an unknown name."""
    faults = [parse_fault(text) for text in options.fault or ()]
    server = OAuthServer(
        port=options.port,
        api_port=options.api_port,
        users=options.user,
        auto_sign_in=options.sign_in,
        allow_body_secret=True,
        device_interval=_DEVICE_INTERVAL,
        behaves_like=_provider(options.behaves_like),
    )
    if options.expires_in is not None:
        server.expires_in = options.expires_in
    for endpoint, fault in faults:
        server.faults[endpoint] = fault
    server.add_client(server.client_id, server.client_secret, any_loopback_path=True)
    server.add_client(PUBLIC_CLIENT, any_loopback_path=True)
    return server


def _provider(name: str | None) -> Provider | None:
    if name is None:
        return None
    if name not in BEHAVIOURS:
        raise ValueError(
            f"--behaves-like knows no provider {name!r}: use one of {', '.join(BEHAVIOURS)}"
        )
    provider: Provider = getattr(providers, name)(*_ARGUMENTS.get(name, ()))
    return provider


def _call(name: str | None) -> str | None:
    if name is None:
        return None
    arguments = ", ".join(f'"{argument}"' for argument in _ARGUMENTS.get(name, ()))
    return f"{name}({arguments})"


class _Lines:
    """Writes lines to a stream. A failure sets `stop`, and is kept in `failure`."""

    def __init__(self, stream: TextIO, stop: asyncio.Event) -> None:
        self._stream = stream
        self._stop = stop
        self.failure: OSError | None = None

    def write(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except OSError as error:  # must not change the response to a request
            self.failure = error
            self._stop.set()


async def _serve(server: OAuthServer, options: argparse.Namespace) -> OSError | None:
    """Serve until a signal. Return the failure of the output; raise OSError for a busy port."""
    stop, clients = asyncio.Event(), {server.client_id, PUBLIC_CLIENT}
    lines = _Lines(sys.stdout, stop)

    def show(request: RecordedRequest) -> None:
        server.log.clear()  # only a test reads it
        server.leaked.clear()
        lines.write(
            request_line(request, clients, server.token_header, datetime.now().astimezone())
        )

    server.on_request = show
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows, where Ctrl-C cancels the task
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        lines.write(introduction(server, _call(options.behaves_like), options.fault or ()))
        await stop.wait()
    if lines.failure is None:
        lines.write("Stopped.")
    return lines.failure
