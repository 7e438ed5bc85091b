"""Amazon: tokens with a bar in them, and the same refresh token again."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "scope"}
    return {**changed, "token_type": "bearer"}


AMAZON = Behaviour(
    options={"client_auth_methods": ("client_secret_post", "none"), "allow_body_secret": True},
    token_prefix="Atza|IwEB",
    refresh_token_prefix="Atzr|IwEB",
    refresh_answer="same",
    token_response=_token_response,
)
