"""Zoho: a scheme of its own, errors with status 200, and the data center in the redirect."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params, Refusal


def _error_response(refusal: Refusal, params: Params) -> tuple[int, Members]:
    del params
    return 200, {"error": "invalid_code" if refusal.error == "invalid_grant" else refusal.error}


ZOHO = Behaviour(
    options={
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
        "token_scheme": "Zoho-oauthtoken",
    },
    token_prefix="1000.",
    refresh_token_prefix="1000.",
    scope_separator=",",
    asks_offline=lambda params: params.get("access_type") == "offline",
    refresh_answer="absent",
    redirect_params={"location": "us", "accounts-server": "https://accounts.zoho.com"},
    error_response=_error_response,
    api_url_member="api_domain",
)
