"""The authorization code grant with PKCE: a user signs in with a browser (RFC 6749 §4.1).

Opens a listener on this machine and shows a URL; stores nothing. Its errors never show the code,
the verifier, the state or the nonce.
"""

import secrets
from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.request_params import RESERVED_PARAMS, Form, checked_extra
from aioalf._auth_server.response import secrets_in_request
from aioalf._browser.redirect_uri import RedirectUri
from aioalf._callbacks import OpenBrowser
from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedDict, MaskedStr
from aioalf.client_auth.credentials import Credentials, require_client_id
from aioalf.errors import TokenConfigurationError
from aioalf.grants import _pkce as pkce
from aioalf.grants._interactive import (
    authorization_error,
    authorization_url,
    check_timeout,
    login_time_limit,
    request_params_of,
)
from aioalf.grants._issuer import issuer_error
from aioalf.grants._jwt_claims import check_nonce
from aioalf.grants._prompt import print_instructions
from aioalf.grants._pushed_request import is_pushed, push
from aioalf.grants._redirect_params import checked_redirect_params, with_redirect_params
from aioalf.grants.protocols import AuthorizationServer, subject_digest
from aioalf.token import Token


class _Callback(NamedTuple):
    """The parameters of the redirect back to this client, and the redirect URI."""

    response: Mapping[str, str]
    redirect_uri: str


class _SignInSecrets:
    """The values that bind the responses to one sign-in; each is used once (RFC 9700 §2.1.1)."""

    def __init__(self, scope: str, *, uses_pkce: bool) -> None:
        self.state = MaskedStr(secrets.token_urlsafe(32))
        # 43 characters for 32 octets (RFC 7636 §4.1).
        self.verifier = MaskedStr(secrets.token_urlsafe(32) if uses_pkce else "")
        is_openid = "openid" in scope.split()
        self.nonce = MaskedStr(secrets.token_urlsafe(16) if is_openid else "")

    def parameters(self) -> Form:
        """Return the parameters of the authorization request; empty ones are not sent."""
        parameters = MaskedDict({"state": self.state, "nonce": self.nonce})
        if self.verifier:
            parameters["code_challenge"] = pkce.challenge_of(self.verifier)
            parameters["code_challenge_method"] = pkce.METHOD
        return parameters


class AuthorizationCode:
    """Let a user sign in with a browser, and exchange the authorization code for a token.

    If the scope contains ``openid``, a ``nonce`` is sent, and an ID token with another nonce is
    refused (OpenID Connect Core §3.1.3.7).

    Args:
        redirect_uri: The registered redirect URI: ``http://localhost``, ``http://127.0.0.1`` or
            ``http://[::1]``, optionally with a port and a path. Without a port, the port is one of
            `redirect_ports`. The default is ``http://127.0.0.1``, or ``http://[::1]`` on a machine
            without IPv4. A program that uses several issuers should give each issuer that does not
            promise ``iss`` its own path (RFC 9700 §4.4.2).
        redirect_ports: The first and last port of the redirect URI; any free port by default.
        extra_params: Further parameters of the authorization request alone, such as
            ``{"prompt": "consent"}``. They override the ``extra_params`` of the client, which are
            also sent with token requests. They are a part of cache keys.
        redirect_params: The names of parameters of the redirect to add to `Token.extra`, such as
            ``["realmId"]``. They come from the browser, so they are untrusted text. The members of
            the token response take precedence. Refreshed tokens keep them.
        open_browser: A function that is called with the URL instead of the default browser: a
            coroutine function, or a plain one that runs in a thread. If it returns False, the URL
            is printed to standard error.
        timeout: The time limit of a sign-in in seconds, None for no limit.
        par: Send pushed authorization requests (RFC 9126); by default only if the issuer's metadata
            requires them.
        allow_missing_iss: Accept a response without ``iss`` although the issuer's metadata promises
            that parameter (RFC 9207 §2.4). A wrong ``iss`` is rejected in any case.
        unsafe_without_pkce: Do not send PKCE (RFC 7636), for a server that refuses it. A stolen
            code can then be used by anyone who has the client's secret. A public client cannot
            switch it off (RFC 9700 §2.1.1).

    Raises:
        TokenConfigurationError: An argument is invalid.
    """

    name = "authorization_code"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset(
        {
            *("code", "code_challenge", "code_challenge_method", "code_verifier", "nonce"),
            *("redirect_uri", "request", "request_uri", "response_type", "state"),
        }
    )

    @hide_locals_on_error
    def __init__(
        self,
        *,
        redirect_uri: str | None = None,
        redirect_ports: tuple[int, int] | None = None,
        extra_params: Mapping[str, str] | None = None,
        redirect_params: Collection[str] = (),
        open_browser: OpenBrowser | None = None,
        timeout: float | None = 300,
        par: bool | None = None,
        allow_missing_iss: bool = False,
        unsafe_without_pkce: bool = False,
    ) -> None:
        self._redirect_uri = RedirectUri.read(redirect_uri, redirect_ports)
        reserved = RESERVED_PARAMS | self.reserved_params
        self._extra_params = checked_extra(extra_params or {}, reserved)
        self.redirect_params: frozenset[str] = checked_redirect_params(redirect_params)
        """The parameters of the redirect that were named."""
        self._open_browser = open_browser
        self._timeout = check_timeout(timeout)
        self._par = par
        self._allow_missing_iss = allow_missing_iss
        self.sends_pkce: bool = not unsafe_without_pkce
        """Whether PKCE is sent to a server that supports it (RFC 7636)."""

    @property
    def redirect_host(self) -> str | None:
        """The host of the redirect URI, None if it was not passed."""
        return self._redirect_uri.host

    def redirect_host_at(self, redirect_uri: str | None) -> str:
        """Return the host that a provider with this redirect URI redirects to."""
        return self.redirect_host or RedirectUri.read(redirect_uri, None).host or "127.0.0.1"

    @property
    def subject_key(self) -> str | None:
        """A digest of the extra parameters, since they may name the user, as ``login_hint``."""
        return subject_digest(dict(self._extra_params)) if self._extra_params else ""

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token of a new sign-in.

        Raises:
            AuthorizationError: The server refused, or a response is from another server or for
                another sign-in.
            LoginTimeoutError: The sign-in took too long.
            ListenerError: No port of the redirect URI is free, or this machine lacks its address.
            TokenError: The token request failed. It is not retried, because an authorization code
                is single-use (RFC 6749 §4.1.2).
        """
        # Report a configuration error before the user does anything.
        client_id = require_client_id(server.client_id)
        uses_pkce, rules = self._uses_pkce(server), server.authorization_rules
        listening_at = self._listening_at(rules)
        kept = self.redirect_params | checked_redirect_params(rules.redirect_params)
        metadata = await server.metadata()
        await server.url_of("token_endpoint")
        requested = request_params_of(server)
        sign_in = _SignInSecrets(str(requested["scope"]), uses_pkce=uses_pkce)
        parameters: Form = MaskedDict(
            {
                **rules.extra_params,
                **{name: value for name, value in requested.items() if value},
                **self._extra_params,
                "scope": rules.separated(str(requested["scope"])),
                "response_type": "code",
                "client_id": client_id,
                **sign_in.parameters(),
            }
        )
        async with login_time_limit(self._timeout):
            callback = await self._sign_in(
                server, listening_at, parameters, metadata, sign_in.state
            )
        if "error" in callback.response:
            sent = secrets_in_request(Credentials(client_id, None), parameters)
            raise authorization_error(callback.response, sent | {sign_in.verifier})
        return await self._exchange(server, callback, sign_in, kept)

    async def _exchange(
        self,
        server: AuthorizationServer,
        callback: _Callback,
        sign_in: _SignInSecrets,
        kept: frozenset[str],
    ) -> Token:
        """Exchange the code; check the nonce, and keep parameters of the redirect."""

        def amend(members: Mapping[str, object]) -> Mapping[str, object]:
            if sign_in.nonce:
                check_nonce(members, sign_in.nonce)
            separator = server.authorization_rules.scope_separator
            return with_redirect_params(members, callback.response, kept, separator)

        form = MaskedDict(
            {
                "grant_type": self.name,
                "code": callback.response["code"],
                "redirect_uri": callback.redirect_uri,
                "code_verifier": sign_in.verifier,
            }
        )
        return await server.request(form, amend=amend)

    def _uses_pkce(self, server: AuthorizationServer) -> bool:
        if not server.is_public_client:
            return server.authorization_rules.uses_pkce and self.sends_pkce
        if not self.sends_pkce:
            raise TokenConfigurationError(
                "unsafe_without_pkce=True needs a client_secret or a client_auth: without PKCE, "
                "an attacker could use a stolen code of a public client (RFC 9700 §2.1.1)"
            )
        return True

    def _listening_at(self, rules: AuthorizationRules) -> RedirectUri:
        if self.redirect_host is not None or rules.redirect_uri is None:
            return self._redirect_uri
        return RedirectUri.read(rules.redirect_uri, self._redirect_uri.ports)

    async def _sign_in(
        self,
        server: AuthorizationServer,
        listening_at: RedirectUri,
        parameters: Form,
        metadata: Mapping[str, object],
        state: str,
    ) -> _Callback:
        from aioalf._browser.redirect_listener import (  # noqa: PLC0415 - imports aiohttp.web
            RedirectListener,
        )

        listener = RedirectListener(
            listening_at,
            awaited=("code",),
            find_error=partial(
                issuer_error, server.issuer, metadata, allow_missing=self._allow_missing_iss
            ),
        )
        async with listener:
            redirect_uri = listener.redirect_uri
            page = await server.url_of("authorization_endpoint")
            parameters = MaskedDict({**parameters, "redirect_uri": redirect_uri})
            if is_pushed(metadata, par=self._par):
                parameters = await push(server, parameters)
            url = authorization_url(page, parameters)
            response = await listener.sign_in(url, state, self._open_browser, print_instructions)
            return _Callback(response, redirect_uri)
