"""The troubleshooting tables of the grants quote real messages and error classes."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
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
from tests.project.docs.blocks import ISSUER, fake_network
from tests.support.pages import ROOT, parse
from tests.support.person import Person

KEY = ECKey.generate_key("P-256")
THINGS = "https://api.example.com/things"

Problem = Callable[[OAuthServer], Awaitable[object]]


# The tables of the pages


@dataclass(frozen=True)
class Row:
    """A row of a table: the quoted symptoms, and the error class."""

    quoted: tuple[str, ...]
    error: str

    def matches(self, error: TokenError) -> bool:
        """Whether this row quotes the code or the message of the error."""
        code, message = getattr(error, "error", None), str(error)
        return code in self.quoted or any(
            re.search(re.sub(r"…|\d+", ".+", re.escape(quoted)), message)
            for quoted in self.quoted
            if " " in quoted
        )


def rows_of(page: str) -> Iterator[Row]:
    """Yield the rows of a page's table that quote a symptom."""
    tree = parse(ROOT / "docs" / "grants" / f"{page}.rst")
    (part,) = (
        part
        for part in tree.findall(section)
        if next(part.findall(title)).astext() == "Troubleshooting"
    )
    for line in list(part.findall(row))[1:]:
        symptom, error, _ = line.findall(entry)
        quoted = tuple(node.astext() for node in symptom.findall(literal))
        names = [node.astext() for node in error.findall(literal)]
        if quoted and quoted != ("error",) and names:
            yield Row(quoted, names[0])


# Each function causes one problem


async def send_request(grant: Grant | None = None, **options: Any) -> None:
    """Send a request with a client of the issuer in the documents."""
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


def refused(code: str, send: Callable[[OAuthServer], Awaitable[object]]) -> Problem:
    """Return a problem: the token endpoint refuses one request with this error code."""

    async def cause(server: OAuthServer) -> object:
        server.faults["token"] = Fault.oauth_error(code).times(1)
        return await send(server)

    return cause


async def client_credentials(_: OAuthServer) -> None:
    """Use the client credentials grant."""
    await send_request()


async def authorization_code(server: OAuthServer, **options: Any) -> None:
    """Use the authorization code grant; the user is already signed in."""
    server.auto_sign_in = "Ada"
    visitor = Visitor()
    try:
        await send_request(AuthorizationCode(open_browser=visitor, **options))
    finally:
        await visitor.gone()


def redirected(**members: Any) -> Problem:
    """Return a problem: the redirect has these parameters instead of the right ones."""

    async def cause(server: OAuthServer) -> None:
        server.changes["authorization"] = members
        await authorization_code(server)

    return cause


async def with_wrong_nonce(server: OAuthServer) -> None:
    """The ID token is for another sign-in."""
    server.changes["token"] = {"id_token": "e30.eyJub25jZSI6ICJhbm90aGVyIn0.e30"}
    server.auto_sign_in = "Ada"
    visitor = Visitor()
    try:
        await send_request(AuthorizationCode(open_browser=visitor), scope="openid")
    finally:
        await visitor.gone()


def denied(sign_in: Callable[[Person], Awaitable[object]]) -> Problem:
    """Return a problem: the user cancels the sign-in."""

    async def cause(_: OAuthServer) -> None:
        person = Person("cancel")
        try:
            await sign_in(person)
        finally:
            await person.done()

    return cause


async def with_busy_ports(sign_in: Callable[[tuple[int, int]], Awaitable[object]]) -> None:
    """Sign in while all ports of the range are in use."""
    with ExitStack() as sockets:
        busy = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = busy.getsockname()[1]
        with suppress(OSError):  # without IPv6
            sockets.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        await sign_in((port, port))


async def ignore(_: object) -> None:
    """Ignore the prompt or the URL."""


def fail(_: object) -> None:
    """Fail to show the prompt or the URL."""
    raise OSError


def without(endpoint: str, grant: Grant) -> Problem:
    """Return a problem: the metadata does not name this endpoint."""

    async def cause(server: OAuthServer) -> None:
        server.changes["metadata"] = {endpoint: MISSING}
        await send_request(grant)

    return cause


async def device_code(server: OAuthServer, **members: Any) -> None:
    """Use device authorization; the server's response has these members."""
    server.changes["device_authorization"] = members
    await send_request(DeviceCode(ignore))


async def denied_on_device(server: OAuthServer) -> None:
    """The user denies the request on the other device."""

    async def deny(prompt: Prompt) -> None:
        server.deny(prompt.user_code)

    await send_request(DeviceCode(deny))


async def refused_device_code(server: OAuthServer) -> None:
    """Device authorization is not enabled for this client."""
    server.faults["device_authorization"] = Fault.oauth_error("unauthorized_client").times(1)
    await send_request(DeviceCode(ignore))


async def token_exchange(server: OAuthServer, **members: Any) -> None:
    """Use token exchange; the response has these members."""
    server.changes["token"] = members
    await send_request(TokenExchange("of-the-caller", ACCESS_TOKEN))


def jwt_grant(algorithm: str = "ES256") -> JWTBearer:
    """Return the JWT bearer grant with an EC key."""
    key = cast("Mapping[str, object]", KEY.as_dict(private=True))
    return JWTBearer(key, algorithm=algorithm, issuer="service")


async def jwt_bearer(_: OAuthServer) -> None:
    """Use the JWT bearer grant."""
    await send_request(jwt_grant())


async def with_wrong_key_type(_: OAuthServer) -> None:
    """The type of the key does not fit the algorithm."""
    key = RSAKey.generate_key(2048).as_pem(private=True).decode()
    await send_request(JWTBearer(key, algorithm="ES256", issuer="service"))


async def refresh_token(_: OAuthServer) -> None:
    """The server does not know the refresh token."""
    await send_request(RefreshToken("nonsense"))


async def implicit(**options: Any) -> None:
    """Use the implicit flow with these options."""
    await use_implicit_flow(TokenStorage(), **options)
    async with Client("desktop", "", "https://auth.example.com/token") as client:
        await client.get(THINGS)


PROBLEMS: dict[str, list[Problem]] = {
    "client_credentials": [
        *(
            refused(code, client_credentials)
            for code in ("invalid_client", "unauthorized_client", "invalid_scope", "invalid_target")
        ),
        lambda _: send_request(client_secret=None),
        lambda _: send_request(issuer=f"{ISSUER}/"),
        lambda _: send_request(
            issuer=None,
            token_endpoint="https://127.0.0.1:1/token",
        ),
    ],
    "authorization_code": [
        lambda server: authorization_code(server, timeout=0.001),
        denied(lambda person: send_request(AuthorizationCode(open_browser=person))),
        redirected(code=MISSING, error="server_error"),
        redirected(code=MISSING, error="temporarily_unavailable"),
        redirected(code=MISSING, error="invalid_scope"),
        redirected(iss="https://other.example.com"),
        redirected(iss=MISSING),
        with_wrong_nonce,
        lambda server: with_busy_ports(
            lambda ports: authorization_code(server, redirect_ports=ports)
        ),
        lambda _: send_request(AuthorizationCode(open_browser=fail)),
        without("authorization_endpoint", AuthorizationCode(open_browser=ignore)),
        refused("invalid_grant", authorization_code),
        refused("invalid_client", authorization_code),
    ],
    "device_code": [
        lambda server: device_code(server, expires_in=1),
        denied_on_device,
        without("device_authorization_endpoint", DeviceCode(ignore)),
        refused_device_code,
        lambda server: device_code(server, user_code=MISSING),
        lambda _: send_request(DeviceCode(fail)),
    ],
    "token_exchange": [
        lambda _: send_request(TokenExchange("nonsense", ACCESS_TOKEN)),
        refused("invalid_target", token_exchange),
        refused("unauthorized_client", token_exchange),
        lambda server: token_exchange(server, token_type="N_A"),
        lambda _: send_request(TokenExchange("a", ACCESS_TOKEN, actor_token="b")),
        lambda _: send_request(TokenExchange(lambda: "a", ACCESS_TOKEN), cache=MemoryCache()),
    ],
    "jwt_bearer": [
        jwt_bearer,
        refused("unsupported_grant_type", jwt_bearer),
        refused("unauthorized_client", jwt_bearer),
        with_wrong_key_type,
        lambda _: send_request(JWTBearer(assertion=lambda: "a"), cache=MemoryCache()),
        lambda _: send_request(jwt_grant(), client_id=None, client_secret="a"),
    ],
    "refresh_token": [
        refresh_token,
        refused("invalid_client", refresh_token),
        refused("invalid_scope", refresh_token),
        lambda _: send_request(RefreshToken("a"), cache=MemoryCache()),
    ],
    "implicit": [
        lambda _: implicit(open_browser=ignore, timeout=0.001),
        lambda _: with_busy_ports(lambda ports: implicit(port_range=ports)),
        denied(lambda person: implicit(open_browser=person)),
    ],
}


@pytest.fixture
def world(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> OAuthServer:
    """Connect the host names of the documents to this server; polling does not wait."""
    fake_network(monkeypatch, oauth_server)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    oauth_server.add_client("desktop")
    oauth_server.device_slow_down = False
    oauth_server.add_subject_token("of-the-caller", "Ada")

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0.001)

    fast_asyncio = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast_asyncio)
    return oauth_server


@pytest.mark.parametrize("page", PROBLEMS)
async def test_each_problem_is_found_on_the_page(page: str, world: OAuthServer) -> None:
    """Each problem matches one row and its error class, and each row is tested."""
    rows = list(rows_of(page))
    matched: list[Row] = []
    for problem in PROBLEMS[page]:
        world.changes.clear()
        world.auto_sign_in = None
        with pytest.raises(TokenError) as caught:
            await problem(world)
        (found,) = (row for row in rows if row.matches(caught.value))
        assert type(caught.value).__name__ == found.error
        matched.append(found)
    assert set(matched) == set(rows)


def test_every_page_is_tested() -> None:
    """A new page of a grant needs an entry in `PROBLEMS`."""
    pages = {path.stem for path in (ROOT / "docs" / "grants").glob("*.seq")}
    assert pages == PROBLEMS.keys()
