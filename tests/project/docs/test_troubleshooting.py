"""That what the documents say of troubles and options is what one meets: messages, defaults."""

import inspect
import logging
import re
import socket
import warnings
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress

import pytest
from docutils.core import publish_doctree
from docutils.nodes import definition_list_item, entry, literal, section, term, title

from aioalf import Client, InsecureTransportWarning, Renewal, Retry, TokenError, TokenManager
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import Fault, OAuthServer
from tests.project.docs.blocks import ROOT, inhabit

README = publish_doctree((ROOT / "README.rst").read_text(encoding="utf-8"))
OPTIONS = publish_doctree((ROOT / "docs" / "options.rst").read_text(encoding="utf-8"))
TOKEN_ENDPOINT = "https://auth.example.com/token"
THINGS = "https://api.example.com/things"


def section_of(heading: str) -> section:
    """The section of the README with this heading."""
    (found,) = (
        part for part in README.findall(section) if next(part.findall(title)).astext() == heading
    )
    return found


def quoted() -> list[str]:
    """The messages that head the entries of Troubleshooting, with ``…`` for what is left out."""
    terms = [
        next(item.findall(term))
        for item in section_of("Troubleshooting").findall(definition_list_item)
    ]
    return [only.astext() for only in terms if [type(node) for node in only.children] == [literal]]


# One trouble each: what is done, and the message that is met.


async def message_of(client: Client) -> str:
    """Ask for the things, and return what the error says."""
    async with client:
        with pytest.raises(TokenError) as caught:
            await client.get(THINGS)
    return str(caught.value)


async def without_secret(_: OAuthServer) -> str:
    """A client whose secret was forgotten."""
    return await message_of(Client("client-id", None, TOKEN_ENDPOINT))


async def with_wrong_secret(_: OAuthServer) -> str:
    """A client with a wrong secret."""
    return await message_of(Client("client-id", "no", TOKEN_ENDPOINT, raise_token_errors=True))


async def without_answer(server: OAuthServer) -> str:
    """A server that hangs up."""
    server.token_fault = Fault.hang_up()
    return await message_of(Client("client-id", "secret", TOKEN_ENDPOINT, retry=Retry(attempts=1)))


async def behind_a_portal(server: OAuthServer) -> str:
    """A page for people in the place of a token."""
    server.token_fault = Fault.html()
    return await message_of(Client("client-id", "secret", TOKEN_ENDPOINT))


async def with_too_little_scope(server: OAuthServer) -> str:
    """A server that grants a part."""
    server.token_fault = Fault.wrong_json({"access_token": "a", "scope": "read"})
    return await message_of(Client("client-id", "secret", TOKEN_ENDPOINT, scope="read write"))


async def over_plain_http(_: OAuthServer) -> str:
    """A token endpoint without TLS."""
    with pytest.warns(InsecureTransportWarning) as caught:
        TokenManager("http://auth.example.com/token", "client-id", "secret")
    return str(caught[0].message)


async def with_all_ports_busy(_: OAuthServer) -> str:
    """A range of ports that others have."""
    await use_implicit_flow(TokenStorage(), (30000, 30009))
    with ExitStack() as sockets:
        for port in range(30000, 30010):
            busy = sockets.enter_context(socket.socket())
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # another program has it
                busy.bind(("127.0.0.1", port))
                busy.listen()
        return await message_of(Client("client-id", "", TOKEN_ENDPOINT))


async def with_nobody_there(_: OAuthServer) -> str:
    """A login that nobody finishes."""
    await use_implicit_flow(TokenStorage(), (30000, 30009), open_browser=str, timeout=0.01)
    return (await message_of(Client("client-id", "", TOKEN_ENDPOINT))).replace("0.01", "300")


TROUBLES: list[Callable[[OAuthServer], Awaitable[str]]] = [
    without_secret,
    with_wrong_secret,
    without_answer,
    behind_a_portal,
    with_too_little_scope,
    over_plain_http,
    with_all_ports_busy,
    with_nobody_there,
]


def is_quoted(message: str) -> list[str]:
    """The entries of Troubleshooting that this message falls under."""
    return [
        words
        for words in quoted()
        if re.fullmatch(".*".join(map(re.escape, words.split("…"))), message, re.DOTALL)
    ]


@pytest.fixture
def world(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> OAuthServer:
    """The documents' names lead to this server, and no choice of a flow stays."""
    inhabit(monkeypatch, oauth_server)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    return oauth_server


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_a_trouble_is_found_by_its_message(
    world: OAuthServer, trouble: Callable[[OAuthServer], Awaitable[str]]
) -> None:
    """What one meets is what one finds in the README."""
    assert len(is_quoted(await trouble(world))) == 1


async def test_the_warning_of_a_returned_error_is_found(
    world: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says that a response is the token endpoint's."""
    world.token_fault = Fault.status(503)
    with caplog.at_level(logging.WARNING, "aioalf"):
        async with Client("client-id", "secret", TOKEN_ENDPOINT, retry=Retry(attempts=1)) as client:
            assert (await client.get(THINGS)).status == 503
    assert len(is_quoted(caplog.messages[0])) == 1


def test_every_message_that_is_quoted_is_met_above() -> None:
    """The README quotes nothing that nobody sees."""
    assert len(quoted()) == len(TROUBLES) + 1


def test_the_warning_can_be_switched_off_as_it_says() -> None:
    """The call of `warnings.simplefilter` in the README does what it says."""
    (call,) = (
        node.astext()
        for node in section_of("Troubleshooting").findall(literal)
        if node.astext().startswith("warnings.")
    )
    names = {"warnings": warnings, "InsecureTransportWarning": InsecureTransportWarning}
    with warnings.catch_warnings():
        eval(call, names)  # noqa: S307 - the document is the project's own
        TokenManager("http://auth.example.com/token", "client-id", "secret")


def test_the_table_of_options_is_that_of_the_client() -> None:
    """Each keyword is in the table, and its default where that is a plain value."""
    cells = [cell.astext() for cell in OPTIONS.findall(entry)]
    told = dict(zip(cells[::3], cells[1::3], strict=True))
    parameters = dict(list(inspect.signature(Client).parameters.items())[3:])
    assert told.keys() == parameters.keys()
    plain = {name: value for name, value in told.items() if value in {"None", "False"}}
    assert plain == {name: str(parameters[name].default) for name in plain}
    assert told.keys() - plain.keys() == {"client_auth", "grant", "renewal", "retry"}


@pytest.mark.parametrize("default", [Renewal(), Retry()], ids=lambda value: type(value).__name__)
def test_the_numbers_in_the_table_are_the_defaults(default: Renewal | Retry) -> None:
    """What is spelled out for `Renewal` and `Retry` is what they are by themselves."""
    (spelled,) = (
        node.astext()
        for node in OPTIONS.findall(literal)
        if node.astext().startswith(f"{type(default).__name__}(") and "=" in node.astext()
    )
    names = {"Renewal": Renewal, "Retry": Retry}
    written = eval(spelled, names)  # noqa: S307 - the document is the project's own
    for name in type(default).__slots__:
        assert getattr(written, name) == getattr(default, name)
