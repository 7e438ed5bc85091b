"""Build an HTTP request from curl-like options, send it, and write its response.

Must not know logins.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import click
from aiohttp import ClientResponse, ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from aioalf._cli.exit_codes import RequestFailedError
from aioalf._cli.output import open_output
from aioalf._masking import printable
from aioalf._urls import is_insecure, redact_url
from aioalf.client import Client
from aioalf.errors import TokenConfigurationError

_HTTP_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
_BODY_HEADERS: Final = frozenset({"content-length", "transfer-encoding"})
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=30)
"""No time limit once the connection is established, as with curl."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request to send."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None


@dataclass(frozen=True, kw_only=True)
class ResponseOptions:
    """Options for writing the response.

    ``output`` is a path, or ``-`` for standard output. ``include_headers`` writes the status and
    headers before the body. ``fail`` makes a status of 400 or more an error without a body.
    ``max_time`` is the time limit of the whole request in seconds, None for no limit.
    """

    output: str
    include_headers: bool
    fail: bool
    max_time: float | None = None


def parse_request(
    method: str, url: str, headers: Sequence[str], data: Sequence[str], json: str | None
) -> Request:
    """Return the request that the arguments describe, reading the files that they name.

    Raises TokenConfigurationError if an argument is invalid.
    """
    if not _HTTP_TOKEN.fullmatch(method):
        raise TokenConfigurationError(f"{printable(method, 40)} is not an HTTP method")
    parsed = _parse_headers(headers)
    body = None
    if json is not None:
        body = _read_data(json)
        parsed.setdefault("Content-Type", _JSON)
        parsed.setdefault("Accept", _JSON)
    elif data:
        body = b"&".join(map(_read_data, data))
        parsed.setdefault("Content-Type", _FORM)
    return Request(method=method.upper(), url=_parse_url(url), headers=parsed, body=body)


def check_transport(url: URL) -> None:
    """Raise TokenConfigurationError if the token would be sent unencrypted."""
    if is_insecure(url):
        raise TokenConfigurationError(
            f"{printable(redact_url(url))} is plain http to another machine, and the token could "
            "be read on the network: use https, or pass --allow-plain-http if you trust the network"
        )


async def send(
    client: Client,
    request: Request,
    options: ResponseOptions,
    progress: AbstractAsyncContextManager[None],
) -> None:
    """Send a request and write its response while it arrives. Raises RequestFailedError.

    `progress` is entered until the response begins.
    """
    limit = asyncio.timeout(options.max_time)
    try:
        async with limit:
            await _exchange(client, request, options, progress)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RequestFailedError(
            f"The response was not complete after {options.max_time:g} seconds, the limit of "
            "--max-time"
        ) from error


async def _exchange(
    client: Client,
    request: Request,
    options: ResponseOptions,
    progress: AbstractAsyncContextManager[None],
) -> None:
    async with progress:
        response = await client.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            timeout=_TIMEOUT,
            skip_auto_headers=("Content-Type",) if request.body is None else (),
        )
    async with response:
        if options.fail and response.status >= 400:
            reason = printable(response.reason or "", 100)
            raise RequestFailedError(f"The API responded {response.status} {reason}".rstrip())
        # Opened only now, so that a failed request does not truncate the file.
        with open_output(options.output) as output:
            if options.include_headers:
                output.write(_status_and_headers(response))
            async for chunk in response.content.iter_any():
                output.write(chunk)


def _parse_headers(texts: Sequence[str]) -> CIMultiDict[str]:
    headers = CIMultiDict[str]()
    # aiohttp merges values only if the names have the same case.
    spellings: dict[str, str] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        value = value.strip(" \t")
        if not (colon and _HTTP_TOKEN.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise TokenConfigurationError("A header must be written as 'Name: value'")
        if name.lower() == "authorization":
            raise TokenConfigurationError(
                "The Authorization header carries the token of the login: leave it out, or use curl"
            )
        if name.lower() in _BODY_HEADERS:
            raise TokenConfigurationError(
                f"The {name} header is computed from the body: leave it out"
            )
        headers.add(spellings.setdefault(name.lower(), name), value)
    return headers


def _parse_url(text: str) -> URL:
    try:
        text.encode()  # raises for surrogates, which yarl would drop
        url = URL(text)
        (url.host or "").encode("idna")  # the encoding that a DNS lookup uses
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise TokenConfigurationError(
            "The URL must be absolute and valid, such as https://api.example.com/things"
        )
    if "@" in url.raw_authority:
        raise TokenConfigurationError("The URL must not contain a user name or password")
    return url


def _read_data(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    name = text[1:]
    if name == "-" and sys.stdin is None:
        raise TokenConfigurationError("Standard input is closed, so there is no body to send")
    try:
        with click.open_file(name, "rb") as file:
            content: bytes = file.read()
            return content
    except OSError as error:
        raise TokenConfigurationError(
            f"The file {printable(name)} cannot be read: {error.strerror or type(error).__name__}"
        ) from error


def _status_and_headers(response: ClientResponse) -> bytes:
    version = response.version
    number = b"1.1" if version is None else f"{version.major}.{version.minor}".encode()
    status = f"{response.status} {response.reason or ''}".encode("utf-8", "surrogateescape")
    headers = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return b"HTTP/" + number + b" " + status + b"\r\n" + headers + b"\r\n"
