"""The path of a request: the URLs whose beginning is known, and those that only look so."""

from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf import InsecureTransportWarning, TokenError
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.retry_on_401 import RenewalMiddleware
from aioalf._requests.session import SessionProvider

if TYPE_CHECKING:
    pass

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that were read to see where they lead."""
    urls: list[str] = []
    target = RequestDispatcher._target  # noqa: SLF001 - nothing else shows it

    def look(
        self: RequestDispatcher, session: ClientSession, url: StrOrURL, options: dict[str, object]
    ) -> object:
        urls.append(str(url))
        return target(self, session, url, options)

    monkeypatch.setattr(RequestDispatcher, "_target", look)
    return urls


class Ready:
    """A bearer that has its token at hand."""

    def ready(self) -> str:
        """Return the field."""
        return "Bearer token"


async def sender(**options: Any) -> RequestDispatcher:
    """A sender whose session lets nothing leave this machine."""
    session = ClientSession()
    await session.close()
    bearer = cast("Any", Ready())
    sessions = SessionProvider(RenewalMiddleware(bearer), session)
    given: dict[str, Any] = {
        "allowed_origins": None,
        "require_https": False,
        "raise_token_errors": False,
        **options,
    }
    return RequestDispatcher(bearer, sessions, **given)


async def ask(sending: RequestDispatcher, *urls: StrOrURL, **options: object) -> None:
    """Send requests as far as the session."""
    for url in urls:
        with pytest.raises(RuntimeError, match="Session is closed"):
            await sending.send("GET", url, options)


@pytest.mark.parametrize("origins", [None, [HERE]])
async def test_an_origin_is_looked_at_once(read: list[str], origins: list[str] | None) -> None:
    """Texts that begin with it go there without being read, which takes time."""
    sending = await sender(allowed_origins=origins)
    paths = ("/things?a=b#c", "/things", "/", "//other.example")
    await ask(sending, *(HERE + path for path in paths))
    assert read == [f"{HERE}/things?a=b#c"]
    await ask(sending, f"{HERE}/options", params={}, headers={}, json={})
    await ask(sending, URL(f"{HERE}/parsed"))
    with pytest.raises(ValueError, match="auth="):
        await sending.send("GET", f"{HERE}/auth", {"auth": ("ada", "secret")})
    assert [URL(url).path for url in read[1:]] == ["/parsed", "/auth"]


async def test_https_needs_no_look(read: list[str]) -> None:
    """A token may go there, whichever place it is, but for credentials that the text may hold."""
    sending = await sender()
    await ask(sending, *(f"https://{host}.example/" for host in "abc"))
    assert read == []
    await ask(sending, "https://a.example/@b", "HTTPS://a.example/")
    assert read == ["https://a.example/@b", "HTTPS://a.example/"]


async def test_https_is_looked_at_where_there_are_origins(read: list[str]) -> None:
    """It is another origin until it is found to be one of them."""
    sending = await sender(allowed_origins=["https://a.example"])
    for _ in range(2):
        await ask(sending, "https://a.example/")
        with pytest.raises(TokenError, match="another origin"):
            await sending.send("GET", "https://b.example/", {})
    assert read == ["https://a.example/", *["https://b.example/"] * 2]


@pytest.mark.rule("R055")
@pytest.mark.parametrize(
    "url",
    [
        f"{HERE}1/",
        f"{HERE}.evil.example/",
        f"{HERE}@evil.example/",
        f"{HERE}/@evil.example/",
        f"{HERE}?/",
        f"{HERE}",
        f" {HERE}/",
        "HTTP://127.0.0.1:8080/",
        "//127.0.0.1:8080/",
        "http:///things",
        "/things",
    ],
)
async def test_what_only_resembles_a_known_origin_is_looked_at(read: list[str], url: str) -> None:
    """Where it leads is known when it has been read, each time."""
    sending = await sender()
    await ask(sending, f"{HERE}/")
    for _ in range(2):
        with pytest.raises((RuntimeError, ValueError)):  # the session is closed; or credentials
            await sending.send("GET", url, {})
    assert read == [f"{HERE}/", url, url]


async def test_an_origin_that_was_refused_is_refused_again(read: list[str]) -> None:
    """Nothing is known of it after all."""
    sending = await sender(require_https=True)
    for _ in range(2):
        with pytest.raises(TokenError, match="require_https"):
            await sending.send("GET", "http://a.example/", {})
    assert len(read) == 2


async def test_with_origins_the_newest_are_known_by_text(read: list[str]) -> None:
    """None has a place that is kept for it."""
    urls = [f"https://{number}.example/" for number in range(9)]
    sending = await sender(allowed_origins=urls)
    await ask(sending, *urls, *urls[1:])
    assert read == urls
    await ask(sending, urls[0], urls[1])
    assert read[9:] == urls[:2]


async def test_a_url_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its start is known or not: a recorder sees the same each time."""
    urls: list[StrOrURL] = []

    async def request(_: ClientSession, _method: str, url: StrOrURL, **_options: object) -> Mock:
        urls.append(url)
        return Mock(status=200)

    monkeypatch.setattr(ClientSession, "request", request)
    sending = await sender()
    given: list[StrOrURL] = [f"{HERE}/", f"{HERE}/", f" {HERE}/", URL(f"{HERE}/"), URL(f"{HERE}/")]
    for url in given:
        await sending.send("GET", url, {})
    assert urls == given
    assert [type(url) for url in urls] == [str, str, str, URL, URL]


async def test_few_origins_are_known_by_text(read: list[str]) -> None:
    """The newest, and https: a call does not take longer for more; each is warned of once."""
    sending = await sender()
    for number in range(9):
        with pytest.warns(InsecureTransportWarning):
            await ask(sending, f"http://{number}.example/")
    newest = [f"http://{number}.example/" for number in range(2, 9)]
    await ask(sending, *newest[-1:] * 4, auth=None)  # what is known comes in no second time
    await ask(sending, *newest, "https://a.example/")
    assert len(read) == 13
    await ask(sending, "http://0.example/", newest[0])
    assert read[13:] == ["http://0.example/", newest[0]]
