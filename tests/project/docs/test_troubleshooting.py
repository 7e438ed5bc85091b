"""The messages in docs/howto/troubleshooting.rst are real, and options.rst has all options."""

import inspect
import logging
import re
import socket
import warnings
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress

import pytest
from docutils.nodes import definition_list_item, entry, literal, table, term

from aioalf import Client, InsecureTransportWarning, Renewal, Retry, TokenError, TokenManager
from aioalf._options import SessionOptions, TokenManagerOptions
from aioalf.caches import MemoryCache
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import Fault, OAuthServer
from tests.project.docs.blocks import fake_network
from tests.support.pages import ROOT, parse

PAGE = parse(ROOT / "docs" / "howto" / "troubleshooting.rst")
OPTIONS = parse(ROOT / "docs/reference/options.rst")
TOKEN_ENDPOINT = "https://auth.example.com/token"
THINGS = "https://api.example.com/things"


def quoted() -> list[str]:
    """Return the messages quoted on the page; ``…`` marks omitted text."""
    terms = [next(item.findall(term)) for item in PAGE.findall(definition_list_item)]
    return [only.astext() for only in terms if [type(node) for node in only.children] == [literal]]


# Each function causes one problem and returns the message.


async def message_of(client: Client) -> str:
    """Send a request and return the message of the error."""
    async with client:
        with pytest.raises(TokenError) as caught:
            await client.get(THINGS)
    return str(caught.value)


async def without_secret(_: OAuthServer) -> str:
    """The client has no secret."""
    return await message_of(Client("client-id", None, TOKEN_ENDPOINT))


async def with_wrong_secret(_: OAuthServer) -> str:
    """The client has a wrong secret."""
    return await message_of(Client("client-id", "no", TOKEN_ENDPOINT, raise_token_errors=True))


async def without_response(server: OAuthServer) -> str:
    """The server closes the connection."""
    server.token_fault = Fault.hang_up()
    return await message_of(Client("client-id", "secret", TOKEN_ENDPOINT, retry=Retry(attempts=1)))


async def behind_a_portal(server: OAuthServer) -> str:
    """The response is an HTML page."""
    server.token_fault = Fault.html()
    return await message_of(Client("client-id", "secret", TOKEN_ENDPOINT))


async def with_too_little_scope(server: OAuthServer) -> str:
    """The server grants a part of the requested scope."""
    server.token_fault = Fault.wrong_json({"access_token": "a", "scope": "read"})
    return await message_of(
        Client("client-id", "secret", TOKEN_ENDPOINT, scope="read write", require_scope=True)
    )


async def after_a_shared_failure(server: OAuthServer) -> str:
    """Another client with the same cache has just failed."""
    server.token_fault = Fault.status(503)
    cache, once = MemoryCache(), Retry(attempts=1)

    def new_client() -> Client:
        arguments = ("client-id", "secret", TOKEN_ENDPOINT)
        return Client(*arguments, cache=cache, retry=once, raise_token_errors=True)

    await message_of(new_client())
    return await message_of(new_client())


async def over_plain_http(_: OAuthServer) -> str:
    """The token endpoint has an http URL."""
    with pytest.warns(InsecureTransportWarning) as caught:
        TokenManager("http://auth.example.com/token", "client-id", "secret")
    return str(caught[0].message)


async def with_all_ports_busy(_: OAuthServer) -> str:
    """All ports of the range are in use."""
    await use_implicit_flow(TokenStorage(), (30000, 30009))
    with ExitStack() as sockets:
        for port in range(30000, 30010):
            busy = sockets.enter_context(socket.socket())
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # another program has it
                busy.bind(("127.0.0.1", port))
                busy.listen()
        return await message_of(Client("client-id", "", TOKEN_ENDPOINT))


async def without_sign_in(_: OAuthServer) -> str:
    """The sign-in times out."""
    await use_implicit_flow(TokenStorage(), (30000, 30009), open_browser=str, timeout=0.01)
    return (await message_of(Client("client-id", "", TOKEN_ENDPOINT))).replace("0.01", "300")


PROBLEMS: list[Callable[[OAuthServer], Awaitable[str]]] = [
    without_secret,
    with_wrong_secret,
    without_response,
    behind_a_portal,
    with_too_little_scope,
    after_a_shared_failure,
    over_plain_http,
    with_all_ports_busy,
    without_sign_in,
]


def entries_for(message: str) -> list[str]:
    """Return the entries of the page that match this message."""
    return [
        words
        for words in quoted()
        if re.fullmatch(".*".join(map(re.escape, words.split("…"))), message, re.DOTALL)
    ]


@pytest.fixture
def world(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> OAuthServer:
    """Connect the host names of the documents to this server, and restore the default grant."""
    fake_network(monkeypatch, oauth_server)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    return oauth_server


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
async def test_problem_is_found_by_its_message(
    world: OAuthServer, problem: Callable[[OAuthServer], Awaitable[str]]
) -> None:
    """The message of a problem matches one entry of the page."""
    assert len(entries_for(await problem(world))) == 1


async def test_warning_about_a_returned_error_is_found(
    world: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The page quotes the warning about a returned response of the token endpoint."""
    world.token_fault = Fault.status(503)
    with caplog.at_level(logging.WARNING, "aioalf"):
        async with Client("client-id", "secret", TOKEN_ENDPOINT, retry=Retry(attempts=1)) as client:
            assert (await client.get(THINGS)).status == 503
    assert len(entries_for(caplog.messages[0])) == 1


def test_every_quoted_message_is_tested() -> None:
    """The page quotes only messages that occur in these tests."""
    assert len(quoted()) == len(PROBLEMS) + 1


def test_warning_can_be_disabled() -> None:
    """The call of `warnings.simplefilter` on the page disables the warning."""
    (call,) = (
        node.astext() for node in PAGE.findall(literal) if node.astext().startswith("warnings.")
    )
    names = {"warnings": warnings, "InsecureTransportWarning": InsecureTransportWarning}
    with warnings.catch_warnings():
        eval(call, names)  # noqa: S307 - the document is the project's own
        TokenManager("http://auth.example.com/token", "client-id", "secret")


def test_option_table_matches_the_client() -> None:
    """The table lists each keyword of `Client`, with its default if that is None or False."""
    cells = [cell.astext() for cell in next(OPTIONS.findall(table)).findall(entry)]
    listed = dict(zip(cells[::3], cells[1::3], strict=True))
    own = dict(list(inspect.signature(Client).parameters.items())[3:-1])
    shared = TokenManagerOptions.__annotations__
    assert listed.keys() == own.keys() | shared.keys()
    plain = {name: value for name, value in listed.items() if value in {"None", "False"}}
    is_flag = {name: "bool" in str(kind) for name, kind in shared.items()}
    for name, default in plain.items():
        expected = own[name].default if name in own else (False if is_flag[name] else None)
        assert default == str(expected), name
    assert listed.keys() - plain.keys() == {"client_auth", "grant", "renewal", "retry"}


def test_table_of_session_settings_matches_the_client() -> None:
    """It lists each argument of the client's own session, in the order of its type."""
    _, settings = OPTIONS.findall(table)
    cells = [cell.astext() for cell in settings.findall(entry)]
    assert cells[::2] == list(SessionOptions.__annotations__)


@pytest.mark.parametrize("default", [Renewal(), Retry()], ids=lambda value: type(value).__name__)
def test_option_table_shows_the_default_numbers(default: Renewal | Retry) -> None:
    """The arguments shown for `Renewal` and `Retry` are their defaults."""
    (spelled,) = (
        node.astext()
        for node in OPTIONS.findall(literal)
        if node.astext().startswith(f"{type(default).__name__}(") and "=" in node.astext()
    )
    names = {"Renewal": Renewal, "Retry": Retry}
    written = eval(spelled, names)  # noqa: S307 - the document is the project's own
    assert written == default
