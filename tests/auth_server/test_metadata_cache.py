"""The metadata cache over real sockets: one request, a maximum age, the last valid copy."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aioalf._auth_server.http import MAX_BODY, AuthServerHTTP
from aioalf._auth_server.metadata_cache import FRESH, LAST_GOOD, MetadataCache
from aioalf.errors import MetadataError, TokenError

STANDARD = "/.well-known/oauth-authorization-server/tenant"
OPENID = "/tenant/.well-known/openid-configuration"


class Issuer:
    """A server that sends ``responses`` by path, 404 for other paths, and records requests."""

    def __init__(self) -> None:
        self.responses: dict[str, web.Response | bytes] = {}
        self.requests: list[str] = []
        self.is_requested = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        app = web.Application()
        app.router.add_get("/{path:.*}", self._respond)
        self.server = TestServer(app)

    @property
    def name(self) -> str:
        """The issuer identifier."""
        return str(self.server.make_url("/tenant"))

    def document(self, **members: Any) -> bytes:
        """Return valid metadata of this issuer."""
        return json.dumps({"issuer": self.name, **members}).encode()

    def discovery(self) -> MetadataCache:
        """Return a metadata cache for this issuer."""
        return MetadataCache(self.name, AuthServerHTTP())

    async def _respond(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        self.is_requested.set()
        await self.gate.wait()
        response = self.responses.get(request.path, web.Response(status=404))
        if isinstance(response, bytes):
            return web.Response(body=response, content_type="application/json")
        return web.Response(status=response.status, body=response.body, headers=response.headers)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Return an issuer that is running."""
    issuer = Issuer()
    async with issuer.server:
        yield issuer


class Clock:
    """The monotonic clock of the discovery module, which the test advances."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(
            "aioalf._auth_server.metadata_cache.time", SimpleNamespace(monotonic=lambda: self.now)
        )


@pytest.mark.rule("R120")
@pytest.mark.parametrize("place", [STANDARD, OPENID])
async def test_metadata_is_found_at_either_url(issuer: Issuer, place: str) -> None:
    """The URL of RFC 8414 is tried first, then the one of OpenID Connect Discovery."""
    issuer.responses[place] = issuer.document(token_endpoint="t")
    assert (await issuer.discovery().metadata())["token_endpoint"] == "t"
    assert issuer.requests == [STANDARD, OPENID][: 1 + (place == OPENID)]


@pytest.mark.rule("R123")
async def test_concurrent_callers_share_one_request(issuer: Issuer) -> None:
    """100 concurrent callers make one request, and a later caller makes none."""
    issuer.responses[STANDARD] = issuer.document()
    discovery = issuer.discovery()
    found = await asyncio.gather(*(discovery.metadata() for _ in range(100)))
    assert all(metadata is found[0] for metadata in found)
    assert await discovery.metadata() is found[0]
    assert len(issuer.requests) == 1


@pytest.mark.rule("R123")
async def test_old_metadata_is_fetched_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes of the issuer are noticed within an hour."""
    clock = Clock(monkeypatch)
    discovery = issuer.discovery()
    issuer.responses[STANDARD] = issuer.document(token_endpoint="old")
    await discovery.metadata()
    issuer.responses[STANDARD] = issuer.document(token_endpoint="new")
    clock.now += FRESH - 1
    assert (await discovery.metadata())["token_endpoint"] == "old"
    clock.now += 1
    assert (await discovery.metadata())["token_endpoint"] == "new"
    assert len(issuer.requests) == 2


@pytest.mark.rule("R123")
async def test_last_valid_metadata_is_used_while_the_issuer_fails(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Valid metadata is used for a day, with a logged request per minute meanwhile."""
    caplog.set_level(logging.WARNING, "aioalf")
    clock = Clock(monkeypatch)
    discovery = issuer.discovery()
    issuer.responses[STANDARD] = issuer.document()
    good = await discovery.metadata()
    issuer.responses[STANDARD] = issuer.document(issuer="https://evil.example")
    clock.now += FRESH
    for _ in range(3):
        assert await discovery.metadata() is good
    assert len(issuer.requests) == 3  # both places, once
    assert len(caplog.messages) == 1
    assert "The last good metadata is used" in caplog.text
    clock.now += 60
    assert await discovery.metadata() is good
    assert len(issuer.requests) == 5
    clock.now += LAST_GOOD - FRESH - 60
    with pytest.raises(MetadataError, match="names another issuer"):
        await discovery.metadata()


@pytest.mark.rule("R121", "R122")
@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (web.Response(status=500), "the status is 500"),
        (web.Response(status=302, headers={"Location": OPENID}), "the status is 302"),
        (web.Response(status=204), "the status is 204"),
        (web.Response(body=b"{}", content_type="text/html"), "it is not application/json"),
        (b"{", "it is not a JSON object"),
        (b" " * (MAX_BODY + 10), "it is not a JSON object"),
        (b'{"issuer": "https://evil.example"}', "it names another issuer"),
    ],
)
async def test_unusable_metadata_is_an_error_with_its_urls(
    issuer: Issuer, response: web.Response | bytes, problem: str
) -> None:
    """The error names both URLs with their problems; a redirect is not followed."""
    issuer.responses[STANDARD] = response
    with pytest.raises(MetadataError) as caught:
        await issuer.discovery().metadata()
    message = str(caught.value)
    assert f"{STANDARD}: {problem}" in message
    assert message.endswith(f"{OPENID}: the status is 404")
    assert issuer.requests == [STANDARD, OPENID]


async def test_unreachable_issuer_is_a_metadata_error() -> None:
    """Without a response there is no metadata, which is the same kind of error."""
    discovery = MetadataCache("http://127.0.0.1:1/", AuthServerHTTP())
    with pytest.raises(MetadataError, match=r"No response from the issuer http://127\.0\.0\.1:1/"):
        await discovery.metadata()


async def test_close_ends_a_request_with_an_error(issuer: Issuer) -> None:
    """Waiting callers get an error, and a later caller makes a new request."""
    issuer.responses[STANDARD] = issuer.document()
    issuer.gate.clear()
    discovery = issuer.discovery()
    waiting = asyncio.create_task(discovery.metadata())
    await issuer.is_requested.wait()
    await discovery.close()
    with pytest.raises(TokenError, match="closed"):
        await waiting
    issuer.gate.set()
    assert await discovery.metadata()
