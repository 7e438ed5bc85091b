"""A request as curl's options describe it, and its answer as bytes.

It knows HTTP, and nothing of logins.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click
from aiohttp import ClientResponse, ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from aioalf._cli.exit_codes import RequestFailedError
from aioalf._cli.output import opened
from aioalf._redaction import printable
from aioalf._urls import is_insecure, redact_url
from aioalf.client import Client
from aioalf.errors import TokenConfigurationError

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 §5.6.2
_VALUE: Final = r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*"
_OF_THE_BODY: Final = frozenset({"content-length", "transfer-encoding"})
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=30)
"""As long as it takes, once there is a connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to send."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Display:
    """What of the answer to write, and where: a path, or ``-``."""

    output: str
    with_head: bool
    fails: bool
    """Whether a status of 400 or more is an error, whose body is not written."""


def read_request(
    method: str, url: str, fields: Sequence[str], data: Sequence[str], json: str | None
) -> Request:
    """Return the request that arguments describe, files read that they name.

    Raises TokenConfigurationError for what cannot be sent.
    """
    if not re.fullmatch(_TOKEN, method):
        raise TokenConfigurationError(f"{printable(method, 40)} is no HTTP method")
    headers = _read_fields(fields)
    body = None
    if json is not None:
        body = _content(json)
        headers.setdefault("Content-Type", _JSON)
        headers.setdefault("Accept", _JSON)
    elif data:
        body = b"&".join(map(_content, data))
        headers.setdefault("Content-Type", _FORM)
    return Request(method=method.upper(), url=_read_url(url), headers=headers, body=body)


def check_transport(url: URL) -> None:
    """Raise TokenConfigurationError where the token could be read on its way."""
    if is_insecure(url):
        raise TokenConfigurationError(
            f"{printable(redact_url(url))} is plain http to another machine: the token could be read on "
            "the way. Use https, or pass --allow-plain-http where the network is yours"
        )


async def send(client: Client, request: Request, display: Display) -> None:
    """Send a request and write its answer as it comes. Raises RequestFailedError for its status."""
    try:
        response = await client.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            timeout=_TIMEOUT,
            skip_auto_headers=("Content-Type",) if request.body is None else (),
        )
    except UnicodeError as error:  # aiohttp lets it through
        raise RequestFailedError("It redirects to a host whose name cannot be looked up") from error
    async with response:
        if display.fails and response.status >= 400:
            reason = printable(response.reason or "", 100)
            raise RequestFailedError(f"The API answered {response.status} {reason}".rstrip())
        # Not before there is an answer: a request that fails leaves the file as it is.
        with opened(display.output) as output:
            if display.with_head:
                output.write(_head(response))
            async for chunk in response.content.iter_any():
                output.write(chunk)


def _read_fields(fields: Sequence[str]) -> CIMultiDict[str]:
    headers = CIMultiDict[str]()
    spelled: dict[str, str] = {}  # aiohttp takes another spelling of a name for a new value
    for text in fields:
        name, colon, value = text.partition(":")
        value = value.strip(" \t")
        if not colon or not re.fullmatch(_TOKEN, name) or not re.fullmatch(_VALUE, value):
            raise TokenConfigurationError("A header is written as 'Name: value'")
        if name.lower() == "authorization":
            raise TokenConfigurationError(
                "The Authorization header is the login's: leave it out, or use curl"
            )
        if name.lower() in _OF_THE_BODY:
            raise TokenConfigurationError(f"The {name} header follows from the body: leave it out")
        headers.add(spelled.setdefault(name.lower(), name), value)
    return headers


def _read_url(text: str) -> URL:
    try:
        text.encode()  # what is no text, yarl leaves out
        url = URL(text)
        (url.host or "").encode("idna")  # as a name server is asked for it
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise TokenConfigurationError("The URL must be a whole one, as https://api.example.com/")
    if "@" in url.raw_authority:
        raise TokenConfigurationError("The URL must not hold a name or password")
    return url


def _content(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    name = text[1:]
    if name == "-" and sys.stdin is None:
        raise TokenConfigurationError("Standard input is closed: there is nothing to send")
    try:
        with click.open_file(name, "rb") as file:
            content: bytes = file.read()
            return content
    except OSError as error:
        raise TokenConfigurationError(
            f"The file {printable(name)} cannot be read: {error.strerror or type(error).__name__}"
        ) from error


def _head(response: ClientResponse) -> bytes:
    version = response.version
    number = b"1.1" if version is None else f"{version.major}.{version.minor}".encode()
    status = f"{response.status} {response.reason or ''}".encode("utf-8", "surrogateescape")
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return b"HTTP/" + number + b" " + status + b"\r\n" + fields + b"\r\n"
