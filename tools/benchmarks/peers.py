"""Other clients to compare with, if they are installed, and aio-alf 0.4.0.

They are imported by name, so that the benchmarks also run without them. Each is configured as its
documentation says, plus settings that remove a disadvantage; a comment says which.
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

from aiohttp import ClientResponse, ClientSession

from tools.benchmarks import canned
from tools.benchmarks.contenders import HEADERS, OURS, Bare, Contender, Place, Sender, sender

RELEASE: Final = "0.4.0"
RELEASE_DIRECTORY: Final = Path(sys.prefix) / f"aio-alf-{RELEASE}"
"""Where that release is installed: it has the same import name as this checkout."""


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
    """aio-alf 0.4.0. It does not support ``async with`` on a request."""

    name = f"aio-alf {RELEASE}"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        make: Any = _import_release().Client
        client = make("client-id", place.secret, place.token_endpoint)

        async def get(url: str) -> ClientResponse:
            response: ClientResponse = await client.request("GET", url)
            return response

        async with client:
            send = sender(get, place.api, client._token_manager.get_token)  # type: ignore[arg-type]  # noqa: SLF001 - no public name
            yield Sender(send.awaited, send.awaited, send.once, send.token)


class AiohttpOAuth2Client(Bare):
    """aiohttp-oauth2-client. It treats tokens as expired 30 seconds early."""

    name = "aiohttp-oauth2-client"
    expires_early = 30

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
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
    """An httpcore connection that is answered in memory by `canned`."""

    def __init__(self) -> None:
        self._received = b""
        self._response = b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as httpcore calls it
        self._received += buffer
        if (answer := canned.answer(self._received)) is not None:
            self._received = b""
            self._response = answer.response

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as httpcore calls it
        await asyncio.sleep(0)  # respond in a later turn of the event loop, as a socket does
        response, self._response = self._response, b""
        return response

    async def aclose(self) -> None:
        """Do nothing."""

    async def start_tls(self, *_: object, **__: object) -> "_MemoryStream":
        """Return the connection unchanged."""
        return self

    def get_extra_info(self, info: str) -> object:  # noqa: ARG002 - as httpcore calls it
        """Return None for everything."""
        return None


class _MemoryBackend:
    async def connect_tcp(self, *_: object, **__: object) -> _MemoryStream:
        return _MemoryStream()


# The default is 100. For each waiting request, httpcore's pool visits all connections, which takes
# minutes with a thousand waiting requests.
_CONNECTIONS: Final = 10


def _transport(place: Place) -> Any:  # noqa: ANN401 - optional packages
    httpx: Any = importlib.import_module("httpx")
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=_CONNECTIONS))
    if place.in_memory:
        httpcore: Any = importlib.import_module("httpcore")
        # Everything in httpx and httpcore runs as usual except the socket.
        pool = httpcore.AsyncConnectionPool(
            max_connections=_CONNECTIONS, network_backend=_MemoryBackend()
        )
        transport._pool = pool  # noqa: SLF001 - no public name
    return transport


def _httpx_sender(
    get: Callable[..., Awaitable[Any]],
    url: str,
    token: Callable[[], Awaitable[object]] | None = None,
    **options: Any,  # noqa: ANN401 - options of httpx
) -> Sender:
    async def awaited(times: int) -> None:
        for _ in range(times):
            await get(url, **options)  # httpx has already read the body

    async def once() -> int:
        status: int = (await get(url, **options)).status_code
        return status

    return Sender(awaited, awaited, once, token)


# The default of httpx is 5 seconds, including the wait for a free connection.
_TIMEOUT: Final = 60.0


class Httpx:
    """httpx with the Authorization header set by hand: the baseline of clients built on httpx."""

    name: str = "httpx"
    baseline: str = "httpx"
    expires_early: int = 0

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        httpx: Any = importlib.import_module("httpx")
        async with httpx.AsyncClient(transport=_transport(place), timeout=_TIMEOUT) as client:
            yield _httpx_sender(client.get, place.api, headers=HEADERS["headers"])


class Authlib(Httpx):
    """Authlib on httpx. It does not request a first token, so it starts with an expired one.

    The default is to renew 60 seconds early; here it renews at expiry.
    """

    name = "authlib"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
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
            timeout=_TIMEOUT,
        ) as client:
            yield _httpx_sender(
                client.get, place.api, lambda: client.ensure_active_token(client.token)
            )


class HttpxAuth(Httpx):
    """httpx-auth on httpx. Its token requests block the event loop.

    The default is to renew 30 seconds early; here it renews at expiry. It gets one client for all
    token requests; otherwise each token request would create one.
    """

    name = "httpx-auth"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Sender]:
        """Open a session; yield the functions that send."""
        httpx: Any = importlib.import_module("httpx")
        httpx_auth: Any = importlib.import_module("httpx_auth")
        httpx_auth.OAuth2.token_cache.clear()  # the cache is global
        with httpx.Client(transport=_token_transport(place)) as for_tokens:
            auth = httpx_auth.OAuth2ClientCredentials(
                place.token_endpoint,
                client_id="client-id",
                client_secret=place.secret,
                early_expiry=1e-9,  # 0 would select the default
                client=for_tokens,
            )
            async with httpx.AsyncClient(
                transport=_transport(place), auth=auth, timeout=_TIMEOUT
            ) as client:
                yield _httpx_sender(client.get, place.api)


def _token_transport(place: Place) -> Any:  # noqa: ANN401 - optional packages
    httpx: Any = importlib.import_module("httpx")
    if not place.in_memory:
        return None
    answer = {"access_token": canned.ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 86400}

    def respond(_: object) -> Any:  # noqa: ANN401 - as above
        return httpx.Response(200, json=answer)

    return httpx.MockTransport(respond)


def installed() -> tuple[Contender, ...]:
    """Return all contenders: aiohttp, aio-alf, and the peers that are installed."""
    found = [peer for peer, package in _PEERS.items() if importlib.util.find_spec(package)]
    release = [Release()] if RELEASE_DIRECTORY.is_dir() else []
    return (*OURS, *release, *found)


def missing() -> list[str]:
    """Return the names of peers that are not installed."""
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
    """Open all contenders; yield their functions by name."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(place.for_all_sessions())
        yield {one.name: await stack.enter_async_context(one.open(place)) for one in contenders}
