"""Processes that are killed while they refresh a token, at random moments.

The server rotates refresh tokens and ends a login whose refresh token is sent twice; its record
decides. A login may be lost only if the kill falls between the response of the server and the write
to the file. `artefacts/kills.json` counts the moments; KILLS_SEED repeats the delays of a run.
"""

# ruff: noqa: ASYNC240 - nothing else runs in the event loop of the test

import asyncio
import json
import os
import random
import secrets
import signal
import sys
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import ClientSession

from aioalf.testing import Fault, OAuthServer
from tests.caches.fork_server import ForkServer, fork_server
from tests.caches.shared_login import MODULE, SharedLogin, sent
from tests.grants.visitor import Visitor
from tests.interop import dependencies

KILLS = 200
REPORT = dependencies.HERE.parent.parent / "artefacts" / "kills.json"
# The server is slow, so that some kills fall while it handles a request.
RESPONSE_SECONDS = 0.005
UNKILLED = 5

# The moment of a kill, according to the server and the file.
NOT_SENT = "before the refresh token was sent"
NOT_ROTATED = "before the server rotated the refresh token"
LOST = "after the rotation, before the file was replaced"
WRITTEN = "after the file was replaced"


class Killer:
    """Starts processes that continue a login, and kills them."""

    def __init__(self, server: OAuthServer, login: SharedLogin, processes: ForkServer) -> None:
        self._server = server
        self._login = login
        self._processes = processes

    async def refresh_duration(self) -> float:
        """Return how many seconds a process takes if it is not killed: the longest of some."""
        durations: list[float] = []
        for _ in range(UNKILLED):
            self._login.expire()
            pid = await self._processes.start("go_on_and_stay", self._login)
            started = monotonic()
            assert await self._processes.told() == "200"
            durations.append(monotonic() - started)
            os.kill(pid, signal.SIGKILL)
            assert await self._processes.ended() == []
        return max(durations)

    async def kill_after(self, delay: float) -> str:
        """Start a process and kill it after `delay`; return the moment of the kill."""
        self._login.expire()
        before, arrived = self._login.record().refresh_token, len(sent(self._server))
        granted = self._server.granted["refresh_token"]
        pid = await self._processes.start("go_on_and_stay", self._login)
        await asyncio.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        assert set(await self._processes.ended()) <= {"200"}
        await self._wait_for_server()
        granted_tokens = self._server.granted["refresh_token"] - granted
        is_written = self._login.record().refresh_token != before
        match [token for token, _ in sent(self._server)[arrived:]], granted_tokens, is_written:
            case [], 0, False:
                return NOT_SENT
            case [token], 0, False if token == before:
                return NOT_ROTATED
            case [token], 1, False if token == before:
                return LOST
            case [token], 1, True if token == before:
                return WRITTEN
            case found:
                raise AssertionError(f"sent, granted, written: {found}")

    async def _wait_for_server(self) -> None:
        """Wait until the server has handled the requests of killed processes."""
        async with ClientSession() as session, session.get(self._login.issuer):
            pass
        while self._handled() < self._server.token_requests:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)

    def _handled(self) -> int:
        return sum("grant_type" in exchange.form for exchange in self._server.log)


@pytest.fixture
async def login(oauth_server: OAuthServer, tmp_path: Path) -> SharedLogin:
    """A stored login. The tests let its token expire, so that each request refreshes first."""
    oauth_server.auto_sign_in = "Ada"
    login = SharedLogin.at(oauth_server, tmp_path / "cache")
    assert await login.visit(Visitor()) == 200
    oauth_server.token_fault = Fault.slow(RESPONSE_SECONDS)
    return login


@pytest.mark.timeout(180)
@pytest.mark.rule("R040", "R043", "R044", "R079", "R080")
async def test_killed_refresh_loses_a_login_only_before_the_write(
    oauth_server: OAuthServer, login: SharedLogin, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next process continues; it signs in only if the new refresh token was not yet written."""
    seed = int(os.environ.get("KILLS_SEED") or secrets.randbits(32))
    chance = random.Random(seed)  # noqa: S311 - the seed repeats the delays
    kills: dict[str, list[str]] = {NOT_SENT: [], NOT_ROTATED: [], LOST: [], WRITTEN: []}
    started = monotonic()
    async with fork_server(MODULE) as processes:
        killer = Killer(oauth_server, login, processes)
        duration = await killer.refresh_duration()
        for _ in range(KILLS):
            where = await killer.kill_after(chance.uniform(0, duration))
            kills[where].append(str(login.record().refresh_token))
            visitor = Visitor()
            login.expire()
            assert await login.visit(visitor) == 200
            assert len(visitor.opened) == (where == LOST), where
    report = {
        "seed": seed,
        "kills": {where: len(tokens) for where, tokens in kills.items()},
        "logins lost": len(kills[LOST]),
        "seconds of a refresh": round(duration, 3),
        "seconds in all": round(monotonic() - started, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    statuses = statuses_of(oauth_server)
    twice = {token for token, statuses in statuses.items() if len(statuses) > 1}
    assert twice == {*kills[NOT_ROTATED], *kills[LOST]}
    assert all(statuses[token] == [None, 200] for token in kills[NOT_ROTATED])
    assert all(statuses[token][1:] == [400] for token in kills[LOST])
    assert {path.stat().st_mode & 0o777 for path in Path(login.directory).iterdir()} == {0o600}
    assert all(kills[where] for where in (NOT_SENT, NOT_ROTATED, WRITTEN))


def statuses_of(server: OAuthServer) -> dict[str, list[int | None]]:
    """Return the response statuses for each refresh token, in order."""
    answers: dict[str, list[int | None]] = {}
    for token, status in sent(server):
        answers.setdefault(token, []).append(status)
    return answers
