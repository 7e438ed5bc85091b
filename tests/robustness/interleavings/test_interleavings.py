"""What a token manager and a client promise holds in whatever order things happen.

Each seed is a scenario and an order of its events, in virtual time. A seed that breaks a promise is
played again, and its story shown, by `AIOALF_SEED=N pytest tests/robustness/interleavings/test_interleavings.py`;
`AIOALF_SEEDS=100000` plays so many in place of 2000, and `make fuzz ARGS=interleaving` others.
"""

# What stands in for a method here is a lambda, whose arguments have no types.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false

import asyncio
import gc
import logging
import os
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf import Client, TokenError
from aioalf._auth_server import request_params
from aioalf._auth_server.http import TIMEOUT
from aioalf._auth_server.token_response import read_token
from aioalf._implicit_storage import SharedStorage
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.login import Login
from aioalf._login.revocation import TokensToRevoke
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.session import SessionProvider
from aioalf._single_flight import SingleFlight
from aioalf.manager import TokenManager
from aioalf.token import Token
from tests.robustness.interleavings import Scenario, play
from tests.robustness.interleavings.logins import ALL_KINDS as KINDS
from tests.robustness.interleavings.oracle import World
from tests.robustness.interleavings.shown import overheard, words_of
from tests.support.virtual_time import follow_the_loop

logger = logging.getLogger("aioalf")  # what some mutants say

TURNS = ("implicit", "plain", "login", "plain")  # of blocks; a client's scenarios take longer
BLOCK = 200
SEEDS = int(os.environ.get("AIOALF_SEEDS", "2000"))
ONE_SEED = os.environ.get("AIOALF_SEED")
MUTANT_SEEDS = 800  # within which each mutant must be found; most are by the tenth
STORY = 80  # the last events of a story that are shown


def blocks() -> Iterator[tuple[str, range]]:
    """What to play: the one seed that was asked for, or all of them in blocks."""
    if ONE_SEED is not None:
        seed = int(ONE_SEED)
        yield from ((name, range(seed, seed + 1)) for name in KINDS)
        return
    for first in range(0, SEEDS, BLOCK):
        name = TURNS[(first // BLOCK) % len(TURNS)]
        yield name, range(first, min(first + BLOCK, SEEDS))
    for first in range(0, SEEDS // 10, BLOCK):
        yield "client", range(first, min(first + BLOCK, SEEDS // 10))


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package's clocks are those of the loop that plays, which hears what is logged."""
    follow_the_loop(monkeypatch)
    with overheard():
        yield


def show(name: str, seed: int, world: World, broken: list[str]) -> str:
    """A failure: what was broken, how to see it again, and what happened."""
    story = [f"{at:9.2f} {event} {about}" for at, event, about in world.story[-STORY:]]
    return "\n".join(
        [
            f"seed {seed} of {name}: {'; '.join(dict.fromkeys(broken))}",
            f"replay: AIOALF_SEED={seed} python -m pytest tests/robustness/interleavings/test_interleavings.py -k {name}",
            *story,
        ]
    )


@pytest.mark.rule("R040", "R043", "R044", "R073", "R160")
@pytest.mark.rule("R025", "R060", "R070", "R071", "R072", "R074", "R077", "R082", "R083")
@pytest.mark.rule("R007", "R061", "R062", "R063")
@pytest.mark.parametrize(
    ("name", "seeds"),
    [pytest.param(*block, id=f"{block[0]}-{block[1].start}") for block in blocks()],
)
def test_promises_hold_in_every_order(name: str, seeds: range) -> None:
    """Callers, failures, cancellations, revocations, expiries, logins, logouts and closes."""
    silent: list[tuple[int, list[str]]] = []
    for seed in seeds:
        world, faults = play(KINDS[name], seed)
        assert not world.broken, show(name, seed, world, world.broken)
        silent.append((seed, faults))
    gc.collect()  # what nobody looked at is reported by what collects it
    assert [(seed, faults) for seed, faults in silent if faults] == []


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_tells_the_same_story_again(name: str) -> None:
    """Else a failure could not be looked at."""
    for seed in range(20):
        stories = [
            [(at, event, str(about)) for at, event, about in play(KINDS[name], seed)[0].story]
            for _ in range(2)
        ]
        assert stories[0] == stories[1]


def test_the_scenarios_have_everything_in_them() -> None:
    """A promise is worth nothing where its occasion never comes."""
    events = {
        event
        for kind in KINDS.values()
        for seed in range(60)
        for _, event, _ in play(kind, seed)[0].story
    }
    assert events >= {
        *("request", "answer", "failure", "gets", "is turned away", "refused", "accepted"),
        *("reset", "reset is done", "reset is cancelled", "close", "close is done", "revoked"),
        *("logout", "logout is done", "logout is cut short", "asks a person", "is lost", "revoke"),
        *("the API refuses everything", "stored", "is cancelled", "has no patience"),
        *("arrives", "is answered", "the token endpoint's answer is returned", "is cut off"),
    }


def test_words_of_an_error_are_those_of_its_traceback() -> None:
    """What is looked into for secrets leaves nothing out that a traceback shows."""
    error = TokenError("the error")
    error.__context__ = ValueError("the context")
    error.__context__.__cause__ = KeyError("the cause")
    error.add_note("a note")
    words, shown = words_of(error), "".join(traceback.format_exception(error))
    for said in ("the error", "the context", "the cause", "a note"):
        assert said in words
        assert said in shown


# Mutants: what the scenarios must find. Each breaks one thing that the package gets right.

Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, tuple[str, str, Mutant]] = {}


def mutant(promise: str, *, kind: str = "plain") -> Callable[[Mutant], Mutant]:
    """Note a mutant, and the promise that it breaks."""

    def note(make: Mutant) -> Mutant:
        MUTANTS[make.__name__] = (kind, promise, make)
        return make

    return note


Call = Callable[[], Coroutine[object, object, Token]]


@mutant("who was cancelled is cancelled, and nobody else")
def a_flight_that_is_not_shielded(patch: pytest.MonkeyPatch) -> None:
    """A caller who leaves takes the request with it."""

    async def run(self: SingleFlight[Token], call: Call) -> Token:
        return await self.start(call)

    patch.setattr(SingleFlight, "run", run)


@mutant("nobody hangs")
def a_flight_in_its_first_caller(patch: pytest.MonkeyPatch) -> None:
    """The others wait for a future that a cancelled leader never sets."""

    async def run(self: SingleFlight[Token], call: Call) -> Token:
        if self.is_in_the_air and self._task is not None:
            return await asyncio.shield(self._task)
        landing: Any = asyncio.get_running_loop().create_future()
        self._task = landing
        token = await call()
        landing.set_result(token)
        return token

    patch.setattr(SingleFlight, "run", run)
    patch.setattr(SingleFlight, "end", SingleFlight.abandon)  # it is no task that can be cancelled


@mutant("who was cancelled is cancelled, and nobody else")
def a_close_that_cancels_who_waits(patch: pytest.MonkeyPatch) -> None:
    """The end of the flight is handed to its callers as it is."""
    patch.setattr("aioalf._single_flight.FlightCancelledError", asyncio.CancelledError)


@mutant("every error is an object of its own")
def errors_that_are_shared(patch: pytest.MonkeyPatch) -> None:
    """One object is raised in many tasks."""
    patch.setattr("aioalf._single_flight.copy_exception", lambda error: error)


@mutant("no token from before a reset after it")
def a_reset_without_a_generation(patch: pytest.MonkeyPatch) -> None:
    """What was in the air is kept when it lands."""

    async def reset_token(self: TokenManager) -> None:
        self._token = self._failure = None
        self._flight.abandon()

    patch.setattr(TokenManager, "reset_token", reset_token)


@mutant("no token from before a reset after it")
def a_reset_that_leaves_the_flight(patch: pytest.MonkeyPatch) -> None:
    """Who comes after a reset joins what was begun before it."""
    patch.setattr(SingleFlight, "abandon", lambda _: None)


@mutant("no token from before a reset after it")
def a_logout_that_forgets_what_is_there_alone(patch: pytest.MonkeyPatch) -> None:
    """What is in the air lands, and is kept."""

    async def logout(self: TokenManager) -> None:
        self._token = self._failure = None

    patch.setattr(TokenManager, "logout", logout)


@mutant("no request without a need")
def a_renewal_that_is_not_keyed(patch: pytest.MonkeyPatch) -> None:
    """Each refusal throws away what is in place."""

    async def renew_token(self: TokenManager, rejected: str) -> str:
        self._token = None
        return await self.get_token()

    patch.setattr(TokenManager, "renew_token", renew_token)


@mutant("no request without a need")
def useless_renewals_that_are_repeated(patch: pytest.MonkeyPatch) -> None:
    """An API that refuses everything makes a request each time."""
    patch.setattr(TokenManager, "can_renew", lambda *_: True)


@mutant("a token that was refused is not handed out again")
def a_refusal_that_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    """The refused token is the answer."""

    async def renew_token(self: TokenManager, rejected: str) -> str:
        return await self.get_token()

    patch.setattr(TokenManager, "renew_token", renew_token)


@mutant("no request within the pause")
def a_pause_that_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every caller asks an endpoint that is down."""
    patch.setattr(TokenManager, "retry_after", lambda _: 0.0)


@mutant("no request within the pause")
def a_background_renewal_that_ignores_the_pause(patch: pytest.MonkeyPatch) -> None:
    """Every caller in the window asks an endpoint that is down."""

    def renew(self: TokenManager, _: float) -> None:
        self._flight.start(self._fly)

    patch.setattr(TokenManager, "_renew_in_background", renew)


@mutant("one request at a time")
def a_background_renewal_beside_another(patch: pytest.MonkeyPatch) -> None:
    """It does not look whether one is in the air."""

    def renew(self: TokenManager, now: float) -> None:
        if now >= self._paused_until:
            self._flight.abandon()
            self._flight.start(self._fly)

    patch.setattr(TokenManager, "_renew_in_background", renew)


@mutant("who asks while a token is valid does not wait")
def a_window_in_which_callers_wait(patch: pytest.MonkeyPatch) -> None:
    """The token is taken for expired as soon as it is to be renewed."""

    def cached_token(self: TokenManager) -> str | None:
        token = self._token
        return None if token is None or time_of() >= self._renew_at else token.access_token

    patch.setattr(TokenManager, "cached_token", cached_token)


@mutant("nobody gets an error while a token is valid")
def a_failure_that_costs_the_token(patch: pytest.MonkeyPatch) -> None:
    """A renewal that fails in the window takes the token away."""
    note_failure = TokenManager._note_failure  # noqa: SLF001 - what a mutant breaks is inside

    def note(self: TokenManager, error: Exception) -> None:
        note_failure(self, error)
        self._token = None

    patch.setattr(TokenManager, "_note_failure", note)


@mutant("a token is valid when it is handed out")
def an_expiry_that_is_not_seen(patch: pytest.MonkeyPatch) -> None:
    """A token serves until it is refused."""

    def cached_token(self: TokenManager) -> str | None:
        return None if self._token is None else self._token.access_token

    patch.setattr(TokenManager, "cached_token", cached_token)


@mutant("a token is valid when it is handed out")
def a_lifetime_that_counts_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    """A slow answer makes it longer than the server's."""

    async def fetch(self: TokenManager) -> Token:
        data = await self._get_token_data()
        if isinstance(data, Token):
            return data
        return read_token(data, self._expected, sent_at=time_of())

    patch.setattr(TokenManager, "_fetch", fetch)


@mutant("close() returns when what was under way has ended")
def a_close_that_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """It cancels and goes."""

    async def close(self: SingleFlight[Token]) -> None:
        self.abandon()
        for task in self._abandoned:
            task.cancel()

    patch.setattr(SingleFlight, "close", close)


@mutant("no task is left after close()")
def a_close_that_closes_nothing(patch: pytest.MonkeyPatch) -> None:
    """What is under way goes on."""

    async def close(self: TokenManager) -> None:
        """Do nothing."""

    patch.setattr(TokenManager, "close", close)


@mutant("one login at a time", kind="implicit")
def logins_without_a_lock(patch: pytest.MonkeyPatch) -> None:
    """Two clients of one flow each open a browser."""
    patch.setattr(SharedStorage, "lock", lambda _: asyncio.Lock())


@mutant("no token from before a reset after it", kind="implicit")
def a_storage_that_is_cleaned_before_it_is_written(patch: pytest.MonkeyPatch) -> None:
    """A reset does not wait for what is being saved."""
    patch.setattr(SharedStorage, "clean", lambda self: self.storage.clean())


@mutant("a token that was refused is not handed out again", kind="implicit")
def a_storage_that_is_believed_late(patch: pytest.MonkeyPatch) -> None:
    """What was loaded is used though another token has been stored meanwhile."""
    patch.setattr(SharedStorage, "load", lambda self: self.storage.load())


@mutant("a refresh that has left is not cut off", kind="login")
def a_refresh_that_is_cut(patch: pytest.MonkeyPatch) -> None:
    """Who closes the client takes the answer with it."""

    async def cut(call: Coroutine[object, object, Token]) -> Token:
        return await call

    patch.setattr("aioalf._login.login.run_to_completion", cut)


@mutant("a refresh token is sent by one at a time", kind="login")
def refreshes_without_a_lock(patch: pytest.MonkeyPatch) -> None:
    """Two clients send what they both have read."""
    patch.setattr(CacheEntry, "lock", lambda _: nullcontext())


@mutant("a refresh token that was used is sent again only when its answer was lost", kind="login")
def a_logout_that_leaves_a_spent_token_in_the_cache(patch: pytest.MonkeyPatch) -> None:
    """Who shares the cache sends it before the logout has emptied that."""
    patch.setattr(CacheEntry, "empty_if_logged_out", _nothing)


@mutant("nothing comes back after a logout", kind="login")
def a_login_that_does_not_hear_of_a_logout(patch: pytest.MonkeyPatch) -> None:
    """What was on its way is kept, and goes on."""

    def start_logout(self: Login) -> TokensToRevoke:
        self._token = self._refresh_token = None
        return TokensToRevoke()

    patch.setattr(Login, "start_logout", start_logout)


@mutant("no token and no secret is shown: a manager")
def a_repr_with_the_token(patch: pytest.MonkeyPatch) -> None:
    """Who looks at a manager sees it."""
    patch.setattr(TokenManager, "__repr__", lambda self: f"<{_in_place(self)}>")


@mutant("no token and no secret is shown: a log")
def a_token_that_is_logged(patch: pytest.MonkeyPatch) -> None:
    """Where nobody looks who does not look for it: at the lowest level."""
    keep = TokenManager._keep  # noqa: SLF001 - what a mutant breaks is inside

    def log(self: TokenManager, token: Token) -> None:
        logger.debug("got %s", token.access_token)
        keep(self, token)

    patch.setattr(TokenManager, "_keep", log)


@mutant("no token and no secret is shown: a log")
def a_refusal_that_is_logged_with_its_cause(patch: pytest.MonkeyPatch) -> None:
    """The message tells nothing, the traceback does."""
    reject = TokenManager.mark_rejected

    def log(self: TokenManager, token: str) -> None:
        logger.debug("refused", exc_info=ValueError(token))
        reject(self, token)

    patch.setattr(TokenManager, "mark_rejected", log)


@mutant("no token and no secret is shown: an error")
def an_error_with_a_cause_that_tells(patch: pytest.MonkeyPatch) -> None:
    """Neither its text nor its repr does, its traceback does."""
    renew_token = TokenManager.renew_token

    async def renew(self: TokenManager, rejected: str) -> str:
        try:
            return await renew_token(self, rejected)
        except TokenError as error:
            raise error from KeyError(rejected)

    patch.setattr(TokenManager, "renew_token", renew)


@mutant("no token and no secret is shown: an error")
def a_body_that_is_shown(patch: pytest.MonkeyPatch) -> None:
    """An excerpt of an answer has what the answer has."""
    patch.setattr("aioalf.errors.excerpt", lambda text: text)


@mutant("no token and no secret is shown: an error", kind="login")
def a_server_that_is_quoted(patch: pytest.MonkeyPatch) -> None:
    """Some say what they were sent."""
    patch.setattr("aioalf._auth_server.token_endpoint.secrets_in_request", lambda *_: frozenset())


@mutant("no token and no secret is shown: an error", kind="client")
def a_cause_that_is_aiohttps(patch: pytest.MonkeyPatch) -> None:
    """It quotes an answer that is not HTTP."""
    patch.setattr("aioalf._auth_server.http._without_traffic", lambda error: error)


@mutant("a token is for what was asked for", kind="login")
def a_narrower_token_that_is_taken(patch: pytest.MonkeyPatch) -> None:
    """The server granted less than was asked for."""
    patch.setattr("aioalf._auth_server.token_response._granted", lambda *_: frozenset({"a", "b"}))


@mutant("what a caller hands in is not changed", kind="login")
def a_resource_that_is_sorted_in_place(patch: pytest.MonkeyPatch) -> None:
    """The caller's list is put in order."""
    several = request_params._several  # noqa: SLF001 - what a mutant breaks is inside

    def sort(name: str, values: Any) -> tuple[str, ...]:
        if isinstance(values, list):
            values.sort()
        return several(name, values)

    patch.setattr("aioalf._auth_server.request_params._several", sort)


@mutant("what a caller hands in is not changed", kind="client")
def a_field_in_the_callers_headers(patch: pytest.MonkeyPatch) -> None:
    """The token is written into the mapping that was handed in."""

    def write(options: Mapping[str, Any], authorization: str) -> dict[str, Any]:
        headers = options.get("headers", {})
        headers["Authorization"] = authorization
        return {**options, "headers": headers}

    patch.setattr("aioalf._requests.dispatcher._with_field", write)


@mutant("what a caller hands in is not changed", kind="client")
def options_that_are_completed_in_place(patch: pytest.MonkeyPatch) -> None:
    """The caller's http_options get what it left out."""

    def complete(http_options: Any) -> Mapping[str, Any]:
        http_options.setdefault("timeout", TIMEOUT)
        options: Mapping[str, Any] = http_options
        return options

    patch.setattr("aioalf._auth_server.http._read_options", complete)


@mutant("a token is valid when it is handed out")
def a_field_that_is_kept(patch: pytest.MonkeyPatch) -> None:
    """What was put into words once serves for good."""
    ready = AuthorizationHeader.ready

    def keep(self: AuthorizationHeader) -> str | None:
        kept = self._authorization
        return ready(self) and (kept or self._authorization)

    patch.setattr(AuthorizationHeader, "ready", keep)


@mutant("no token from before a reset after it", kind="client")
def a_logout_that_is_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    """The manager does not hear of it."""
    patch.setattr(AuthorizationHeader, "logout", _nothing)


@mutant("a token that was refused is not handed out again", kind="client")
def a_repeat_with_the_refused_token(patch: pytest.MonkeyPatch) -> None:
    """The request goes out again as it was."""

    async def renewed(self: AuthorizationHeader, rejected: str) -> str:
        await self._manager.renew_token(rejected.removeprefix("Bearer "))
        return rejected

    patch.setattr(AuthorizationHeader, "renewed", renewed)


@mutant("who says that a token was good was let in", kind="client")
def a_second_refusal_that_is_taken_for_good(patch: pytest.MonkeyPatch) -> None:
    """Any answer to a repeat proves the new token."""
    patch.setattr(AuthorizationHeader, "judge", lambda self, _: self._manager.mark_accepted())


@mutant("a refusal is heard, also of what cannot be sent again", kind="client")
def a_rejection_that_is_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    """The next request carries the same token."""
    patch.setattr(AuthorizationHeader, "mark_rejected", lambda *_: None)


@mutant("a request is sent twice at most", kind="client")
def a_repeat_by_both(patch: pytest.MonkeyPatch) -> None:
    """What the middleware has repeated, the facade repeats again."""
    may_repeat = RequestDispatcher._may_repeat  # noqa: SLF001 - as above

    def may(
        self: RequestDispatcher, answer: Any, options: Mapping[str, object], field: str
    ) -> bool:
        return may_repeat(self, answer, options, str(field))

    patch.setattr(RequestDispatcher, "_may_repeat", may)


@mutant("who is refused, and can be helped, is", kind="client")
def a_facade_that_repeats_nothing(patch: pytest.MonkeyPatch) -> None:
    """The middleware alone does, of what passes it."""
    patch.setattr(RequestDispatcher, "_may_repeat", lambda *_: False)


@mutant("who is refused, and can be helped, is", kind="client")
def a_middleware_that_repeats_nothing(patch: pytest.MonkeyPatch) -> None:
    """The facade leaves to it what passes it."""
    patch.setattr("aioalf._requests.retry_on_401.renewal_for", _nothing)


@mutant("a body that cannot be sent again is sent once", kind="client")
def a_stream_that_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it."""
    patch.setattr("aioalf._requests.retry_on_401._is_whole", lambda _: True)


@mutant("a body that cannot be sent again is sent once", kind="client")
def a_stream_that_is_handed_over_again(patch: pytest.MonkeyPatch) -> None:
    """Where aiohttp's sending was replaced, the facade does it."""
    patch.setattr("aioalf._requests.dispatcher._REPEATABLE", object)


@mutant("what is sent is whole, each time", kind="client")
def a_repeat_without_its_options(patch: pytest.MonkeyPatch) -> None:
    """Neither the body nor the caller's headers are sent again."""
    send_again = RequestDispatcher._send_again  # noqa: SLF001 - as above

    async def bare(self: RequestDispatcher, *arguments: Any) -> ClientResponse:
        session, method, url, _, *rest = arguments
        return await send_again(self, session, method, url, {}, *rest)

    patch.setattr(RequestDispatcher, "_send_again", bare)


@mutant("an answer comes in time, a repeat's too", kind="client")
def a_repeat_with_time_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """The caller's limit begins anew."""
    patch.setattr("aioalf._requests.dispatcher._left", lambda _: 30.0)


@mutant("time runs out at its end", kind="client")
def a_refused_answer_that_keeps_its_connection(patch: pytest.MonkeyPatch) -> None:
    """Two of them, and there is none left."""
    patch.setattr("aioalf._requests.retry_on_401._let_go", _nothing)


@mutant("close() leaves no open connection", kind="client")
def a_session_that_is_left_open(patch: pytest.MonkeyPatch) -> None:
    """The client closes its manager alone."""
    patch.setattr(SessionProvider, "close", _nothing)


@mutant("close() leaves the caller's session", kind="client")
def a_given_session_that_is_closed(patch: pytest.MonkeyPatch) -> None:
    """It is taken for the client's own."""

    async def close(self: SessionProvider) -> None:
        session = self.network()
        if session is not None:
            await session.close()

    patch.setattr(SessionProvider, "close", close)


@mutant("an answer is to one's own request", kind="client")
def an_answer_that_serves_twice(patch: pytest.MonkeyPatch) -> None:
    """Every other GET gets the one before it."""
    send, kept = RequestDispatcher.send, list[ClientResponse]()

    async def serve(self: RequestDispatcher, method: str, *arguments: Any) -> ClientResponse:
        if method != "GET":
            return await send(self, method, *arguments)
        if kept:
            return kept.pop()
        kept.append(await send(self, method, *arguments))
        return kept[0]

    patch.setattr(RequestDispatcher, "send", serve)


@mutant("no request leaves without a token", kind="client")
def a_request_without_a_field(patch: pytest.MonkeyPatch) -> None:
    """Where there are options, they are all that is sent."""
    patch.setattr("aioalf._requests.dispatcher._with_field", lambda options, _: dict(options))


@mutant("no token and no secret is shown: a URL", kind="client")
def a_token_in_the_url(patch: pytest.MonkeyPatch) -> None:
    """Where servers log it."""
    send = RequestDispatcher.send

    async def show(
        self: RequestDispatcher, method: str, url: StrOrURL, *others: Any
    ) -> ClientResponse:
        shown = URL(url).update_query(access_token=str(self._bearer.ready()))
        return await send(self, method, shown, *others)

    patch.setattr(RequestDispatcher, "send", show)


@mutant("no token and no secret is shown: a client", kind="client")
def a_repr_of_a_client_with_the_token(patch: pytest.MonkeyPatch) -> None:
    """Who looks at a client sees it."""
    patch.setattr(Client, "__repr__", lambda self: f"<Client {_in_place(self._token_manager)}>")


def _in_place(manager: Any) -> str | None:
    token = manager._token  # noqa: SLF001 - as above
    return None if token is None else token.access_token


async def _nothing(*_: object) -> None:
    """Do nothing."""


def time_of() -> float:
    """The time of the loop."""
    return asyncio.get_running_loop().time()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a broken package may leave much behind
@pytest.mark.parametrize("name", MUTANTS)
def test_the_scenarios_find_a_mutant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A harness that finds nothing in a broken package proves nothing of a whole one."""
    kind, promise, make = MUTANTS[name]
    make(monkeypatch)
    found = (
        seed
        for seed in range(MUTANT_SEEDS)
        if any(promise in broken for broken in play(KINDS[kind], seed)[0].broken)
    )
    assert next(found, None) is not None, f"{promise}: no seed below {MUTANT_SEEDS} breaks it"


def test_no_time_passes_while_time_is_virtual() -> None:
    """Scenarios of many seconds take milliseconds."""
    begun = time.perf_counter()
    world, _ = play(Scenario, 1)
    assert world.story[-1][0] - world.story[0][0] > 2
    assert time.perf_counter() - begun < 2
