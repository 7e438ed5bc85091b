"""Processes that are killed while they refresh a login, at moments all over a refresh.

The server rotates strictly and ends a login whose refresh token comes twice; its own record judges.
A login is lost where the kill falls between the server's answer and the file, which nobody can
undo, and nowhere else. `artefacts/kills.json` tells how many fell where; KILLS_SEED repeats the
delays of a run.
"""

# ruff: noqa: ASYNC240 - the loop of a test serves nobody else

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
from tests.interop import parts

KILLS = 200
REPORT = parts.HERE.parent.parent / "artefacts" / "kills.json"
# Of the server, so that some kills fall while it is at work.
ANSWER_SECONDS = 0.005
UNKILLED = 5

# Where a kill fell, by what the server and the disk say.
UNSENT = "before the refresh token was sent"
UNANSWERED = "before the server gave another"
LOST = "after the answer, before the file was replaced"
KEPT = "after the file was replaced"


class Killer:
    """Starts one process after another that goes on with a login, and kills it at that."""

    def __init__(self, server: OAuthServer, login: SharedLogin, processes: ForkServer) -> None:
        self._server = server
        self._login = login
        self._processes = processes

    async def span(self) -> float:
        """How many seconds a process takes that is left alone; the longest of a few."""
        spans: list[float] = []
        for _ in range(UNKILLED):
            pid = await self._processes.start("go_on_and_stay", self._login)
            began = monotonic()
            assert await self._processes.told() == "200"
            spans.append(monotonic() - began)
            os.kill(pid, signal.SIGKILL)
            assert await self._processes.ended() == []
        return max(spans)

    async def kill_after(self, delay: float) -> str:
        """Start one and kill it; say where that fell."""
        before, arrived = self._login.record().refresh_token, len(sent(self._server))
        given = self._server.granted["refresh_token"]
        pid = await self._processes.start("go_on_and_stay", self._login)
        await asyncio.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        assert set(await self._processes.ended()) <= {"200"}
        await self._record_is_complete()
        was_given = self._server.granted["refresh_token"] - given
        is_kept = self._login.record().refresh_token != before
        match [token for token, _ in sent(self._server)[arrived:]], was_given, is_kept:
            case [], 0, False:
                return UNSENT
            case [token], 0, False if token == before:
                return UNANSWERED
            case [token], 1, False if token == before:
                return LOST
            case [token], 1, True if token == before:
                return KEPT
            case found:
                raise AssertionError(f"sent, given, kept: {found}")

    async def _record_is_complete(self) -> None:
        """Wait until the server has done with the dead: who connects later is accepted later."""
        async with ClientSession() as session, session.get(self._login.issuer):
            pass
        while self._answered() < self._server.token_requests:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)

    def _answered(self) -> int:
        return sum("grant_type" in exchange.form for exchange in self._server.log)


@pytest.fixture
async def login(oauth_server: OAuthServer, tmp_path: Path) -> SharedLogin:
    """A login whose tokens expire at once: each request begins with a refresh."""
    oauth_server.auto_sign_in = "Ada"
    oauth_server.expires_in = 0
    login = SharedLogin.at(oauth_server, tmp_path / "cache")
    assert await login.visit(Visitor()) == 200
    oauth_server.token_fault = Fault.slow(ANSWER_SECONDS)
    return login


@pytest.mark.timeout(180)
@pytest.mark.rule("R040", "R043", "R044", "R079", "R080")
async def test_a_kill_at_any_moment_damages_nothing_and_loses_what_it_must(
    oauth_server: OAuthServer, login: SharedLogin, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each, the next process goes on; it signs in only where the answer was in the air."""
    seed = int(os.environ.get("KILLS_SEED") or secrets.randbits(32))
    chance = random.Random(seed)  # noqa: S311 - the same delays again are the point
    fell: dict[str, list[str]] = {UNSENT: [], UNANSWERED: [], LOST: [], KEPT: []}
    began = monotonic()
    async with fork_server(MODULE) as processes:
        killer = Killer(oauth_server, login, processes)
        span = await killer.span()
        for _ in range(KILLS):
            where = await killer.kill_after(chance.uniform(0, span))
            fell[where].append(str(login.record().refresh_token))
            visitor = Visitor()
            assert await login.visit(visitor) == 200
            assert len(visitor.opened) == (where == LOST), where
    report = {
        "seed": seed,
        "kills": {where: len(tokens) for where, tokens in fell.items()},
        "logins lost": len(fell[LOST]),
        "seconds of a refresh": round(span, 3),
        "seconds in all": round(monotonic() - began, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    answers = answers_of(oauth_server)
    twice = {token for token, statuses in answers.items() if len(statuses) > 1}
    assert twice == {*fell[UNANSWERED], *fell[LOST]}
    assert all(answers[token] == [None, 200] for token in fell[UNANSWERED])
    assert all(answers[token][1:] == [400] for token in fell[LOST])
    assert {path.stat().st_mode & 0o777 for path in Path(login.directory).iterdir()} == {0o600}
    assert all(fell[where] for where in (UNSENT, UNANSWERED, KEPT))


def answers_of(server: OAuthServer) -> dict[str, list[int | None]]:
    """What the server answered to each refresh token, each time that it came."""
    answers: dict[str, list[int | None]] = {}
    for token, status in sent(server):
        answers.setdefault(token, []).append(status)
    return answers
