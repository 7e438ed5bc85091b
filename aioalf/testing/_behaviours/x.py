"""X: a refresh token for offline.access, and two-hour tokens."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "token_type": "bearer"}


X = Behaviour(
    options={"expires_in": 7200, "client_auth_methods": ("client_secret_basic", "none")},
    authorization_params={"code_challenge_method": "S256"},
    asks_offline=lambda params: "offline.access" in params.get("scope", "").split(),
    token_response=_token_response,
)
