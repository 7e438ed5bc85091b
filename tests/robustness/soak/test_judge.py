"""The judge of a soak finds broken clients, and excuses only what an event explains."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._login.cache_entry import CacheEntry
from aioalf._requests.session import SessionProvider
from aioalf.testing import Fault, FaultProxy, OAuthServer
from aioalf.token import Token
from tests.robustness.soak import meters
from tests.robustness.soak.diary import Diary
from tests.robustness.soak.events import (
    BY_NAME,
    FAILING,
    FILES,
    REPLACED,
    SERVICE,
    SLOW_DISK,
    Event,
    Place,
)
from tests.robustness.soak.load import Load
from tests.robustness.soak.refusals import PAUSE, Request
from tests.robustness.soak.servers import answer
from tests.robustness.soak.users import Users


class Scene:
    """A server, and the users of a soak, which act one after another."""

    def __init__(self, server: OAuthServer, proxy: FaultProxy, directory: Path) -> None:
        self.server = server
        self.diary = Diary(grace=0.0)
        urls = answer(Place(server, proxy), "urls")
        self._load = Load(self.diary, urls["api"])
        chance = random.Random(0)  # noqa: S311 - it decides the order of closing
        self.users = Users(self.diary, self._load, urls, directory, chance)

    async def send_from_all(self) -> None:
        """Send a request from each client and session."""
        for user in self.users.current:
            for name, sender in user.senders.items():
                await self._load.send_one(name, sender, "GET", 1)

    async def play(self) -> None:
        """Send requests before and after a revocation, a replacement, and a logout."""
        await self.send_from_all()
        self.server.revoke_all()
        await self.send_from_all()
        await self.users.replace()
        await self.send_from_all()
        self.server.revoke_all()
        await self.send_from_all()
        await self.users.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Return the scene."""
    async with (
        OAuthServer(auto_sign_in="Ada") as server,
        FaultProxy(server.token_endpoint) as proxy,
    ):
        yield Scene(server, proxy, tmp_path)


async def test_judge_finds_nothing_wrong_with_the_client(scene: Scene) -> None:
    """Logins survive revocations and closed clients, and a logout removes them from the files."""
    await scene.play()
    assert scene.diary.errors == []
    assert (scene.diary.logins["sign-ins"], scene.diary.logins["refreshes"]) == (2, 4)
    assert scene.users.files() == []


async def test_page_with_status_200_uses_no_refresh_token(scene: Scene) -> None:
    """The token endpoint did not see a refresh token to which a proxy responded with a page."""
    await scene.send_from_all()
    scene.server.token_fault, failures = Fault.html(), scene.diary.error_count
    scene.server.revoke_all()
    await scene.send_from_all()
    scene.server.token_fault, failed = None, scene.diary.error_count - failures
    await asyncio.sleep(PAUSE)
    await scene.send_from_all()
    await scene.users.close()
    assert scene.diary.logins["refreshes"] >= 2
    assert (scene.diary.error_count, failed > 0) == (failures + failed, True)


Defect = Callable[[pytest.MonkeyPatch], None]


def _refresh_token_kept(patch: pytest.MonkeyPatch) -> None:
    request = TokenEndpoint.request

    async def without_replacement(self: TokenEndpoint, form: Any, **options: Any) -> Token:
        token = await request(self, form, **options)
        is_refresh = form["grant_type"] == "refresh_token"
        return Token(token.access_token, token.expires_in) if is_refresh else token

    patch.setattr(TokenEndpoint, "request", without_replacement)


def _login_not_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CacheEntry, "write", _nothing)


async def _nothing(*_: object) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("defect", "error"),
    [
        (_refresh_token_kept, "a used refresh token is sent again"),
        (_login_not_stored, "a sign-in without a logout"),
    ],
)
async def test_judge_finds_a_broken_client(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, defect: Defect, error: str
) -> None:
    """A refresh token that is sent again and a login that is lost are errors."""
    defect(monkeypatch)
    await scene.play()
    assert any(error in text for text in scene.diary.errors), scene.diary.errors


async def test_judge_finds_open_sockets(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connections of clients that do not close their sessions are counted."""
    close, unclosed = SessionProvider.close, list[SessionProvider]()

    async def keep(self: SessionProvider) -> None:
        unclosed.append(self)

    monkeypatch.setattr(SessionProvider, "close", keep)
    before = meters.read()["sockets"]
    await scene.play()
    after = meters.read()["sockets"]
    for provider in unclosed:
        await close(provider)
    assert after >= before + len(unclosed) > before


CUT_OFF = Request("GET", "FlightCancelledError", 1.0, 2.0, is_cut_off=True)


@pytest.mark.parametrize(
    ("request_", "is_excused"),
    [
        (CUT_OFF, True),
        (replace(CUT_OFF, is_cut_off=False), False),
        (replace(CUT_OFF, outcome="500"), False),
        (replace(CUT_OFF, outcome="wrong body: 'x'"), False),
    ],
)
def test_closing_explains_only_errors_of_requests_in_flight(
    request_: Request, *, is_excused: bool
) -> None:
    """A request fails if its client or session is closed meanwhile, and for no other reason."""
    diary = Diary(grace=0.0)
    diary.note(request_)
    assert (diary.error_count, diary.injected.total()) == (not is_excused, is_excused)


@pytest.mark.parametrize(
    ("kind", "outcome", "event", "is_excused"),
    [
        (f"{FAILING}: GET", "CacheError", "cache errors", True),
        (f"{FILES}: GET", "CacheError", "cache errors", False),
        (f"{SERVICE}: GET", "CacheError", "cache errors", False),
        (f"{FILES}: GET", "TokenConnectionError", "sessions closed", False),
        (f"{REPLACED[0]}: GET", "TokenConnectionError", "sessions closed", True),
        (f"{FILES}: GET", "401", "logout", True),
        (f"{FILES}: GET", "401", "cache errors", False),
    ],
)
def test_event_explains_errors_of_its_own_users(
    kind: str, outcome: str, event: str, *, is_excused: bool
) -> None:
    """A failing cache, closed sessions and a logout explain only errors that they may cause."""
    diary = Diary(grace=0.0)
    diary.begin(BY_NAME[event], 0.0)
    diary.note(Request(kind, outcome, 1.0, 2.0))
    assert (diary.error_count, diary.injected.total()) == (not is_excused, is_excused)


@pytest.mark.parametrize(
    ("event", "user", "is_excused"),
    [
        (BY_NAME["claims lost"], FAILING, True),
        (BY_NAME["claims lost"], FILES, False),
        (BY_NAME["503"], FAILING, False),
        (SLOW_DISK, FILES, True),
        (SLOW_DISK, FAILING, False),
    ],
    ids=lambda value: value.name if isinstance(value, Event) else None,
)
def test_failing_cache_explains_a_used_refresh_token(
    event: Event, user: str, *, is_excused: bool
) -> None:
    """Only a fault of the cache since the use explains it, and only for clients of that cache."""
    diary = Diary(grace=0.0)
    diary.begin(event, 5.0).ended = 6.0
    diary.note_misuse(user, "sent again", 4.0, 9.0)
    assert (diary.error_count, diary.injected.total()) == (not is_excused, is_excused)
    diary.note_misuse(user, "sent again", 7.0, 9.0)
    assert diary.error_count == 1 + (not is_excused)
