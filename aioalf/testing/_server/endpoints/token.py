"""The token endpoint: it passes a token request to the grant (RFC 6749 §3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from aioalf.testing._server.grants import Grant, RefreshTokenGrant
from aioalf.testing._server.parameters import Parameters
from aioalf.testing._server.responses import OAuthError, json_response
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing.settings import Settings


class TokenEndpoint:
    """Responds to token requests; calls ``on_granted`` with the grant type of each token."""

    def __init__(
        self,
        settings: Settings,
        grants: Mapping[str, Grant],
        on_granted: Callable[[str], None],
        api_origin: Callable[[], str],
    ) -> None:
        self._api_origin = api_origin
        self._settings = settings
        self._grants = grants
        self._on_granted = on_granted

    def grant_types(self) -> list[str]:
        """Return the enabled grant types."""
        enabled = self._settings.grant_types
        return [name for name in self._grants if enabled is None or name in enabled]

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """Return the token response (RFC 6749 §5.1); raise OAuthError to refuse."""
        behaviour, sent = self._settings.behaviour, form.required("grant_type")
        grant_type = behaviour.grant_types.get(sent, sent)
        if grant_type not in self.grant_types():
            known = ", ".join(self.grant_types())
            raise OAuthError("unsupported_grant_type", f"The supported grant types are {known}.")
        if not client.allows_grant(grant_type):
            raise OAuthError("unauthorized_client", "The client may not use this grant.")
        form.check_values(behaviour.token_params)
        if grant_type == RefreshTokenGrant.name:
            form.check_values(behaviour.refresh_params)
        members = self._grants[grant_type](client, form)
        if behaviour.api_url_member is not None:
            members[behaviour.api_url_member] = self._api_origin()
        members = behaviour.token_response(members, form)
        self._on_granted(grant_type)
        return json_response(self._settings, "token", members)
