"""Each page that a person is shown, in Chromium: readable, quiet, dark and light, and kept to see.

The pictures are in `artefacts/screenshots`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest

from aioalf._browser.redirect_listener import RedirectListener
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

ANSWERS = {
    "signed-in": ("You are signed in", {"access_token": "secret-token", "state": STATE}),
    "refused": (
        "The sign-in was refused",
        {"error": "access_denied", "error_description": DESCRIPTION, "state": STATE},
    ),
    "try-again": ("Please try again", {"access_token": "secret-token", "state": "guessed"}),
}


def each_scheme() -> pytest.MarkDecorator:
    """Every page is to be read by day and by night."""
    return pytest.mark.parametrize("scheme", ["light", "dark"])


def problems_of(name: str) -> list[str]:
    """What Chromium itself says of a page: that a request was answered with 400, where one was."""
    return [REFUSED_REQUEST] if name == "try-again" else []


@asynccontextmanager
async def waiting_login() -> AsyncGenerator[RedirectListener]:
    """A listener that waits for the answer to one login."""
    async with RedirectListener(host="localhost", awaited=["access_token"]) as listener:
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
    """A person at a window of this kind."""
    async with chromium.page(scheme=scheme, width=width, script=script) as page:
        yield Visitor(chromium, page)


async def assert_readable(visitor: Visitor, scheme: Scheme, name: str) -> None:
    """The page is as dark or light as asked for, and its picture is kept."""
    brightness = float(str(await visitor.ask(_BRIGHTNESS)))
    assert (brightness < 80) if scheme == "dark" else (brightness > 200)
    await visitor.keep_picture(f"{name}-{scheme}")


@pytest.mark.rule("R107")
@pytest.mark.parametrize("name", ANSWERS)
@each_scheme()
async def test_each_answer_has_a_page(chromium: Chromium, scheme: Scheme, name: str) -> None:
    """A relayed answer shows its page; no policy is violated, and nothing of it is left over."""
    title, answer = ANSWERS[name]
    async with waiting_login() as listener, visitor_of(chromium, scheme) as visitor:
        await visitor.go(f"{listener.redirect_uri}/#{urlencode(answer)}")
        words = await visitor.sees(title)
        assert answer.get("error_description", title) in words
        assert "secret-token" not in await visitor.source()
        assert await visitor.address() == f"{listener.redirect_uri}/"
        await assert_readable(visitor, scheme, name)
        assert visitor.problems == problems_of(name)


@pytest.mark.rule("R107")
@pytest.mark.parametrize("name", ANSWERS)
async def test_the_query_gives_the_same_pages(chromium: Chromium, name: str) -> None:
    """An answer in the query shows the same words, and leaves the address bar too."""
    title, answer = ANSWERS[name]
    async with waiting_login() as listener, visitor_of(chromium) as visitor:
        await visitor.go(f"{listener.redirect_uri}/?{urlencode(answer)}")
        await visitor.sees(title)
        assert await visitor.address() == f"{listener.redirect_uri}/"
        assert visitor.problems == problems_of(name)


@pytest.mark.rule("R117")
@each_scheme()
async def test_a_second_answer_finds_nothing_to_do(chromium: Chromium, scheme: Scheme) -> None:
    """Who comes once more before the listener has gone is told that all is done."""
    title, answer = ANSWERS["signed-in"]
    async with waiting_login() as listener, visitor_of(chromium, scheme) as visitor:
        url = f"{listener.redirect_uri}/?{urlencode(answer)}"
        await visitor.go(url)
        await visitor.sees(title)
        await visitor.go(url)
        await visitor.sees("Nothing to do here")
        await assert_readable(visitor, scheme, "nothing-to-do")
        assert visitor.problems == []


@pytest.mark.rule("R106")
async def test_without_script_the_page_says_what_to_do(chromium: Chromium) -> None:
    """The page that must relay the fragment says so where scripts are switched off."""
    async with waiting_login() as listener, visitor_of(chromium, script=False) as visitor:
        await visitor.go(f"{listener.redirect_uri}/#{urlencode(ANSWERS['signed-in'][1])}")
        assert "Allow JavaScript" in await visitor.sees("JavaScript is switched off")
        await visitor.keep_picture("without-script-light")


@each_scheme()
async def test_the_login_page_of_the_test_server(
    chromium: Chromium, oauth_server: OAuthServer, scheme: Scheme
) -> None:
    """The login page, its refusal of an empty name, and its error page are quiet in the console."""
    async with visitor_of(chromium, scheme) as visitor:
        asked = {"client_id": oauth_server.client_id, "scope": "things:read things:write"}
        url = oauth_server.authorization_endpoint
        await visitor.go(f"{url}?{urlencode({**asked, **login_to('http://localhost:30000')})}")
        words = await visitor.sees("Sign in")
        assert "things:write" in words
        await assert_readable(visitor, scheme, "login")
        assert visitor.problems == []
        await visitor.go(f"{url}?{urlencode({**asked, **login_to('http://elsewhere.example')})}")
        await visitor.sees("The request failed")
        await assert_readable(visitor, scheme, "login-error")
        assert visitor.problems == [REFUSED_REQUEST]


def login_to(redirect_uri: str) -> dict[str, str]:
    """The rest of what a client asks for."""
    return {"response_type": "token", "redirect_uri": redirect_uri, "state": STATE}


async def test_the_pages_fit_a_small_screen(chromium: Chromium, oauth_server: OAuthServer) -> None:
    """Nothing is cut off or to be scrolled sideways at 320 pixels."""
    asked = {"client_id": oauth_server.client_id, **login_to("http://localhost:30000")}
    _, answer = ANSWERS["refused"]
    async with waiting_login() as listener, visitor_of(chromium, width=NARROW) as visitor:
        for url in (
            f"{oauth_server.authorization_endpoint}?{urlencode(asked)}",
            f"{listener.redirect_uri}/?{urlencode(answer)}",
        ):
            await visitor.go(url)
            assert await visitor.ask(_OVERFLOW) == 0
        await visitor.keep_picture("refused-narrow")
