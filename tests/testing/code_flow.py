"""The authorization code flow without aioalf: requests to the login page and the token endpoint."""

import base64
import hashlib
from typing import cast
from urllib.parse import parse_qsl

from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.plain_client import ReadResponse, basic, send

REDIRECT_URI = "http://127.0.0.1:32000/callback"
VERIFIER = "a-verifier.of~unreserved_characters-43-to-128"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]

Form = dict[str, str] | list[tuple[str, str]]


def authorization_params(**changed: str | None) -> dict[str, str]:
    """Return the parameters of an authorization request; None leaves one out."""
    params = {
        "response_type": "code",
        "client_id": "client-id",
        "redirect_uri": REDIRECT_URI,
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in params.items() if value is not None}


def redirect_query(response: ReadResponse, target: str = REDIRECT_URI) -> dict[str, str]:
    """Return the query parameters of a redirect to the client, each present once."""
    assert response.status == 303, response.text
    sent_to, _, query = response.headers["Location"].partition("?")
    assert sent_to == target
    pairs = parse_qsl(query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def authorize(
    session: ClientSession, server: OAuthServer, **changed: str | None
) -> ReadResponse:
    """Send an authorization request as a user who is already signed in."""
    server.auto_sign_in = "Ada"
    return await send(
        session, "GET", server.authorization_endpoint, params=authorization_params(**changed)
    )


async def new_code(session: ClientSession, server: OAuthServer, **changed: str | None) -> str:
    """Return a new authorization code."""
    return redirect_query(await authorize(session, server, **changed))["code"]


async def post(
    session: ClientSession, url: str, form: Form, headers: dict[str, str] | None = None
) -> ReadResponse:
    """Post a form, as the default client unless other headers are given."""
    sent = basic() if headers is None else headers
    return await send(session, "POST", url, headers=sent, data=form)


async def redeem(
    session: ClientSession,
    server: OAuthServer,
    code: str,
    headers: dict[str, str] | None = None,
    /,
    **changed: str | None,
) -> ReadResponse:
    """Redeem an authorization code; None leaves a parameter out."""
    params = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        **changed,
    }
    form = {name: value for name, value in params.items() if value is not None}
    return await post(session, server.token_endpoint, form, headers)


async def refresh(
    session: ClientSession, server: OAuthServer, refresh_token: str, **more: str
) -> ReadResponse:
    """Use a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **more}
    return await post(session, server.token_endpoint, form)


async def signed_in(
    session: ClientSession, server: OAuthServer, **changed: str | None
) -> dict[str, str]:
    """Sign in and return the token response."""
    response = await redeem(session, server, await new_code(session, server, **changed))
    assert response.status == 200, response.text
    return cast("dict[str, str]", response.json)
