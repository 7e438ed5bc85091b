"""What excuses a 401, as a table of recorded requests; and clients that repair them, or do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest import mock

import pytest
from aiohttp import ClientSession

from aioalf import Client, OAuth2Middleware, TokenManager
from aioalf.bearer import Bearer
from aioalf.testing import OAuthServer
from tests.soak import load
from tests.soak.diary import Diary
from tests.soak.events import BY_NAME
from tests.soak.load import EXCHANGES, Load, Sender
from tests.soak.refusals import LIFETIME, PAUSE, STREAM, Ending, Refusals, Request
from tests.soak.soak import options

GET = "Client: GET"
POST = f"Client: {STREAM}"
REVOKED = Ending("revocation", 100, 100.1)
AGAIN = Ending("expiry", 100.35, 100.4)
GOT = 100.3  # the second token
NEARLY = LIFETIME - 0.02
BY_REVOCATION = "revocation, a stream cannot be sent again"
OF_BOTH = "expiry, of the second token too"
IN_THE_PAUSE = "expiry, in the pause after a renewal"


@pytest.fixture
def seen() -> Refusals:
    """One user's: a token that a revocation at 100 s ends, and the one that was got for it."""
    refusals = Refusals()
    refusals.note_token("first", None, 99, 99.1)
    refusals.note_token("second", "first", 100.2, GOT)
    return refusals


def excuse(
    seen: Refusals, kind: str, begun: float, sent: str, *endings: Ending, before: list[Request]
) -> str | None:
    """Return the excuse of a 401 that took 50 ms, and came after others."""
    request = Request(kind, "401", begun, begun + 0.05, tuple(sent.split()))
    for one in (request, *before):  # in whichever order they ended
        seen.note(one)
    return dict(seen.settle(begun + 1, endings))[request]


def refused_with_first(begun: float = 100.1, *, outcome: str = "401", sent: str = "") -> Request:
    """Return a request that was refused with the first token, and maybe repeated."""
    return Request(GET, outcome, begun, begun + 0.02, ("first", *sent.split()))


@pytest.mark.parametrize(
    ("kind", "begun", "sent", "endings", "expected"),
    [
        # Only of a stream is there nothing to send again.
        (POST, 100.05, "first", [REVOKED], BY_REVOCATION),
        (GET, 100.05, "first", [REVOKED], None),
        (GET, 100.05, "first first", [REVOKED], None),
        # Nothing had ended the token; or what did was over before it was issued, or came later.
        (POST, 100.05, "first", [], None),
        (POST, 100.4, "second", [REVOKED], None),
        (POST, 99.9, "first", [REVOKED], None),
        # The second token was ended too, and not the first alone.
        (GET, 100.1, "first second", [REVOKED, AGAIN], None),
        (GET, 100.34, "first second", [REVOKED, AGAIN], OF_BOTH),
        (GET, 100.34, "first second", [REVOKED], None),
        (POST, 100.34, "first second", [REVOKED, AGAIN], OF_BOTH),
        # Nobody was refused with the first: the second replaced it ahead of its expiry.
        (GET, 100.4, "second", [REVOKED, AGAIN], None),
        # It expired on its way.
        (POST, 99 + NEARLY, "first", [], "expiry on its way, a stream cannot be sent again"),
        (GET, 99 + NEARLY, "first", [], None),
        (POST, 99 + NEARLY - 0.1, "first", [], None),
        (POST, 99.2 + LIFETIME, "first", [], None),
        # Nothing is known of the token, or none was sent.
        (POST, 100.05, "third", [REVOKED], None),
        (POST, 100.05, "", [REVOKED], None),
    ],
)
def test_a_401_is_excused_where_it_cannot_be_repaired(
    seen: Refusals, kind: str, begun: float, sent: str, endings: list[Ending], expected: str | None
) -> None:
    """By what ended its token, and only where the client keeps its promise all the same."""
    assert excuse(seen, kind, begun, sent, *endings, before=[]) == expected


@pytest.mark.parametrize(
    ("kind", "begun", "before", "expected"),
    [
        (GET, GOT + 0.1, [refused_with_first()], IN_THE_PAUSE),
        (POST, GOT + 0.1, [refused_with_first()], IN_THE_PAUSE),
        (GET, GOT + PAUSE, [refused_with_first()], None),
        (GET, GOT + 0.1, [refused_with_first(GOT + 0.05)], None),
        (GET, GOT + 0.1, [refused_with_first(GOT, outcome="ok", sent="second")], None),
        (GET, GOT + 0.1, [refused_with_first(GOT, outcome="503", sent="second")], IN_THE_PAUSE),
        (GET, GOT + 0.1, [refused_with_first(GOT + 0.2, outcome="ok", sent="second")], None),
    ],
)
def test_in_the_pause_after_a_renewal_a_401_is_excused(
    seen: Refusals, kind: str, begun: float, before: list[Request], expected: str | None
) -> None:
    """For the token was got for a refused one, and no repeated request had proven it."""
    assert excuse(seen, kind, begun, "second", REVOKED, AGAIN, before=before) == expected


def test_a_stream_is_no_excuse_for_a_token_that_is_known_to_be_refused(seen: Refusals) -> None:
    """The one that begins when the first has its answer gets another token."""
    known = [refused_with_first(100.1)]
    assert excuse(seen, POST, 100.11, "first", REVOKED, before=known) == BY_REVOCATION
    assert excuse(seen, POST, 100.13, "first", REVOKED, before=[]) is None


def test_a_stream_is_excused_after_a_pause_in_which_nothing_was_forgotten(seen: Refusals) -> None:
    """A refusal in the pause leaves the token in place: the next one after it is the first."""
    after = GOT + PAUSE + 0.01
    known = [refused_with_first(), Request(GET, "401", GOT + 0.1, GOT + 0.2, ("second",))]
    assert excuse(seen, POST, after, "second", AGAIN, before=known) == BY_REVOCATION.replace(
        "revocation", "expiry"
    )
    assert excuse(seen, POST, after + 0.1, "second", AGAIN, before=[]) is None


def test_tokens_are_forgotten_when_they_are_over(seen: Refusals) -> None:
    """What is kept of them must not be growth."""
    assert excuse(seen, POST, 100.05, "first", REVOKED, before=[]) == BY_REVOCATION
    seen.settle(GOT + 2 * LIFETIME, [])
    assert excuse(seen, POST, 100.05, "first", REVOKED, before=[]) is None


@dataclass
class Scene:
    """A server, and two users of it who are watched."""

    server: OAuthServer
    diary: Diary
    work: Load
    senders: dict[str, Sender]
    number: int = 0

    async def send(self, user: str, kind: str) -> None:
        """Send one request, and judge it."""
        self.number += 1
        await self.work.send_one(user, self.senders[user], kind, self.number)
        self.diary.settle(asyncio.get_running_loop().time())

    def revoke(self) -> None:
        """Revoke every token."""
        loop = asyncio.get_running_loop()
        entry = self.diary.begin(BY_NAME["revocation"], loop.time())
        self.server.revoke_all()
        entry.happened = entry.ended = loop.time()


@asynccontextmanager
async def scene_of(server: OAuthServer) -> AsyncIterator[Scene]:
    """Everybody has a token already."""
    diary = Diary(load.GRACE)
    manager = TokenManager(server.token_endpoint, "client-id", "secret", **options(diary))
    middleware = OAuth2Middleware(manager)
    with load.own_sessions_watched():
        async with (
            Client("client-id", "secret", server.token_endpoint, **options(diary)) as client,
            ClientSession(middlewares=[middleware], trace_configs=[load.watch()]) as session,
        ):
            senders: dict[str, Sender] = {"Client": client, "middleware": session}
            scene = Scene(server, diary, Load(diary, server.api_url), senders)
            for user in senders:
                await scene.send(user, "GET")
            yield scene
        await manager.close()


@pytest.mark.parametrize("user", ["Client", "middleware"])
@pytest.mark.parametrize("kind", EXCHANGES)
async def test_a_client_that_repairs_401s_is_good(
    oauth_server: OAuthServer, user: str, kind: str
) -> None:
    """Each kind of request is repaired after a revocation, but for a stream, which is excused."""
    async with scene_of(oauth_server) as scene:
        scene.revoke()
        await scene.send(user, kind)
        await scene.send(user, STREAM)
    assert scene.diary.errors == []
    if kind == STREAM:
        assert scene.diary.injected == {f"{BY_REVOCATION}: 401": 1}
    else:
        assert scene.diary.repaired == {f"{user}: {kind}": 1}


@pytest.mark.parametrize("user", ["Client", "middleware"])
@pytest.mark.parametrize("kind", EXCHANGES)
async def test_a_client_that_repairs_no_401_is_not_good(
    oauth_server: OAuthServer, user: str, kind: str
) -> None:
    """The first 401 is an error for each kind of request that can be repeated."""
    async with scene_of(oauth_server) as scene:
        scene.revoke()
        with mock.patch.object(Bearer, "may_renew", return_value=False):
            await scene.send(user, kind)
    assert scene.diary.error_count == (kind != STREAM)


@pytest.mark.parametrize("user", ["Client", "middleware"])
async def test_a_client_that_forgets_no_refused_token_is_not_good(
    oauth_server: OAuthServer, user: str
) -> None:
    """Of streams the first is excused, the second got a token that was known to be refused."""
    async with scene_of(oauth_server) as scene:
        scene.revoke()
        with mock.patch.object(Bearer, "reject"):
            await scene.send(user, STREAM)
            assert scene.diary.error_count == 0
            await scene.send(user, STREAM)
    assert scene.diary.error_count == 1


@pytest.mark.parametrize("user", ["Client", "middleware"])
@pytest.mark.parametrize("kind", EXCHANGES)
async def test_what_a_second_revocation_does_is_excused(
    oauth_server: OAuthServer, user: str, kind: str
) -> None:
    """It comes before the repeated request; the next finds a renewal that helped nobody."""
    async with scene_of(oauth_server) as scene:
        renewed = Bearer.renewed

        async def too_late(self: Bearer, rejected: str) -> str:
            field = await renewed(self, rejected)
            scene.revoke()
            return field

        scene.revoke()
        with mock.patch.object(Bearer, "renewed", too_late):
            await scene.send(user, "GET")
            await scene.send(user, kind)
    assert scene.diary.errors == []
    assert scene.diary.injected == {
        "revocation, of the second token too: 401": 1,
        "revocation, in the pause after a renewal: 401": 1,
    }
