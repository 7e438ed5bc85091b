"""Box: a list of restrictions in the response, and refresh tokens that are used once."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "scope"}
    return {**changed, "token_type": "bearer", "restricted_to": []}


BOX = Behaviour(
    options={
        "expires_in": 3600,
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
    },
    token_response=_token_response,
)
