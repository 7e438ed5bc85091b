"""Withings: health data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aioalf.client_auth import ClientSecretPost
from aioalf.providers._provider import Provider


def withings() -> Provider:
    """Return Withings. Its responses are nested, and errors come with status 200 of HTTP."""
    return Provider(
        "withings",
        endpoints={
            "authorization_endpoint": "https://account.withings.com/oauth2_user/authorize2",
            "token_endpoint": "https://wbsapi.withings.net/v2/oauth2",
        },
        client_auth=ClientSecretPost(),
        token_params={"action": "requesttoken"},
        scope_separator=",",
        read_response=_read,
        sign_in_again=frozenset({"status_503"}),
        try_later=frozenset({"status_601"}),
        base_url="https://wbsapi.withings.net/",
    )


def _read(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return the body of a successful response, or the status and the text of an error."""
    if "status" not in members:
        return members  # an error of a gateway
    body: Any = members.get("body")
    if members.get("status") == 0 and isinstance(body, Mapping):
        return cast("Mapping[str, object]", body)
    return {"error": f"status_{members.get('status')}", "error_description": members.get("error")}
