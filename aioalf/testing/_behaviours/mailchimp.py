"""Mailchimp: a lifetime of 0 for ever, no scope, and no refresh token."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    return {**members, "expires_in": 0, "scope": None}


MAILCHIMP = Behaviour(
    options={
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
        "refresh_tokens": False,
    },
    token_response=_token_response,
)
