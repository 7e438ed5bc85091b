"""A token endpoint that rejects each request, and quotes it in all encodings that servers use."""

import html
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from typing import Self
from urllib.parse import quote, unquote_plus

from aiohttp import web
from aiohttp.test_utils import RawTestServer
from yarl import URL

Encode = Callable[[str], str]


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


ENCODINGS: dict[str, Encode] = {
    "plain": str,
    "JSON": _in_json,
    "JSON of PHP": lambda text: _in_json(text).replace("/", r"\/"),
    "JSON of Go": lambda text: _in_json(text).replace("&", r"\u0026").replace("<", r"\u003c"),
    "JSON in JSON": lambda text: _in_json(_in_json(text)),
    "HTML": html.escape,
    "percent escapes": lambda text: quote(text, safe=""),
    "lower-case percent escapes": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "base64": lambda text: b64encode(text.encode()).decode(),
}


class EchoServer:
    """Use it with ``async with``. `kind` is the kind of response, a key of `RESPONSES`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._server = RawTestServer(self._respond)
        self.parameters: list[tuple[str, str]] = []
        """All parameters that the server received."""
        self.received = ""
        """All texts that the server repeated."""

    async def __aenter__(self) -> Self:
        await self._server.start_server(access_log=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        """The URL of the token endpoint."""
        return str(self._server.make_url("/token"))

    @property
    def origin(self) -> URL:
        """The URL of the server as a proxy."""
        return self._server.make_url("")

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        self.parameters += form
        headers = [each for each in request.headers.items() if each[0].lower() not in _OF_AIOHTTP]
        received = [
            *(value for _, value in form),
            *(text for _, value in headers for text in (value, *_pair_in(value))),
            *request.cookies.values(),
            *(request.query_string, *request.query.values()),
        ]
        # Old versions of aiohttp send the credentials of a proxy once for each connection.
        self.received += "\n".join((*received, ""))
        return RESPONSES[self._kind](list(filter(None, received)))


_OF_AIOHTTP = {"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"}


def _pair_in(authorization: str) -> list[str]:
    scheme, _, credentials = authorization.partition(" ")
    if scheme != "Basic":
        return [credentials]
    pair = b64decode(credentials).decode()
    return [pair, *map(unquote_plus, pair.split(":"))]


def _oauth_error(received: list[str], status: int = 400) -> web.Response:
    echoes = [encode(text) for text in received for encode in ENCODINGS.values()]
    members = {
        "error": received[0],
        "error_description": " ".join(echoes),
        "error_uri": f"https://auth.example.com/?{received[-1]}",
        "trace": {"form": received, "log": json.dumps(echoes)},
    }
    headers = {"X-Echo": quote(" ".join(received)), "WWW-Authenticate": f'Basic e="{echoes[0]}"'}
    headers = {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}
    return web.json_response(members, status=status, headers=headers)


def _pages(received: list[str], encode: Encode) -> web.Response:
    page = "<ul>" + "".join(f"<li>{encode(text)}</li>" for text in received)
    return web.Response(text=page, content_type="text/html", status=400)


RESPONSES: dict[str, Callable[[list[str]], web.Response]] = {
    "OAuth error": _oauth_error,
    "OAuth error with status 200": lambda received: _oauth_error(received, 200),
    "JSON string": lambda received: web.json_response(" ".join(received), status=400),
    "wrong token": lambda received: web.json_response(
        {"access_token": 5, "token_type": received[0], "scope": received}
    ),
    **{f"page in {name}": partial(_pages, encode=encode) for name, encode in ENCODINGS.items()},
}

SUCCESSFUL = frozenset({"OAuth error with status 200", "wrong token"})
"""The kinds of responses with status 200."""
