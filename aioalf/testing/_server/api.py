"""A protected API that answers what it was asked, and another origin that must see no token.

RFC 6750. Knows neither faults nor counters, and of tokens only whether they still count.
"""

from __future__ import annotations

from aiohttp import web

from aioalf.testing._server.state.tokens import IssuedToken, TokenStore
from aioalf.testing.records import ReceivedBody
from aioalf.testing.settings import REALM, Json, Settings


class ProtectedApi:
    """Answers requests that carry a token; the others get 401."""

    def __init__(self, settings: Settings, tokens: TokenStore) -> None:
        self._settings = settings
        self._tokens = tokens

    async def answer(self, request: web.Request, body: ReceivedBody) -> web.StreamResponse:
        """What arrived, as JSON; ``/redirect``, ``/forbidden`` and ``/ws`` do as they say."""
        authorization = request.headers.getall("Authorization", [])
        if not authorization:
            return _unauthorized(f'Bearer realm="{REALM}"')
        token = self._token(authorization)
        if token is None:
            return _unauthorized(self._settings.challenge)
        match request.path:
            case "/redirect":
                return _redirect(request)
            case "/forbidden":
                return _forbidden()
            case "/ws":
                return await _echo_messages(request)
            case _:
                return web.json_response(_what_arrived(request, body, token))

    def _token(self, authorization: list[str]) -> IssuedToken | None:
        scheme, _, value = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer":
            return None
        return self._tokens.find(value)


def other_origin_answer(request: web.Request, body: ReceivedBody) -> web.Response:
    """What an origin says that asks for no token: 200 to everything."""
    return web.json_response(_what_arrived(request, body, None))


def _what_arrived(
    request: web.Request, body: ReceivedBody, token: IssuedToken | None
) -> dict[str, Json]:
    digest: dict[str, Json] = {"sha256": body.sha256, "length": body.length}
    return {
        "method": request.method,
        "path": request.rel_url.raw_path,
        "query": request.rel_url.raw_query_string,
        "content_type": request.headers.get("Content-Type"),
        "body": digest if body.text is None else body.text,
        **_what_the_token_is_for(token),
    }


def _what_the_token_is_for(token: IssuedToken | None) -> dict[str, Json]:
    names = ("client_id", "user", "scope", "resources", "audience", "actor")
    if token is None:
        return dict.fromkeys(("token_number", *names))
    said: dict[str, Json] = {name: getattr(token.authorization, name) for name in names}
    return {"token_number": token.number, **said}


def _unauthorized(challenge: str) -> web.Response:
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return web.json_response({"error": "invalid_token"}, status=401, headers=headers)


def _forbidden() -> web.Response:
    challenge = f'Bearer realm="{REALM}", error="insufficient_scope", scope="admin"'
    headers = {"WWW-Authenticate": challenge}
    return web.json_response({"error": "insufficient_scope"}, status=403, headers=headers)


def _redirect(request: web.Request) -> web.Response:
    status, location = request.query.get("status", "302"), request.query.get("to", "")
    if status not in {"301", "302", "303", "307", "308"} or not location:
        return web.json_response({"error": "needs to=URL and a status of 3xx"}, status=400)
    return web.Response(status=int(status), headers={"Location": location})


async def _echo_messages(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request).ok:
        return web.json_response({"error": "needs a websocket"}, status=426)
    await socket.prepare(request)
    async for message in socket:
        if isinstance(message.data, str):
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket
