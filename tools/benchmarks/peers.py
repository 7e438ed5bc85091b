"""The other clients that are compared, each where it is installed; and aio-alf 0.4.0.

They are imported by name, so that the rest runs without them. What each is given is what its
documentation says, and what spares it a disadvantage: its comment says which.
"""

import asyncio
import importlib
import importlib.util
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import canned
from aiohttp import ClientResponse, ClientSession
from contenders import FIELD, OURS, Bare, Contender, Place, Sender, sender

RELEASE: Final = "0.4.0"
RELEASE_DIRECTORY: Final = Path(sys.prefix) / f"aio-alf-{RELEASE}"
"""Where that release is installed: its import name is that of the code beside it."""


@contextmanager
def _only_the_release() -> Iterator[None]:
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_aioalf(name)}
    sys.path.insert(0, str(RELEASE_DIRECTORY))
    try:
        yield
    finally:
        sys.path.remove(str(RELEASE_DIRECTORY))
        for name in filter(_is_aioalf, list(sys.modules)):
            del sys.modules[name]
        sys.modules.update(ours)


def _is_aioalf(name: str) -> bool:
    return name.partition(".")[0] == "aioalf"


@cache
def _import_release() -> ModuleType:
    with _only_the_release():
        module = importlib.import_module("aioalf.client")
    if module.__file__ is None or not Path(module.__file__).is_relative_to(RELEASE_DIRECTORY):
        raise ImportError(f"aio-alf {RELEASE} is not in {RELEASE_DIRECTORY}")
    return module


class Release(Bare):
    """aio-alf 0.4.0, which knows no ``async with`` on a request."""

    name = f"aio-alf {RELEASE}"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        make: Any = _import_release().Client
        client = make("client-id", place.secret, place.token_endpoint)

        async def get(url: str) -> ClientResponse:
            response: ClientResponse = await client.request("GET", url)
            return response

        async with client:
            send = sender(get, place.api, client._token_manager.get_token)  # type: ignore[arg-type]  # noqa: SLF001 - it has no public name
            yield Sender(send.awaited, send.awaited, send.once, send.token)


class AiohttpOAuth2Client(Bare):
    """aiohttp-oauth2-client, which takes a token for expired 30 seconds before it is."""

    name = "aiohttp-oauth2-client"
    expires_early = 30

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        grants: Any = importlib.import_module("aiohttp_oauth2_client.grant.client_credentials")
        middlewares: Any = importlib.import_module("aiohttp_oauth2_client.middleware")
        grant = grants.ClientCredentialsGrant(place.token_endpoint, "client-id", place.secret)
        middleware = middlewares.OAuth2Middleware(grant)
        async with (
            grant,
            ClientSession(connector=place.connector(), middlewares=[middleware]) as session,
        ):
            yield sender(session.get, place.api, grant.prepare_headers)


class _MemoryStream:
    """A connection of httpcore's that is answered in memory."""

    def __init__(self) -> None:
        self._received = b""
        self._response = b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as httpcore calls it
        self._received += buffer
        if (answer := canned.answer(self._received)) is not None:
            self._received = b""
            self._response = answer.response

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as httpcore calls it
        await asyncio.sleep(0)  # an answer comes in a later turn of the loop, as from a socket
        response, self._response = self._response, b""
        return response

    async def aclose(self) -> None:
        """Do nothing."""

    async def start_tls(self, *_: object, **__: object) -> "_MemoryStream":
        """Need nothing."""
        return self

    def get_extra_info(self, info: str) -> object:  # noqa: ARG002 - as httpcore calls it
        """Know nothing."""
        return None


class _MemoryBackend:
    async def connect_tcp(self, *_: object, **__: object) -> _MemoryStream:
        return _MemoryStream()


# By default 100. Each change in httpcore's pool looks at all connections for each waiting request,
# which takes minutes when a thousand wait.
_CONNECTIONS: Final = 10


def _transport(place: Place) -> Any:  # noqa: ANN401 - types of what may not be installed
    httpx: Any = importlib.import_module("httpx")
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=_CONNECTIONS))
    if place.in_memory:
        httpcore: Any = importlib.import_module("httpcore")
        # All that httpx and httpcore do is done, only the socket is missing.
        pool = httpcore.AsyncConnectionPool(
            max_connections=_CONNECTIONS, network_backend=_MemoryBackend()
        )
        transport._pool = pool  # noqa: SLF001 - it has no public name
    return transport


def _httpx_sender(
    get: Callable[..., Awaitable[Any]],
    url: str,
    token: Callable[[], Awaitable[object]] | None = None,
    **options: Any,  # noqa: ANN401 - whatever httpx takes
) -> Sender:
    async def awaited(times: int) -> None:
        for _ in range(times):
            await get(url, **options)  # httpx has read the body then

    async def once() -> int:
        status: int = (await get(url, **options)).status_code
        return status

    return Sender(awaited, awaited, once, token)


# httpx's own are 5 seconds, the wait for a free connection included.
_PATIENCE: Final = 60.0


class Httpx:
    """httpx alone, given the field with each call: what those built on it are compared with."""

    name: str = "httpx"
    baseline: str = "httpx"
    expires_early: int = 0

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        httpx: Any = importlib.import_module("httpx")
        async with httpx.AsyncClient(transport=_transport(place), timeout=_PATIENCE) as client:
            yield _httpx_sender(client.get, place.api, headers=FIELD["headers"])


class Authlib(Httpx):
    """Authlib on httpx. It asks for no first token by itself, so it is given one that is expired.

    By default it renews 60 seconds early; here at expiry.
    """

    name = "authlib"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        authlib: Any = importlib.import_module("authlib.integrations.httpx_client")
        async with authlib.AsyncOAuth2Client(
            "client-id",
            place.secret,
            token_endpoint=place.token_endpoint,
            grant_type="client_credentials",
            token={
                "access_token": "expired",
                "token_type": "Bearer",
                "expires_at": int(time.time()) - 3600,
            },
            leeway=0,
            transport=_transport(place),
            timeout=_PATIENCE,
        ) as client:
            yield _httpx_sender(
                client.get, place.api, lambda: client.ensure_active_token(client.token)
            )


class HttpxAuth(Httpx):
    """httpx-auth on httpx: its token requests block the event loop.

    By default it renews 30 seconds early; here at expiry. It is given one client for all token
    requests, as else each would make one.
    """

    name = "httpx-auth"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Yield how it sends."""
        httpx: Any = importlib.import_module("httpx")
        httpx_auth: Any = importlib.import_module("httpx_auth")
        httpx_auth.OAuth2.token_cache.clear()  # one for the whole process
        with httpx.Client(transport=_token_transport(place)) as for_tokens:
            auth = httpx_auth.OAuth2ClientCredentials(
                place.token_endpoint,
                client_id="client-id",
                client_secret=place.secret,
                early_expiry=1e-9,  # 0 is taken for the default
                client=for_tokens,
            )
            async with httpx.AsyncClient(
                transport=_transport(place), auth=auth, timeout=_PATIENCE
            ) as client:
                yield _httpx_sender(client.get, place.api)


def _token_transport(place: Place) -> Any:  # noqa: ANN401 - types of what may not be installed
    httpx: Any = importlib.import_module("httpx")
    if not place.in_memory:
        return None
    answer = {"access_token": canned.ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 86400}

    def respond(_: object) -> Any:  # noqa: ANN401 - as above
        return httpx.Response(200, json=answer)

    return httpx.MockTransport(respond)


def installed() -> tuple[Contender, ...]:
    """Return those that are there, after aiohttp and ours."""
    found = [peer for peer, package in _PEERS.items() if importlib.util.find_spec(package)]
    release = [Release()] if RELEASE_DIRECTORY.is_dir() else []
    return (*OURS, *release, *found)


def missing() -> list[str]:
    """Return the names of those that are not."""
    names = [contender.name for contender in installed()]
    return [peer.name for peer in (Release(), *_PEERS) if peer.name not in names]


_PEERS: Final[dict[Contender, str]] = {
    AiohttpOAuth2Client(): "aiohttp_oauth2_client",
    Httpx(): "httpx",
    Authlib(): "authlib",
    HttpxAuth(): "httpx_auth",
}


@asynccontextmanager
async def opened(
    place: Place, contenders: tuple[Contender, ...]
) -> AsyncIterator[dict[str, Sender]]:
    """Open them all, by name."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(place.for_all_sessions())
        yield {one.name: await stack.enter_async_context(one.open(place)) for one in contenders}
