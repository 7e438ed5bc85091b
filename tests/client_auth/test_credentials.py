"""Client secrets from a function or a file: read for each attempt, and never shown."""

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
    """Return the current secret of credentials with this secret function."""
    return (await Credentials("id", source).current()).client_secret


async def secret_coroutine() -> str:
    """Return the secret."""
    return SECRET


async def test_credentials_with_a_text_secret_are_returned_unchanged() -> None:
    """Nothing has to be called or copied."""
    credentials = Credentials("id", SECRET)
    assert await credentials.current() is credentials


@pytest.mark.parametrize("source", [lambda: SECRET, secret_coroutine, lambda: secret_coroutine()])  # noqa: PLW0108 - a plain function that returns a coroutine
async def test_secret_can_be_a_function(source: Callable[[], str | Awaitable[str]]) -> None:
    """A plain function, a coroutine function, and a function that returns an awaitable work."""
    assert await current_secret(source) == SECRET


async def test_plain_secret_function_runs_in_a_thread() -> None:
    """A function that waits for a disk or a vault does not block the event loop."""
    threads: list[object] = []

    def ask() -> str:
        threads.append(current_thread())
        return SECRET

    await current_secret(ask)
    assert threads != [main_thread()]


async def test_secret_function_is_called_by_current_only() -> None:
    """Before `current` is called, there is no secret that could be shown."""
    credentials = Credentials("id", secret_coroutine)
    assert (credentials.client_secret, set(credentials.known())) == (None, {"id"})
    assert repr(credentials) == "<Credentials>"
    now = await credentials.current()
    assert now.known() == {"id", SECRET, f"id:{SECRET}"}


async def test_error_of_secret_function_becomes_token_error() -> None:
    """The original error is the cause, and the message names its type."""
    problem = ConnectionError("the vault is sealed")

    def ask() -> str:
        raise problem

    with pytest.raises(TokenError, match=r"No client_secret: .* raised ConnectionError") as caught:
        await current_secret(ask)
    assert not isinstance(caught.value, TokenConfigurationError)
    assert caught.value.__cause__ is problem


async def test_token_error_of_secret_function_is_raised_unchanged() -> None:
    """A secret function can raise a TokenError with its own message."""
    problem = TokenConfigurationError("no such secret in the vault")

    async def ask() -> str:
        raise problem

    with pytest.raises(TokenConfigurationError) as caught:
        await current_secret(ask)
    assert caught.value is problem


@pytest.mark.parametrize("value", [None, SECRET.encode(), 5])
async def test_secret_function_must_return_text(value: object) -> None:
    """The error names the type of the returned value and does not show the value."""
    with pytest.raises(TokenConfigurationError, match=type(value).__name__) as caught:
        await current_secret(lambda: value)  # type: ignore[arg-type,return-value]
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# Files


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_one_newline_at_the_end_of_the_file_is_removed(tmp_path: Path, end: str) -> None:
    """The final newline that editors add is not part of the secret; a second one is."""
    file = tmp_path / "secret"
    file.write_bytes(f" s\n{end}".encode())
    assert await SecretFile(str(file))() == (" s\n" if end else " s")


async def test_secret_file_is_read_for_each_use(tmp_path: Path) -> None:
    """A rotated secret needs no restart."""
    file = tmp_path / "secret"
    source = SecretFile(file)
    for secret in ("yesterday", "today"):
        file.write_text(secret)
        assert await current_secret(source) == secret


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"\xffhush", "not UTF-8")],
)
async def test_error_names_the_file_without_a_secret(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """For a missing, empty or binary file, the error has its path and not its content."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TokenConfigurationError, match=problem) as caught:
        await current_secret(SecretFile(file))
    assert str(file) in str(caught.value)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_repr_of_secret_file_shows_only_the_path(tmp_path: Path) -> None:
    """Users print their options, which hold the SecretFile."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    assert repr(SecretFile(file)) == f"SecretFile({str(file)!r})"


# In token requests


async def test_secret_function_is_called_for_each_token_request(oauth_server: OAuthServer) -> None:
    """A secret that changed between two token requests is used in the second."""
    secrets = iter(["wrong", "secret"])
    manager = TokenManager(
        oauth_server.token_endpoint, oauth_server.client_id, lambda: next(secrets)
    )
    with pytest.raises(TokenHTTPError, match="invalid_client"):
        await manager.get_token()
    await manager.reset_token()
    assert await manager.get_token()


async def test_secret_function_is_called_again_for_a_retry(oauth_server: OAuthServer) -> None:
    """The secret may have changed while the first attempt was waiting for a response."""
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
async def test_secret_in_the_server_response_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A secret that a function returned is masked like one that was passed directly."""
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
