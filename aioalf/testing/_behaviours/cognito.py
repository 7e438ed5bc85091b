"""Cognito: no scope in the response, and a refresh without a new refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {name: value for name, value in members.items() if name != "scope"}


COGNITO = Behaviour(
    options={"allow_body_secret": True},
    refresh_answer="absent",
    token_response=_token_response,
)
