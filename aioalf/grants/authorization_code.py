"""The authorization code grant with PKCE: a person signs in, in a browser (RFC 6749 §4.1).

It opens a listener on this machine and shows a URL; it stores nothing. Code, verifier and state are
in no error of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from aioalf._auth_server.request_params import Form
from aioalf._browser.open_url import OpenBrowser
from aioalf._browser.sockets import checked_ports
from aioalf._syntax import read_lifetime
from aioalf.errors import AuthorizationError, TokenConfigurationError, TokenResponseError
from aioalf.grants import _pkce as pkce
from aioalf.grants._interactive import (
    authorization_url,
    check_timeout,
    client_id_of,
    login_time_limit,
    refusal,
    run_while_showing,
    show_login,
)
from aioalf.grants._prompt import print_url
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token


class _Came(NamedTuple):
    """What the browser came back with, and to where."""

    answer: Mapping[str, str]
    redirect_uri: str


class AuthorizationCode:
    """Have a person sign in; the code that the browser comes back with is exchanged once.

    The browser comes back to 127.0.0.1: to any free port, or to one of ``redirect_ports``, an inclusive
    range. ``open_browser`` is called with the URL, in a thread if it is a plain function, in place
    of the default browser; when that returns False, the URL is written to standard error.
    ``timeout`` is in seconds, None for no limit. The request is pushed
    ahead of the browser (RFC 9126) when the issuer requires it; ``par=True`` does so always.
    An answer with a right ``iss`` from an issuer whose metadata promises none is refused, unless
    ``allow_unadvertised_iss`` (RFC 9207 §2.4). Raises TokenConfigurationError for what cannot work.
    """

    name = "authorization_code"
    can_begin = True
    keeps_refresh_token = True

    def __init__(
        self,
        *,
        redirect_ports: tuple[int, int] | None = None,
        open_browser: OpenBrowser | None = None,
        timeout: float | None = 300,
        par: bool | None = None,
        allow_unadvertised_iss: bool = False,
    ) -> None:
        checked_ports(redirect_ports)
        self._ports = redirect_ports
        self._open_browser = open_browser
        self._timeout = check_timeout(timeout)
        self._par = par
        self._allow_unadvertised_iss = allow_unadvertised_iss

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token of a new login.

        Raises AuthorizationError for a no and for an answer that is another server's,
        LoginTimeoutError when nobody came, ListenerError without a port, and the TokenError of the
        exchange, which is not tried again: a code is good once (RFC 6749 §4.1.2).
        """
        client_id = client_id_of(endpoint)
        issuer, metadata = endpoint.issuer, await endpoint.metadata()
        await endpoint.url_of("token_endpoint")  # or somebody would sign in for nothing
        state = secrets.token_urlsafe(32)
        verifier = pkce.verifier_of(secrets.token_bytes(pkce.OCTETS))
        parameters: Form = {
            **endpoint.asked.form(),
            "response_type": "code",
            "client_id": client_id,
            "state": state,
            "code_challenge": pkce.challenge_of(verifier),
            "code_challenge_method": pkce.METHOD,
        }
        async with login_time_limit(self._timeout):
            answer, redirect_uri = await self._sign_in(endpoint, parameters, metadata, state)
        self._check_issuer(answer, issuer, metadata)
        if "error" in answer:
            raise refusal(answer, (state, verifier, client_id))
        return await endpoint.request(
            {
                "grant_type": self.name,
                "code": answer["code"],
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    async def _sign_in(
        self,
        endpoint: AuthorizationServer,
        parameters: Form,
        metadata: Mapping[str, object],
        state: str,
    ) -> _Came:
        from aioalf._browser.redirect_listener import (  # noqa: PLC0415 - imports aiohttp.web
            RedirectListener,
        )

        async with RedirectListener(ports=self._ports, awaited=("code",)) as listener:
            redirect_uri = listener.redirect_uri
            page = await endpoint.url_of("authorization_endpoint")
            parameters = {**parameters, "redirect_uri": redirect_uri}
            if self._is_pushed(metadata):
                parameters = await _push(endpoint, parameters)
            url = authorization_url(page, parameters)
            showing = show_login(url, self._open_browser, print_url)
            return _Came(await run_while_showing(showing, listener.wait(state)), redirect_uri)

    def _is_pushed(self, metadata: Mapping[str, object]) -> bool:
        is_required = metadata.get("require_pushed_authorization_requests") is True
        if is_required and self._par is False:
            raise TokenConfigurationError(
                "The authorization server requires pushed requests (RFC 9126 §5): leave out "
                "par=False"
            )
        return is_required or bool(self._par)

    def _check_issuer(
        self, answer: Mapping[str, str], issuer: str | None, metadata: Mapping[str, object]
    ) -> None:
        """Refuse what another server may have sent, its words unread (RFC 9207 §2.4)."""
        if issuer is None:  # there is nothing to compare with
            return
        found = answer.get("iss")
        is_advertised = metadata.get("authorization_response_iss_parameter_supported") is True
        if found is None and is_advertised:
            raise _not_from("without the issuer (iss) that this server promises to name")
        if found not in {None, issuer}:
            raise _not_from("from another issuer (iss) than the one that was asked")
        if found is not None and not is_advertised and not self._allow_unadvertised_iss:
            raise _not_from(
                "with an issuer (iss) that this server's metadata does not promise; if that is how "
                "the server is, pass allow_unadvertised_iss=True"
            )


def _not_from(what: str) -> AuthorizationError:
    return AuthorizationError(
        f"The answer in the browser was discarded: it came {what} (RFC 9207 §2.4)", error=None
    )


async def _push(endpoint: AuthorizationServer, parameters: Form) -> Form:
    """Hand the request in, and return what is left for the browser: its name, for one use."""
    clock = asyncio.get_running_loop().time
    sent_at = clock()
    members = await endpoint.post("pushed_authorization_request_endpoint", parameters)
    request_uri = members.get("request_uri")
    try:
        lifetime = read_lifetime(members.get("expires_in")) or 0
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
