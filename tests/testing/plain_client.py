"""Requests as any software would make them, by hand: the server is not judged by its own client."""

import base64
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote_plus

from aiohttp import ClientSession
from multidict import CIMultiDictProxy

from aioalf.testing import OAuthServer

CLIENT_CREDENTIALS = {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class Answered:
    """A response that has been read."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    json: dict[str, object]


def basic(client_id: str = "client-id", secret: str = "secret") -> dict[str, str]:
    """HTTP Basic as RFC 6749 §2.3.1 has it: form-encoded first."""
    return raw_basic(f"{quote_plus(client_id)}:{quote_plus(secret)}")


def raw_basic(credentials: str) -> dict[str, str]:
    """HTTP Basic of these credentials, as they are."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def bearer(access_token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {access_token}"}


def refusal(answered: Answered) -> tuple[int, object]:
    """The status and the error code of a refusal."""
    return answered.status, answered.json.get("error")


async def send(
    session: ClientSession,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    data: dict[str, str] | list[tuple[str, str]] | bytes | str | None = None,
    params: dict[str, str] | None = None,
) -> Answered:
    """Send one request, follow no redirect, read the answer."""
    async with session.request(
        method, url, headers=headers, data=data, params=params, allow_redirects=False
    ) as response:
        is_json = response.content_type == "application/json" and method != "HEAD"
        json = cast("dict[str, object]", await response.json()) if is_json else {}
        return Answered(response.status, response.headers, await response.text(), json)


async def ask_token(
    session: ClientSession,
    server: OAuthServer,
    *,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    **form: str,
) -> Answered:
    """Ask for a token with client credentials; ``form`` adds to the form."""
    sent = basic() if headers is None else headers
    form = {**CLIENT_CREDENTIALS, **form}
    return await send(session, "POST", server.token_endpoint, headers=sent, data=form)


async def new_token(session: ClientSession, server: OAuthServer) -> str:
    """A token that counts."""
    return cast("str", (await ask_token(session, server)).json["access_token"])
