"""A client's secret that is a function or a file: asked for at each attempt, shown nowhere."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import current_thread, main_thread

import pytest

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials, SecretFile
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import Fault, OAuthServer
from tests.support.raw_server import RawServer, answer

SECRET = "the-secret-of-today"


async def current_secret(source: Callable[[], str | Awaitable[str]]) -> str | None:
    """The secret that credentials have when they are asked for it."""
    return (await Credentials("id", source).current()).client_secret


async def a_coroutine() -> str:
    """A secret that is waited for."""
    return SECRET


async def test_a_plain_secret_is_there_already() -> None:
    """Nothing is asked, and nothing made anew."""
    credentials = Credentials("id", SECRET)
    assert await credentials.current() is credentials


@pytest.mark.parametrize("source", [lambda: SECRET, a_coroutine, lambda: a_coroutine()])  # noqa: PLW0108 - a plain function that gives a coroutine
async def test_a_secret_may_be_a_function(source: Callable[[], str | Awaitable[str]]) -> None:
    """Plain, a coroutine function, or one that returns something to wait for."""
    assert await current_secret(source) == SECRET


async def test_a_plain_function_runs_in_a_thread() -> None:
    """One that waits for a disk or a vault holds nobody else up."""
    threads: list[object] = []

    def ask() -> str:
        threads.append(current_thread())
        return SECRET

    await current_secret(ask)
    assert threads != [main_thread()]


async def test_what_was_not_asked_for_yet_is_not_shown() -> None:
    """Until then there is no secret that could be known."""
    credentials = Credentials("id", a_coroutine)
    assert (credentials.client_secret, set(credentials.known())) == (None, {"id"})
    assert repr(credentials) == "<Credentials>"
    now = await credentials.current()
    assert now.known() == {"id", SECRET, f"id:{SECRET}"}


async def test_a_function_that_raises_is_a_token_error() -> None:
    """What it raised is the cause; the message names its kind."""
    problem = ConnectionError("the vault is sealed")

    def ask() -> str:
        raise problem

    with pytest.raises(TokenError, match=r"No client_secret: .* raised ConnectionError") as caught:
        await current_secret(ask)
    assert not isinstance(caught.value, TokenConfigurationError)
    assert caught.value.__cause__ is problem


async def test_a_function_s_own_token_error_stays() -> None:
    """Who knows better what went wrong may say it."""
    problem = TokenConfigurationError("no such secret in the vault")

    async def ask() -> str:
        raise problem

    with pytest.raises(TokenConfigurationError) as caught:
        await current_secret(ask)
    assert caught.value is problem


@pytest.mark.parametrize("value", [None, SECRET.encode(), 5])
async def test_a_function_that_gives_no_text_is_refused(value: object) -> None:
    """The error says of what kind it was, and not what."""
    with pytest.raises(TokenConfigurationError, match=type(value).__name__) as caught:
        await current_secret(lambda: value)  # type: ignore[arg-type,return-value]
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# Files


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_a_file_holds_a_secret_and_one_line_end(tmp_path: Path, end: str) -> None:
    """Editors put a line end there, which is not part of it; a second one is."""
    file = tmp_path / "secret"
    file.write_bytes(f" s\n{end}".encode())
    assert await SecretFile(str(file))() == (" s\n" if end else " s")


async def test_a_new_secret_in_the_file_is_the_secret(tmp_path: Path) -> None:
    """Rotation needs no restart."""
    file = tmp_path / "secret"
    source = SecretFile(file)
    for secret in ("yesterday", "today"):
        file.write_text(secret)
        assert await current_secret(source) == secret


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"\xffhush", "not UTF-8")],
)
async def test_a_file_without_a_secret_is_named(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """Missing, empty, or not text: the path is said, and what is in it is not."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TokenConfigurationError, match=problem) as caught:
        await current_secret(SecretFile(file))
    assert str(file) in str(caught.value)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_a_file_shows_its_path_only(tmp_path: Path) -> None:
    """It is in the options that people print."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    assert repr(SecretFile(file)) == f"SecretFile({str(file)!r})"


# At work


async def test_each_attempt_asks_for_the_secret(oauth_server: OAuthServer) -> None:
    """A secret that is changed between two attempts is right in the second one."""
    secrets = iter(["wrong", "secret"])
    manager = TokenManager(
        oauth_server.token_endpoint, oauth_server.client_id, lambda: next(secrets)
    )
    with pytest.raises(TokenHTTPError, match="invalid_client"):
        await manager.get_token()
    await manager.reset_token()
    assert await manager.get_token()


async def test_a_retry_asks_for_the_secret_again(oauth_server: OAuthServer) -> None:
    """The answer to the first attempt may have taken its time."""
    asked: list[str] = []

    async def ask() -> str:
        asked.append("secret")
        return "secret"

    oauth_server.token_fault = Fault.status(503).times(1)
    retry = Retry(attempts=2, wait_initial=0)
    manager = TokenManager(oauth_server.token_endpoint, "client-id", ask, retry=retry)
    assert await manager.get_token()
    assert len(asked) == oauth_server.token_requests == 2


@pytest.mark.rule("R007", "R063")
async def test_a_secret_that_a_server_sends_back_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The one in use, which nobody knew when the client was made."""
    caplog.set_level(logging.DEBUG)
    body = f'{{"error": "invalid_client", "error_description": "not {SECRET}"}}'.encode()
    async with RawServer(answer(body, status="401 Unauthorized")) as server:
        endpoint = TokenEndpoint(
            server.url,
            Credentials("client-id", lambda: SECRET),
            ClientSecretBasic(),
            retry=Retry(attempts=1),
        )
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint.request({"grant_type": "client_credentials"})
    error = caught.value
    shown = f"{error} {error!r} {error.response_text} {error.error_description} {caplog.text}"
    assert "not ***" in shown
    assert SECRET not in shown
