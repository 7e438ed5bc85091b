"""Slack: tokens of a bot or of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aioalf.client_auth import ClientSecretBasic
from aioalf.providers._provider import Provider


def slack() -> Provider:
    """Return Slack. `scope` requests a bot's token.

    For a user's token, pass no scope and
    ``AuthorizationCode(extra_params={"user_scope": "chat:write"})``. The members of a bot's token
    response, such as ``team`` and ``authed_user``, are in ``Token.extra``. Redirects must be https
    URLs, so a program on the user's machine cannot sign in by itself.
    """
    return Provider(
        "slack",
        endpoints={
            "authorization_endpoint": "https://slack.com/oauth/v2/authorize",
            "token_endpoint": "https://slack.com/api/oauth.v2.access",
        },
        client_auth=ClientSecretBasic(),
        scope_separator=",",
        redirect_hosts=frozenset(),
        read_response=_read,
        token_types=frozenset({"bot", "user"}),
        sign_in_again=frozenset({"invalid_refresh_token"}),
        base_url="https://slack.com/api/",
    )


def _read(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return the members with the bot's token, or else with the user's, which is nested."""
    person = members.get("authed_user")
    if "access_token" in members or not isinstance(person, Mapping):
        return members
    return {**members, **cast("Mapping[str, object]", person)}
