"""LinkedIn: no token_type, scopes with commas, and no refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "token_type"}
    return {**changed, "scope": str(members.get("scope", "")).replace(" ", ",")}


LINKEDIN = Behaviour(
    options={
        "expires_in": 5184000,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
        "refresh_tokens": False,
    },
    token_response=_token_response,
)
