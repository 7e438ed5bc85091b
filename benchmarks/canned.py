"""The answers of a server that costs next to nothing: one to a token request, one to all else.

Bytes in, bytes out; knows no sockets, and no OAuth beyond the token response's JSON.
"""

from typing import Final

ACCESS_TOKEN: Final = "2YotnFZFEjr1zCsicMWpAA.7Fjfp0ZBr1KtDRbnfVdmIw"
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\nContent-Length: "


def _response(body: str) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        "Server: canned\r\n\r\n"
    )
    return (head + body).encode()


_TOKEN: Final = _response(
    f'{{"access_token": "{ACCESS_TOKEN}", "token_type": "Bearer", "expires_in": 86400}}'
)
_THING: Final = _response('{"name": "alf", "from": "Melmac", "age": 229}')


def answer(received: bytes) -> bytes | None:
    """Return the response to a request; None while the request is not complete."""
    head, end, body = received.partition(_HEAD_END)
    if not end or len(body) < _body_length(head):
        return None
    return _TOKEN if head.startswith(b"POST /token ") else _THING


def _body_length(head: bytes) -> int:
    _, found, rest = head.partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0
