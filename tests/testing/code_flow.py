"""The code flow by hand: what a client sends to the login page and to the token endpoint."""

import base64
import hashlib
from typing import cast
from urllib.parse import parse_qsl

from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.plain_client import Answered, basic, send

HERE = "http://127.0.0.1:32000/callback"
VERIFIER = "a-verifier.of~unreserved_characters-43-to-128"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]

Form = dict[str, str] | list[tuple[str, str]]


def asked(**changed: str | None) -> dict[str, str]:
    """The parameters of an authorization request; None leaves one out."""
    usual = {
        "response_type": "code",
        "client_id": "client-id",
        "redirect_uri": HERE,
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in usual.items() if value is not None}


def query_of(answered: Answered, target: str = HERE) -> dict[str, str]:
    """The parameters that the browser is sent back with, each of them once."""
    assert answered.status == 303, answered.text
    sent_to, _, query = answered.headers["Location"].partition("?")
    assert sent_to == target
    pairs = parse_qsl(query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def authorize(session: ClientSession, server: OAuthServer, **changed: str | None) -> Answered:
    """Open the login page as someone who is signed in already."""
    server.auto_sign_in = "Ada"
    return await send(session, "GET", server.authorization_endpoint, params=asked(**changed))


async def new_code(session: ClientSession, server: OAuthServer, **changed: str | None) -> str:
    """A code that may be redeemed."""
    return query_of(await authorize(session, server, **changed))["code"]


async def post(
    session: ClientSession, url: str, form: Form, headers: dict[str, str] | None = None
) -> Answered:
    """Post a form, as the ready client unless other headers are given."""
    sent = basic() if headers is None else headers
    return await send(session, "POST", url, headers=sent, data=form)


async def redeem(
    session: ClientSession,
    server: OAuthServer,
    code: str,
    headers: dict[str, str] | None = None,
    /,
    **changed: str | None,
) -> Answered:
    """Exchange a code for a token; None leaves a parameter out."""
    usual = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": HERE,
        "code_verifier": VERIFIER,
        **changed,
    }
    form = {name: value for name, value in usual.items() if value is not None}
    return await post(session, server.token_endpoint, form, headers)


async def refresh(
    session: ClientSession, server: OAuthServer, refresh_token: str, **more: str
) -> Answered:
    """Exchange a refresh token for an access token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **more}
    return await post(session, server.token_endpoint, form)


async def signed_in(
    session: ClientSession, server: OAuthServer, **changed: str | None
) -> dict[str, str]:
    """The token response of a sign-in."""
    answered = await redeem(session, server, await new_code(session, server, **changed))
    assert answered.status == 200, answered.text
    return cast("dict[str, str]", answered.json)
