"""The redirect listener: which requests are refused before their parameters are read."""

from __future__ import annotations

import pytest

from aioalf._browser import redirect_listener
from aioalf._browser.redirect_uri import RedirectUri
from tests.browser.listener import (
    FORM,
    VALID,
    waiting_listener,
)

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R115", "R117")
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:{port}", "127.0.0.1:1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_other_hosts_are_refused(method: str, host: str) -> None:
    """Requests with another Host header are refused, which defeats DNS rebinding."""
    async with waiting_listener() as waiting:
        headers = {"Origin": waiting.browser.origin, "Content-Type": FORM}
        body = VALID.encode() if method == "POST" else b""
        response = await waiting.browser.request(
            method,
            "/" if body else f"/?{VALID}",
            body,
            host=host.format(port=waiting.browser.port),
            headers=headers,
        )
        assert (response.status, response.text) == (403, "403\n")
        assert await waiting.is_waiting()


@pytest.mark.rule("R115")
@pytest.mark.parametrize("lines", ["", "Host: {0}\r\nHost: {0}\r\n", "Host: {0}\r\nHost: x\r\n"])
async def test_missing_or_repeated_host_is_refused(lines: str) -> None:
    """A request must have exactly one Host header."""
    async with waiting_listener() as waiting:
        head = f"GET /?{VALID} HTTP/1.1\r\n{lines.format(waiting.browser.host)}\r\n"
        response = await waiting.browser.send(head.encode())
        assert response.status in {400, 403}
        assert await waiting.is_waiting()


@pytest.mark.rule("R115")
@pytest.mark.parametrize(
    "target",
    ["/favicon.ico", "//", "/callback/", "/Callback", "/callback/../callback", "/%63allback", "/"],
)
async def test_other_paths_are_not_found(target: str) -> None:
    """Requests for other paths do not end the wait."""
    async with waiting_listener(RedirectUri(path="/callback")) as waiting:
        for full in (target, f"{target}?{VALID}"):
            response = await waiting.browser.get(full)
            assert (response.status, response.text) == (404, "404\n")
        assert await waiting.is_waiting()


@pytest.mark.rule("R104", "R115")
async def test_absolute_request_target_is_not_found() -> None:
    """A request target as sent to a proxy is not accepted."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.get(f"{waiting.browser.origin}/?{VALID}")
        assert response.status == 404
        assert await waiting.is_waiting()


@pytest.mark.rule("R104")
async def test_no_parameter_causes_a_redirect() -> None:
    """No parameter of a response sends the browser elsewhere."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.get(
            f"/?{VALID}&redirect_uri=https://evil.example&next=//e"
        )
        assert response.status == 200
        assert "location" not in response.headers
        assert "evil" not in response.text


@pytest.mark.rule("R117")
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    """Only GET and POST are allowed, and no CORS header is sent."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.request(method, f"/?{VALID}", headers={"Origin": "null"})
        assert response.status in {400, 405}
        if response.status == 405:
            assert response.headers["allow"] == "GET, POST"
        assert not any(name.startswith("access-control-") for name in response.headers)
        assert await waiting.is_waiting()


@pytest.mark.rule("R106")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
async def test_form_from_another_origin_is_refused(headers: dict[str, str], status: int) -> None:
    """Only the listener's own page may post, and only a form."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.post(VALID, headers)
        assert (response.status, response.text) == (status, f"{status}\n")
        assert await waiting.is_waiting()


@pytest.mark.rule("R106")
@pytest.mark.parametrize(
    "lines", ["", "Origin: {0}\r\nOrigin: {0}\r\n", "Origin: {0}\r\nOrigin: null\r\n"]
)
async def test_missing_or_repeated_origin_is_refused(lines: str) -> None:
    """A form must have exactly one Origin header."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.send(
            f"POST / HTTP/1.1\r\nHost: {waiting.browser.host}\r\nContent-Type: {FORM}\r\n"
            f"{lines.format(waiting.browser.origin)}"
            f"Content-Length: {len(VALID)}\r\n\r\n{VALID}".encode()
        )
        assert response.status in {400, 403}
        assert await waiting.is_waiting()


async def test_charset_and_missing_fetch_metadata_are_accepted() -> None:
    """Browsers add a charset, and older ones send no Sec-Fetch-Site."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.request(
            "POST",
            "/",
            VALID.encode(),
            headers={"Origin": waiting.browser.origin, "Content-Type": f"{FORM};charset=UTF-8"},
        )
        assert response.outcome == "signed-in"


def test_default_port_is_not_part_of_the_host() -> None:
    """On port 80, browsers send Host and Origin without a port."""
    assert redirect_listener.without_default_port("localhost:80") == "localhost"
    assert redirect_listener.without_default_port("http://[::1]:80") == "http://[::1]"
    assert redirect_listener.without_default_port("localhost:8080") == "localhost:8080"
