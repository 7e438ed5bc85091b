"""That what the pages of the flows say of troubles is what one meets: the words, and the error."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docutils.core import publish_doctree
from docutils.nodes import entry, literal, row, section, title
from joserfc.jwk import ECKey, RSAKey

from aioalf import Client, Retry, TokenError
from aioalf.caches import MemoryCache
from aioalf.grants import (
    ACCESS_TOKEN,
    AuthorizationCode,
    DeviceCode,
    Grant,
    JWTBearer,
    Prompt,
    RefreshToken,
    TokenExchange,
)
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import MISSING, Fault, OAuthServer
from tests.grants.visitor import Visitor
from tests.project.docs.blocks import ISSUER, ROOT, inhabit
from tests.support.person import Person

KEY = ECKey.generate_key("P-256")
THINGS = "https://api.example.com/things"

Trouble = Callable[[OAuthServer], Awaitable[object]]


# The tables of the pages


@dataclass(frozen=True)
class Row:
    """What one sees, as quoted; the error that it is."""

    quoted: tuple[str, ...]
    error: str

    def is_of(self, error: TokenError) -> bool:
        """Whether one finds this error here: by its code, or by its words."""
        code, words = getattr(error, "error", None), str(error)
        return code in self.quoted or any(
            re.search(re.sub(r"…|\d+", ".+", re.escape(quoted)), words)
            for quoted in self.quoted
            if " " in quoted
        )


def rows_of(page: str) -> Iterator[Row]:
    """The rows of a page's table that quote something."""
    tree = publish_doctree((ROOT / "docs" / "flows" / f"{page}.rst").read_text(encoding="utf-8"))
    (part,) = (
        part
        for part in tree.findall(section)
        if next(part.findall(title)).astext() == "What can go wrong"
    )
    for line in list(part.findall(row))[1:]:
        seen, error, _ = line.findall(entry)
        quoted = tuple(node.astext() for node in seen.findall(literal))
        names = [node.astext() for node in error.findall(literal)]
        if quoted and quoted != ("error",) and names:
            yield Row(quoted, names[0])


# What is done to meet them


async def ask(grant: Grant | None = None, **options: Any) -> None:
    """Send a request with a client of the documents' issuer."""
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": "desktop" if grant else "client-id",
        "client_secret": None if grant else "secret",
        "grant": grant,
        "raise_token_errors": True,
        "retry": Retry(attempts=1),
    }
    async with Client(**{**given, **options}) as client:
        await client.get(THINGS)


def refused(code: str, ask_again: Callable[[OAuthServer], Awaitable[object]]) -> Trouble:
    """The token endpoint refuses, with this code."""

    async def meet(server: OAuthServer) -> object:
        server.faults["token"] = Fault.oauth_error(code).times(1)
        return await ask_again(server)

    return meet


async def in_own_name(_: OAuthServer) -> None:
    """Client credentials."""
    await ask()


async def with_the_browser(server: OAuthServer, **options: Any) -> None:
    """A login with a code, of somebody who is signed in already."""
    server.auto_sign_in = "Ada"
    visitor = Visitor()
    try:
        await ask(AuthorizationCode(open_browser=visitor, **options))
    finally:
        await visitor.gone()


def answered(**members: Any) -> Trouble:
    """The browser comes back with these members, for the right ones."""

    async def meet(server: OAuthServer) -> None:
        server.changes["authorization"] = members
        await with_the_browser(server)

    return meet


def saying_no(login: Callable[[Person], Awaitable[object]]) -> Trouble:
    """The person at the page cancels."""

    async def meet(_: OAuthServer) -> None:
        person = Person("cancel")
        try:
            await login(person)
        finally:
            await person.done()

    return meet


async def with_busy_ports(login: Callable[[tuple[int, int]], Awaitable[object]]) -> None:
    """Somebody else listens on all of the range."""
    with ExitStack() as sockets:
        busy = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = busy.getsockname()[1]
        with suppress(OSError):  # where there is no other version of IP
            sockets.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        await login((port, port))


async def show_nothing(_: object) -> None:
    """Nobody sees it."""


def fail(_: object) -> None:
    """A screen that is broken."""
    raise OSError


def without(endpoint: str, grant: Grant) -> Trouble:
    """The metadata names no such endpoint."""

    async def meet(server: OAuthServer) -> None:
        server.changes["metadata"] = {endpoint: MISSING}
        await ask(grant)

    return meet


async def with_a_device(server: OAuthServer, **members: Any) -> None:
    """A login on another device, whose answer has these members."""
    server.changes["device_authorization"] = members
    await ask(DeviceCode(show_nothing))


async def said_no(server: OAuthServer) -> None:
    """The person at the device says no."""

    async def deny(prompt: Prompt) -> None:
        server.deny(prompt.user_code)

    await ask(DeviceCode(deny))


async def refused_device(server: OAuthServer) -> None:
    """The device flow is not for this client."""
    server.faults["device_authorization"] = Fault.oauth_error("unauthorized_client").times(1)
    await ask(DeviceCode(show_nothing))


async def exchanged(server: OAuthServer, **members: Any) -> None:
    """An exchange, whose answer has these members."""
    server.changes["token"] = members
    await ask(TokenExchange("of-the-caller", ACCESS_TOKEN))


def asserting(algorithm: str = "ES256") -> JWTBearer:
    """The grant with a key."""
    key = cast("Mapping[str, object]", KEY.as_dict(private=True))
    return JWTBearer(key, algorithm=algorithm, issuer="service")


async def asserted(_: OAuthServer) -> None:
    """An assertion."""
    await ask(asserting())


async def with_another_key(_: OAuthServer) -> None:
    """A key of another kind than the algorithm's."""
    key = RSAKey.generate_key(2048).as_pem(private=True).decode()
    await ask(JWTBearer(key, algorithm="ES256", issuer="service"))


async def with_a_refresh_token(_: OAuthServer) -> None:
    """A refresh token that the server does not know."""
    await ask(RefreshToken("nonsense"))


async def implicit(**options: Any) -> None:
    """The implicit flow, with these options."""
    await use_implicit_flow(TokenStorage(), **options)
    async with Client("desktop", "", "https://auth.example.com/token") as client:
        await client.get(THINGS)


TROUBLES: dict[str, list[Trouble]] = {
    "client_credentials": [
        *(
            refused(code, in_own_name)
            for code in ("invalid_client", "unauthorized_client", "invalid_scope", "invalid_target")
        ),
        lambda _: ask(client_secret=None),
        lambda _: ask(issuer=f"{ISSUER}/"),
        lambda _: ask(
            issuer=None,
            token_endpoint="https://127.0.0.1:1/token",
        ),
    ],
    "authorization_code": [
        lambda server: with_the_browser(server, timeout=0.001),
        saying_no(lambda person: ask(AuthorizationCode(open_browser=person))),
        answered(code=MISSING, error="server_error"),
        answered(code=MISSING, error="temporarily_unavailable"),
        answered(code=MISSING, error="invalid_scope"),
        answered(iss="https://other.example.com"),
        answered(iss=MISSING),
        lambda server: with_busy_ports(lambda ports: with_the_browser(server, ports=ports)),
        lambda _: ask(AuthorizationCode(open_browser=fail)),
        without("authorization_endpoint", AuthorizationCode(open_browser=show_nothing)),
        refused("invalid_grant", with_the_browser),
        refused("invalid_client", with_the_browser),
    ],
    "device_code": [
        lambda server: with_a_device(server, expires_in=1),
        said_no,
        without("device_authorization_endpoint", DeviceCode(show_nothing)),
        refused_device,
        lambda server: with_a_device(server, user_code=MISSING),
        lambda _: ask(DeviceCode(fail)),
    ],
    "token_exchange": [
        lambda _: ask(TokenExchange("nonsense", ACCESS_TOKEN)),
        refused("invalid_target", exchanged),
        refused("unauthorized_client", exchanged),
        lambda server: exchanged(server, issued_token_type=MISSING),
        lambda server: exchanged(server, token_type="N_A"),
        lambda _: ask(TokenExchange("a", ACCESS_TOKEN, actor_token="b")),
        lambda _: ask(TokenExchange(lambda: "a", ACCESS_TOKEN), cache=MemoryCache()),
    ],
    "jwt_bearer": [
        asserted,
        refused("unsupported_grant_type", asserted),
        refused("unauthorized_client", asserted),
        with_another_key,
        lambda _: ask(asserting(), client_id=None),
    ],
    "refresh_token": [
        with_a_refresh_token,
        refused("invalid_client", with_a_refresh_token),
        refused("invalid_scope", with_a_refresh_token),
        lambda _: ask(RefreshToken("a"), cache=MemoryCache()),
    ],
    "implicit": [
        lambda _: implicit(open_browser=show_nothing, timeout=0.001),
        lambda _: with_busy_ports(lambda ports: implicit(port_range=ports)),
        saying_no(lambda person: implicit(open_browser=person)),
    ],
}


@pytest.fixture
def world(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> OAuthServer:
    """The documents' names lead to this server; devices ask without waiting."""
    inhabit(monkeypatch, oauth_server)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    oauth_server.add_client("desktop")
    oauth_server.device_slow_down = False
    oauth_server.add_subject_token("of-the-caller", "Ada")

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0.001)

    hurried = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", hurried)
    return oauth_server


@pytest.mark.parametrize("page", TROUBLES)
async def test_each_trouble_is_found_on_the_page(page: str, world: OAuthServer) -> None:
    """One row has its words or its code, and the class of the error; and no row is never met."""
    rows = list(rows_of(page))
    met: list[Row] = []
    for trouble in TROUBLES[page]:
        world.changes.clear()
        world.auto_sign_in = None
        with pytest.raises(TokenError) as caught:
            await trouble(world)
        (found,) = (row for row in rows if row.is_of(caught.value))
        assert type(caught.value).__name__ == found.error
        met.append(found)
    assert set(met) == set(rows)


def test_every_page_is_tried() -> None:
    """A new one wants its troubles here."""
    pages = {path.stem for path in (ROOT / "docs" / "flows").glob("*.rst")}
    assert pages == TROUBLES.keys()
