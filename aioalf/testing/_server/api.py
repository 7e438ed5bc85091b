"""The protected API, which responds with the request as JSON (RFC 6750), and the other origin.

Must not know faults or counters.
"""

from __future__ import annotations

from aiohttp import web

from aioalf.testing._server.state.tokens import AccessToken, AccessTokenStore
from aioalf.testing.records import ReceivedBody
from aioalf.testing.settings import REALM, Json, Settings

_TOKEN_MEMBERS = ("client_id", "user", "scope", "resources", "audience", "actor")
_REDIRECT_STATUSES = ("301", "302", "303", "307", "308")


class ProtectedApi:
    """Responds to requests with a valid access token; the others get 401."""

    def __init__(self, settings: Settings, tokens: AccessTokenStore) -> None:
        self._settings = settings
        self._tokens = tokens

    async def respond(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        """Return the request as JSON, or what ``/redirect``, ``/forbidden`` and ``/ws`` do."""
        token = self._check(request)
        if isinstance(token, web.Response):
            return token
        match request.path:
            case "/redirect":
                return _redirect(request)
            case "/forbidden":
                return _forbidden()
            case "/ws":
                return await _echo_messages(request)
            case _:
                return web.json_response(_describe(request, body, token))

    def _check(self, request: web.Request) -> AccessToken | web.Response:
        """Return the token of a request, or the response to a request that is refused."""
        values = request.headers.getall(self._settings.token_header, [])
        if not values:
            return _unauthorized(f'Bearer realm="{REALM}"')
        token = self._token(values)
        if token is None:
            return _unauthorized(self._settings.challenge)
        if missing := self._missing_header(request):
            return web.json_response({"error": f"{missing} is missing"}, status=400)
        return token

    def _missing_header(self, request: web.Request) -> str | None:
        for name, value in self._settings.behaviour.api_headers.items():
            if name not in request.headers or value not in {None, request.headers[name]}:
                return name
        return None

    def _token(self, values: list[str]) -> AccessToken | None:
        expected = self._settings.token_scheme
        if expected is None:
            expected = "Bearer" if self._settings.token_header == "Authorization" else ""
        scheme, _, token = values[0].rpartition(" ")
        if len(values) > 1 or scheme.lower() != expected.lower():
            return None
        return self._tokens.find(token)


def respond_at_other_origin(request: web.Request, body: ReceivedBody) -> web.Response:
    """Return the request as JSON with 200, without checking a token."""
    return web.json_response(_describe(request, body, None))


def _describe(
    request: web.Request, body: ReceivedBody, token: AccessToken | None
) -> dict[str, Json]:
    digest: dict[str, Json] = {"sha256": body.sha256, "length": body.length}
    return {
        "method": request.method,
        "path": request.rel_url.raw_path,
        "query": request.rel_url.raw_query_string,
        "content_type": request.headers.get("Content-Type"),
        "body": digest if body.text is None else body.text,
        **_describe_token(token),
    }


def _describe_token(token: AccessToken | None) -> dict[str, Json]:
    if token is None:
        return dict.fromkeys(("token_number", *_TOKEN_MEMBERS))
    members: dict[str, Json] = {name: getattr(token.authorization, name) for name in _TOKEN_MEMBERS}
    return {"token_number": token.number, **members}


def _unauthorized(challenge: str) -> web.Response:
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return web.json_response({"error": "invalid_token"}, status=401, headers=headers)


def _forbidden() -> web.Response:
    challenge = f'Bearer realm="{REALM}", error="insufficient_scope", scope="admin"'
    headers = {"WWW-Authenticate": challenge}
    return web.json_response({"error": "insufficient_scope"}, status=403, headers=headers)


def _redirect(request: web.Request) -> web.Response:
    status, location = request.query.get("status", "302"), request.query.get("to", "")
    if status not in _REDIRECT_STATUSES or not location:
        problem = f"needs ?to=URL, and status={'|'.join(_REDIRECT_STATUSES)} if given"
        return web.json_response({"error": problem}, status=400)
    return web.Response(status=int(status), headers={"Location": location})


async def _echo_messages(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request).ok:
        return web.json_response({"error": "needs a websocket handshake"}, status=426)
    await socket.prepare(request)
    async for message in socket:
        if isinstance(message.data, str):
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket
