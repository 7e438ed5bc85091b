"""`AuthenticatedRequests`: sends requests of one client to the endpoints of one server.

Authenticates the client. If no method was chosen and the first one is refused, a second one is
tried. Must not know tokens or grants.
"""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from yarl import URL

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.client_auth_selection import ClientAuthSelection, error_after_both
from aioalf._auth_server.endpoints import ServerEndpoints
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import ServerResponse, secrets_in_request
from aioalf._auth_server.server_rules import ServerRules
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import Unpicklable, printable
from aioalf._urls import SECURE_ONLY, redact_url
from aioalf.client_auth import ClientAuth, Credentials
from aioalf.errors import TokenError

logger: logging.Logger = logging.getLogger(__name__)


class Reply(NamedTuple):
    """A response, and the monotonic and wall clock times just before its request was sent."""

    response: ServerResponse
    sent_at: float
    sent_on: datetime


class AuthenticatedRequests(Unpicklable):
    """Sends forms to endpoints by their names in metadata (RFC 8414 §2)."""

    __slots__ = (
        "_authorization_rules",
        "_client_auth",
        "_credentials",
        "_endpoints",
        "_headers",
        "_http",
        "_rules",
    )

    def __init__(
        self,
        http: AuthServerHTTP,
        endpoints: ServerEndpoints,
        credentials: Credentials,
        client_auth: ClientAuthSelection,
        rules: ServerRules,
        authorization_rules: AuthorizationRules,
        headers: Mapping[str, str],
    ) -> None:
        self._http = http
        self._endpoints = endpoints
        self._credentials = credentials
        self._client_auth = client_auth
        self._rules = rules
        self._authorization_rules = authorization_rules
        self._headers = headers

    async def send(self, name: str, form: Form, attempt: int = 1) -> Reply:
        """Send an authenticated request. Raises TokenHTTPError if the status is not 2xx.

        To detect the client authentication method, a refused request is sent once more. That is
        safe for a code or a refresh token too: the server did not use it (RFC 6749 §5.2).
        """
        url = await self._endpoints.url_of(name, over_mtls=self._client_auth.is_over_mtls)
        credentials = await self._credentials.current()
        form = MaskedDict({parameter: value for parameter, value in form.items() if value})
        if "scope" in form:
            form["scope"] = self._authorization_rules.separated(str(form["scope"]))
        methods = await self._client_auth.methods_at(name, credentials, form.get("grant_type"))
        send = partial(self._send_once, name, url, credentials, form, attempt)
        reply = await send(methods.first)
        if methods.other is not None and reply.response.refuses_client:
            reply = await send(methods.other)
            self._client_auth.note(name, methods.other, reply.response)
            if not reply.response.is_success or reply.response.refuses_client:
                raise error_after_both(methods.first, methods.other, reply.response)
        elif methods.other is not None:
            self._client_auth.note(name, methods.first, reply.response)
        if not reply.response.is_success:
            raise reply.response.http_error()
        return reply

    async def _send_once(
        self,
        name: str,
        url: URL,
        credentials: Credentials,
        form: Form,
        attempt: int,
        method: ClientAuth,
    ) -> Reply:
        if name in SECURE_ONLY:
            self._http.require_checked_certificate(name, url, method.ssl_context)
        signed = MaskedDict(form)
        token_endpoint = self._endpoints.configured.get("token_endpoint")
        audience = await self._endpoints.audience() or str(token_endpoint or url)
        headers = MaskedDict(await method.authenticate(credentials, signed, audience))
        endpoint = f"{name.replace('_', ' ')} {redact_url(url)}"
        grant_type = form.get("grant_type")
        logger.debug(
            "Sending a request to the %s: %sclient authentication %s, attempt %d",
            endpoint,
            f"grant_type {printable(str(grant_type))}, " if grant_type else "",
            method.method,
            attempt,
        )
        sent_at, sent_on = time.monotonic(), datetime.now(UTC)
        try:
            response = await self._http.post(
                name,
                url,
                signed,
                MaskedDict({**self._headers, **self._rules.headers, **headers}),
                ssl=method.ssl_context,
                secrets=secrets_in_request(credentials, signed),
                is_json=self._rules.sends_json,
            )
        except TokenError as error:
            _log_failure(endpoint, sent_at, str(error))
            raise
        is_token = name == "token_endpoint"
        response.apply(self._rules if is_token else self._rules._replace(read_response=None))
        if response.is_success:
            elapsed = time.monotonic() - sent_at
            logger.debug("The %s answered %d after %.3f s", endpoint, response.status, elapsed)
        else:
            _log_failure(endpoint, sent_at, f"{response.refusal}, StatusCode: {response.status}")
        return Reply(response, sent_at, sent_on)


def _log_failure(endpoint: str, sent_at: float, problem: str) -> None:
    elapsed = time.monotonic() - sent_at
    logger.debug("The request to the %s failed after %.3f s: %s", endpoint, elapsed, problem)
