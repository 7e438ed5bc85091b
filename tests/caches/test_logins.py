"""Processes that share one login at a server that rotates strictly: it is refreshed once.

What is sent is read from the server's own record.
"""

# ruff: noqa: ASYNC240 - the loop of a test serves nobody else

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest

from aioalf.caches import FileCache
from aioalf.testing import Fault, OAuthServer
from tests.caches.logins import MODULE, Login, sent
from tests.caches.nursery import Nursery, nursery
from tests.grants.visitor import Visitor

OVERLAP = 0.3
"""Seconds in which two processes meet, where nothing keeps them apart."""


@pytest.fixture
async def login(oauth_server: OAuthServer, tmp_path: Path) -> Login:
    """Where a login is to be kept; the person that has it is signed in already."""
    oauth_server.auto_sign_in = "Ada"
    return Login.at(oauth_server, tmp_path / "cache")


@pytest.fixture
async def expired(oauth_server: OAuthServer, login: Login) -> Login:
    """A login whose token has expired; the next ones live for an hour."""
    oauth_server.expires_in = 0
    assert await login.visit(Visitor()) == 200
    oauth_server.expires_in = 3600
    oauth_server.reset_counters()
    return login


@pytest.fixture
async def one() -> AsyncIterator[Nursery]:
    """Starts processes, one at a time."""
    async with nursery(MODULE) as one:
        yield one


@pytest.fixture
async def other() -> AsyncIterator[Nursery]:
    """Starts others at the same time."""
    async with nursery(MODULE) as other:
        yield other


@pytest.mark.rule("R043", "R079")
async def test_two_processes_make_one_refresh(
    oauth_server: OAuthServer, expired: Login, one: Nursery, other: Nursery
) -> None:
    """Both are there before either can renew; who comes second finds what the first has kept."""
    spent = str(expired.record().refresh_token)
    oauth_server.token_fault = Fault.slow(OVERLAP)  # long enough for the other to be there, too
    async with FileCache(expired.directory).lock(expired.key()):
        await asyncio.gather(*(each.start("go_on", expired) for each in (one, other)))
    assert [await one.ended(), await other.ended()] == [["200"], ["200"]]
    assert sent(oauth_server) == [(spent, 200)]
    assert expired.record().refresh_token != spent


@pytest.mark.rule("R043", "R079")
async def test_who_waits_goes_on_when_the_one_that_renews_is_killed(
    oauth_server: OAuthServer, expired: Login, one: Nursery, other: Nursery
) -> None:
    """Not before; the server has not answered: the refresh token is good still, the login too."""
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
async def test_a_script_that_is_started_twice_logs_in_once(
    oauth_server: OAuthServer, login: Login, one: Nursery
) -> None:
    """The second run finds the login of the first, and refreshes it once its token has expired."""
    oauth_server.expires_in = 0
    for told in ("200 after 1 logins", "200 after 0 logins", "200 after 0 logins"):
        await one.start("sign_in", login)
        assert await one.ended() == [told]
    assert [status for _, status in sent(oauth_server)] == [200, 200]


@pytest.mark.rule("R044")
async def test_ctrl_c_while_a_refresh_is_in_the_air_loses_no_login(
    oauth_server: OAuthServer, expired: Login, one: Nursery
) -> None:
    """The client is closed on the way out, and that waits for the answer and keeps it."""
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
async def test_a_login_that_could_not_be_written_is_not_sent_again(
    oauth_server: OAuthServer, expired: Login, one: Nursery
) -> None:
    """Its process goes on with it; the next finds none, and nobody sends what was used."""
    spent = str(expired.record().refresh_token)
    await one.start("go_on_without_room", expired)
    assert await one.ended() == ["200"]
    assert not [*Path(expired.directory).glob("*.json")]
    visitor = Visitor()
    assert await expired.visit(visitor) == 200
    assert len(visitor.opened) == 1
    assert sent(oauth_server) == [(spent, 200)]
