"""The authorization code grant with PKCE: a person signs in with a browser (RFC 6749 §4.1).

Opens a listener on this machine and shows a URL; stores nothing. Its errors never show the code,
the verifier or the state.
"""

import asyncio
import secrets
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from aioalf._auth_server.expiry import read_expires_in
from aioalf._auth_server.request_params import Form
from aioalf._browser.redirect_uri import RedirectUri
from aioalf._callbacks import OpenBrowser
from aioalf._masked_values import MaskedDict, MaskedStr
from aioalf.client_auth.credentials import require_client_id
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.grants import _pkce as pkce
from aioalf.grants._interactive import (
    authorization_error,
    authorization_url,
    check_timeout,
    login_time_limit,
)
from aioalf.grants._issuer import issuer_error
from aioalf.grants._prompt import print_instructions
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


class _Callback(NamedTuple):
    """The parameters of the redirect back to this client, and the redirect URI."""

    response: Mapping[str, str]
    redirect_uri: str


class AuthorizationCode:
    """Let a person sign in with a browser, and exchange the authorization code for a token.

    Args:
        redirect_uri: The registered redirect URI: ``http://localhost``, ``http://127.0.0.1`` or
            ``http://[::1]``, optionally with a port and a path. Without a port, the port is one of
            `redirect_ports`. The default is ``http://127.0.0.1``, or ``http://[::1]`` on a machine
            without IPv4. A program that uses several issuers should give each issuer that does not
            promise ``iss`` its own path (RFC 9700 §4.4.2).
        redirect_ports: The first and last port of the redirect URI; any free port by default.
        open_browser: A function that is called with the URL instead of the default browser: a
            coroutine function, or a plain one that runs in a thread. If it returns False, the URL
            is printed to standard error.
        timeout: The time limit of a sign-in in seconds, None for no limit.
        par: Send pushed authorization requests (RFC 9126); by default only if the issuer's metadata
            requires them.
        allow_missing_iss: Accept a response without ``iss`` although the issuer's metadata promises
            that parameter (RFC 9207 §2.4). A wrong ``iss`` is rejected in any case.

    Raises:
        TokenConfigurationError: An argument is invalid.
    """

    name = "authorization_code"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset(
        {
            "code",
            "code_challenge",
            "code_challenge_method",
            "code_verifier",
            "redirect_uri",
            "request",
            "request_uri",
            "response_type",
            "state",
        }
    )
    subject_key: str | None = ""

    def __init__(
        self,
        *,
        redirect_uri: str | None = None,
        redirect_ports: tuple[int, int] | None = None,
        open_browser: OpenBrowser | None = None,
        timeout: float | None = 300,
        par: bool | None = None,
        allow_missing_iss: bool = False,
    ) -> None:
        self._redirect_uri = RedirectUri.read(redirect_uri, redirect_ports)
        self._open_browser = open_browser
        self._timeout = check_timeout(timeout)
        self._par = par
        self._allow_missing_iss = allow_missing_iss

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token of a new sign-in.

        Raises:
            AuthorizationError: The server refused, or the response is from another server.
            LoginTimeoutError: The sign-in took too long.
            ListenerError: No port of the redirect URI is free, or this machine lacks its address.
            TokenError: The token request failed. It is not retried, because an authorization code
                is single-use (RFC 6749 §4.1.2).
        """
        # Report a configuration error before the person does anything.
        client_id = require_client_id(endpoint.client_id)
        metadata = await endpoint.metadata()
        await endpoint.url_of("token_endpoint")
        state = MaskedStr(secrets.token_urlsafe(32))
        verifier = MaskedStr(pkce.verifier_of(secrets.token_bytes(pkce.OCTETS)))
        parameters: Form = MaskedDict(
            {
                **endpoint.request_params.form(),
                "response_type": "code",
                "client_id": client_id,
                "state": state,
                "code_challenge": pkce.challenge_of(verifier),
                "code_challenge_method": pkce.METHOD,
            }
        )
        async with login_time_limit(self._timeout):
            response, redirect_uri = await self._sign_in(endpoint, parameters, metadata, state)
        if "error" in response:
            raise authorization_error(response, (state, verifier, client_id))
        form = MaskedDict(
            {
                "grant_type": self.name,
                "code": response["code"],
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )
        return await endpoint.request(form)

    async def _sign_in(
        self,
        endpoint: AuthorizationServer,
        parameters: Form,
        metadata: Mapping[str, object],
        state: str,
    ) -> _Callback:
        from aioalf._browser.redirect_listener import (  # noqa: PLC0415 - imports aiohttp.web
            RedirectListener,
        )

        listener = RedirectListener(
            self._redirect_uri,
            awaited=("code",),
            find_error=partial(
                issuer_error, endpoint.issuer, metadata, allow_missing=self._allow_missing_iss
            ),
        )
        async with listener:
            redirect_uri = listener.redirect_uri
            page = await endpoint.url_of("authorization_endpoint")
            parameters = {**parameters, "redirect_uri": redirect_uri}
            if self._is_pushed(metadata):
                parameters = await _push(endpoint, parameters)
            url = authorization_url(page, parameters)
            response = await listener.sign_in(url, state, self._open_browser, print_instructions)
            return _Callback(response, redirect_uri)

    def _is_pushed(self, metadata: Mapping[str, object]) -> bool:
        is_required = metadata.get("require_pushed_authorization_requests") is True
        if is_required and self._par is False:
            raise TokenConfigurationError(
                "The authorization server requires pushed authorization requests (RFC 9126 §5): "
                "remove par=False"
            )
        return is_required or bool(self._par)


async def _push(endpoint: AuthorizationServer, parameters: Form) -> Form:
    """Push the authorization request, and return the parameters that the browser then sends."""
    clock = asyncio.get_running_loop().time
    sent_at = clock()
    members = await endpoint.post("pushed_authorization_request_endpoint", parameters)
    request_uri = members.get("request_uri")
    try:
        lifetime = read_expires_in(members.get("expires_in")) or 0
    except ValueError:
        lifetime = 0
    if not _is_uri(request_uri) or not lifetime:
        raise TokenResponseError(
            "The pushed authorization request was answered without a request_uri and a positive "
            "expires_in (RFC 9126 §2.2)"
        )
    if clock() - sent_at >= lifetime:
        raise TokenResponseError(
            f"The pushed authorization request expired before it could be used, after {lifetime} "
            "seconds (RFC 9126 §4)"
        )
    return {"client_id": parameters["client_id"], "request_uri": str(request_uri)}


def _is_uri(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value != ""
