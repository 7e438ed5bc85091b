"""Which URLs the dispatcher sends a token to, and what reaches the session."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf import InsecureTransportWarning, TokenError
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.origin_policy import OriginPolicy
from aioalf._requests.session import SessionProvider

API = "https://api.example.com"


class CachedHeader:
    """A header whose token is cached."""

    is_closed = False

    def cached(self) -> str:
        """Return the header value."""
        return "Bearer token"


Make = Callable[..., RequestDispatcher]


@pytest.fixture
async def dispatcher() -> AsyncIterator[Make]:
    """Makes dispatchers that have a token."""
    sessions = SessionProvider()

    def make(allowed_origins: list[str] | None = None, **options: Any) -> RequestDispatcher:
        return RequestDispatcher(
            cast("AuthorizationHeader", CachedHeader()),
            sessions,
            OriginPolicy(allowed_origins, **options),
            raise_token_errors=False,
        )

    yield make
    await sessions.close()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[StrOrURL]:
    """The URLs of requests that reached the session."""
    urls: list[StrOrURL] = []

    async def request(_: ClientSession, _method: str, url: StrOrURL, **_options: object) -> Mock:
        urls.append(url)
        return Mock(status=200)

    monkeypatch.setattr(ClientSession, "request", request)
    return urls


@pytest.mark.rule("R055")
async def test_only_allowed_origins_get_requests(dispatcher: Make, sent: list[StrOrURL]) -> None:
    """Each other origin is refused, also if its URL only looks like an allowed one."""
    sending = dispatcher([API])
    for url in (
        f"{API}/",
        f"{API}/things?a=b#c",
        URL(API),
        f"{API}:443/",
        f" {API}/",
        "HTTPS" + API[5:],
    ):
        await sending.send("GET", url, {})
    assert len(sent) == 6
    for url in (
        *("https://api.example.com.evil.example/", "https://api.example.comm/", "//evil.example/"),
        *(
            "https://evil.example/https://api.example.com/",
            f"{API}:444/",
            "http://api.example.com/",
        ),
    ):
        with pytest.raises(TokenError, match="not in allowed_origins"):
            await sending.send("GET", url, {})
    assert len(sent) == 6


@pytest.mark.rule("R050")
@pytest.mark.parametrize("allowed_origins", [None, [API]])
async def test_credentials_in_a_url_are_refused(
    dispatcher: Make, sent: list[StrOrURL], allowed_origins: list[str] | None
) -> None:
    """A request never carries two kinds of credentials."""
    sending = dispatcher(allowed_origins)
    for url in ("https://ada:secret@api.example.com/", URL("https://ada@api.example.com/")):
        with pytest.raises(ValueError, match="credentials in a URL"):
            await sending.send("GET", url, {})
    with pytest.raises(ValueError, match="auth="):
        await sending.send("GET", f"{API}/", {"auth": ("ada", "secret")})
    assert sent == []
    await sending.send("GET", f"{API}/@ada", {"auth": None})
    assert len(sent) == 1


@pytest.mark.rule("R053")
async def test_plain_http_causes_one_warning_for_each_host(
    dispatcher: Make, sent: list[StrOrURL]
) -> None:
    """The second request to the same host warns no more; https and this machine never do."""
    sending = dispatcher()
    for number in range(3):
        with pytest.warns(InsecureTransportWarning):
            await sending.send("GET", f"http://{number}.example/", {})
        await sending.send("GET", f"http://{number}.example/again", {})
    await sending.send("GET", "http://127.0.0.1:8080/", {})
    await sending.send("GET", "https://a.example/", {})
    assert len(sent) == 8


@pytest.mark.rule("R053")
async def test_plain_http_is_refused_each_time_if_https_is_required(
    dispatcher: Make, sent: list[StrOrURL]
) -> None:
    """A refusal is not forgotten."""
    sending = dispatcher(require_https=True)
    for _ in range(2):
        with pytest.raises(TokenError, match="require_https"):
            await sending.send("GET", "http://a.example/", {})
    assert sent == []


async def test_a_url_reaches_the_session_unchanged(dispatcher: Make, sent: list[StrOrURL]) -> None:
    """Recorders see the URL that the caller passed, with its type."""
    urls: list[StrOrURL] = [f"{API}/", f" {API}/", URL(f"{API}/"), "http://127.0.0.1:8080/"]
    sending = dispatcher()
    for url in urls:
        await sending.send("GET", url, {})
    assert sent == urls
    assert [type(url) for url in sent] == [type(url) for url in urls]
