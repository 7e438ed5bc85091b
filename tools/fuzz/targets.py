"""The fuzz targets, one for each place where bytes of others enter.

A target has a strategy for inputs and a check, which fails with an AssertionError or with any other
exception that escapes. `ast.literal_eval` can read every input back.
"""

import asyncio
import copy
import gc
import math
import pickle
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest.mock import patch

import aiohttp.http_parser
import pytest
from aiohttp import ClientError, ClientTimeout
from hypothesis import strategies as st

from aioalf import Client
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._browser import listener_connections
from aioalf._browser.redirect_listener import RedirectListener
from aioalf._requests.challenge import parse_challenges, required_scope
from aioalf._requests.retry_on_401 import is_renewal_useful
from aioalf._syntax import is_visible_ascii, read_retry_after
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.renewal import Renewal
from aioalf.retry import Retry
from tests.robustness.interleavings.kinds import KINDS, replay_command
from tests.robustness.interleavings.scenario import play
from tests.support.raw_server import RawServer, answer
from tests.support.virtual_time import follow_the_loop
from tools.fuzz import login_with_cache, wire
from tools.fuzz.watchdog import HangError

T = TypeVar("T")

SECRET = "s3cret-w0rd"
NETWORK_SECONDS = 0.2
MAX_CPU_SECONDS = 2.0
MAX_SECONDS = 15.0
"""Wall-clock limit for code that awaits; inputs take much less, even on a busy machine."""

_TURNS_TO_END = 20  # turns of the event loop that closed connections need to end their own tasks

_PARSERS = [aiohttp.http_parser.HttpResponseParser, aiohttp.http_parser.HttpResponseParserPy]
_GRANTED = answer(b'{"access_token": "granted-token", "expires_in": 3600}')


@dataclass(frozen=True)
class Target:
    """A strategy for inputs, and the check of an input."""

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    replay_command: Callable[[Any], str] | None = None
    """Returns the command that repeats an input and shows what happens."""


def run_watched(play: Callable[[T], Coroutine[object, object, None]], value: T) -> None:
    """Run a coroutine in a new loop; fail if it hangs, leaks tasks or has unhandled errors."""
    begin = time.process_time()
    with _collecting_what_is_new():
        asyncio.run(_watched(play(value)))
    assert time.process_time() - begin < MAX_CPU_SECONDS + NETWORK_SECONDS


@contextmanager
def _collecting_what_is_new() -> Iterator[None]:
    # Collecting all objects would take several times as long as an input.
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _watched(play: Coroutine[object, object, None]) -> None:
    behind: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: behind.append(context))
    limit = asyncio.timeout(MAX_SECONDS)
    try:
        async with limit:
            await play
    except TimeoutError:
        if limit.expired():
            raise HangError(f"it did not end within {MAX_SECONDS:g} seconds") from None
        raise
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
    gc.collect()  # unclosed resources and unretrieved errors are reported when collected
    assert not behind, behind
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in left if "RawServer" not in repr(task)], left


# Token responses


def check_token_response(pieces: tuple[bytes, ...]) -> None:
    """The result is a token, or one error that can be copied and pickled and shows no secret."""
    for parser in _PARSERS:
        with patch("aiohttp.client_proto.HttpResponseParser", parser):
            run_watched(_ask, pieces)


async def _ask(pieces: tuple[bytes, ...]) -> None:
    async with RawServer(*pieces) as server:
        endpoint = TokenEndpoint(
            server.url,
            Credentials("client-id", SECRET),
            ClientSecretBasic(),
            http_options={"timeout": ClientTimeout(total=NETWORK_SECONDS)},
            retry=Retry(attempts=1),
        )
        try:
            token = await endpoint.request({"grant_type": "client_credentials"})
        except TokenError as error:
            _check_error(error)
        else:
            assert is_visible_ascii(token.access_token)
            assert token.expires_in is None or 0 <= token.expires_in <= 2**31


def _check_error(error: TokenError) -> None:
    assert not isinstance(error, TokenConfigurationError), (
        "a response must not cause a configuration error"
    )
    retry_after = getattr(error, "retry_after", None)
    assert retry_after is None or 0 <= retry_after < math.inf
    for known in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - pickled a moment ago
        shown = f"{known} {known!r} {known.__cause__!r}" + "".join(
            traceback.format_exception(known)
        )
        assert "granted-token" not in shown
        assert SECRET not in shown
        assert len(str(known)) < 2000
        assert str(known).isprintable()


# Token responses through a Client


def check_client(pieces: tuple[bytes, ...]) -> None:
    """The result is a response or a TokenError, and the API gets no request without a token."""
    run_watched(_call, pieces)


async def _call(pieces: tuple[bytes, ...]) -> None:
    async with (
        RawServer(*pieces) as endpoint,
        RawServer(answer(b"")) as api,
        Client(
            "client-id",
            SECRET,
            endpoint.url,
            {"timeout": ClientTimeout(total=NETWORK_SECONDS)},
            retry=Retry(attempts=2, wait_initial=0, timeout=0),
            renewal=Renewal(failure_backoff=0),
        ) as client,
    ):
        with suppress(TokenError):
            async with client.get(api.url) as response:
                await response.read()
        assert all(b"\r\nAuthorization: Bearer " in request for request in api.requests)


# WWW-Authenticate headers


def check_challenge(lines: tuple[str, ...]) -> None:
    """Any header lines are parsed in time, and a call ends with the 401 that has them."""
    begin = time.process_time()
    challenges = parse_challenges(lines)
    assert is_renewal_useful(challenges) in {True, False}
    required_scope(challenges)
    for challenge in challenges:
        assert any(challenge.scheme in line.lower() for line in lines)
    assert time.process_time() - begin < MAX_CPU_SECONDS
    run_watched(_refused, lines)


async def _refused(lines: tuple[str, ...]) -> None:
    said = b"".join(
        b"WWW-Authenticate: " + line.encode("utf-8", "surrogateescape") + b"\r\n"
        for line in lines
        if not {*"\r\n\0"} & {*line} and line.isprintable()
    )
    refusal = b"HTTP/1.1 401 Unauthorized\r\n" + said + b"Content-Length: 0\r\n\r\n"
    async with (
        RawServer(_GRANTED) as endpoint,
        RawServer(refusal) as api,
        Client("client-id", SECRET, endpoint.url) as client,
    ):
        # aiohttp raises an error if the head is too long.
        with suppress(ClientError):
            async with client.get(api.url) as response:
                assert response.status == 401
        assert len(api.requests) <= 2
        assert len(endpoint.requests) <= 2


# Requests to the redirect listener


def check_redirect(request: bytes) -> None:
    """The listener responds with 2xx, 4xx or nothing, and still waits for the right redirect."""
    run_watched(_come, request)


async def _come(request: bytes) -> None:
    state = "b7Yw0cVt-_a-state-that-nobody-guesses"
    async with RedirectListener(awaited=["access_token"]) as listener:
        waiting = asyncio.create_task(listener.wait(state))
        host = listener.redirect_uri.removeprefix("http://").encode()
        with patch.object(listener_connections, "REQUEST_SECONDS", NETWORK_SECONDS):
            shown = await _send(host, request.replace(b"@HOST@", host))
        status = shown.split(b" ", 2)[1] if shown else b""
        assert status[:1] in {b"", b"2", b"4"} or status == b"100", shown
        assert state.encode() not in shown
        assert not waiting.done()
        good = b"GET /?state=%b&access_token=x HTTP/1.1\r\nHost: %b\r\n\r\n"
        shown = await _send(host, good % (state.encode(), host))
        assert b"signed-in" in shown, shown
        assert await waiting == {"state": state, "access_token": "x"}


async def _send(host: bytes, request: bytes) -> bytes:
    address, _, port = host.decode().rpartition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


# Retry-After


def check_retry_after(value: str) -> None:
    """The result is None or a finite number of seconds."""
    begin = time.process_time()
    seconds = read_retry_after(value, datetime.now(UTC))
    assert seconds is None or 0 <= seconds < math.inf
    assert time.process_time() - begin < MAX_CPU_SECONDS


# Texts in a token cache


def check_cache(texts: tuple[str, str]) -> None:
    """Tokens are fetched whatever the cache holds, or there is an error that shows no secret."""
    begin = time.process_time()
    with pytest.MonkeyPatch.context() as patches, _collecting_what_is_new():
        follow_the_loop(patches)
        for error in login_with_cache.play(*texts):
            _check_error(error)
        gc.collect()  # reports exceptions that were never retrieved
    assert time.process_time() - begin < MAX_CPU_SECONDS


# Interleavings

SCENARIOS = st.tuples(st.sampled_from([*KINDS]), st.integers(0, 2**62))


def check_interleaving(scenario: tuple[str, int]) -> None:
    """The scenario of this kind and seed breaks no promise."""
    kind, seed = scenario
    with pytest.MonkeyPatch.context() as patches, _collecting_what_is_new():
        follow_the_loop(patches)
        world, faults = play(KINDS[kind], seed)
        gc.collect()  # reports exceptions that were never retrieved
    assert not world.broken_promises
    assert not faults


TARGETS = {
    target.name: target
    for target in (
        Target("token_response", wire.ANSWERS, check_token_response),
        Target("client", wire.ANSWERS, check_client),
        Target("challenge", wire.CHALLENGES, check_challenge),
        Target("redirect", wire.REDIRECTS, check_redirect),
        Target("retry_after", wire.RETRY_AFTER, check_retry_after),
        Target("cache", wire.CACHE_TEXTS, check_cache),
        Target("interleaving", SCENARIOS, check_interleaving, lambda value: replay_command(*value)),
    )
}
