"""The redirect listener: hosts, ports and paths that it listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from aioalf._browser.redirect_listener import RedirectListener
from aioalf.errors import ListenerError, TokenConfigurationError
from tests.browser.listener import (
    SECRET,
    STATE,
    VALID,
    can_connect,
    free_ports,
    occupy,
    waiting_listener,
)

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R110", "R111", "R112")
@pytest.mark.parametrize(
    ("host", "name", "path", "shown"),
    [
        ("127.0.0.1", "127.0.0.1", "/", ""),
        ("::1", "[::1]", "/", ""),
        ("localhost", "localhost", "/", ""),
        ("127.0.0.1", "127.0.0.1", "/callback/a", "/callback/a"),
    ],
)
async def test_redirect_uri_names_host_port_and_path(
    host: str, name: str, path: str, shown: str
) -> None:
    """The redirect URI is reachable by the browser and has no trailing slash."""
    async with waiting_listener(host=host, path=path) as waiting:
        uri = waiting.listener.redirect_uri
        assert uri == f"http://{name}:{waiting.browser.port}{shown}"
        assert waiting.browser.port > 0
        assert (await waiting.browser.get(f"{path}?{VALID}")).outcome == "signed-in"
        assert await waiting.result == {"state": STATE, "access_token": SECRET}


@pytest.mark.rule("R111")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_listens_on_both_ip_versions(address: str) -> None:
    """A browser reaches the listener by either address of localhost."""
    async with waiting_listener(host="localhost") as waiting:
        response = await waiting.browser.request("GET", f"/?{VALID}", address=address)
        assert response.outcome == "signed-in"


@pytest.mark.rule("R110")
@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
async def test_ip_address_listens_on_that_address_only(host: str, other: str) -> None:
    """With an IP address, the listener is not reachable by another address."""
    async with waiting_listener(host=host) as waiting:
        assert not can_connect(other, waiting.browser.port)
        if host == "127.0.0.1":
            assert not can_connect("127.0.0.2", waiting.browser.port)


def test_redirect_uri_needs_open_sockets() -> None:
    """The redirect URI is an error until the listener has its port."""
    with pytest.raises(RuntimeError, match="async with"):
        _ = RedirectListener(awaited=("code",)).redirect_uri


@pytest.mark.rule("R112")
async def test_first_free_port_of_the_range_is_used() -> None:
    """Busy ports of the range are skipped, in order."""
    first = free_ports(3)
    with occupy("127.0.0.1", first):
        async with waiting_listener(ports=(first, first + 2)) as waiting:
            assert waiting.browser.port == first + 1


@pytest.mark.rule("R111", "R112")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_needs_the_port_on_both_ip_versions(address: str) -> None:
    """A port that another program has on one IP version is not used: it could receive the token."""
    first = free_ports(2)
    with occupy(address, first):
        async with waiting_listener(host="localhost", ports=(first, first + 1)) as waiting:
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
                host="localhost", ports=(first, first + 1), awaited=("code",)
            ).__aenter__()
        assert isinstance(error.value.__cause__, OSError)
        assert not can_connect("::1", first)
        assert not can_connect("127.0.0.1", first + 1)


async def test_port_can_be_reused_at_once() -> None:
    """A second listener can use the same port right after the first one."""
    first = free_ports(1)
    for _ in range(2):
        async with waiting_listener(host="localhost", ports=(first, first)) as waiting:
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
    [
        ("127.0.0.1", "127.0.0.1", "[::1]"),
        ("::1", "::1", "127.0.0.1"),
        ("localhost", "::1", "localhost"),
    ],
)
async def test_missing_ip_version_falls_back_to_the_other(
    missing: Callable[..., None], code: int, host: str, absent: str, name: str
) -> None:
    """If the machine lacks one IP version, the redirect URI has the other address."""
    missing(absent, code=code)
    async with waiting_listener(host=host) as waiting:
        assert waiting.listener.redirect_uri == f"http://{name}:{waiting.browser.port}"
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"


@pytest.mark.rule("R111")
async def test_localhost_works_without_ipv4(missing: Callable[..., None]) -> None:
    """On a machine with IPv6 only, localhost is ::1."""
    missing("127.0.0.1")
    async with waiting_listener(host="localhost") as waiting:
        response = await waiting.browser.request("GET", f"/?{VALID}", address="::1")
        assert response.outcome == "signed-in"


async def test_missing_loopback_is_an_error(missing: Callable[..., None]) -> None:
    """A machine without any loopback address raises ListenerError."""
    missing("127.0.0.1", "::1")
    with pytest.raises(ListenerError, match="no port of this machine on localhost"):
        await RedirectListener(host="localhost", awaited=("code",)).__aenter__()


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
    async with waiting_listener(host="localhost") as waiting:
        assert can_connect("::1", waiting.browser.port)


@pytest.mark.parametrize(
    "ports",
    [
        (32009, 32000),
        (0, 10),
        (1, 65536),
        (-1, 5),
        (True, 5),
        ("32000", "32009"),
        (32000.0, 32009.0),
        (32000,),
        (32000, 32001, 32002),
        32000,
        "32000-32009",
    ],
)
def test_invalid_port_ranges_are_refused(ports: Any) -> None:
    """The error shows the given range and an example."""
    with pytest.raises(TokenConfigurationError, match=r"such as \(32000, 32009\)") as error:
        RedirectListener(ports=ports, awaited=("code",))
    assert repr(ports) in str(error.value)


@pytest.mark.rule("R110")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "example.com", "192.0.2.1"])
def test_hosts_other_than_loopback_are_refused(host: str) -> None:
    """The listener cannot be made reachable from other machines."""
    with pytest.raises(TokenConfigurationError, match="other machines must not reach it"):
        RedirectListener(host=host, awaited=("code",))


@pytest.mark.parametrize("path", ["", "callback", "/a?b", "/a#b", "/a b", "/ä", "/a\n", "/\x7f"])
def test_invalid_paths_are_refused(path: str) -> None:
    """A path that no request could match is refused when the listener is made."""
    with pytest.raises(TokenConfigurationError, match="must start with a slash"):
        RedirectListener(path=path, awaited=("code",))
