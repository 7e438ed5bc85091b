"""Shopify, an expiring token: no token_type, scopes with commas, and a header of its own."""

from __future__ import annotations

from aioalf.testing.behaviour import Behaviour, Members, Params


def _token_response(members: Members, params: Params) -> Members:
    del params
    changed = {name: value for name, value in members.items() if name != "token_type"}
    words = str(changed.pop("scope", "")).split()
    written = {word.removeprefix("write_") for word in words if word.startswith("write_")}
    changed["scope"] = ",".join(
        word for word in words if word.removeprefix("read_") not in written or "write_" in word
    )
    if "refresh_token" in changed:
        changed["refresh_token_expires_in"] = 7776000
    return changed


SHOPIFY = Behaviour(
    options={
        "client_auth_methods": ("client_secret_post", "none"),
        "allow_body_secret": True,
        "token_header": "X-Shopify-Access-Token",
    },
    token_prefix="shpat_",
    refresh_token_prefix="shprt_",
    request_body="both",
    scope_separator=",",
    redirect_params={
        "hmac": "c0ffee",
        "shop": "example.myshopify.com",
        "timestamp": "1790000000",
        "host": "ZXhhbXBsZQ",
    },
    token_response=_token_response,
)
