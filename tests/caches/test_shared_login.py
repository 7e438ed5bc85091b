"""Processes that share one login refresh it once, at a server that rotates refresh tokens.

The tests read the requests from the server's log.
"""

# ruff: noqa: ASYNC240 - blocking file operations are harmless in tests

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest

from aioalf.caches import FileCache
from aioalf.testing import Fault, OAuthServer
from tests.caches.fork_server import ForkServer, claimed, fork_server
from tests.caches.shared_login import MODULE, SharedLogin, sent
from tests.grants.visitor import Visitor

OVERLAP = 0.3
"""Seconds in which two processes would both send a request if no claim separated them."""


@pytest.fixture
async def login(oauth_server: OAuthServer, tmp_path: Path) -> SharedLogin:
    """A login that is not stored yet; the user is already signed in at the server."""
    oauth_server.auto_sign_in = "Ada"
    return SharedLogin.at(oauth_server, tmp_path / "cache")


@pytest.fixture
async def expired(oauth_server: OAuthServer, login: SharedLogin) -> SharedLogin:
    """A stored login whose token has expired."""
    assert await login.visit(Visitor()) == 200
    login.expire()
    oauth_server.reset_counters()
    return login


@pytest.fixture
async def one() -> AsyncIterator[ForkServer]:
    """A fork server."""
    async with fork_server(MODULE) as one:
        yield one


@pytest.fixture
async def other() -> AsyncIterator[ForkServer]:
    """A second fork server, for a concurrent process."""
    async with fork_server(MODULE) as other:
        yield other


@pytest.mark.rule("R043", "R079")
async def test_two_processes_make_one_refresh(
    oauth_server: OAuthServer, expired: SharedLogin, one: ForkServer, other: ForkServer
) -> None:
    """Both processes wait for the claim; the second finds the token that the first stored."""
    spent = str(expired.record().refresh_token)
    oauth_server.token_fault = Fault.slow(OVERLAP)  # so that the requests would overlap
    claim = await claimed(FileCache(expired.directory), expired.key())
    await asyncio.gather(*(each.start("go_on", expired) for each in (one, other)))
    await claim.release()
    assert [await one.ended(), await other.ended()] == [["200"], ["200"]]
    assert sent(oauth_server) == [(spent, 200)]
    assert expired.record().refresh_token != spent


@pytest.mark.rule("R043", "R079")
async def test_waiting_process_refreshes_after_the_refreshing_process_is_killed(
    oauth_server: OAuthServer, expired: SharedLogin, one: ForkServer, other: ForkServer
) -> None:
    """The server has not responded, so the waiting process can use the same refresh token."""
    spent = str(expired.record().refresh_token)
    oauth_server.token_fault = Fault.slow(inf).times(1)
    pid = await one.start("go_on", expired)
    await oauth_server.reached(token_requests=1)
    await other.start("go_on", expired)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(OVERLAP):
            await oauth_server.reached(token_requests=2)
    os.kill(pid, signal.SIGKILL)
    assert await one.ended() == []
    assert await other.ended() == ["200"]
    assert sent(oauth_server) == [(spent, None), (spent, 200)]


@pytest.mark.rule("R079")
async def test_script_that_runs_again_does_not_sign_in_again(
    oauth_server: OAuthServer, login: SharedLogin, one: ForkServer
) -> None:
    """A later run finds the login of the first and refreshes its expired token."""
    for told in ("200 after 1 logins", "200 after 0 logins", "200 after 0 logins"):
        await one.start("sign_in", login)
        assert await one.ended() == [told]
        login.expire()
    assert [status for _, status in sent(oauth_server)] == [200, 200]


@pytest.mark.rule("R044")
async def test_ctrl_c_during_a_refresh_keeps_the_login(
    oauth_server: OAuthServer, expired: SharedLogin, one: ForkServer
) -> None:
    """Closing the client waits for the response and stores it."""
    spent = str(expired.record().refresh_token)
    oauth_server.token_fault = Fault.slow(0.2).times(1)
    pid = await one.start("go_on_until_interrupted", expired)
    await oauth_server.reached(token_requests=1)
    os.kill(pid, signal.SIGINT)
    assert await one.ended() == []
    assert sent(oauth_server) == [(spent, 200)]
    visitor = Visitor()
    assert await expired.visit(visitor) == 200
    assert visitor.opened == []


@pytest.mark.rule("R040", "R080")
async def test_used_refresh_token_is_not_sent_again_after_a_failed_write(
    oauth_server: OAuthServer, expired: SharedLogin, one: ForkServer
) -> None:
    """The process continues with its token; the next process finds no login and signs in."""
    spent = str(expired.record().refresh_token)
    await one.start("go_on_without_room", expired)
    assert await one.ended() == ["200"]
    assert not [*Path(expired.directory).glob("*.json")]
    visitor = Visitor()
    assert await expired.visit(visitor) == 200
    assert len(visitor.opened) == 1
    assert sent(oauth_server) == [(spent, 200)]
