"""Clients that share a cache entry: one request for all, whatever the cache does.

Each client represents a process. Time is virtual.
"""

import asyncio
import logging
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest

from aioalf._closing import CLOSE_TIMEOUT
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.cache_entry_format import StoredLogin, write_stored_login
from aioalf._login.derived_login import DerivedLogin
from aioalf._login.login import Login
from aioalf._login.shared_fetch import BusyError, SharedFetch, Steps
from aioalf.caches import Claim, MemoryCache
from aioalf.errors import (
    AccessDeniedError,
    CacheError,
    LoginTimeoutError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
)
from aioalf.renewal import RenewalSkippedError
from aioalf.retry import Retry
from aioalf.testing import CacheFault, UnreliableCache
from aioalf.token import Token
from tests.login.scripted import INVALID_GRANT, ISSUER, KEY, ScriptedServer, ServiceGrant, stored_in
from tests.login.timed import (
    HastyCache,
    PersonGrant,
    Play,
    Server,
    SlowUrlServer,
    now,
    signed_in,
    signed_in_client,
)
from tests.support.virtual_time import VirtualTimeLoop, follow_the_loop

RETRY = Retry(attempts=3, wait_initial=1.0)


def service(cache: UnreliableCache, *, failure_backoff: float = 1.0) -> Login:
    """Return the login of a service in another process."""
    grant = ServiceGrant()
    return Login(grant, cache=cache, key=KEY, retry=RETRY, failure_backoff=failure_backoff)


async def outcomes(*logins: Login, server: Server) -> list[object]:
    """Let all logins fetch a token at once; return tokens, or the kinds of their errors."""

    async def fetch(login: Login) -> object:
        try:
            return (await login.token(server, None)).access_token
        except TokenError as error:
            return type(error)

    return list(await asyncio.gather(*(fetch(login) for login in logins)))


# One request for all


@pytest.mark.rule("R079")
def test_many_processes_make_one_request(play: Play) -> None:
    """All get its token shortly after it has arrived, and none waits for its turn."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        logins = [service(cache.new_client()) for _ in range(16)]
        started = now()
        assert set(await outcomes(*logins, server=server)) == {"access-1"}
        assert now() - started < server.delay + 0.1
        assert (len(server.times), server.unclaimed) == (1, 0)

    play(scenario())


@pytest.mark.rule("R079")
def test_valid_token_is_used_while_another_client_has_the_claim(play: Play) -> None:
    """A client needs the claim only for a request."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        await service(cache).token(server, None)
        claim = await cache.new_client().claim(KEY)
        assert claim is not None
        started = now()
        assert await outcomes(service(cache.new_client()), server=server) == ["access-1"]
        assert now() - started < 0.1
        assert claim.is_held
        await claim.release()

    play(scenario())


@pytest.mark.rule("R033", "R072", "R079")
@pytest.mark.parametrize(
    "error", [TokenHTTPError("busy", 503), TokenConnectionError("down", is_transient=True)]
)
def test_failing_endpoint_gets_one_series_of_attempts(play: Play, error: TokenError) -> None:
    """Clients in all processes get the error as soon as a single process would."""

    async def scenario() -> None:
        alone, together = UnreliableCache(), UnreliableCache()
        durations: list[float] = []
        for cache, count in ((alone, 1), (together, 8)):
            server = Server(cache)
            server.error = error
            logins = [service(cache.new_client()) for _ in range(count)]
            started = now()
            assert set(await outcomes(*logins, server=server)) == {type(error)}
            durations.append(now() - started)
            assert len(server.times) == 3
            assert server.unclaimed == 0
            await outcomes(*logins, server=server)
            assert len(server.times) == 3, "a request was sent during the pause"
            await asyncio.sleep(1.1)
            server.error = None
            assert set(await outcomes(*logins, server=server)) == {"access-4"}
        assert durations[1] <= 1.5 * durations[0]

    play(scenario())


@pytest.mark.rule("R072", "R079")
def test_waiting_clients_share_a_failure_without_a_pause(play: Play) -> None:
    """They waited for that request. A client that starts later sends its own."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenHTTPError("no", 400)
        logins = [service(cache.new_client(), failure_backoff=0) for _ in range(8)]
        started = now()
        assert set(await outcomes(*logins, server=server)) == {TokenHTTPError}
        assert now() - started < 1.5 * server.delay
        assert len(server.times) == 1
        server.error = None
        assert set(await outcomes(*logins, server=server)) == {"access-2"}

    play(scenario())


@pytest.mark.rule("R072", "R079")
def test_reset_ignores_only_earlier_failures(play: Play) -> None:
    """Clients that reset their tokens at once, such as after a 401, share the next failure."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenHTTPError("no", 400)
        logins = [service(cache.new_client()) for _ in range(8)]
        for requests in (1, 2):
            for login in logins:
                login.forget_failure()
            started = now()
            assert set(await outcomes(*logins, server=server)) == {TokenHTTPError}
            assert now() - started < 1.5 * server.delay
            assert len(server.times) == requests
        assert set(await outcomes(*logins, server=server)) == {TokenHTTPError}
        assert len(server.times) == 2

    play(scenario())


@pytest.mark.rule("R072")
def test_last_attempt_ends_with_the_time_limit_of_the_series(play: Play) -> None:
    """Callers get the error of the attempt before, which says more."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenHTTPError("busy", 503, retry_after=5)
        login = Login(ServiceGrant(), cache=cache, key=KEY, retry=Retry(timeout=8))
        started = now()
        fetching = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(1)
        server.delay = 60
        with pytest.raises(TokenHTTPError, match="busy"):
            await fetching
        assert now() - started == pytest.approx(8, abs=0.01)
        assert len(server.times) == 2

    play(scenario())


@pytest.mark.rule("R072")
def test_series_of_a_process_that_ended_keeps_its_time_limit(play: Play) -> None:
    """Another process sends the next attempt, and stops when the series must end."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenHTTPError("busy", 503, retry_after=5)
        one, other = (
            Login(ServiceGrant(), cache=each, key=KEY, retry=Retry(timeout=8))
            for each in (cache, cache.new_client())
        )
        started = now()
        ended = asyncio.create_task(one.token(server, None))
        await asyncio.sleep(1)
        ended.cancel()
        server.delay = 60
        with pytest.raises(TokenConnectionError, match="was not answered in time"):
            await other.token(server, None)
        assert now() - started == pytest.approx(8, abs=0.01)
        assert len(server.times) == 2

    play(scenario())


@pytest.mark.rule("R079")
def test_claim_is_not_held_between_two_attempts(play: Play) -> None:
    """Others can read, log out, and store meanwhile."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenHTTPError("busy", 503, retry_after=5)
        fetching = asyncio.create_task(service(cache).token(server, None))
        await asyncio.sleep(1)
        assert not cache.is_claimed
        server.error = None
        await fetching
        assert len(server.times) == 2
        assert server.times[1] - server.times[0] >= 5

    play(scenario())


@pytest.mark.rule("R079")
@pytest.mark.parametrize("is_refresh", [True, False])
def test_claim_is_not_held_while_on_token_runs(play: Play, *, is_refresh: bool) -> None:
    """A slow function of one process does not delay the others."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        held: list[bool] = []

        async def on_token(_: Token) -> None:
            held.append(cache.is_claimed)
            await asyncio.sleep(5)

        grant = PersonGrant() if is_refresh else ServiceGrant()
        unwanted, new = ("access-1", "access-2") if is_refresh else (None, "access-1")
        if is_refresh:
            await signed_in(cache, server)
        login = Login(grant, cache=cache, key=KEY, on_token=on_token)
        fetching = asyncio.create_task(login.token(server, unwanted))
        await asyncio.sleep(1)
        assert await outcomes(service(cache.new_client()), server=server) == [new]
        assert not fetching.done()
        await fetching
        assert held == [False]

    play(scenario())


@pytest.mark.rule("R074")
def test_renewal_ahead_of_expiry_waits_for_nobody(play: Play) -> None:
    """A client without the claim, or one that would ask a user, keeps the current token."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        other = asyncio.create_task(service(cache.new_client()).token(server, None))
        await asyncio.sleep(0.1)
        started = now()
        with pytest.raises(RenewalSkippedError) as caught:
            await service(cache).token(server, "current", is_ahead=True)
        assert (now(), caught.value.until_expiry) == (started, False)
        await other
        grant = PersonGrant()
        login = Login(grant, cache=UnreliableCache(), key=KEY)
        with pytest.raises(RenewalSkippedError) as caught:
            await login.token(server, "current", is_ahead=True)
        assert (grant.asked, caught.value.until_expiry) == (0, True)

    play(scenario())


@pytest.mark.rule("R079")
def test_waiting_ends_with_an_error_that_names_the_holder(play: Play) -> None:
    """A process that hangs while it has the claim does not make others wait forever."""

    async def scenario() -> None:
        cache = UnreliableCache()
        claim = await cache.new_client().claim(KEY)
        assert claim is not None
        started = now()
        with pytest.raises(BusyError, match=r"client 2 since .* has been requesting this token"):
            await service(cache).token(Server(cache), None)
        assert 30 <= now() - started < 40
        await claim.release()

    play(scenario())


# People


@pytest.mark.rule("R079")
def test_one_person_is_asked_once(play: Play) -> None:
    """Other processes wait for the sign-in, which does not hold the claim."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant()
        logins = [Login(grant, cache=cache.new_client(), key=KEY) for _ in range(4)]
        fetching = asyncio.create_task(outcomes(*logins, server=server))
        await grant.reached.wait()
        await asyncio.sleep(0.5)
        since = now()
        await asyncio.sleep(1)
        held = [lease for lease in cache.log if lease.method == "claim" and lease.started > since]
        assert len(held) <= 1
        assert set(await fetching) == {"access-1"}
        assert grant.asked == 1

    play(scenario())


def test_person_is_asked_once_although_the_cache_has_no_note(play: Play) -> None:
    """A client knows of its own sign-in, also while the response waits to be stored."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(seconds=5)
        login = Login(grant, cache=cache, key=KEY)
        cache.faults["set"] = CacheFault.error()
        signing_in = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        fetching = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(4)
        claim = await cache.new_client().claim(KEY)
        assert claim is not None
        await asyncio.sleep(4)
        assert len(server.times) == 1
        await claim.release()
        tokens = await asyncio.gather(signing_in, fetching)
        assert [token.access_token for token in tokens] == ["access-1", "access-1"]
        assert grant.asked == 1

    play(scenario())


def test_sign_in_of_a_stopped_event_loop_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who is asked in the next event loop can sign in."""
    follow_the_loop(monkeypatch)
    cache = UnreliableCache()
    server, grant = Server(cache), PersonGrant(seconds=1000)
    login = Login(grant, cache=cache, key=KEY)
    left: list[asyncio.Task[Token]] = []

    async def abandon_sign_in() -> None:
        left.append(asyncio.create_task(login.token(server, None)))
        await grant.reached.wait()

    async def sign_in() -> Token:
        grant.seconds = 1
        return await login.token(server, None)

    stopped, running = VirtualTimeLoop(7), VirtualTimeLoop(7)
    try:
        stopped.run_until_complete(abandon_sign_in())
        assert running.run_until_complete(sign_in()).access_token == "access-1"
        left[0].cancel()
        stopped.run_until_complete(asyncio.wait(left))
    finally:
        stopped.close()
        running.close()


def test_person_who_signs_in_while_the_cache_is_slow_is_not_asked_again(play: Play) -> None:
    """A client does not trust the cache about its own sign-in."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(seconds=1)
        login = Login(grant, cache=cache, key=KEY)
        signing_in = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        cache.faults["get"] = CacheFault.answer("")  # this fetch does not see the other one
        cache.faults["set"] = CacheFault.slow(4)
        fetching = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(0.5)
        cache.faults["claim"] = CacheFault.error()  # the login is kept in memory
        assert (await signing_in).access_token == "access-1"
        cache.faults.set_all(None)
        assert (await fetching).access_token == "access-1"
        assert grant.asked == 1
        assert server.sent == [None]
        assert await cache.get(f"{KEY}-note") is None

    play(scenario())


def test_sign_in_of_a_killed_process_is_not_awaited_for_long(play: Play) -> None:
    """The note of a sign-in ends if its process does not renew it."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(seconds=1000)
        killed = cache.new_client()
        dead = asyncio.create_task(Login(grant, cache=killed, key=KEY).token(server, None))
        await grant.reached.wait()
        killed.faults.set_all(CacheFault.hang())
        started = now()
        other = PersonGrant(seconds=1)
        await Login(other, cache=cache, key=KEY).token(server, None)
        assert now() - started < 20
        dead.cancel()
        await asyncio.wait({dead})

    play(scenario())


@pytest.mark.rule("R045", "R072")
@pytest.mark.parametrize("refusal", [AccessDeniedError("no"), LoginTimeoutError("nobody")])
def test_person_who_refused_is_not_asked_by_another_process(
    play: Play, refusal: TokenError
) -> None:
    """Others get the same error for a minute, unless the program wants to try again."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(seconds=1)
        grant.refusal = refusal
        one, two, three = (Login(grant, cache=cache.new_client(), key=KEY) for _ in range(3))
        assert await outcomes(one, two, server=server) == [type(refusal)] * 2
        await asyncio.sleep(50)
        assert await outcomes(three, server=server) == [type(refusal)]
        assert grant.asked == 1
        grant.refusal = None
        two.forget_failure()
        assert await outcomes(two, server=server) == ["access-1"]
        assert grant.asked == 2

    play(scenario())


# A claim that is lost


@pytest.mark.rule("R043")
def test_refresh_token_is_not_sent_after_the_claim_was_lost(play: Play) -> None:
    """A process that was stopped finds out before it sends, and starts again."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["get"] = CacheFault.slow(1)
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await asyncio.sleep(1.5)
        assert cache.is_claimed
        cache.lose_claims()
        await fetching
        assert server.sent == [None, "refresh-1"]
        assert server.unclaimed == 1, "only the sign-in needs no claim"

    play(scenario())


@pytest.mark.rule("R043", "R080")
def test_late_holder_does_not_replace_a_newer_login(play: Play) -> None:
    """It uses the newer login from then on, although its own request succeeded."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        newer = StoredLogin(Token("newer", 3600), "newer-refresh", ISSUER)
        await cache.new_client().set(KEY, write_stored_login(newer), None)
        assert (await fetching).access_token == "access-2"
        stored = await stored_in(cache)
        assert stored is not None
        assert stored.refresh_token == "newer-refresh"
        assert (await login.token(server, "access-2")).access_token == "newer"

    play(scenario())


@pytest.mark.rule("R045", "R080")
def test_late_holder_does_not_delete_a_newer_login(play: Play) -> None:
    """Its refresh token was refused because another process has used it."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        server.error = INVALID_GRANT
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        newer = StoredLogin(Token("newer", 3600), "newer-refresh", ISSUER)
        await cache.new_client().set(KEY, write_stored_login(newer), None)
        assert (await fetching).access_token == "newer"
        assert len(server.times) == 2

    play(scenario())


@pytest.mark.rule("R080", "R043")
@pytest.mark.parametrize("entry", ["unchanged", "lost"])
def test_login_is_kept_in_memory_if_the_store_lost_the_claim(play: Play, entry: str) -> None:
    """The refresh token of the response is the only valid one, even if the entry has another."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        if entry == "lost":
            await cache.delete(KEY)
        await fetching
        await login.token(server, "access-2")
        assert server.sent == [None, "refresh-1", "refresh-2"]

    play(scenario())


@pytest.mark.rule("R083")
def test_logout_whose_claim_is_lost_deletes_the_entry(play: Play) -> None:
    """The next client does not find the login."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["get"] = CacheFault.slow(0.4).times(1)
        to_revoke = login.start_logout()
        leaving = asyncio.create_task(login.finish_logout(server, to_revoke))
        await asyncio.sleep(0.2)
        assert cache.is_claimed
        cache.lose_claims()
        await leaving
        assert await stored_in(cache) is None
        assert ("refresh-1", "refresh_token") in to_revoke.with_hints()

    play(scenario())


@pytest.mark.rule("R043")
def test_two_requests_do_not_send_one_refresh_token_although_the_claim_was_lost(
    play: Play,
) -> None:
    """The second one can claim the entry, and waits for the answer to the first."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        server.delay = 5
        one = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        other = asyncio.create_task(login.token(server, "access-1"))
        tokens = await asyncio.gather(one, other)
        assert [token.access_token for token in tokens] == ["access-2", "access-2"]
        assert server.sent == [None, "refresh-1"]

    play(scenario())


# A cache that fails


@pytest.mark.rule("R083")
def test_login_that_is_stored_after_a_cancelled_logout_is_not_used(play: Play) -> None:
    """The entry is emptied again, and no fetch reads it in between."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["replace"] = CacheFault.slow(1).times(1)
        cache.faults["remove"] = CacheFault.slow(1).times(1)
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        await asyncio.sleep(1)  # the answer has arrived, and is being stored
        to_revoke = login.start_logout()
        leaving = asyncio.create_task(login.finish_logout(server, to_revoke))
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.sleep(0.6)
        assert await stored_in(cache) is not None, "the answer was stored after the logout"
        assert (await login.token(server, None)).access_token == "access-3"
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await refreshing
        assert server.sent == [None, "refresh-1", None]
        assert ("refresh-2", "refresh_token") in to_revoke.with_hints()

    play(scenario())


@pytest.mark.rule("R083")
def test_login_whose_store_outlasts_a_logout_is_deleted(play: Play) -> None:
    """The logout has already emptied the entry, and stops waiting."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = SlowUrlServer(cache)
        login = await signed_in(cache, server)
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        server.issuer, server.url_delay = None, 3 * CLOSE_TIMEOUT
        await asyncio.sleep(1)  # the answer has arrived, and its store waits for the URL
        server.url_delay = 0.0
        cache.lose_claims()
        to_revoke = login.start_logout()
        await login.finish_logout(server, to_revoke)
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await refreshing
        assert await stored_in(cache) is None
        assert ("refresh-2", "refresh_token") in to_revoke.with_hints()

    play(scenario())


@pytest.mark.rule("R043", "R080")
def test_entry_is_not_read_while_it_is_replaced(play: Play) -> None:
    """It still has the refresh token that was sent, even if it cannot be replaced or removed."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.faults["replace"] = CacheFault.hang().times(1)
        cache.faults["remove"] = CacheFault.error()
        await asyncio.sleep(1)  # the answer has arrived, and is being written
        other = asyncio.create_task(login.token(server, "access-1"))
        await fetching
        await other
        assert server.sent == [None, "refresh-1", "refresh-2"]

    play(scenario())


@pytest.mark.rule("R080")
@pytest.mark.parametrize("text", ["", "damaged"])
def test_damaged_text_does_not_end_a_login_that_is_kept_in_memory(
    play: Play, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Neither does the missing entry afterwards. Each damaged text is logged once."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        cache.faults["replace"] = CacheFault.error().times(1)
        login = await signed_in(cache, server)
        cache.faults["get"] = CacheFault.answer(text).times(1)
        await login.token(server, "access-1")
        assert server.sent == [None, "refresh-1"]

    play(scenario())
    assert caplog.text.count("it is damaged") == (text != "")


@pytest.mark.rule("R077")
def test_cancelled_logout_is_cancelled_although_the_cache_fails(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and the next fetch deletes the entry."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["claim"] = CacheFault.hang().times(1)
        cache.faults["delete"] = CacheFault.error().times(1)
        leaving = asyncio.create_task(login.finish_logout(server, login.start_logout()))
        await asyncio.sleep(1)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        await login.token(server, None)
        assert server.sent == [None, None]

    play(scenario())
    assert "The login may still be in the token cache" in caplog.text


def test_object_that_is_no_claim_is_a_failure_of_the_cache(play: Play) -> None:
    """A service gets its token without the cache."""

    async def scenario() -> None:
        cache = UnreliableCache()
        cache.faults["claim"] = CacheFault.answer(1)
        assert (await service(cache).token(Server(cache), None)).access_token == "access-1"

    play(scenario())


FAULTS = [
    CacheFault.error(),
    CacheFault.error(OSError("disk")),
    CacheFault.error(asyncio.CancelledError()),
    CacheFault.hang(),
]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("fault", FAULTS, ids=["CacheError", "OSError", "cancelled", "hangs"])
@pytest.mark.parametrize("method", ["get", "set", "claim", "replace", "remove", "release"])
def test_service_gets_a_token_whatever_the_cache_does(
    play: Play, method: Any, fault: CacheFault
) -> None:
    """Without refresh tokens, the cache is only a help."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        cache.faults[method] = fault
        login, started = service(cache), now()
        token = await login.token(server, None)
        assert now() - started < 12
        assert (await login.token(server, token.access_token)).is_valid()

    play(scenario())


@pytest.mark.rule("R033", "R080")
@pytest.mark.parametrize("fault", [*FAULTS, CacheFault.answer(None)], ids=str)
def test_failing_endpoint_gets_few_requests_whatever_the_cache_keeps(
    play: Play, fault: CacheFault
) -> None:
    """The number of attempts is noted in the cache, and each client counts as well."""

    async def scenario() -> None:
        cache = UnreliableCache()
        cache.faults["set"] = fault
        server = Server(cache)
        server.error = TokenHTTPError("busy", 503)
        assert await outcomes(service(cache), server=server) == [TokenHTTPError]
        assert len(server.times) == RETRY.attempts

    play(scenario())


@pytest.mark.rule("R080")
def test_cache_that_fails_is_left_alone_for_a_growing_time(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning is logged, and each process sends its own requests meanwhile."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        cache.faults.set_all(CacheFault.error())
        login, unwanted = service(cache), None
        asked_at: list[float] = []
        for _ in range(80):
            before = len(cache.log)
            started = now()
            unwanted = (await login.token(server, unwanted)).access_token
            asked_at.extend([started] if len(cache.log) > before else [])
            await asyncio.sleep(3)
        gaps = [later - earlier for earlier, later in pairwise(asked_at)]
        assert gaps[0] < 5
        assert 60 <= gaps[-1] <= 70
        cache.faults.set_all(None)
        await asyncio.sleep(60)
        await login.token(server, unwanted)
        assert await stored_in(cache) is not None

    with caplog.at_level(logging.WARNING):
        play(scenario())
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "Tokens are requested without the token cache"
    ]


@pytest.mark.rule("R060", "R080")
def test_token_from_before_an_outage_of_the_cache_is_not_used_after_it(play: Play) -> None:
    """It may be the token that was rejected. A token that another client stored later is used."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, login, other = Server(cache), service(cache), service(cache.new_client())
        unwanted: str | None = None
        for has_newer_token in (False, True):
            before = (await login.token(server, unwanted)).access_token
            cache.faults["get"] = CacheFault.error()
            during = (await login.token(server, before)).access_token
            cache.faults["get"] = None
            newer = (await other.token(server, before)).access_token if has_newer_token else None
            await asyncio.sleep(60)
            after = await login.token(server, during)
            assert after.access_token not in {before, during}
            assert newer in {None, after.access_token}
            stored = await stored_in(cache)
            assert stored is not None
            assert stored.token.access_token == after.access_token
            unwanted = after.access_token

    play(scenario())


@pytest.mark.rule("R043", "R080")
@pytest.mark.parametrize("fault", FAULTS, ids=["CacheError", "OSError", "cancelled", "hangs"])
@pytest.mark.parametrize("method", ["get", "claim"])
def test_refresh_token_is_not_sent_without_the_claim(
    play: Play, method: Any, fault: CacheFault
) -> None:
    """The cache is tried again for a quarter of a minute, then a CacheError is raised."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults[method] = fault
        started = now()
        with pytest.raises(CacheError):
            await login.token(server, "access-1")
        assert 15 <= now() - started < 30
        assert server.sent == [None]
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await asyncio.sleep(3)
        cache.faults[method] = None
        assert (await fetching).is_valid()

    play(scenario())


@pytest.mark.rule("R040", "R080")
@pytest.mark.parametrize("fault", FAULTS, ids=["CacheError", "OSError", "cancelled", "hangs"])
@pytest.mark.parametrize("method", ["set", "replace", "remove", "release"])
def test_answer_is_used_if_it_cannot_be_stored(play: Play, method: Any, fault: CacheFault) -> None:
    """If releasing the claim or writing raises an error, the caller still gets its token."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults[method] = fault
        token = await login.token(server, "access-1")
        assert token.access_token == "access-2"
        await asyncio.sleep(30)
        assert (await login.token(server, "access-2")).access_token == "access-3"
        assert server.sent == [None, "refresh-1", "refresh-2"]

    play(scenario())


@pytest.mark.rule("R080")
@pytest.mark.parametrize("answer", [1, b"bytes", ["list"], "foreign text", "{}", "\0"])
def test_garbage_in_the_cache_is_no_reason_to_sign_in_again(play: Play, answer: object) -> None:
    """The login in memory is still valid."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["get"] = CacheFault.answer(answer).times(4)
        assert (await login.token(server, "access-1")).access_token == "access-2"
        assert server.sent == [None, "refresh-1"]

    play(scenario())


@pytest.mark.rule("R077", "R080")
@pytest.mark.parametrize("method", ["get", "claim", "replace", "delete", "remove"])
def test_logout_ends_although_the_cache_hangs(play: Play, method: Any) -> None:
    """Each step has a limit."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults[method] = CacheFault.hang()
        started, to_revoke = now(), login.start_logout()
        try:
            await login.finish_logout(server, to_revoke)
        except CacheError:
            assert method != "replace"
        assert now() - started < 45
        assert to_revoke.has_refresh_token

    play(scenario())


@pytest.mark.rule("R073", "R079")
def test_failure_of_a_derived_client_is_not_that_of_the_login(play: Play) -> None:
    """The server may refuse another scope or resource while the login itself works."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        login = Login(PersonGrant(), cache=cache.new_client(), key=KEY, failure_backoff=60)
        server.error = TokenHTTPError("no", 400, error="invalid_target")
        for _ in range(2):
            with pytest.raises(TokenHTTPError, match="no"):
                await login.derived_token(server, None, "derived", has_own_scope=False)
        server.error = None
        assert (await login.token(server, "access-1")).is_valid()
        assert len(server.times) == 3

    play(scenario())


@pytest.mark.rule("R079")
def test_token_stored_just_before_the_claim_is_used(play: Play) -> None:
    """The entry is read again under the claim."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        cache.faults["claim"] = CacheFault.slow(2)
        late = asyncio.create_task(service(cache).token(server, None))
        await asyncio.sleep(1)
        first = await service(cache.new_client()).token(server, None)
        assert (await late).access_token == first.access_token
        assert len(server.times) == 1

    play(scenario())


@pytest.mark.rule("R033")
@pytest.mark.parametrize("is_continued", [False, True])
def test_retry_in_flight_ends_at_the_limit(play: Play, *, is_continued: bool) -> None:
    """Also if another process sent the first request of the series."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.error = TokenConnectionError("down", is_transient=True)
        retry = Retry(attempts=2, wait_initial=0, timeout=3)
        login = Login(ServiceGrant(), cache=cache, key=KEY, retry=retry)
        if is_continued:
            patient = Retry(attempts=9, wait_initial=0, timeout=9)
            first = Login(ServiceGrant(), cache=cache.new_client(), key=KEY, retry=patient)
            killed = asyncio.create_task(first.token(server, None))
            await asyncio.sleep(server.delay + 0.1)
            killed.cancel()
            await asyncio.wait({killed})
        started = now()
        fetching = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(0.2 if is_continued else server.delay + 0.1)
        server.delay = 60
        with pytest.raises(TokenConnectionError):
            await fetching
        assert now() - started < 5

    play(scenario())


def test_person_is_not_asked_ahead_of_expiry_without_the_cache(play: Play) -> None:
    """The user is asked when the token has expired, not because the cache fails."""

    class VisibleGrant(PersonGrant):
        """A user signs in each time; there is no refresh token."""

        keeps_refresh_token = False

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), VisibleGrant(seconds=0)
        cache.faults.set_all(CacheFault.error())
        login = Login(grant, cache=cache, key=KEY)
        assert (await login.token(server, None)).access_token == "access-1"
        with pytest.raises(RenewalSkippedError):
            await login.token(server, "access-1", is_ahead=True)
        assert grant.asked == 1

    play(scenario())


@pytest.mark.rule("R040")
def test_sign_in_is_kept_in_memory_if_the_cache_fails_meanwhile(play: Play) -> None:
    """The user does not have to sign in again in this process."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(seconds=5)
        login = Login(grant, cache=cache, key=KEY)
        fetching = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        cache.faults.set_all(CacheFault.error())
        assert (await fetching).access_token == "access-1"
        cache.faults.set_all(None)
        await login.token(server, "access-1")
        assert (grant.asked, server.sent) == (1, [None, "refresh-1"])

    play(scenario())


def test_login_without_a_cache_asks_no_person_ahead_of_expiry(play: Play) -> None:
    """The same holds without a cache."""

    async def scenario() -> None:
        grant = PersonGrant()
        with pytest.raises(RenewalSkippedError):
            await Login(grant).token(Server(UnreliableCache()), "current", is_ahead=True)
        assert grant.asked == 0

    play(scenario())


def test_derived_client_renews_ahead_of_expiry_only_with_the_login(play: Play) -> None:
    """It does not start a sign-in, and `forget_failure` reaches the login."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, started = Server(cache), list[str]()

        async def log_in() -> None:
            started.append("sign-in")

        login = Login(PersonGrant(), cache=cache, key=KEY)
        derived = DerivedLogin(
            login, "derived", has_own_scope=False, log_in=log_in, log_in_anew=log_in
        )
        derived.forget_failure()
        with pytest.raises(RenewalSkippedError):
            await derived.token(server, "current", is_ahead=True)
        assert not started

    play(scenario())


@pytest.mark.rule("R081")
@pytest.mark.parametrize(("subject", "is_kept"), [("", True), ("digest-of-a-subject", False)])
def test_exchanged_token_does_not_outlive_its_subject_for_long(
    play: Play, subject: str, *, is_kept: bool
) -> None:
    """Without ``expires_in``, such a token is stored for an hour: its subject may be revoked."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        server.lifetime = None
        grant = ServiceGrant()
        grant.subject_key = subject
        await Login(grant, cache=cache, key=KEY).token(server, None)
        await asyncio.sleep(3601)
        await Login(grant, cache=cache.new_client(), key=KEY).token(server, None)
        assert (len(server.times) == 1) is is_kept

    play(scenario())


@pytest.mark.rule("R077", "R080")
def test_request_ends_although_its_answer_cannot_be_written(play: Play) -> None:
    """close() waits for it, so a cache that hangs must not keep it."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults.set_all(CacheFault.hang())
        cache.faults["get"] = cache.faults["claim"] = None
        fetching = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        started = now()
        fetching.cancel()
        await asyncio.wait({fetching})
        assert now() - started < 30

    play(scenario())


async def test_cache_that_does_not_wait_does_not_block_the_event_loop() -> None:
    """The client that has the claim may be in the same event loop."""
    cache, server = HastyCache(), ScriptedServer()
    server.gate.clear()
    logins = [Login(ServiceGrant(), cache=cache, key=KEY) for _ in range(2)]
    async with asyncio.timeout(10):
        tasks = [asyncio.create_task(login.token(server, None)) for login in logins]
        await server.reached.wait()
        await asyncio.sleep(0.05)
        server.gate.set()
        assert {token.access_token for token in await asyncio.gather(*tasks)} == {"access-1"}


async def test_cache_that_raises_when_it_is_called_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A method may be a plain function that returns an awaitable."""
    monkeypatch.setattr(MemoryCache, "get", Mock(side_effect=RuntimeError("not connected")))
    login = Login(ServiceGrant(), cache=MemoryCache(), key=KEY)
    server = Server(UnreliableCache())
    assert (await login.token(server, None)).access_token == "access-1"


@pytest.mark.rule("R033")
def test_refused_refresh_token_takes_no_attempt_from_the_grant(play: Play) -> None:
    """The grant starts again, and gets all attempts of `Retry`."""
    requests: list[Claim | None] = []

    async def load(_: Claim | None) -> Token | None:
        return None

    async def request(claim: Claim | None) -> Token | None:
        requests.append(claim)
        if len(requests) == 1:
            return None
        raise TokenHTTPError("busy", 503)

    async def sign_in() -> Token:
        raise NotImplementedError

    async def scenario() -> None:
        steps = Steps(load, request, sign_in, lambda: False, lambda: True, needs_cache=True)
        fetch = SharedFetch(CacheEntry(UnreliableCache(), KEY), RETRY, 0)
        with pytest.raises(TokenHTTPError):
            await fetch.run(steps, is_ahead=False)
        assert len(requests) == 1 + RETRY.attempts

    play(scenario())
