"""Bitbucket: the scope in another member."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "scope"}
    return {**changed, "token_type": "bearer", "scopes": "repository account"}


BITBUCKET = Behaviour(
    options={"expires_in": 7200, "client_auth_methods": ("client_secret_basic",)},
    refresh_answer="absent",
    token_response=_token_response,
)
