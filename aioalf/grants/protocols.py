"""The contract of a grant, and of the authorization server that it is given.

A new grant is one class with the members of `Grant`; no other file lists its names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from yarl import URL

from aioalf._auth_server.authorization_rules import STANDARD_AUTHORIZATION, AuthorizationRules
from aioalf._auth_server.request_params import AmendResponse, Form, TokenRequestParams
from aioalf._urls import is_insecure
from aioalf.token import Token

__all__ = ("AuthorizationServer", "Form", "Grant", "subject_digest")


class AuthorizationServer(Protocol):
    """The authorization server, as a grant sees it."""

    @property
    def client_id(self) -> str | None:
        """The client identifier, None if none was configured."""
        ...

    @property
    def issuer(self) -> str | None:
        """The configured issuer identifier, None without an issuer."""
        ...

    @property
    def is_public_client(self) -> bool:
        """Whether the client has neither a secret nor another way to authenticate."""
        return True

    @property
    def authorization_rules(self) -> AuthorizationRules:
        """The server's rules for authorization requests and scopes, beside the standards."""
        return STANDARD_AUTHORIZATION

    @property
    def request_params(self) -> TokenRequestParams:
        """Scope, resources, audiences and extra parameters; `request` adds them to each form."""
        ...

    def is_insecure(self, url: URL) -> bool:
        """Return whether a request to this URL leaves this machine, unencrypted and not allowed."""
        return is_insecure(url)

    async def url_of(self, name: str) -> URL:
        """Return the configured URL of an endpoint, else the one in the issuer's metadata.

        Args:
            name: The name of the endpoint in metadata, as in ``token_endpoint`` (RFC 8414 §2).

        Raises:
            TokenConfigurationError: The endpoint is unknown. The message says what to pass.
        """
        ...

    async def metadata(self) -> Mapping[str, object]:
        """Return the issuer's metadata, empty without an issuer."""
        ...

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Send an authenticated token request and return the token.

        Error messages mask the value of each parameter. Only a few public parameters are shown,
        such as ``grant_type`` and ``scope``.

        Args:
            form: The parameters of the grant, with its ``grant_type``.
            is_repeatable: The form holds no single-use value, so the request can be retried.
            amend: Checks the members of a 2xx response, and returns those to read the token from,
                before anything is stored. It may raise a TokenError.

        Raises:
            TokenError: No token was granted.
        """
        ...

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """Send an authenticated request to another endpoint and return the response's members.

        Args:
            name: The name of the endpoint in metadata.
            form: All parameters of the request.

        Raises:
            TokenHTTPError: The status is not 2xx.
            TokenResponseError: The response is not a JSON object.
            TokenConnectionError: There was no response.
        """
        ...


class Grant(Protocol):
    """One way to get a token. Inherit from it, and write `request_token`; the rest has defaults."""

    @property
    def name(self) -> str:
        """The ``grant_type`` that the grant sends; it is a part of cache keys."""
        return type(self).__name__

    @property
    def can_begin(self) -> bool:
        """Whether the grant can get a token again after its refresh token was rejected."""
        return True

    @property
    def keeps_refresh_token(self) -> bool:
        """Whether a refresh token in the response is used (RFC 6749 §4.4.3)."""
        return False

    @property
    def is_interactive(self) -> bool:
        """Whether a user has to act. A user is never asked ahead of a token's expiry."""
        return False

    @property
    def reserved_params(self) -> frozenset[str]:
        """The parameters that the grant sends itself, which ``extra_params`` must not set."""
        return frozenset()

    @property
    def subject_key(self) -> str | None:
        """Whose token it is, for cache keys: two subjects must never have the same key.

        "" for the client itself, or for the user who signs in. A digest (`subject_digest`) if the
        grant's own arguments name the subject. None if the subject is unknown: then no cache can be
        used.
        """
        return None

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return a new token. Raises TokenError."""
        ...


def subject_digest(*parts: object) -> str:
    """Return a digest of these values, which must have a JSON form; it reveals none of them."""
    text = json.dumps(parts, sort_keys=True, default=repr)
    return sha256(text.encode("ascii")).hexdigest()
