"""No canary in the settings of the connection to the authorization server comes out."""

import asyncio
import warnings
from base64 import b64encode
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import BasicAuth, ClientSession
from yarl import URL

from aioalf import Client, Retry, TokenError
from tests.robustness.secrets.canaries import Canaries
from tests.robustness.secrets.echo_server import SUCCESSFUL, EchoServer
from tests.robustness.secrets.exposure import Exposure

pytestmark = pytest.mark.rule("R007", "R063")

BEHIND_A_PROXY = "http://auth.example.com/token"
PAGE = "page in plain"


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def proxy_auth(user: str, password: str, encoding: str = "latin1") -> object:
    """Return credentials for a proxy. aiohttp 3.14 warns about this class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return BasicAuth(user, password, encoding)


def cookie(value: str) -> SimpleCookie:
    """Return a cookie, as servers set it."""
    return SimpleCookie({"session": value})


SENT: dict[str, Callable[[str], dict[str, Any]]] = {
    "header": lambda canary: {"headers": {"X-Api-Key": canary}},
    "header in a pair": lambda canary: {"headers": [("X-Api-Key", canary)]},
    "header with a scheme": lambda canary: {"headers": {"X-Api-Key": f"Token {canary}"}},
    "Authorization": lambda canary: {"headers": {"authorization": f"Bearer {canary}"}},
    "Basic": lambda canary: {"headers": {"Authorization": basic("a", canary)}},
    "Cookie": lambda canary: {"headers": {"Cookie": f"a=b; session={canary}"}},
    "cookies": lambda canary: {"cookies": {"session": canary}},
    "cookie with attributes": lambda canary: {"cookies": cookie(canary)},
    "params": lambda canary: {"params": {"key": [canary]}},
    "params in pairs": lambda canary: {"params": [("key", canary)]},
    "query": lambda canary: {"params": f"a=b&key={canary}"},
}
"""Options that are sent to the token endpoint."""

PROXIES: dict[str, Callable[[URL, str], dict[str, Any]]] = {
    "proxy": lambda url, canary: {"proxy": str(url.with_user("user").with_password(canary))},
    "proxy with a token": lambda url, canary: {"proxy": url.with_user(canary)},
    "proxy_auth": lambda url, canary: {"proxy": url, "proxy_auth": proxy_auth("user", canary)},
    "proxy_auth in UTF-8": lambda url, canary: {
        "proxy": url,
        "proxy_auth": proxy_auth("usér", f"{canary}€", "utf-8"),
    },
}
"""Options of a request and of a session, whose values are sent to the proxy at a URL."""


def client(token_endpoint: str, **options: Any) -> Client:
    """Return a client that sends a token request once."""
    return Client("a-client", "a-secret", token_endpoint, retry=Retry(attempts=1), **options)


async def show_failure(exposure: Exposure, kind: str, **options: Any) -> None:
    """Collect the error of a request, and the response that another client returns instead."""
    async with asyncio.timeout(20), client(**options, raise_token_errors=True) as strict:
        with pytest.raises(TokenError) as caught:
            await strict.get("https://api.example.com/")
        await exposure.add_error(kind, caught.value)
    if kind in SUCCESSFUL:
        return
    async with (
        asyncio.timeout(20),
        client(**options) as lenient,
        lenient.get("https://api.example.com/") as response,
    ):
        assert response.status == 400
        await exposure.add_response(kind, response)


@pytest.mark.parametrize("kind", ["OAuth error", "wrong token", PAGE, "page in base64"])
@pytest.mark.parametrize("option", SENT)
async def test_echoed_option_is_not_shown(option: str, kind: str) -> None:
    """A server that repeats a header, a cookie or a parameter does not bring it into a log."""
    canaries, exposure = Canaries(), Exposure()
    options = SENT[option](canaries.plant_token("option"))
    with exposure.watching():
        async with EchoServer(kind) as echo:
            await show_failure(exposure, kind, token_endpoint=echo.url, http_options=options)
    assert canaries.found_in(echo.received)
    assert not exposure.leaks_of(canaries)


@pytest.mark.parametrize("option", PROXIES)
async def test_echoed_credentials_of_a_proxy_are_not_shown(option: str) -> None:
    """A proxy that repeats its credentials in an error page does not bring them into a log."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("proxy")
    with exposure.watching():
        async with EchoServer(PAGE) as echo:
            options = PROXIES[option](echo.origin, canary)
            await show_failure(exposure, PAGE, token_endpoint=BEHIND_A_PROXY, http_options=options)
    assert canaries.found_in(echo.received)
    assert not exposure.leaks_of(canaries)


@pytest.mark.parametrize("option", PROXIES)
@pytest.mark.parametrize("name", ["session", "auth_session", "settings"])
async def test_echoed_credentials_of_the_proxy_of_a_session_are_not_shown(
    name: str, option: str
) -> None:
    """The session's proxy is used for token requests, too, even if the session is the client's."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("proxy")
    with exposure.watching():
        async with EchoServer(PAGE) as echo:
            options = PROXIES[option](echo.origin, canary)
            async with ClientSession(**options) as session:
                given: dict[str, Any] = options if name == "settings" else {name: session}
                await show_failure(exposure, PAGE, token_endpoint=BEHIND_A_PROXY, **given)
    assert canaries.found_in(echo.received)
    assert not exposure.leaks_of(canaries)


async def test_echoed_credentials_of_the_proxy_of_the_environment_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``http_proxy`` is used with a session that trusts the environment."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("proxy")
    with exposure.watching():
        async with EchoServer(PAGE) as echo, ClientSession(trust_env=True) as session:
            proxy = echo.origin.with_user("user").with_password(canary)
            monkeypatch.setenv("http_proxy", str(proxy))
            await show_failure(exposure, PAGE, token_endpoint=BEHIND_A_PROXY, session=session)
    assert canaries.found_in(echo.received)
    assert not exposure.leaks_of(canaries)
