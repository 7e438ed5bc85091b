"""The redirect listener, over real sockets on this machine."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioalf._browser import pages, redirect_listener, redirect_server
from aioalf._browser.redirect_listener import RedirectListener
from aioalf.errors import ListenerError, TokenConfigurationError

STATE = "b7Yw0cVt-_state"
SECRET = "s3cr3t-t0ken"
FORM = "application/x-www-form-urlencoded"
GOOD = f"state={STATE}&access_token={SECRET}"


class Answer:
    """What came back on one connection, to its end."""

    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(first.split()[1]) if first else 0
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }
        self.text = body.decode()

    @property
    def outcome(self) -> str:
        """The outcome that a browser is shown; empty if this is no page."""
        if self.headers["content-type"].startswith("application/json"):
            return str(json.loads(self.text)["outcome"])
        _, found, rest = self.text.partition('<main data-outcome="')
        return rest.partition('"')[0] if found else ""


class Browser:
    """Sends what a browser, or something worse, sends to a listener."""

    def __init__(self, listener: RedirectListener) -> None:
        self.origin = "http://" + listener.redirect_uri.split("/")[2]
        self.host = self.origin.removeprefix("http://")
        name, _, port = self.host.rpartition(":")
        self.address = "127.0.0.1" if name == "localhost" else name.strip("[]")
        self.port = int(port)

    async def send(self, data: bytes, *, address: str | None = None) -> Answer:
        """Send these bytes and return all that comes back before the connection ends."""
        reader, writer = await asyncio.open_connection(address or self.address, self.port)
        try:
            writer.write(data)
            return Answer(await rest(reader))
        finally:
            writer.close()

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        address: str | None = None,
    ) -> Answer:
        """Send one request."""
        lines = {"Host": host or self.host, "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body
        return await self.send(request, address=address)

    async def get(self, target: str) -> Answer:
        """Come to an address."""
        return await self.ask("GET", target)

    async def post(
        self, body: str | bytes, headers: Mapping[str, str] | None = None, target: str = "/"
    ) -> Answer:
        """Send a form as the script of the page does."""
        encoded = body if isinstance(body, bytes) else body.encode()
        said = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": FORM}
        return await self.ask("POST", target, encoded, headers={**said, **(headers or {})})


class Login:
    """A listener, a browser that knows it, and the wait that is going on."""

    def __init__(self, listener: RedirectListener, state: str) -> None:
        self.listener = listener
        self.browser = Browser(listener)
        self.waiting = asyncio.create_task(listener.wait(state))

    async def is_waiting(self) -> bool:
        """Whether the wait still goes on, after all that was due has run."""
        await asyncio.sleep(0)
        return not self.waiting.done()


@asynccontextmanager
async def login(
    *, awaited: tuple[str, ...] = ("access_token",), state: str = STATE, **options: Any
) -> AsyncGenerator[Login, None]:
    """Wait for an answer, and no longer than the block."""
    async with RedirectListener(awaited=awaited, **options) as listener:
        going = Login(listener, state)
        await asyncio.sleep(0)
        try:
            yield going
        finally:
            going.waiting.cancel()
            await asyncio.gather(going.waiting, return_exceptions=True)


@pytest.fixture(autouse=True, scope="module")
def older_objects() -> None:
    """What other tests left in caches is not looked at after each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test leaves an unclosed socket, and no secret is in any log of any test."""
    caplog.set_level(logging.DEBUG)
    yield
    gc.collect()
    assert SECRET not in caplog.text
    assert STATE not in caplog.text


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes before the connection ends, in one way or another."""
    try:
        return await asyncio.wait_for(reader.read(), 4)
    except ConnectionError:
        return b""


def can_connect(address: str, port: int) -> bool:
    """Whether anybody listens there."""
    try:
        socket.create_connection((address, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def busy(address: str, port: int = 0) -> socket.socket:
    """Take a port of one address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def free_ports(count: int) -> int:
    """Return the first of so many neighbouring ports that nobody uses."""
    for first in range(20000, 32000, count):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    for address in ("127.0.0.1", "::1"):
                        taken.enter_context(closing(busy(address, port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports on this machine")


# Where it listens


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
async def test_the_redirect_uri_names_the_host_a_free_port_and_the_path(
    host: str, name: str, path: str, shown: str
) -> None:
    """The redirect URI is what the browser can reach, without a slash of its own at the end."""
    async with login(host=host, path=path) as going:
        uri = going.listener.redirect_uri
        assert uri == f"http://{name}:{going.browser.port}{shown}"
        assert going.browser.port > 0
        assert (await going.browser.get(f"{path}?{GOOD}")).outcome == "signed-in"
        assert await going.waiting == {"state": STATE, "access_token": SECRET}


@pytest.mark.rule("R111")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_is_both_ip_versions_on_one_port(address: str) -> None:
    """Whichever address the browser takes for localhost, it reaches this listener."""
    async with login(host="localhost") as going:
        answer = await going.browser.ask("GET", f"/?{GOOD}", address=address)
        assert answer.outcome == "signed-in"


@pytest.mark.rule("R110")
@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
async def test_a_literal_is_that_address_only(host: str, other: str) -> None:
    """With an IP literal, nobody listens on the other IP version, nor on all interfaces."""
    async with login(host=host) as going:
        assert not can_connect(other, going.browser.port)
        if host == "127.0.0.1":
            assert not can_connect("127.0.0.2", going.browser.port)


def test_the_redirect_uri_is_not_known_before_the_sockets_are_open() -> None:
    """Nobody can send a browser to a port that is not held yet."""
    with pytest.raises(RuntimeError, match="async with"):
        _ = RedirectListener(awaited=("code",)).redirect_uri


@pytest.mark.rule("R112")
async def test_busy_ports_are_skipped_in_order() -> None:
    """The first port of the range that is free is taken."""
    first = free_ports(3)
    with busy("127.0.0.1", first):
        async with login(ports=(first, first + 2)) as going:
            assert going.browser.port == first + 1


@pytest.mark.rule("R111", "R112")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_for_localhost_a_port_busy_on_one_ip_version_is_busy(address: str) -> None:
    """A stranger on the other IP version of a port would be handed the token: it is not used."""
    first = free_ports(2)
    with busy(address, first):
        async with login(host="localhost", ports=(first, first + 1)) as going:
            assert going.listener.redirect_uri == f"http://localhost:{first + 1}"
            assert not can_connect("127.0.0.1" if address == "::1" else "::1", first)


@pytest.mark.rule("R112")
async def test_all_ports_busy_is_an_error_that_names_the_range() -> None:
    """Nothing is left open, and the error says which ports were tried."""
    first = free_ports(2)
    with busy("127.0.0.1", first), busy("::1", first + 1):
        with pytest.raises(ListenerError, match=f"from {first} to {first + 1} on localhost") as no:
            await RedirectListener(
                host="localhost", ports=(first, first + 1), awaited=("code",)
            ).__aenter__()
        assert isinstance(no.value.__cause__, OSError)
        assert not can_connect("::1", first)
        assert not can_connect("127.0.0.1", first + 1)


async def test_a_port_is_free_again_at_once() -> None:
    """A second login on the same port need not wait for the first one's connections to age."""
    first = free_ports(1)
    for _ in range(2):
        async with login(host="localhost", ports=(first, first)) as going:
            assert (await going.browser.get(f"/?{GOOD}")).outcome == "signed-in"


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Take addresses away from this machine."""

    def take(*addresses: str, code: int = errno.EADDRNOTAVAIL) -> None:
        create = socket.create_server

        def create_if_there(address: tuple[str, int], **options: Any) -> socket.socket:
            if address[0] in addresses:
                raise OSError(code, "not on this machine")
            return create(address, **options)

        monkeypatch.setattr(socket, "create_server", create_if_there)

    return take


@pytest.mark.rule("R113")
@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
@pytest.mark.parametrize(
    ("host", "lost", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "[::1]"),
        ("::1", "::1", "127.0.0.1"),
        ("localhost", "::1", "localhost"),
    ],
)
async def test_a_machine_without_one_ip_version_uses_the_other(
    missing: Callable[..., None], code: int, host: str, lost: str, name: str
) -> None:
    """The redirect URI names the address that there is."""
    missing(lost, code=code)
    async with login(host=host) as going:
        assert going.listener.redirect_uri == f"http://{name}:{going.browser.port}"
        assert (await going.browser.get(f"/?{GOOD}")).outcome == "signed-in"


@pytest.mark.rule("R111")
async def test_a_machine_with_ipv6_only_has_a_localhost(missing: Callable[..., None]) -> None:
    """The name localhost needs no IPv4."""
    missing("127.0.0.1")
    async with login(host="localhost") as going:
        answer = await going.browser.ask("GET", f"/?{GOOD}", address="::1")
        assert answer.outcome == "signed-in"


async def test_a_machine_without_loopback_is_an_error(missing: Callable[..., None]) -> None:
    """No address at all is said, too."""
    missing("127.0.0.1", "::1")
    with pytest.raises(ListenerError, match="no port of this machine on localhost"):
        await RedirectListener(host="localhost", awaited=("code",)).__aenter__()


async def test_a_free_port_is_looked_for_until_both_ip_versions_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A port that is free on 127.0.0.1 and busy on ::1 is given up for another one."""
    create = socket.create_server
    refusals = [errno.EADDRINUSE, errno.EACCES]

    def create_later(address: tuple[str, int], **options: Any) -> socket.socket:
        if address[0] == "::1" and refusals:
            raise OSError(refusals.pop(), "busy")
        return create(address, **options)

    monkeypatch.setattr(socket, "create_server", create_later)
    async with login(host="localhost") as going:
        assert can_connect("::1", going.browser.port)


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
def test_ports_that_cannot_be_are_refused_at_once(ports: Any) -> None:
    """The error says what was given and what to write."""
    with pytest.raises(TokenConfigurationError, match=r"such as \(32000, 32009\)") as no:
        RedirectListener(ports=ports, awaited=("code",))
    assert repr(ports) in str(no.value)


@pytest.mark.rule("R110")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "example.com", "192.0.2.1"])
def test_hosts_that_others_can_reach_are_refused(host: str) -> None:
    """Only this machine may hand in an answer."""
    with pytest.raises(TokenConfigurationError, match="on this machine only"):
        RedirectListener(host=host, awaited=("code",))


@pytest.mark.parametrize("path", ["", "callback", "/a?b", "/a#b", "/a b", "/ä", "/a\n", "/\x7f"])
def test_paths_that_no_browser_sends_are_refused(path: str) -> None:
    """A path that could not match later fails now."""
    with pytest.raises(TokenConfigurationError, match="starts with a slash"):
        RedirectListener(path=path, awaited=("code",))


# What ends the wait


@pytest.mark.rule("R106")
async def test_the_fragment_is_relayed_by_the_page() -> None:
    """The implicit flow: the page comes first, then its script posts the fragment."""
    async with login(host="localhost") as going:
        page = await going.browser.get("/")
        assert (page.status, page.outcome) == (200, "signing-in")
        assert page.text == pages.render_html(pages.SIGNING_IN)
        answer = await going.browser.post(GOOD + "&expires_in=3600")
        assert (answer.status, answer.outcome) == (200, "signed-in")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert await going.waiting == {
            "state": STATE,
            "access_token": SECRET,
            "expires_in": "3600",
        }


@pytest.mark.rule("R107")
@pytest.mark.parametrize("target", ["/", f"/?{GOOD}", "/?state=forged", "/favicon.ico"])
async def test_every_answer_carries_the_strict_headers(target: str) -> None:
    """Whatever is answered, nothing of it is stored, framed, sniffed or referred."""
    async with login() as going:
        answer = await going.browser.get(target)
        for name, value in pages.headers().items():
            assert answer.headers[name.lower()] == value
        assert answer.headers["connection"] == "close"
        assert SECRET not in answer.text


@pytest.mark.parametrize("name", ["access_token", "id_token"])
async def test_any_awaited_parameter_finishes(name: str) -> None:
    """One of the names that are waited for is enough."""
    async with login(awaited=("id_token", "access_token")) as going:
        await going.browser.post(f"state={STATE}&{name}=1")
        assert await going.waiting == {"state": STATE, name: "1"}


@pytest.mark.rule("R099")
async def test_unknown_parameters_and_empty_ones_do_no_harm() -> None:
    """What is not known is handed on, what has no value is left out."""
    async with login(awaited=("code",)) as going:
        await going.browser.get(f"/?x%5B%5D=1&state={STATE}&error=&code=c%2Bd+e&iss=")
        assert await going.waiting == {"x[]": "1", "state": STATE, "code": "c+d e"}


@pytest.mark.rule("R107")
@pytest.mark.parametrize("way", ["get", "post"])
async def test_an_error_finishes_and_its_description_is_shown(way: str) -> None:
    """A no with the right state is an answer; the server's words are shown as text."""
    said = urlencode(
        {"state": STATE, "error": "access_denied", "error_description": "<b>No</b> way"}
    )
    async with login() as going:
        if way == "get":
            answer = await going.browser.get(f"/?{said}")
            assert "&lt;b&gt;No&lt;/b&gt; way" in answer.text
        else:
            answer = await going.browser.post(said)
            assert json.loads(answer.text)["detail"] == "<b>No</b> way"
        assert (answer.status, answer.outcome) == (200, "refused")
        assert (await going.waiting)["error"] == "access_denied"


async def test_an_error_without_a_description_is_named() -> None:
    """The error's code is better than nothing."""
    async with login() as going:
        answer = await going.browser.post(f"state={STATE}&error=server_error")
        assert json.loads(answer.text)["detail"] == "server_error"


@pytest.mark.parametrize("length", [9_000, 60_000])
@pytest.mark.parametrize("way", ["get", "post"])
async def test_long_tokens_arrive(way: str, length: int) -> None:
    """Tokens with many claims are longer than most servers' request lines."""
    async with login() as going:
        said = f"state={STATE}&access_token=" + "t" * length
        answer = await (
            going.browser.get(f"/?{said}") if way == "get" else going.browser.post(said)
        )
        assert answer.outcome == "signed-in"
        assert len((await going.waiting)["access_token"]) == length


@pytest.mark.rule("R095", "R096", "R106", "R116")
@pytest.mark.parametrize("way", ["get", "post"])
@pytest.mark.parametrize(
    "said",
    [
        f"access_token={SECRET}",
        f"state=&access_token={SECRET}",
        f"state=forged&access_token={SECRET}",
        f"state={STATE}x&access_token={SECRET}",
        f"state={STATE[:-1]}&access_token={SECRET}",
        f"state={STATE.upper()}&access_token={SECRET}",
        f"state=%C3%A9&access_token={SECRET}",
        f"state=%00&access_token={SECRET}",
        f"state=%ED%A0%80&access_token={SECRET}",
        f"state=%FF&access_token={SECRET}",
        f"State={STATE}&access_token={SECRET}",
        f"state[]={STATE}&access_token={SECRET}",
        f"state={STATE}",
        f"state={STATE}&access_token=",
        f"state={STATE}&error=",
        f"state={STATE}&code={SECRET}",
        f"state={STATE}&refresh_token={SECRET}",
        f"state={STATE}&state={STATE}&access_token={SECRET}",
        f"state={STATE}&state=forged&access_token={SECRET}",
        f"state={STATE}&access_token=a&access_token={SECRET}",
        f"state={STATE}&access_token={SECRET}&access_token=",
        f"state={STATE}&access_token={SECRET}&iss=a&iss=b",
        f"state={STATE}&code=1&code=2&access_token={SECRET}",
        f"state={STATE}&error=a&error=b",
        f"state={STATE}&access_token={SECRET}&x=1&x=2",
        f"state={STATE}&access_token={SECRET}" + "&".join(f"{n}=1" for n in range(99)),
        "error=access_denied",
        "error=access_denied&state=forged&error_description=pwned",
        "=",
        "&&&",
    ],
)
async def test_what_does_not_belong_leaves_the_login_waiting(way: str, said: str) -> None:
    """Forged, stateless, repeated and tokenless answers end nothing; the right one still does."""
    async with login() as going:
        answer = await (
            going.browser.get(f"/?{said}") if way == "get" else going.browser.post(said)
        )
        assert (answer.status, answer.outcome) == (400, "try-again")
        assert "pwned" not in answer.text
        assert await going.is_waiting()
        assert (await going.browser.get(f"/?{GOOD}")).outcome == "signed-in"
        assert (await going.waiting)["access_token"] == SECRET


@pytest.mark.rule("R095")
async def test_a_state_beyond_ascii_is_compared_too() -> None:
    """The comparison takes any text."""
    async with login(state="é-state") as going:
        assert (await going.browser.get("/?state=e&error=a")).outcome == "try-again"
        assert (await going.browser.get(f"/?state={quote('é-state')}&error=a")).outcome == "refused"


@pytest.mark.rule("R095", "R117")
async def test_a_second_answer_gets_a_neutral_page() -> None:
    """State is used once: what comes later changes nothing and is told nothing."""
    async with login() as going:
        assert (await going.browser.post(GOOD)).outcome == "signed-in"
        later = f"state={STATE}&access_token=other"
        for answer in (
            await going.browser.post(later),
            await going.browser.get(f"/?{later}"),
            await going.browser.get("/"),
        ):
            assert (answer.status, answer.outcome) == (200, "nothing-to-do")
        assert await going.waiting == {"state": STATE, "access_token": SECRET}


@pytest.mark.rule("R095")
async def test_before_anybody_waits_every_answer_is_turned_away() -> None:
    """An answer that comes before its login is no answer."""
    async with RedirectListener(awaited=("access_token",)) as listener:
        browser = Browser(listener)
        assert (await browser.get(f"/?{GOOD}")).outcome == "try-again"
        assert (await browser.post(GOOD)).outcome == "try-again"


async def test_a_login_that_was_given_up_takes_no_answer() -> None:
    """After a cancelled wait its state is worth nothing, and another wait may begin."""
    async with login() as going:
        going.waiting.cancel()
        answer = await going.browser.get(f"/?{GOOD}")
        assert answer.outcome == "try-again"
        again = asyncio.create_task(going.listener.wait("second"))
        assert (await going.browser.get("/?state=second&access_token=2")).outcome == "signed-in"
        assert (await again)["access_token"] == "2"
        third = asyncio.create_task(going.listener.wait("third"))
        assert (await going.browser.get("/?state=third&access_token=3")).outcome == "signed-in"
        assert (await third)["access_token"] == "3"


async def test_an_answer_in_the_moment_of_giving_up_is_turned_away() -> None:
    """An answer that is judged between cancelling and the end of the wait does not raise."""
    async with login() as going:
        going.waiting.cancel()
        judged = going.listener._judge(GOOD.encode())  # noqa: SLF001 - no request is that fast
        assert judged is pages.TRY_AGAIN


async def test_one_wait_at_a_time_and_never_for_nothing() -> None:
    """Misuse is said at once."""
    async with login() as going:
        with pytest.raises(RuntimeError, match="already waits"):
            await going.listener.wait("other")
        with pytest.raises(ValueError, match="empty state"):
            await going.listener.wait("")
        assert await going.is_waiting()


# Who may speak to it


@pytest.mark.rule("R115", "R117")
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:{port}", "127.0.0.1:1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_host_is_refused_and_told_nothing(method: str, host: str) -> None:
    """A page whose name was made to point at this machine learns and changes nothing."""
    async with login() as going:
        said = {"Origin": going.browser.origin, "Content-Type": FORM}
        body = GOOD.encode() if method == "POST" else b""
        answer = await going.browser.ask(
            method,
            "/" if body else f"/?{GOOD}",
            body,
            host=host.format(port=going.browser.port),
            headers=said,
        )
        assert (answer.status, answer.text) == (403, "403\n")
        assert await going.is_waiting()


@pytest.mark.rule("R115")
@pytest.mark.parametrize("lines", ["", "Host: {0}\r\nHost: {0}\r\n", "Host: {0}\r\nHost: x\r\n"])
async def test_no_host_and_two_hosts_are_refused(lines: str) -> None:
    """Which host was meant must be beyond doubt."""
    async with login() as going:
        head = f"GET /?{GOOD} HTTP/1.1\r\n{lines.format(going.browser.host)}\r\n"
        answer = await going.browser.send(head.encode())
        assert answer.status in {400, 403}
        assert await going.is_waiting()


@pytest.mark.rule("R115")
@pytest.mark.parametrize(
    "target",
    ["/favicon.ico", "//", "/callback/", "/Callback", "/callback/../callback", "/%63allback", "/"],
)
async def test_other_paths_are_not_found_and_end_nothing(target: str) -> None:
    """Probes and a browser's own requests do not end the login."""
    async with login(path="/callback") as going:
        for full in (target, f"{target}?{GOOD}"):
            answer = await going.browser.get(full)
            assert (answer.status, answer.text) == (404, "404\n")
        assert await going.is_waiting()


@pytest.mark.rule("R104", "R115")
async def test_a_whole_url_as_the_target_is_not_found() -> None:
    """Only proxies are asked so."""
    async with login() as going:
        answer = await going.browser.get(f"{going.browser.origin}/?{GOOD}")
        assert answer.status == 404
        assert await going.is_waiting()


@pytest.mark.rule("R104")
async def test_no_parameter_redirects() -> None:
    """Nothing in an answer sends the browser on."""
    async with login() as going:
        answer = await going.browser.get(f"/?{GOOD}&redirect_uri=https://evil.example&next=//e")
        assert answer.status == 200
        assert "location" not in answer.headers
        assert "evil" not in answer.text


@pytest.mark.rule("R117")
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    """Only GET and POST are answered."""
    async with login() as going:
        answer = await going.browser.ask(method, f"/?{GOOD}", headers={"Origin": "null"})
        assert answer.status in {400, 405}
        if answer.status == 405:
            assert answer.headers["allow"] == "GET, POST"
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert await going.is_waiting()


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
async def test_a_form_of_another_page_is_refused(headers: dict[str, str], status: int) -> None:
    """Only the listener's own page may post, and only a form."""
    async with login() as going:
        answer = await going.browser.post(GOOD, headers)
        assert (answer.status, answer.text) == (status, f"{status}\n")
        assert await going.is_waiting()


@pytest.mark.rule("R106")
@pytest.mark.parametrize(
    "lines", ["", "Origin: {0}\r\nOrigin: {0}\r\n", "Origin: {0}\r\nOrigin: null\r\n"]
)
async def test_a_form_without_an_origin_or_with_two_is_refused(lines: str) -> None:
    """Who posted must be beyond doubt."""
    async with login() as going:
        answer = await going.browser.send(
            f"POST / HTTP/1.1\r\nHost: {going.browser.host}\r\nContent-Type: {FORM}\r\n"
            f"{lines.format(going.browser.origin)}"
            f"Content-Length: {len(GOOD)}\r\n\r\n{GOOD}".encode()
        )
        assert answer.status in {400, 403}
        assert await going.is_waiting()


async def test_a_form_may_name_its_charset_and_lack_fetch_metadata() -> None:
    """Browsers add a charset; older ones send no Sec-Fetch-Site."""
    async with login() as going:
        answer = await going.browser.ask(
            "POST",
            "/",
            GOOD.encode(),
            headers={"Origin": going.browser.origin, "Content-Type": f"{FORM};charset=UTF-8"},
        )
        assert answer.outcome == "signed-in"


def test_a_browser_leaves_out_the_default_port() -> None:
    """On port 80 the Host and Origin headers name no port."""
    assert redirect_listener.without_default_port("localhost:80") == "localhost"
    assert redirect_listener.without_default_port("http://[::1]:80") == "http://[::1]"
    assert redirect_listener.without_default_port("localhost:8080") == "localhost:8080"


# Limits


@pytest.mark.rule("R117")
async def test_a_form_beyond_the_limit_is_refused() -> None:
    """64 KiB are read, not one byte more."""
    async with login() as going:
        most = redirect_server.MAX_ANSWER_BYTES
        exact = f"state={STATE}x&a=".ljust(most, "t")
        assert (await going.browser.post(exact)).outcome == "try-again"
        assert (await going.browser.post(exact + "t")).status == 413
        assert await going.is_waiting()


@pytest.mark.rule("R117")
async def test_request_lines_and_headers_beyond_the_limit_are_refused() -> None:
    """A request cannot fill the memory before it is judged, and is not quoted back."""
    async with login() as going:
        for answer in (
            await going.browser.get(f"/?{GOOD}" + "t" * 70_000),
            await going.browser.ask("GET", f"/?{GOOD}", headers={"X": SECRET * 10_000}),
        ):
            assert answer.status in {0, 400}
            assert SECRET not in answer.raw.decode("latin-1")
        assert await going.is_waiting()


async def test_the_cookies_of_other_programs_on_this_host_do_no_harm() -> None:
    """Cookies ignore ports: a developer's localhost has many."""
    async with login() as going:
        answer = await going.browser.ask("GET", f"/?{GOOD}", headers={"Cookie": "c" * 20_000})
        assert answer.outcome == "signed-in"


@pytest.mark.rule("R106", "R117")
@pytest.mark.parametrize(
    "request_",
    [
        "\r\n\r\n",
        "{secret}\r\n\r\n",
        "GET /?{good}\r\n\r\n",
        "GET /?{good} HTTP/9.9\r\n\r\n",
        "GET /?{good} HTTP/1.1 HTTP/1.1\r\n\r\n",
        "GET ?{good} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://[::1/?{good} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://[{secret}]:99999999/?{good} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET http://a:{secret}/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "CONNECT {secret} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "CONNECT a:{secret} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "G\x00T /?{good} HTTP/1.1\r\n\r\n",
        "GET /?{good}\x00 HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /?{good} HTTP/1.1\r\n{secret}\r\n\r\n",
        "GET /?{good} HTTP/1.1\r\nHost : {host}\r\n\r\n",
        "GET /?{good} HTTP/1.1\r\nX: \x00{secret}\r\n\r\n",
        "GET /?{good} HTTP/1.1\nHost: {secret}\n\n",
        "GET /?{good} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {secret}\r\n\r\n",
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n"
            "Transfer-Encoding: chunked\r\n\r\n{good}"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n{secret}\r\n{good}\r\n\r\n"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n{secret}\r\n"
        ),
        (
            "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {form}\r\n"
            "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        ),
        "GET /?{good} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{secret}",
    ],
)
async def test_what_is_no_request_is_refused_without_a_trace(
    request_: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is logged or quoted back, and the login goes on waiting."""
    async with login() as going:
        data = request_.format(secret=SECRET, good=GOOD, host=going.browser.host, form=FORM)
        reader, writer = await asyncio.open_connection(going.browser.address, going.browser.port)
        writer.write(data.encode("latin-1"))
        writer.write_eof()
        answer = Answer(await reader.read())
        writer.close()
        assert answer.status == 0 or 400 <= answer.status < 500
        assert SECRET not in answer.raw.decode("latin-1")
        assert not [entry for entry in caplog.records if entry.name != "asyncio"]
        assert await going.is_waiting()
        assert (await going.browser.get(f"/?{GOOD}")).outcome == "signed-in"


@pytest.mark.parametrize("where", ["data_received", "_make_request"])
async def test_a_fault_of_the_http_library_is_not_logged_with_what_it_quotes(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even an error that nobody foresaw does not carry a token into a log."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(web.Server if where == "_make_request" else web.RequestHandler, where, fail)
    async with login() as going:
        assert (await going.browser.get("/")).raw == b""
        gc.collect()
        assert not [entry for entry in caplog.records if entry.levelno > logging.DEBUG]
        assert await going.is_waiting()


@pytest.mark.rule("R117")
@pytest.mark.parametrize("sent", ["", "GET /?x=1", "POST"])
async def test_a_slow_sender_is_dropped(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is not whole in time ends; the login goes on waiting."""
    monkeypatch.setattr(redirect_server, "REQUEST_SECONDS", 0.05)
    async with login() as going:
        if sent == "POST":
            sent = (
                f"POST / HTTP/1.1\r\nHost: {going.browser.host}\r\nContent-Type: {FORM}\r\n"
                f"Origin: {going.browser.origin}\r\nContent-Length: 99\r\n\r\nstate={STATE}"
            )
        async with asyncio.timeout(5):
            assert (await going.browser.send(sent.encode())).raw == b""
        assert await going.is_waiting()


async def test_hoarded_connections_do_not_keep_the_browser_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the limit the oldest silent connection makes room."""
    monkeypatch.setattr(redirect_server, "MAX_CONNECTIONS", 2)
    async with login() as going:
        hoard = [
            await asyncio.open_connection(going.browser.address, going.browser.port)
            for _ in range(4)
        ]
        assert (await going.browser.get(f"/?{GOOD}")).outcome == "signed-in"
        for reader, _ in hoard[:2]:
            assert await rest(reader) == b""
        for _, writer in hoard:
            writer.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.binary(max_size=200), way=st.sampled_from(["get", "post"]), prefix=st.booleans())
def test_no_bytes_end_the_login_without_the_right_state(
    *, said: bytes, way: str, prefix: bool
) -> None:
    """Whatever bytes come as a query or a fragment, a plain refusal comes back."""

    async def play() -> None:
        async with login() as going:
            data = b"access_token=1&" + said if prefix else said
            if way == "post":
                answer = await going.browser.post(data)
            else:
                host = going.browser.host.encode()
                answer = await going.browser.send(
                    b"GET /?" + data + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
                )
            assert answer.status == 0 or 200 <= answer.status < 300 or 400 <= answer.status < 500
            assert await going.is_waiting()

    # A stray line end may leave the request unfinished.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redirect_server, "REQUEST_SECONDS", 0.2)
        asyncio.run(play())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.dictionaries(
        st.sampled_from(["access_token", "scope", "x"]), st.text(max_size=40), max_size=3
    )
)
def test_an_answer_is_read_as_it_was_written(values: dict[str, str]) -> None:
    """Any values that can be written as a form are handed over unchanged."""

    async def play() -> None:
        async with login() as going:
            answer = await going.browser.post(urlencode({**values, "state": STATE}))
            if values.get("access_token"):
                kept = {name: value for name, value in values.items() if value}
                assert await going.waiting == {**kept, "state": STATE}
            else:
                assert answer.outcome == "try-again"
                assert await going.is_waiting()

    asyncio.run(play())


# How it ends


@pytest.mark.rule("R114")
async def test_the_page_reaches_the_browser_before_the_sockets_close() -> None:
    """The caller may leave at once: the last page still arrives, and then nobody listens."""

    async def wait_and_leave() -> int:
        async with RedirectListener(host="localhost", awaited=("access_token",)) as listener:
            ready.set_result(Browser(listener))
            await listener.wait(STATE)
        return 1

    ready: asyncio.Future[Browser] = asyncio.get_running_loop().create_future()
    leaving = asyncio.create_task(wait_and_leave())
    browser = await ready
    answer = await browser.get(f"/?{GOOD}")
    await leaving
    assert answer.outcome == "signed-in"
    assert answer.text.endswith("</html>\n")
    assert not can_connect("127.0.0.1", browser.port)
    assert not can_connect("::1", browser.port)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("end", ["timeout", "cancel", "error"])
async def test_nobody_listens_after_any_end(end: str) -> None:
    """Timeout, cancellation and errors close the sockets, too."""
    port = 0

    async def wait() -> None:
        nonlocal port
        async with RedirectListener(host="localhost", awaited=("code",)) as listener:
            port = Browser(listener).port
            if end == "error":
                raise ZeroDivisionError
            started.set()
            await listener.wait(STATE)

    started = asyncio.Event()
    if end == "timeout":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), 0.05)
    elif end == "error":
        with pytest.raises(ZeroDivisionError):
            await wait()
    else:
        task = asyncio.create_task(wait())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not can_connect("127.0.0.1", port)
    assert not can_connect("::1", port)


@asynccontextmanager
async def stalled(browser: Browser) -> AsyncGenerator[asyncio.StreamReader, None]:
    """Hold a connection open in the middle of a form that the listener has begun to read."""
    reader, writer = await asyncio.open_connection(browser.address, browser.port)
    writer.write(
        f"POST / HTTP/1.1\r\nHost: {browser.host}\r\nContent-Type: {FORM}\r\n"
        f"Origin: {browser.origin}\r\nContent-Length: 99\r\n\r\nstate=".encode()
    )
    assert (await browser.get("/later")).status == 404
    yield reader
    writer.close()


@pytest.mark.rule("R114")
async def test_clients_that_hold_on_delay_the_end_by_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Silent connections are dropped at once, unfinished requests after the time to drain."""
    monkeypatch.setattr(redirect_server, "DRAIN_SECONDS", 0.1)
    loop = asyncio.get_running_loop()
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        silent, writer = await asyncio.open_connection(browser.address, browser.port)
        async with stalled(browser) as unfinished:
            started = loop.time()
            await listener.__aexit__(None, None, None)
            assert 0.05 < loop.time() - started < 0.9
            for reader in (silent, unfinished):
                assert await rest(reader) == b""
        writer.close()
    assert not can_connect("127.0.0.1", browser.port)


async def test_who_leaves_within_a_request_leaves_nothing_behind() -> None:
    """What is still awaited of a request that was answered is given up with its connection."""
    async with login() as going:
        before = asyncio.all_tasks()
        reader, writer = await asyncio.open_connection(going.browser.address, going.browser.port)
        head = f"GET / HTTP/1.1\r\nHost: {going.browser.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert await going.is_waiting()


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_cancelled_while_closing_it_closes_all_the_same(turns: int) -> None:
    """Who is cancelled in the last second leaves no socket either."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        async with stalled(browser) as unfinished:
            closing_ = asyncio.create_task(listener.__aexit__(None, None, None))
            for _ in range(turns):
                await asyncio.sleep(0)
            closing_.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing_
            assert await rest(unfinished) == b""
    assert not can_connect("127.0.0.1", browser.port)


@pytest.mark.rule("R114")
async def test_cancelled_while_opening_it_leaves_nothing_open() -> None:
    """A login that is given up at its very start holds no port."""
    first = free_ports(1)
    listener = RedirectListener(host="localhost", ports=(first, first), awaited=("code",))
    opening = asyncio.create_task(listener.__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not can_connect("127.0.0.1", first)
    assert not can_connect("::1", first)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
async def test_a_connection_in_the_moment_of_closing_is_dropped(turns: int) -> None:
    """What was accepted last is closed like the others, without a warning."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        late = socket.create_connection((browser.address, browser.port))
        for _ in range(turns):
            await asyncio.sleep(0)
    with closing(late):
        late.settimeout(5)
        try:
            assert late.recv(1) == b""
        except ConnectionError:
            assert not can_connect(browser.address, browser.port)


@pytest.mark.rule("R114")
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_connection_after_a_hasty_close_is_dropped(turns: int) -> None:
    """Cancelled before the last accepted connection was ready, it is dropped all the same."""
    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        with closing(socket.create_connection((browser.address, browser.port))) as late:
            for _ in range(turns):
                await asyncio.sleep(0)
            hasty = asyncio.create_task(listener.__aexit__(None, None, None))
            await asyncio.sleep(0)
            hasty.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hasty
            late.setblocking(False)  # noqa: FBT003 - its only argument
            try:
                loop = asyncio.get_running_loop()
                assert await asyncio.wait_for(loop.sock_recv(late, 1), 4) == b""
            except ConnectionError:
                assert not can_connect(browser.address, browser.port)


async def test_a_loop_without_readers_closes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that accept in another way have nothing to take away."""

    def cannot(*_: object) -> bool:
        raise NotImplementedError

    async with RedirectListener(awaited=("code",)) as listener:
        browser = Browser(listener)
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "remove_reader", cannot)
            await listener.__aexit__(None, None, None)
    assert not can_connect("127.0.0.1", browser.port)


@pytest.mark.rule("R106")
async def test_a_listener_shows_no_secret_of_its_own() -> None:
    """Neither the listener's text nor its wait names the state."""
    async with login() as going:
        assert STATE not in repr(going.listener)
        assert STATE not in repr(going.waiting)
