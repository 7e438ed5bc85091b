"""JSON responses and OAuth error responses that must not be cached (RFC 6749 §5)."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from aioalf.testing.endpoint_names import Endpoint
from aioalf.testing.settings import Json, Missing, Settings

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """An OAuth error that is sent to the client (RFC 6749 §5.2)."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, challenge: str | None = None
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.challenge = challenge

    def response(self, status: int, members: Mapping[str, Json]) -> web.Response:
        """Return the error as a JSON response with this status and these members."""
        headers = dict(NO_STORE)
        if self.challenge is not None and status == web.HTTPUnauthorized.status_code:
            headers["WWW-Authenticate"] = self.challenge
        return web.json_response(dict(members), status=status, headers=headers)


def invalid_request(description: str) -> OAuthError:
    """Return the error for a malformed request."""
    return OAuthError("invalid_request", description)


def json_response(
    settings: Settings, endpoint: Endpoint, members: Mapping[str, Json | Missing], status: int = 200
) -> web.Response:
    """Return the members as a JSON response, with the endpoint's `Settings.changes` applied."""
    body = apply_changes(settings, endpoint, members)
    return web.json_response(body, status=status, headers=NO_STORE)


def apply_changes(
    settings: Settings, endpoint: Endpoint, members: Mapping[str, Json | Missing]
) -> dict[str, Json]:
    """Apply the endpoint's `Settings.changes`, and leave out the members that are `MISSING`."""
    changed = {**members, **settings.changes.get(endpoint, {})}
    return {name: value for name, value in changed.items() if not isinstance(value, Missing)}
