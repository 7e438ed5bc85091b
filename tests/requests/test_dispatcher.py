"""`RequestDispatcher`: which URLs get a token, and which arguments reach the session."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession, InvalidUrlClientError
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf import InsecureTransportWarning, TokenError
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.origin_policy import OriginPolicy
from aioalf._requests.session import SessionProvider
from aioalf._requests.targets import RequestTargets
from aioalf.testing import MISSING, OAuthServer
from tests.support.front import Way, api_log, client_of, every_way

API = "https://api.example.com"


class CachedHeader:
    """A header whose token is cached."""

    is_closed = False
    is_plain = is_authorization = True

    def cached(self) -> str:
        """Return the header value."""
        return "Bearer token"


MakeDispatcher = Callable[..., RequestDispatcher]


@pytest.fixture
async def make_dispatcher() -> AsyncIterator[MakeDispatcher]:
    """Return a function that creates dispatchers with a cached token."""
    sessions = SessionProvider()

    def create(
        allowed_origins: list[str] | None = None, base_url: URL | None = None, **options: Any
    ) -> RequestDispatcher:
        return RequestDispatcher(
            cast("AuthorizationHeader", CachedHeader()),
            sessions,
            RequestTargets(OriginPolicy(allowed_origins, **options), base_url),
            raise_token_errors=False,
        )

    yield create
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
async def test_url_without_a_scheme_leads_to_no_other_host_than_the_base_url(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL]
) -> None:
    """A path that begins with two slashes names a host (RFC 3986 §4.2)."""
    dispatcher = make_dispatcher(base_url=URL(API) / "v1/")
    for url in ("//evil.example/things", URL("//evil.example"), "//127.0.0.1:1/"):
        with pytest.raises(InvalidUrlClientError):
            await dispatcher.send("GET", url, {})
    assert not sent


@pytest.mark.rule("R055")
async def test_only_allowed_origins_get_requests(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL]
) -> None:
    """Other origins get no request, even if the URL looks like an allowed one."""
    dispatcher = make_dispatcher([API])
    for url in (
        f"{API}/",
        f"{API}/things?a=b#c",
        URL(API),
        f"{API}:443/",
        f" {API}/",
        "HTTPS" + API[5:],
    ):
        await dispatcher.send("GET", url, {})
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
            await dispatcher.send("GET", url, {})
    assert len(sent) == 6


@pytest.mark.rule("R050")
@pytest.mark.parametrize("allowed_origins", [None, [API]])
async def test_other_credentials_are_rejected(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL], allowed_origins: list[str] | None
) -> None:
    """A request never carries two kinds of credentials."""
    dispatcher = make_dispatcher(allowed_origins)
    for url in ("https://ada:secret@api.example.com/", URL("https://ada@api.example.com/")):
        with pytest.raises(ValueError, match="credentials in a URL"):
            await dispatcher.send("GET", url, {})
    with pytest.raises(ValueError, match="auth="):
        await dispatcher.send("GET", f"{API}/", {"auth": ("ada", "secret")})
    assert sent == []
    await dispatcher.send("GET", f"{API}/@ada", {"auth": None})
    assert len(sent) == 1


@pytest.mark.rule("R053")
async def test_plain_http_causes_one_warning_for_each_host(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL]
) -> None:
    """Further requests to the host cause no warning, nor do https and this machine."""
    dispatcher = make_dispatcher()
    for number in range(3):
        with pytest.warns(InsecureTransportWarning):
            await dispatcher.send("GET", f"http://{number}.example/", {})
        await dispatcher.send("GET", f"http://{number}.example/again", {})
    await dispatcher.send("GET", "http://127.0.0.1:8080/", {})
    await dispatcher.send("GET", "https://a.example/", {})
    assert len(sent) == 8


@pytest.mark.rule("R053")
async def test_plain_http_is_rejected_each_time_if_https_is_required(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL]
) -> None:
    """The second request to the host raises a TokenError, too."""
    dispatcher = make_dispatcher(require_https=True)
    for _ in range(2):
        with pytest.raises(TokenError, match="require_https"):
            await dispatcher.send("GET", "http://a.example/", {})
    assert sent == []


async def test_url_reaches_the_session_unchanged(
    make_dispatcher: MakeDispatcher, sent: list[StrOrURL]
) -> None:
    """Recorders see the URL that the caller passed, with its type."""
    urls: list[StrOrURL] = [f"{API}/", f" {API}/", URL(f"{API}/"), "http://127.0.0.1:8080/"]
    dispatcher = make_dispatcher()
    for url in urls:
        await dispatcher.send("GET", url, {})
    assert sent == urls
    assert [type(url) for url in sent] == [type(url) for url in urls]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_401_of_another_origin_is_explained_in_the_log(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """A redirect to another origin removes the token, and the caller sees a 401."""
    caplog.set_level(logging.DEBUG, "aioalf._requests")
    other = oauth_server.url("/things?key=hidden").replace("127.0.0.1", "localhost")
    async with client_of(oauth_server) as client:
        url = URL(oauth_server.url("/redirect")).with_query(to=other)
        async with client.request(method, url) as response:
            assert response.status == 401
    [message] = [message for message in caplog.messages if "is returned" in message]
    assert message.startswith(
        f"The 401 of {other.partition('?')[0]} is returned: a redirect led to"
    )


@pytest.mark.rule("R022")
@pytest.mark.parametrize("token_type", ["bearer", "BEARER", "Bearer", "bEaReR", MISSING])
@every_way
async def test_header_says_bearer_however_the_server_writes_it(
    oauth_server: OAuthServer, way: Way, token_type: Any
) -> None:
    """Some APIs compare the scheme with case."""
    oauth_server.changes["token"] = {"token_type": token_type}
    async with way(oauth_server) as sender, sender.get(oauth_server.url("/things")) as response:
        assert response.status == 200
    [request] = api_log(oauth_server)
    assert request.headers["Authorization"].startswith("Bearer ")
