"""Requests to the test server without aioalf, so that the server is tested independently."""

import base64
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote_plus

from aiohttp import ClientSession
from multidict import CIMultiDictProxy

from aioalf.testing import OAuthServer

CLIENT_CREDENTIALS = {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class ReadResponse:
    """A response whose body has been read."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    json: dict[str, object]


def basic(client_id: str = "client-id", secret: str = "secret") -> dict[str, str]:
    """Return the header for HTTP Basic, form-encoded (RFC 6749 §2.3.1)."""
    return raw_basic(f"{quote_plus(client_id)}:{quote_plus(secret)}")


def raw_basic(credentials: str) -> dict[str, str]:
    """Return the header for HTTP Basic without form-encoding."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def bearer(access_token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"Authorization": f"Bearer {access_token}"}


def error_of(response: ReadResponse) -> tuple[int, object]:
    """Return the status and the OAuth error code of a response."""
    return response.status, response.json.get("error")


async def send(
    session: ClientSession,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    data: dict[str, str] | list[tuple[str, str]] | bytes | str | None = None,
    params: dict[str, str] | None = None,
) -> ReadResponse:
    """Send one request without following redirects, and read the response."""
    async with session.request(
        method, url, headers=headers, data=data, params=params, allow_redirects=False
    ) as response:
        is_json = response.content_type == "application/json" and method != "HEAD"
        json = cast("dict[str, object]", await response.json()) if is_json else {}
        return ReadResponse(response.status, response.headers, await response.text(), json)


async def request_token(
    session: ClientSession,
    server: OAuthServer,
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    **form: str,
) -> ReadResponse:
    """Request a token with the client credentials grant; ``form`` adds parameters."""
    sent = basic() if headers is None else headers
    form = {**CLIENT_CREDENTIALS, **form}
    return await send(session, "POST", server.token_endpoint, headers=sent, data=form)


async def new_token(session: ClientSession, server: OAuthServer) -> str:
    """Return a new access token."""
    return cast("str", (await request_token(session, server)).json["access_token"])
