"""Selects the client authentication method of each request, and detects it if nothing names it.

The caller's method overrides the methods that metadata lists. Metadata is not fetched only to read
that list. Without a method from either, the first response shows whether the server accepts HTTP
Basic or the secret in the form. Must not send anything.
"""

import logging
from collections.abc import Collection
from typing import Final, NamedTuple

from aioalf import client_auth
from aioalf._auth_server.endpoints import ServerEndpoints
from aioalf._auth_server.response import ServerResponse
from aioalf._masking import printable
from aioalf._urls import SECURE_ONLY
from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretPost,
    Credentials,
    PublicClient,
)
from aioalf.client_auth.public import AnonymousClient
from aioalf.errors import OAuthError, TokenConfigurationError

logger: logging.Logger = logging.getLogger(__name__)

_BASIC: Final = ClientSecretBasic()
_FORM: Final = ClientSecretPost()
_LABELS: Final = {_BASIC.method: "by HTTP Basic", _FORM.method: "in the form"}

_ANONYMOUS_GRANTS: Final = frozenset(
    {
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    }
)
"""The grants that need neither client authentication nor a client id (RFC 7521 §4.1)."""


class Methods(NamedTuple):
    """The method for a request, and the one to try if the server refuses the client.

    `other` is None if the caller, metadata or an earlier response names the method.
    """

    first: ClientAuth
    other: ClientAuth | None = None


class ClientAuthSelection:
    """The client authentication methods of one client at the endpoints of one server.

    A detected method is kept for the endpoint that accepted it. If it is refused later, the secret
    is wrong, and the other method would not help. Other endpoints try this method first.

    Args:
        chosen: The caller's method, None to select one.
        endpoints: The endpoints of the server.
    """

    __slots__ = ("_basic_at", "_endpoints", "_first", "_form_at", "chosen")

    def __init__(self, chosen: ClientAuth | None, endpoints: ServerEndpoints) -> None:
        self.chosen: ClientAuth | None = chosen
        self._endpoints = endpoints
        # The endpoints that accepted each method, by their names.
        self._basic_at: tuple[str, ...] = ()
        self._form_at: tuple[str, ...] = ()
        self._first: ClientAuth = _BASIC

    @property
    def is_over_mtls(self) -> bool:
        """Whether the client presents a certificate."""
        return self.chosen is not None and self.chosen.ssl_context is not None

    async def methods_at(self, name: str, credentials: Credentials, grant_type: object) -> Methods:
        """Return the methods for a request to an endpoint.

        Raises MetadataError, and TokenConfigurationError if the server lists only methods for which
        the client has no credentials.
        """
        methods = await self._methods(name, credentials, grant_type)
        # Metadata has separate lists for revocation and introspection only (RFC 8414 §2).
        listed = await self._endpoints.methods_at(name) if name in SECURE_ONLY else None
        if listed is None:
            return methods
        has_secret = credentials.client_secret is not None
        return Methods(method_elsewhere(methods.first, listed, has_secret=has_secret))

    async def _methods(self, name: str, credentials: Credentials, grant_type: object) -> Methods:
        if self.chosen is not None:
            return Methods(self.chosen)
        listed = await self._endpoints.methods_at("token_endpoint")
        if credentials.client_secret is None:
            return Methods(_without_secret(credentials, listed, grant_type))
        if listed is not None:
            return Methods(default_method(listed, has_secret=True))
        if name in self._basic_at:
            return Methods(_BASIC)
        if name in self._form_at:
            return Methods(_FORM)
        return Methods(self._first, _FORM if self._first is _BASIC else _BASIC)

    def note(self, name: str, method: ClientAuth, response: ServerResponse) -> None:
        """Remember the method that is to be detected if the response shows that it was accepted."""
        if response.accepts_client:
            self._note_accepted(name, method)
        elif not response.is_pending:
            return
        if self._first is _BASIC and method is _FORM:
            logger.info(
                "The %s does not accept client authentication by HTTP Basic, only in the form: "
                "pass client_auth=ClientSecretPost() to save a request",
                name.replace("_", " "),
            )
        self._first = method

    def _note_accepted(self, name: str, method: ClientAuth) -> None:
        if name in self._basic_at or name in self._form_at:
            return  # another request was faster
        if method is _BASIC:
            self._basic_at += (name,)
        else:
            self._form_at += (name,)


def _without_secret(
    credentials: Credentials, listed: Collection[str] | None, grant_type: object
) -> ClientAuth:
    if credentials.client_id is None and grant_type in _ANONYMOUS_GRANTS:
        return AnonymousClient()
    # The client credentials grant is for confidential clients only (RFC 6749 §4.4): the method
    # raises the error that names the missing secret.
    return default_method(listed, has_secret=grant_type == "client_credentials")


def error_after_both(first: ClientAuth, other: ClientAuth, response: ServerResponse) -> OAuthError:
    """Return the error of the second request, after the server refused the first method."""
    if response.is_success:
        error: OAuthError = response.unusable_error("a usable response", "it refuses the client")
    else:
        error = response.http_error()
    tried, then = _LABELS[first.method], _LABELS[other.method]
    how = (
        f"{tried} and {then} were both refused"
        if response.refuses_client
        else f"{tried} was refused, and the request with the secret {then} failed"
    )
    error.args = (f"Client authentication {how}: {error.args[0]}",)
    return error


def default_method(listed: Collection[str] | None, *, has_secret: bool) -> ClientAuth:
    """Choose a method that the server's metadata lists; `listed` is None if it lists nothing.

    A client without a secret is a public client. A client with a secret uses the first supported
    of HTTP Basic, the form, and a JWT. Raises TokenConfigurationError if the server supports none
    of these: then the caller has to pass a key or a certificate.
    """
    if not has_secret:
        return PublicClient()
    if listed is None or "client_secret_basic" in listed:
        return _BASIC
    if "client_secret_post" in listed:
        return _FORM
    if "client_secret_jwt" in listed:
        return client_auth.ClientSecretJWT()
    names = printable(", ".join(sorted(listed))) or "no method"
    raise TokenConfigurationError(
        f"The server authenticates clients by {names}, not by a client_secret: pass client_auth"
    )


def method_elsewhere(
    method: ClientAuth, listed: Collection[str] | None, *, has_secret: bool
) -> ClientAuth:
    """Return the method for an endpoint other than the token endpoint, such as revocation.

    The same method is used unless it sends the secret by Basic or in the form, and the endpoint's
    metadata lists another method for a secret: some servers accept only Basic for revocation. Any
    other method is kept, so that metadata never makes a client send a secret that it does not send
    to the token endpoint.
    """
    if listed is None or method.method in listed or not _sends_secret(method) or not has_secret:
        return method
    try:
        return default_method(listed, has_secret=True)
    except TokenConfigurationError:  # send the request anyway: the server's error says more
        return method


def _sends_secret(method: ClientAuth) -> bool:
    # Not isinstance: a subclass may send the secret in a better way, or show a certificate too.
    return type(method) in (ClientSecretBasic, ClientSecretPost)
