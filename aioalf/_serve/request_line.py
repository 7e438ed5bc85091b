"""One line of text for each request that the server received. No I/O.

It shows no secret: of headers and forms only the client, the grant type and the decision of a user
are shown, of a URL only the path, and of a response only the status and the error code.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, unquote_plus

from aioalf.testing import RecordedRequest

COLUMNS: Final = 80

_SERVERS: Final = {"authorization": "auth", "api": "api", "other": "other"}

_EXPLANATIONS: Final = {
    "authorization_pending": "waiting for the user",
    "slow_down": "the device polls too often",
}
"""Explanations of answers to a device, which are no failures (RFC 8628 §3.5)."""


def request_line(
    request: RecordedRequest, clients: Collection[str], token_header: str, now: datetime
) -> str:
    """Return the line of a request; ids of clients that are not in `clients` are not shown.

    `token_header` is the header in which the API expects the token.
    """
    if request.server == "authorization":
        details = _details(request, clients)
    else:
        details = "with a token" if token_header in request.headers else "without a token"
    if request.error is not None:
        details = f"{_printable(request.error)}: {_EXPLANATIONS.get(request.error, details)}"
    status = "---" if request.status is None else request.status
    line = (
        f"{now:%H:%M:%S}  {_SERVERS[request.server]:<4}  {status}  "
        f"{_printable(request.method):<4} {_printable(request.path)}  {details}"
    ).rstrip()
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 3]}..."


def _details(request: RecordedRequest, clients: Collection[str]) -> str:
    grant_type = _printable(request.form.get("grant_type", "")).rpartition(":")[2]
    decision = request.form.get("decision", "")
    words = (grant_type, _client(request, clients), _printable(decision))
    return ", ".join(filter(None, words))


def _client(request: RecordedRequest, clients: Collection[str]) -> str:
    client_id = (
        _basic_user(request.headers.get("Authorization", ""))
        or request.form.get("client_id")
        or next(iter(parse_qs(request.query).get("client_id", [])), None)
    )
    if client_id is None:
        return ""
    return client_id if client_id in clients else "unknown client"


def _basic_user(header: str) -> str | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return unquote_plus(b64decode(encoded).decode().partition(":")[0])
    except ValueError:
        return ""


def _printable(text: str) -> str:
    return ascii(text[:COLUMNS])[1:-1]
