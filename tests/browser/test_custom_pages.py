"""HTML documents of a program in place of the redirect listener's own pages."""

from __future__ import annotations

import json
import logging

import pytest

from aioalf._browser import pages
from aioalf._browser.custom_pages import CustomPages
from aioalf.errors import TokenConfigurationError
from tests.browser.listener import SECRET, STATE, VALID, waiting_listener

RELAY = """<!DOCTYPE html>
<script>location.replace("/?" + location.hash.slice(1))</script>"""
SIGNED_IN = """<!doctype html>
<title>Thanks</title><script>window.close()</script>"""
CLEARED = """<!doctype html><script>history.replaceState(null, "", location.pathname)</script>
<title>Thanks</title><script>window.close()</script>"""

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R106", "R107")
async def test_custom_pages_are_served_with_the_security_headers() -> None:
    """Both pages are the program's, and only the policy for inline scripts and styles differs."""
    async with waiting_listener(custom_pages=CustomPages.read(RELAY, SIGNED_IN)) as waiting:
        first = await waiting.browser.get("/")
        last = await waiting.browser.get(f"/?{VALID}")
        assert (first.status, first.text) == (200, RELAY)
        assert (last.status, last.text) == (200, CLEARED)
        for response in (first, last):
            for name, value in pages.CUSTOM_HEADERS.items():
                assert response.headers[name.lower()] == value
        assert (await waiting.result)["access_token"] == SECRET


def test_custom_policy_allows_inline_code_and_no_foreign_content() -> None:
    """A custom page runs its own scripts, and cannot load or send anything elsewhere."""
    relaxed = pages.CUSTOM_HEADERS["Content-Security-Policy"].split("; ")
    strict = pages.HEADERS["Content-Security-Policy"].split("; ")
    assert relaxed[1:3] == ["script-src 'unsafe-inline'", "style-src 'unsafe-inline'"]
    assert [*relaxed[:1], *relaxed[3:]] == [*strict[:1], *strict[3:]]
    others = dict(pages.HEADERS) | {"Content-Security-Policy": ""}
    assert dict(pages.CUSTOM_HEADERS) | {"Content-Security-Policy": ""} == others


@pytest.mark.rule("R095", "R106")
@pytest.mark.parametrize("query", [f"access_token={SECRET}", f"state=x&access_token={SECRET}"])
async def test_custom_pages_do_not_weaken_the_state_check(query: str) -> None:
    """A response without the right state gets the listener's own page and changes nothing."""
    async with waiting_listener(custom_pages=CustomPages.read(RELAY, SIGNED_IN)) as waiting:
        response = await waiting.browser.get(f"/?{query}")
        assert (response.status, response.outcome) == (400, "try-again")
        assert response.text == pages.render_html(pages.TRY_AGAIN)
        assert await waiting.is_waiting()


async def test_errors_are_shown_on_the_own_page() -> None:
    """An error response does not get the page of a successful sign-in."""
    async with waiting_listener(custom_pages=CustomPages.read(RELAY, SIGNED_IN)) as waiting:
        response = await waiting.browser.get(f"/?state={STATE}&error=access_denied")
        assert response.outcome == "refused"


async def test_own_sign_in_page_shows_the_custom_page_afterwards() -> None:
    """The script of the own sign-in page gets the document, and its policy allows the scripts."""
    async with waiting_listener(custom_pages=CustomPages.read(None, SIGNED_IN)) as waiting:
        first = await waiting.browser.get("/")
        assert first.text == pages.render_html(pages.SIGNING_IN)
        policy = pages.CUSTOM_HEADERS["Content-Security-Policy"]
        assert first.headers["content-security-policy"] == policy
        response = await waiting.browser.post(VALID)
        assert json.loads(response.text)["document"] == CLEARED
        assert response.outcome == "signed-in"


async def test_custom_relay_is_followed_by_the_own_page() -> None:
    """A program may replace the sign-in page alone."""
    async with waiting_listener(custom_pages=CustomPages.read(RELAY, None)) as waiting:
        assert (await waiting.browser.get("/")).text == RELAY
        last = await waiting.browser.get(f"/?{VALID}")
        assert last.text == pages.render_html(pages.SIGNED_IN)
        assert last.headers["content-security-policy"] == pages.HEADERS["Content-Security-Policy"]


def test_pages_may_be_bytes_and_need_no_doctype() -> None:
    """0.4.0 accepted bytes, and documents in any form."""
    custom = CustomPages.read(RELAY.encode(), "<p>Olá</p>".encode())
    assert custom.sign_in == RELAY
    assert custom.signed_in is not None
    assert custom.signed_in.endswith("</script><p>Olá</p>")


@pytest.mark.parametrize("page", [1, b"\xff", object()])
def test_page_must_be_text(page: object) -> None:
    """The error names the attribute."""
    with pytest.raises(TokenConfigurationError, match="CLOSE_PAGE must be an HTML document"):
        CustomPages.read(None, page)


@pytest.mark.parametrize("page", ["", "<p>Wait</p>", '<script src="/relay.js"></script>'])
def test_sign_in_page_without_a_relay_is_refused(page: str) -> None:
    """A page that cannot pass on the fragment would leave the user waiting."""
    with pytest.raises(TokenConfigurationError, match=r"DEFAULT_PAGE has no inline script .*hash"):
        CustomPages.read(page, None)


def test_relay_without_state_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """A script that picks the token by name loses the state, so its response is refused."""
    page = "<script>f(new URLSearchParams(location.hash.slice(1)).get('access_token'))</script>"
    CustomPages.read(page, None)
    assert "access_token without state" in caplog.text


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://cdn.example.com/a.js">',
        "<link rel=stylesheet href=/style.css>",
        "<IMG alt='' SRC='logo.png'>",
    ],
)
def test_blocked_files_are_warned_about(element: str, caplog: pytest.LogCaptureFixture) -> None:
    """The policy blocks files from elsewhere, and the log says so."""
    CustomPages.read(None, element)
    assert "CLOSE_PAGE loads a file" in caplog.text


def test_embedded_images_and_links_are_fine(caplog: pytest.LogCaptureFixture) -> None:
    """A data: image and a link for the user to click are allowed."""
    with caplog.at_level(logging.INFO):
        CustomPages.read(None, '<img src="data:image/png;base64,"><a href="https://a.example/">')
    assert not caplog.records
