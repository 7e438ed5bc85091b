"""`Provider`: the facts about one authorization server and its API, as plain data.

A new provider is one function that returns a `Provider`; nothing else knows its name. Must not
import what uses these facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from aioalf._auth_server.expiry import EXPIRES_IN, ExpiryMembers
from aioalf._callbacks import is_coroutine_function
from aioalf.client_auth import ClientAuth
from aioalf.errors import TokenConfigurationError
from aioalf.grants import Grant

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def _frozen(values: Mapping[str, str] | None = None) -> Mapping[str, str]:
    return field(default_factory=lambda: dict(values or {}))


def _no_scopes() -> Mapping[str, tuple[str, ...]]:
    return {}


@dataclass(frozen=True)
class Provider:
    """The facts about one provider: ``Client(provider=providers.google(), client_id=...)``.

    Keyword arguments of `Client` and `TokenManager` override them, and they override the server's
    metadata. All fields but the name have the defaults of a server that follows the standards, so
    a provider of your own needs only what is special about it::

        provider = Provider(
            "example",
            endpoints={"token_endpoint": "https://auth.example.com/token"},
            client_auth=ClientSecretPost(),
        )

    Attributes:
        name: A short name, for messages.
        issuer: The issuer identifier. Endpoints come from its metadata (RFC 8414).
        metadata_url: The URL of the metadata, if it does not follow from the issuer.
        endpoints: URLs of endpoints by their names in metadata.
        client_auth: How clients authenticate. By default it is detected.
        authorization_params: Parameters of each authorization request, for example ``access_type``.
        token_params: Parameters of each token request.
        refresh_params: Parameters of each refresh.
        token_headers: Headers of each request to the authorization server.
        token_body: Whether requests to the server are sent as a form or as JSON.
        scope_separator: The character between two scopes in a request.
        default_scope: The scope of a sign-in for which the caller names none.
        refresh_scope: The scope to request for a refresh token, or None. If a sign-in without it
            yields no refresh token, the log says so.
        pkce: Whether PKCE is ``required``, ``supported``, or ``public``: only for clients without a
            secret, so that a client with a secret does not send it. If it is required, a grant
            without PKCE is refused. A client without a secret always sends PKCE.
        redirect_uri: The redirect URI of a program on the user's machine, or None.
        redirect_hosts: The loopback hosts that a redirect URI may have; a grant with another host
            is refused. Empty if the server accepts no redirect to the user's machine: then a grant
            is refused unless it has a redirect URI of its own.
        redirect_params: Parameters of the redirect to keep in ``Token.extra``.
        read_response: A function that turns the members of a token response or an error response
            into standard members. If it fails, a ``refresh_token`` at the top of the response is
            kept, so that a completed sign-in is not lost.
        token_types: Words for Bearer in ``token_type``.
        implied_scopes: For a granted scope, the requested scopes that it includes. An asterisk at
            the end of both means the same text.
        unechoed_scopes: Scopes that are never in a response.
        expiry: The members of a response that hold the lifetime, and their units: ``seconds``,
            ``milliseconds``, ``epoch``, ``epoch_milliseconds`` or ``iso``.
        default_expires_in: The lifetime in seconds if the response has none.
        sign_in_again: Error codes or descriptions which say that a refresh token is no longer
            valid, besides ``invalid_grant`` and the codes of OpenID Connect (``login_required``,
            ``interaction_required``, ``consent_required``).
        try_later: Error codes or descriptions which say that the same request may succeed later,
            besides ``temporarily_unavailable``.
        api_scheme: The word before the token in the header of API requests, "" to send the token
            alone.
        api_header: The header of API requests that holds the token.
        api_headers: Further headers of API requests.
        base_url: The URL that relative URLs of API requests are joined with.
        base_url_member: The member of a token response that holds this URL.
        grant: The grant to use if the caller names none.
    """

    name: str
    _: KW_ONLY
    issuer: str | None = None
    metadata_url: str | None = None
    endpoints: Mapping[str, str] = _frozen()
    client_auth: ClientAuth | None = None
    authorization_params: Mapping[str, str] = _frozen()
    token_params: Mapping[str, str] = _frozen()
    refresh_params: Mapping[str, str] = _frozen()
    token_headers: Mapping[str, str] = _frozen()
    token_body: Literal["form", "json"] = "form"
    scope_separator: str = " "
    default_scope: str = ""
    refresh_scope: str | None = None
    pkce: Literal["required", "supported", "public"] = "supported"
    redirect_uri: str | None = None
    redirect_hosts: frozenset[str] = LOOPBACK_HOSTS
    redirect_params: frozenset[str] = frozenset()
    read_response: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None
    token_types: frozenset[str] = frozenset()
    implied_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=_no_scopes)
    unechoed_scopes: frozenset[str] = frozenset()
    expiry: ExpiryMembers = field(default_factory=lambda: EXPIRES_IN)
    default_expires_in: float | None = None
    sign_in_again: frozenset[str] = frozenset()
    try_later: frozenset[str] = frozenset()
    api_scheme: str = "Bearer"
    api_header: str = "Authorization"
    api_headers: Mapping[str, str] = _frozen()
    base_url: str | None = None
    base_url_member: str | None = None
    grant: Grant | None = None

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise TokenConfigurationError("Provider needs a name, such as Provider('example', ...)")
        reader = self.read_response
        if reader is not None and (not callable(reader) or is_coroutine_function(reader)):
            raise TokenConfigurationError(
                "read_response must be a function that returns a mapping, and not a coroutine "
                "function"
            )
        if self.token_body not in {"form", "json"}:
            raise TokenConfigurationError(
                f"token_body must be 'form' or 'json', not {self.token_body!r}"
            )
        if self.pkce not in {"required", "supported", "public"}:
            raise TokenConfigurationError(
                "pkce must be 'required', 'supported', or 'public' for clients without a secret, "
                f"not {self.pkce!r}"
            )
