"""Airtable: HTTP Basic, PKCE required, and a lifetime of the refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "refresh_expires_in": 5184000}


AIRTABLE = Behaviour(
    options={"client_auth_methods": ("client_secret_basic", "none")},
    authorization_params={"code_challenge_method": "S256"},
    token_response=_token_response,
)
