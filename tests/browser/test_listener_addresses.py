"""The redirect listener: hosts, ports and paths that it listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from aioalf._browser.redirect_listener import RedirectListener
from aioalf._browser.redirect_uri import RedirectUri
from aioalf.errors import ListenerError
from tests.browser.listener import (
    ANY_PORT,
    LOCALHOST,
    SECRET,
    STATE,
    VALID,
    can_connect,
    free_ports,
    occupy,
    waiting_listener,
)

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R098", "R110", "R111", "R112")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("path", ["", "/", "/callback/a"])
async def test_redirect_uri_names_host_port_and_path(host: str, path: str) -> None:
    """The redirect URI is reachable by the browser, and its path is exactly the configured one."""
    async with waiting_listener(RedirectUri(host, path=path)) as waiting:
        name = "[::1]" if host == "::1" else host
        assert waiting.listener.redirect_uri == f"http://{name}:{waiting.browser.port}{path}"
        assert waiting.browser.port > 0
        assert (await waiting.browser.get(f"{path or '/'}?{VALID}")).outcome == "signed-in"
        assert await waiting.result == {"state": STATE, "access_token": SECRET}


@pytest.mark.rule("R111")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_listens_on_both_ip_versions(address: str) -> None:
    """A browser reaches the listener by either address of localhost."""
    async with waiting_listener(LOCALHOST) as waiting:
        response = await waiting.browser.request("GET", f"/?{VALID}", address=address)
        assert response.outcome == "signed-in"


@pytest.mark.rule("R110")
@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
async def test_ip_address_listens_on_that_address_only(host: str, other: str) -> None:
    """With an IP address, the listener is not reachable by another address."""
    async with waiting_listener(RedirectUri(host)) as waiting:
        assert not can_connect(other, waiting.browser.port)
        if host == "127.0.0.1":
            assert not can_connect("127.0.0.2", waiting.browser.port)


@pytest.mark.rule("R112")
async def test_first_free_port_of_the_range_is_used() -> None:
    """Busy ports of the range are skipped, in order."""
    first = free_ports(3)
    with occupy("127.0.0.1", first):
        async with waiting_listener(RedirectUri(ports=(first, first + 2))) as waiting:
            assert waiting.browser.port == first + 1


@pytest.mark.rule("R111", "R112")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_needs_the_port_on_both_ip_versions(address: str) -> None:
    """A port that another program has on one IP version is not used: it could receive the token."""
    first = free_ports(2)
    with occupy(address, first):
        async with waiting_listener(RedirectUri("localhost", (first, first + 1))) as waiting:
            assert waiting.listener.redirect_uri == f"http://localhost:{first + 1}"
            assert not can_connect("127.0.0.1" if address == "::1" else "::1", first)


@pytest.mark.rule("R112")
async def test_busy_range_is_an_error_that_names_the_range() -> None:
    """If all ports are busy, the error names the range and no socket stays open."""
    first = free_ports(2)
    with occupy("127.0.0.1", first), occupy("::1", first + 1):
        with pytest.raises(
            ListenerError, match=f"from {first} to {first + 1} on localhost"
        ) as error:
            await RedirectListener(
                RedirectUri("localhost", (first, first + 1)), awaited=("code",)
            ).__aenter__()
        assert isinstance(error.value.__cause__, OSError)
        assert not can_connect("::1", first)
        assert not can_connect("127.0.0.1", first + 1)


async def test_port_can_be_reused_at_once() -> None:
    """A second listener can use the same port right after the first one."""
    first = free_ports(1)
    for _ in range(2):
        async with waiting_listener(RedirectUri("localhost", (first, first))) as waiting:
            assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Simulate a machine that lacks some addresses."""

    def take(*addresses: str, code: int = errno.EADDRNOTAVAIL) -> None:
        create = socket.create_server

        def create_if_present(address: tuple[str, int], **options: Any) -> socket.socket:
            if address[0] in addresses:
                raise OSError(code, "not on this machine")
            return create(address, **options)

        monkeypatch.setattr(socket, "create_server", create_if_present)

    return take


@pytest.mark.rule("R113")
@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
@pytest.mark.parametrize(
    ("host", "absent", "name"),
    [(None, "127.0.0.1", "[::1]"), ("localhost", "::1", "localhost")],
)
async def test_missing_ip_version_falls_back_to_the_other(
    missing: Callable[..., None], code: int, host: str | None, absent: str, name: str
) -> None:
    """If the machine lacks one IP version, the redirect URI has the other address."""
    missing(absent, code=code)
    async with waiting_listener(RedirectUri(host)) as waiting:
        assert waiting.listener.redirect_uri == f"http://{name}:{waiting.browser.port}"
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"


@pytest.mark.rule("R112")
@pytest.mark.parametrize("host", [None, "127.0.0.1"])
async def test_busy_port_does_not_move_to_the_other_ip_version(host: str | None) -> None:
    """A busy port is an error: a redirect URI with another address may not be registered."""
    first = free_ports(1)
    with occupy("127.0.0.1", first):
        with pytest.raises(ListenerError, match=rf"from {first} to {first} on 127\.0\.0\.1"):
            await RedirectListener(RedirectUri(host, (first, first)), awaited=()).__aenter__()
        assert not can_connect("::1", first)


@pytest.mark.rule("R112")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_configured_address_has_no_fallback(missing: Callable[..., None], host: str) -> None:
    """A configured IP address that the machine lacks is an error: only that one is registered."""
    missing(host)
    with pytest.raises(ListenerError, match=f"cannot listen on {host}: this machine has no such"):
        await RedirectListener(RedirectUri(host), awaited=()).__aenter__()


@pytest.mark.rule("R111")
async def test_localhost_works_without_ipv4(missing: Callable[..., None]) -> None:
    """On a machine with IPv6 only, localhost is ::1."""
    missing("127.0.0.1")
    async with waiting_listener(LOCALHOST) as waiting:
        response = await waiting.browser.request("GET", f"/?{VALID}", address="::1")
        assert response.outcome == "signed-in"


async def test_missing_loopback_is_an_error(missing: Callable[..., None]) -> None:
    """A machine without any loopback address raises ListenerError."""
    missing("127.0.0.1", "::1")
    for uri in (LOCALHOST, ANY_PORT):
        with pytest.raises(ListenerError, match="DeviceCode"):
            await RedirectListener(uri, awaited=("code",)).__aenter__()


async def test_free_port_is_free_on_both_ip_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A port that is free on 127.0.0.1 and busy on ::1 is not used."""
    create = socket.create_server
    refusals = [errno.EADDRINUSE, errno.EACCES]

    def create_later(address: tuple[str, int], **options: Any) -> socket.socket:
        if address[0] == "::1" and refusals:
            raise OSError(refusals.pop(), "busy")
        return create(address, **options)

    monkeypatch.setattr(socket, "create_server", create_later)
    async with waiting_listener(LOCALHOST) as waiting:
        assert can_connect("::1", waiting.browser.port)
