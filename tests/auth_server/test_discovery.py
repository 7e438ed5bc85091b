"""An issuer's metadata over real sockets: one request, a bounded age, the last good copy."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aioalf._auth_server.discovery import FRESH, LAST_GOOD, MetadataCache
from aioalf._auth_server.http import MAX_BODY, AuthServerHTTP
from aioalf.errors import MetadataError, TokenError

STANDARD = "/.well-known/oauth-authorization-server/tenant"
OPENID = "/tenant/.well-known/openid-configuration"


class Issuer:
    """A server that answers what a test puts in ``answers`` by path, else 404; it counts."""

    def __init__(self) -> None:
        self.answers: dict[str, web.Response | bytes] = {}
        self.asked: list[str] = []
        self.is_asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        app = web.Application()
        app.router.add_get("/{path:.*}", self._respond)
        self.server = TestServer(app)

    @property
    def name(self) -> str:
        """Its identifier."""
        return str(self.server.make_url("/tenant"))

    def document(self, **members: Any) -> bytes:
        """Its metadata."""
        return json.dumps({"issuer": self.name, **members}).encode()

    def discovery(self) -> MetadataCache:
        """What asks it."""
        return MetadataCache(self.name, AuthServerHTTP(None, lambda: None))

    async def _respond(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.is_asked.set()
        await self.gate.wait()
        answer = self.answers.get(request.path, web.Response(status=404))
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="application/json")
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """One that listens."""
    issuer = Issuer()
    async with issuer.server:
        yield issuer


class Clock:
    """The monotonic clock of discovery, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(
            "aioalf._auth_server.discovery.time", SimpleNamespace(monotonic=lambda: self.now)
        )


@pytest.mark.rule("R120")
@pytest.mark.parametrize("place", [STANDARD, OPENID])
async def test_metadata_is_had_from_either_place(issuer: Issuer, place: str) -> None:
    """The standard's first; OpenID Connect's where there is nothing."""
    issuer.answers[place] = issuer.document(token_endpoint="t")
    assert (await issuer.discovery().metadata())["token_endpoint"] == "t"
    assert issuer.asked == [STANDARD, OPENID][: 1 + (place == OPENID)]


@pytest.mark.rule("R123")
async def test_many_who_ask_make_one_request(issuer: Issuer) -> None:
    """And who asks later makes none."""
    issuer.answers[STANDARD] = issuer.document()
    discovery = issuer.discovery()
    found = await asyncio.gather(*(discovery.metadata() for _ in range(100)))
    assert all(metadata is found[0] for metadata in found)
    assert await discovery.metadata() is found[0]
    assert len(issuer.asked) == 1


@pytest.mark.rule("R123")
async def test_metadata_is_asked_for_again_when_it_is_old(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an issuer moves is found within the hour."""
    clock = Clock(monkeypatch)
    discovery = issuer.discovery()
    issuer.answers[STANDARD] = issuer.document(token_endpoint="old")
    await discovery.metadata()
    issuer.answers[STANDARD] = issuer.document(token_endpoint="new")
    clock.now += FRESH - 1
    assert (await discovery.metadata())["token_endpoint"] == "old"
    clock.now += 1
    assert (await discovery.metadata())["token_endpoint"] == "new"
    assert len(issuer.asked) == 2


@pytest.mark.rule("R123")
async def test_the_last_good_copy_is_kept_while_the_issuer_fails(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it is a day old; meanwhile the issuer is asked once a minute, and that is logged."""
    caplog.set_level(logging.WARNING, "aioalf")
    clock = Clock(monkeypatch)
    discovery = issuer.discovery()
    issuer.answers[STANDARD] = issuer.document()
    good = await discovery.metadata()
    issuer.answers[STANDARD] = issuer.document(issuer="https://evil.example")
    clock.now += FRESH
    for _ in range(3):
        assert await discovery.metadata() is good
    assert len(issuer.asked) == 3  # both places, once
    assert len(caplog.messages) == 1
    assert "The last good metadata is used" in caplog.text
    clock.now += 60
    assert await discovery.metadata() is good
    assert len(issuer.asked) == 5
    clock.now += LAST_GOOD - FRESH - 60
    with pytest.raises(MetadataError, match="names another issuer"):
        await discovery.metadata()


@pytest.mark.rule("R121", "R122")
@pytest.mark.parametrize(
    ("answer", "problem"),
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
async def test_what_cannot_be_used_is_an_error_that_names_the_place(
    issuer: Issuer, answer: web.Response | bytes, problem: str
) -> None:
    """Each of both places with its problem; nothing is followed."""
    issuer.answers[STANDARD] = answer
    with pytest.raises(MetadataError) as caught:
        await issuer.discovery().metadata()
    told = str(caught.value)
    assert f"{STANDARD}: {problem}" in told
    assert told.endswith(f"{OPENID}: the status is 404")
    assert issuer.asked == [STANDARD, OPENID]


async def test_an_issuer_that_does_not_answer_is_an_error() -> None:
    """Of the same kind: without metadata there is no endpoint to ask."""
    discovery = MetadataCache("http://127.0.0.1:1/", AuthServerHTTP(None, lambda: None))
    with pytest.raises(MetadataError, match=r"No answer from the issuer http://127\.0\.0\.1:1/"):
        await discovery.metadata()


async def test_who_waits_when_the_client_closes_gets_an_error(issuer: Issuer) -> None:
    """And nothing is left behind; the next who asks begins anew."""
    issuer.answers[STANDARD] = issuer.document()
    issuer.gate.clear()
    discovery = issuer.discovery()
    waiting = asyncio.create_task(discovery.metadata())
    await issuer.is_asked.wait()
    await discovery.close()
    with pytest.raises(TokenError, match="closed"):
        await waiting
    issuer.gate.set()
    assert await discovery.metadata()
