"""Every page that a user sees, in Chromium: readable, without console errors, dark and light.

The screenshots are in `artefacts/screenshots`.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest

from aioalf._browser.redirect_listener import RedirectListener
from aioalf._browser.redirect_uri import RedirectUri
from aioalf.errors import TokenError
from aioalf.testing import OAuthServer
from tests.interop.chromium import Chromium, Scheme
from tests.interop.visitor import REFUSED_REQUEST, Visitor

STATE = "the-state-of-this-login"
DESCRIPTION = "The account is locked. Ask the help desk (extension 42) to unlock it."
NARROW = 320
_BRIGHTNESS = """(() => {
  const [red, green, blue] = getComputedStyle(document.querySelector("main"))
    .backgroundColor.match(/[0-9.]+/g).map(Number);
  return (red + green + blue) / 3;
})()"""
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

RESPONSES = {
    "signed-in": ("You can close this page", {"access_token": "secret-token", "state": STATE}),
    "refused": (
        "The sign-in was refused",
        {"error": "access_denied", "error_description": DESCRIPTION, "state": STATE},
    ),
    "discarded": (
        "The sign-in was not accepted",
        {"access_token": "secret-token", "state": STATE, "iss": "https://evil.example"},
    ),
    "try-again": ("Please try again", {"access_token": "secret-token", "state": "guessed"}),
}


def each_scheme() -> pytest.MarkDecorator:
    """Run a test in the light and in the dark color scheme."""
    return pytest.mark.parametrize("scheme", ["light", "dark"])


def expected_errors(name: str) -> list[str]:
    """Return what Chromium logs for a page: an error if its status is 400."""
    return [REFUSED_REQUEST] if name in {"discarded", "try-again"} else []


def find_error(response: Mapping[str, str]) -> TokenError | None:
    """Return an error for a response that names an issuer."""
    return TokenError("from another issuer") if "iss" in response else None


@asynccontextmanager
async def waiting_login() -> AsyncGenerator[RedirectListener]:
    """Run a listener that waits for the response to one sign-in."""
    async with RedirectListener(
        RedirectUri("localhost"), awaited=["access_token"], find_error=find_error
    ) as listener:
        waiting = asyncio.create_task(listener.wait(STATE))
        try:
            yield listener
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


@asynccontextmanager
async def visitor_of(
    chromium: Chromium, scheme: Scheme = "light", *, width: int = 900, script: bool = True
) -> AsyncGenerator[Visitor]:
    """Open a window of this kind, with a user."""
    async with chromium.page(scheme=scheme, width=width, script=script) as page:
        yield Visitor(chromium, page)


async def assert_readable(visitor: Visitor, scheme: Scheme, name: str) -> None:
    """Check that the page has the brightness of the scheme, and save a screenshot."""
    brightness = float(str(await visitor.evaluate(_BRIGHTNESS)))
    assert (brightness < 80) if scheme == "dark" else (brightness > 200)
    await visitor.take_screenshot(f"{name}-{scheme}")


@pytest.mark.rule("R107")
@pytest.mark.parametrize("name", RESPONSES)
@each_scheme()
async def test_each_response_has_a_page(chromium: Chromium, scheme: Scheme, name: str) -> None:
    """A response in the fragment shows its page, and is removed from the address bar."""
    title, response = RESPONSES[name]
    async with waiting_login() as listener, visitor_of(chromium, scheme) as visitor:
        await visitor.open(f"{listener.redirect_uri}/#{urlencode(response)}")
        words = await visitor.wait_for_page(title)
        assert response.get("error_description", title) in words
        assert "secret-token" not in await visitor.html()
        assert await visitor.current_url() == f"{listener.redirect_uri}/"
        await assert_readable(visitor, scheme, name)
        assert visitor.console_errors == expected_errors(name)


@pytest.mark.rule("R107")
@pytest.mark.parametrize("name", RESPONSES)
async def test_response_in_the_query_shows_the_same_page(chromium: Chromium, name: str) -> None:
    """A response in the query is also removed from the address bar."""
    title, response = RESPONSES[name]
    async with waiting_login() as listener, visitor_of(chromium) as visitor:
        await visitor.open(f"{listener.redirect_uri}/?{urlencode(response)}")
        await visitor.wait_for_page(title)
        assert await visitor.current_url() == f"{listener.redirect_uri}/"
        assert visitor.console_errors == expected_errors(name)


@pytest.mark.rule("R117")
@each_scheme()
async def test_second_response_shows_that_the_sign_in_is_done(
    chromium: Chromium, scheme: Scheme
) -> None:
    """A repeated response before the listener closes does nothing."""
    title, response = RESPONSES["signed-in"]
    async with waiting_login() as listener, visitor_of(chromium, scheme) as visitor:
        url = f"{listener.redirect_uri}/?{urlencode(response)}"
        await visitor.open(url)
        await visitor.wait_for_page(title)
        await visitor.open(url)
        await visitor.wait_for_page("Nothing to do here")
        await assert_readable(visitor, scheme, "nothing-to-do")
        assert visitor.console_errors == []


@pytest.mark.rule("R106")
async def test_page_without_javascript_says_what_to_do(chromium: Chromium) -> None:
    """The page that relays the fragment asks the user to allow JavaScript."""
    async with waiting_login() as listener, visitor_of(chromium, script=False) as visitor:
        await visitor.open(f"{listener.redirect_uri}/#{urlencode(RESPONSES['signed-in'][1])}")
        assert "Allow JavaScript" in await visitor.wait_for_page("JavaScript is switched off")
        await visitor.take_screenshot("without-script-light")


@each_scheme()
async def test_sign_in_page_of_the_test_server(
    chromium: Chromium, oauth_server: OAuthServer, scheme: Scheme
) -> None:
    """The sign-in page and its error page log no unexpected errors."""
    async with visitor_of(chromium, scheme) as visitor:
        parameters = {"client_id": oauth_server.client_id, "scope": "things:read things:write"}
        url = oauth_server.authorization_endpoint
        await visitor.open(
            f"{url}?{urlencode({**parameters, **login_to('http://localhost:30000')})}"
        )
        words = await visitor.wait_for_page("Sign in")
        assert "things:write" in words
        await assert_readable(visitor, scheme, "login")
        assert visitor.console_errors == []
        await visitor.open(
            f"{url}?{urlencode({**parameters, **login_to('http://elsewhere.example')})}"
        )
        await visitor.wait_for_page("The request failed")
        await assert_readable(visitor, scheme, "login-error")
        assert visitor.console_errors == [REFUSED_REQUEST]


def login_to(redirect_uri: str) -> dict[str, str]:
    """Return further parameters of the authorization request."""
    return {"response_type": "token", "redirect_uri": redirect_uri, "state": STATE}


async def test_pages_fit_a_small_screen(chromium: Chromium, oauth_server: OAuthServer) -> None:
    """At 320 pixels no page scrolls sideways."""
    parameters = {"client_id": oauth_server.client_id, **login_to("http://localhost:30000")}
    _, response = RESPONSES["refused"]
    async with waiting_login() as listener, visitor_of(chromium, width=NARROW) as visitor:
        for url in (
            f"{oauth_server.authorization_endpoint}?{urlencode(parameters)}",
            f"{listener.redirect_uri}/?{urlencode(response)}",
        ):
            await visitor.open(url)
            assert await visitor.evaluate(_OVERFLOW) == 0
        await visitor.take_screenshot("refused-narrow")
