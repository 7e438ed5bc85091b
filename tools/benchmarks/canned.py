"""Prepared responses of a minimal server: a token response, and one for all other requests.

Bytes in, bytes out: no sockets, no clocks, and of OAuth only the JSON of the token response.
"""

import re
from typing import Final, NamedTuple

ACCESS_TOKEN: Final = "2YotnFZFEjr1zCsicMWpAA.7Fjfp0ZBr1KtDRbnfVdmIw"
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\nContent-Length: "
_TOKEN_REQUEST: Final = re.compile(rb"POST /token(?:/(\d+)/(\d+))? ")


class Answer(NamedTuple):
    """A response, and its delay in seconds."""

    response: bytes
    delay: float = 0.0


def _response(body: str) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        "Server: canned\r\n\r\n"
    )
    return (head + body).encode()


def _token(expires_in: int) -> bytes:
    return _response(
        f'{{"access_token": "{ACCESS_TOKEN}", "token_type": "Bearer", "expires_in": {expires_in}}}'
    )


_TOKEN: Final = Answer(_token(86400))
_THING: Final = Answer(_response('{"name": "alf", "from": "Melmac", "age": 229}'))


def token_path(expires_in: int, delay_ms: int) -> str:
    """Return the path of a token endpoint with this token lifetime and delay."""
    return f"/token/{expires_in}/{delay_ms}"


def answer(received: bytes) -> Answer | None:
    """Return the response to a request, or None if the request is not complete yet."""
    head, end, body = received.partition(_HEAD_END)
    if not end or len(body) < _body_length(head):
        return None
    if not head.startswith(b"POST "):
        return _THING
    if (request := _TOKEN_REQUEST.match(head)) is None or request[1] is None:
        return _TOKEN
    return Answer(_token(int(request[1])), int(request[2]) / 1000)


def _body_length(head: bytes) -> int:
    _, found, rest = head.partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0
