"""The token endpoint: a grant in, an access token out (RFC 6749 §3.2).

Knows that there are grants, not what makes one good; knows neither faults nor counters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from aioalf.testing._server.answers import json_answer
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.clients import RegisteredClient
from aioalf.testing._server.state.mint import Members
from aioalf.testing.settings import Settings

Grant = Callable[[RegisteredClient, Parameters], Members]
"""Takes a request for a token; OAuthError where there is none to be had."""


class TokenEndpoint:
    """Answers requests for a token; ``granted`` is told the grant of each that is given."""

    def __init__(
        self, settings: Settings, grants: Mapping[str, Grant], granted: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._grants = grants
        self._granted = granted

    def grant_types(self) -> list[str]:
        """The grants that are switched on."""
        known, switched_on = list(self._grants), self._settings.grant_types
        return [name for name in known if switched_on is None or name in switched_on]

    def respond(self, client: RegisteredClient, form: Parameters) -> web.Response:
        """The token response of RFC 6749 §5.1; OAuthError for a refusal."""
        grant_type = form.required("grant_type")
        if grant_type not in self.grant_types():
            known = ", ".join(self.grant_types())
            raise OAuthError("unsupported_grant_type", f"The grants known here are {known}.")
        if not client.may_use(grant_type):
            raise OAuthError("unauthorized_client", "The client may not use this grant.")
        members = self._grants[grant_type](client, form)
        self._granted(grant_type)
        return json_answer(self._settings, "token", members)
