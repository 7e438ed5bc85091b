"""What a client asks a person for, and what has to be right about it before anyone is asked.

RFC 6749 §4.1.1, §4.2.1, RFC 7636 §4.3. Plain values; knows neither pages nor redirects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aioalf.testing._server import targets
from aioalf.testing._server.forms import Parameters
from aioalf.testing._server.oauth_error import OAuthError, invalid_request
from aioalf.testing._server.state.clients import ClientRegistry, RegisteredClient
from aioalf.testing.settings import Settings

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request whose client and redirect URI are known to belong together."""

    client: RegisteredClient
    redirect_uri: str
    asked: Parameters

    @classmethod
    def read(cls, clients: ClientRegistry, asked: Parameters) -> AuthorizationRequest:
        """The request; OAuthError when nobody may be redirected to where it wants."""
        client = clients.find(asked.get("client_id", ""))
        if client is None:
            raise invalid_request("The client that asks for this sign-in is not known here.")
        redirect_uri = asked.get("redirect_uri", "")
        if not client.may_redirect_to(redirect_uri):
            raise invalid_request("The client has not registered the address it wants to go to.")
        return cls(client, redirect_uri, asked)

    @property
    def is_for_a_code(self) -> bool:
        """Whether a code is asked for, else a token (RFC 6749 §3.1.1)."""
        return self.asked.get("response_type") == "code"

    @property
    def scope(self) -> str | None:
        """The scope that a yes grants."""
        return self.client.grant(self.asked.get("scope"))

    def check(self, settings: Settings) -> None:
        """OAuthError for what is to be told to the client (RFC 6749 §4.1.2.1)."""
        response_type = self.asked.required("response_type")
        if response_type not in {"code", "token"}:
            raise OAuthError("unsupported_response_type", "A code or a token can be had.")
        if response_type == "code":
            self._check_code_challenge()
        self.client.grant(self.asked.get("scope"))
        targets.resources(settings, self.asked)
        targets.audience(settings, self.asked)

    def _check_code_challenge(self) -> None:
        challenge = self.asked.required("code_challenge")
        if self.asked.get("code_challenge_method", "plain") != "S256":
            raise invalid_request("The code_challenge_method must be S256.")
        if not _CHALLENGE.fullmatch(challenge):
            raise invalid_request("The code_challenge is no SHA-256 in base64url.")
