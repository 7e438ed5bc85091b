"""Two fetches of one client, and another client with the same cache: the newest login counts.

A manager makes two fetches at a time after a reset, or for derived clients.
"""

import asyncio
import gc
import time
import weakref
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest

from aioalf._auth_server.request_params import AmendResponse, Form
from aioalf._login import entry_claims
from aioalf._login.cache_entry_format import StoredLogin, write_stored_login
from aioalf._login.login import Login
from aioalf._login.logout import TokensToRevoke
from aioalf._login.section import Section
from aioalf._single_flight import SingleFlight
from aioalf.caches import TokenCache
from aioalf.errors import CacheError, LoginRequiredError, TokenError
from aioalf.grants import AuthorizationServer
from aioalf.testing import CacheFault, UnreliableCache
from aioalf.token import Token
from tests.login.scripted import (
    INVALID_GRANT,
    ISSUER,
    KEY,
    GivenTokenGrant,
    ScriptedServer,
    SignInGrant,
    stored_in,
)
from tests.login.timed import HastyCache, PersonGrant, Play, Server, SlowUrlServer, signed_in_client


async def store(cache: UnreliableCache) -> None:
    """Let another client store a login."""
    newer = StoredLogin(Token("newer", 3600), "newer-refresh", ISSUER)
    await cache.new_client().set(KEY, write_stored_login(newer), None)


# A claim that was lost


@pytest.mark.rule("R040", "R043")
@pytest.mark.parametrize("is_refused", [True, False])
def test_newer_login_is_used_although_a_request_with_the_older_one_is_in_flight(
    play: Play, *, is_refused: bool
) -> None:
    """The fetch with the older login lost its claim; its result does not count."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        server.delay = 5
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        server.error = INVALID_GRANT if is_refused else None
        cache.lose_claims()
        await store(cache)
        assert (await login.token(server, "access-1")).access_token == "newer"
        assert (await refreshing).access_token == ("newer" if is_refused else "access-2")
        server.error = None
        assert (await login.token(server, "access-2")).access_token == "newer"
        await login.token(server, "newer")
        assert server.sent == [None, "refresh-1", "newer-refresh"]

    play(scenario())


@pytest.mark.rule("R083", "R160")
def test_login_that_gives_way_to_a_newer_one_is_revoked_by_the_next_logout(play: Play) -> None:
    """Its refresh token is nowhere else."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        await store(cache)
        await refreshing
        assert (await login.token(server, "access-2")).access_token == "newer"
        to_revoke = login.start_logout()
        await login.finish_logout(server, to_revoke)
        assert ("refresh-2", "refresh_token") in to_revoke.with_hints()
        assert ("newer-refresh", "refresh_token") in to_revoke.with_hints()

    play(scenario())


@pytest.mark.rule("R080")
@pytest.mark.parametrize("failing", ["replace", "get"])
def test_login_in_memory_survives_a_restart_of_the_store(play: Play, failing: Any) -> None:
    """The store has lost all its data, and one call fails."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.faults[failing] = CacheFault.error().times(1)
        cache.lose_claims()
        await cache.new_client().delete(KEY)
        await refreshing
        await login.token(server, "access-2")
        assert server.sent == [None, "refresh-1", "refresh-2"]

    play(scenario())


# Late answers of the cache


@pytest.mark.rule("R040")
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_late_read_does_not_override_a_newer_one(play: Play, *, is_signed_in: bool) -> None:
    """It returns a text that another client has replaced since, or no text."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        grant, others = PersonGrant(0), PersonGrant(0)
        login = Login(grant, cache=cache, key=KEY)
        other = Login(others, cache=cache.new_client(), key=KEY)
        if is_signed_in:
            await other.token(server, None)
        cache.faults["get"] = CacheFault.late(60).times(1)
        late = asyncio.create_task(login.token(server, "access-1"))
        await asyncio.sleep(1)
        await other.token(server, "access-1")
        await login.token(server, f"access-{len(server.sent)}")
        await late
        await login.token(server, f"access-{len(server.sent)}")
        refreshes = [refresh for refresh in server.sent if refresh is not None]
        assert refreshes == ["refresh-1", "refresh-2", "refresh-3"][: len(refreshes)]
        assert (grant.asked, others.asked) == (0, 1)

    play(scenario())


@pytest.mark.rule("R040")
def test_late_read_does_not_hide_that_a_login_could_not_be_stored(play: Play) -> None:
    """The used refresh token in the entry is deleted."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        login = Login(PersonGrant(0), cache=cache, key=KEY)
        other = Login(PersonGrant(0), cache=cache.new_client(), key=KEY)
        await other.token(server, None)
        cache.faults["get"] = CacheFault.late(3).times(1)
        late = asyncio.create_task(login.token(server, "access-2"))
        await asyncio.sleep(0.1)
        await other.token(server, "access-1")
        server.reached.clear()
        refreshing = asyncio.create_task(login.token(server, "access-2"))
        await server.reached.wait()
        cache.faults["replace"] = CacheFault.hang().times(1)
        await asyncio.gather(refreshing, late)
        assert await stored_in(cache) is None
        await login.token(server, "access-3")
        assert server.sent == [None, "refresh-1", "refresh-2", "refresh-3"]

    play(scenario())


# Logouts


@pytest.mark.rule("R083")
def test_refusal_of_a_login_that_was_logged_out_does_not_end_the_next_one(play: Play) -> None:
    """The response arrives after the next sign-in."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        server.delay = 40
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        await login.finish_logout(server, login.start_logout())
        server.delay, server.error = 0.1, None
        signing_in = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(5)
        server.error = INVALID_GRANT
        with pytest.raises(TokenError, match="logged out"):
            await refreshing
        server.error = None
        token = await signing_in
        await login.token(server, token.access_token)
        assert len([sent for sent in server.sent if sent is None]) == 2

    play(scenario())


@pytest.mark.rule("R083", "R160")
def test_logout_that_lost_its_claim_revokes_the_login_that_it_deletes(play: Play) -> None:
    """Another client has stored it meanwhile."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["remove"] = CacheFault.slow(2).times(1)
        to_revoke = login.start_logout()
        leaving = asyncio.create_task(login.finish_logout(server, to_revoke))
        await asyncio.sleep(0.5)
        cache.lose_claims()
        await store(cache)
        await leaving
        assert await stored_in(cache) is None
        assert ("newer-refresh", "refresh_token") in to_revoke.with_hints()

    play(scenario())


@pytest.mark.rule("R160")
def test_logout_that_reads_late_leaves_the_tokens_to_the_other_one(play: Play) -> None:
    """Both empty the entry without the claim, which another client does not release."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        assert await cache.new_client().claim(KEY) is not None
        first, second = login.start_logout(), login.start_logout()
        cache.faults["get"] = CacheFault.late(3).times(1)
        await asyncio.gather(
            login.finish_logout(server, first), login.finish_logout(server, second)
        )
        assert await stored_in(cache) is None
        assert [kind for _, kind in first.with_hints()] == ["refresh_token", "access_token"]
        assert not second.with_hints()

    play(scenario())


@pytest.mark.rule("R083")
@pytest.mark.parametrize("is_later", [True, False])
def test_logout_that_failed_does_not_end_a_later_login(play: Play, *, is_later: bool) -> None:
    """It deletes only what was stored before it gave up; the next logout revokes that."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        other = Login(PersonGrant(0), cache=cache.new_client(), key=KEY)
        cache.faults.set_all(CacheFault.error())
        with suppress(CacheError):
            await login.finish_logout(server, login.start_logout())
        cache.faults.set_all(None)
        await asyncio.sleep(3000)
        if is_later:
            await other.token(server, "access-1")
        token = await login.token(server, None)
        grant: Any = login._grant  # noqa: SLF001 - to count the sign-ins
        assert (token.access_token, grant.asked) == ("access-2", 1 if is_later else 2)
        to_revoke = login.start_logout()
        await login.finish_logout(server, to_revoke)
        revoked = {token for token, kind in to_revoke.with_hints() if kind == "refresh_token"}
        assert revoked == ({"refresh-2"} if is_later else {"refresh-1", "refresh-2"})

    play(scenario())


@pytest.mark.rule("R083")
def test_same_token_of_a_new_login_is_used_after_a_logout(play: Play) -> None:
    """Some servers give the same token again, without a refresh token and without expiry."""

    class SameToken(Server):
        """Returns one token."""

        async def request(
            self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
        ) -> Token:
            await super().request(form)
            return Token("same", None)

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = SameToken(cache), PersonGrant(1)
        login = Login(grant, cache=cache, key=KEY)
        await login.token(server, None)
        await login.finish_logout(server, login.start_logout())
        await Login(PersonGrant(1), cache=cache.new_client(), key=KEY).token(server, None)
        assert (await login.token(server, None)).access_token == "same"
        assert grant.asked == 1

    play(scenario())


async def test_logout_and_storing_do_not_block_the_event_loop(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `wait` of a cache may return at once."""
    monkeypatch.setattr(entry_claims, "_CLAIM_TIMEOUT", 0.5)
    cache: TokenCache = HastyCache()
    claim = await cache.claim(KEY)
    assert claim is not None
    login = Login(SignInGrant(), cache=cache, key=KEY)
    leaving = asyncio.create_task(login.finish_logout(server, login.start_logout()))
    beats = 0
    began = time.monotonic()
    while not leaving.done():
        await asyncio.sleep(0.02)
        beats += 1
    assert time.monotonic() - began >= 0.5
    assert beats >= 5
    await claim.release()


# Sign-ins


def test_sign_in_keeps_no_refresh_token_of_another_user(play: Play) -> None:
    """Another user has signed in at another client meanwhile."""

    class NoRefreshToken(Server):
        """Returns no refresh tokens."""

        def __init__(self, cache: UnreliableCache) -> None:
            super().__init__(cache)
            self.rotates = False

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = NoRefreshToken(cache), PersonGrant(10)
        login = Login(grant, cache=cache, key=KEY)
        signing_in = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        await store(cache)
        assert (await login.token(server, None)).access_token == "newer"
        assert (await signing_in).access_token == "access-1"
        stored = await stored_in(cache)
        assert stored is not None
        assert (stored.token.access_token, stored.refresh_token) == ("access-1", None)

    play(scenario())


def test_fetch_that_waited_for_a_sign_in_uses_its_token_although_it_is_not_stored(
    play: Play,
) -> None:
    """The login has no refresh token, so that the user would have to sign in again."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(5)
        server.rotates = False
        cache.faults["replace"] = CacheFault.error()
        login = Login(grant, cache=cache, key=KEY)
        tokens = await asyncio.gather(*(login.token(server, None) for _ in range(2)))
        assert [token.access_token for token in tokens] == ["access-1", "access-1"]
        assert grant.asked == 1

    play(scenario())


def test_cache_that_swallows_a_cancellation_does_not_keep_the_note_of_a_sign_in(
    play: Play,
) -> None:
    """Otherwise all clients would wait for that sign-in for ever."""

    class SwallowingCache(UnreliableCache):
        """Ends `set` normally when it is cancelled, as code with `asyncio.wait_for` may do."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1 if value else 0)
            await super().set(key, value, ttl)

    async def scenario() -> None:
        cache = SwallowingCache()
        server, grant = Server(cache), PersonGrant(5.2)
        await Login(grant, cache=cache, key=KEY).token(server, None)
        await asyncio.sleep(60)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not await cache.get(f"{KEY}-note")

    play(scenario())


def test_section_of_a_stopped_event_loop_does_not_end_that_of_the_next_one() -> None:
    """Its coroutine is closed when it is collected, while the section runs again."""
    section = Section()

    async def enter() -> AbstractContextManager[None]:
        assert not section.is_running
        entered = section.entered()
        entered.__enter__()
        return entered

    async def leave(entered: AbstractContextManager[None]) -> bool:
        entered.__exit__(None, None, None)
        return section.is_running

    stopped = asyncio.run(enter())
    with asyncio.Runner() as runner:
        running = runner.run(enter())
        assert runner.run(leave(stopped))
        assert not runner.run(leave(running))


async def test_section_does_not_keep_its_task() -> None:
    """The result of the task may be a token, which a logout must forget."""
    section = Section()

    async def call() -> Token:
        with section.entered():
            await asyncio.sleep(0)
        return Token("secret")

    result = weakref.ref(await asyncio.create_task(call()))
    await asyncio.sleep(0)
    gc.collect()
    assert result() is None


# Several users, and a client inside its own functions


@pytest.mark.rule("R040")
def test_refusal_of_another_login_does_not_end_a_sign_in_that_is_only_in_memory(
    play: Play,
) -> None:
    """A derived client has used the login of another client, while the user signed in here."""

    class RefusingServer(Server):
        """Refuses one refresh token after 38 seconds."""

        async def request(
            self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
        ) -> Token:
            if form.get("refresh_token") != "newer-refresh":
                return await super().request(form)
            self.reached.set()
            await asyncio.sleep(38)
            raise INVALID_GRANT

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = RefusingServer(cache), PersonGrant(10)
        login = Login(grant, cache=cache, key=KEY)
        signing_in = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        await store(cache)
        await asyncio.sleep(3)
        derived = asyncio.create_task(
            login.derived_token(server, None, "derived", has_own_scope=False)
        )
        await server.reached.wait()
        assert (await signing_in).access_token == "access-1"
        assert (await derived) is not None
        await login.token(server, "access-1")
        assert grant.asked == 1

    play(scenario())


def test_sign_in_keeps_no_derived_token_of_another_user(play: Play) -> None:
    """The derived client requests its own token for the user who has signed in."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(10)
        login = Login(grant, cache=cache, key=KEY)
        signing_in = asyncio.create_task(login.token(server, None))
        await grant.reached.wait()
        derived = {"derived": Token("derived-of-another", 3600)}
        other = StoredLogin(Token("another", 3600), "refresh", ISSUER, derived=derived)
        await cache.new_client().set(KEY, write_stored_login(other), None)
        assert (await login.token(server, None)).access_token == "another"
        await signing_in
        token = await login.derived_token(server, None, "derived", has_own_scope=False)
        assert token is not None
        assert token.access_token == "access-2"

    play(scenario())


def test_token_is_stored_before_another_fetch_gets_it(play: Play) -> None:
    """The other fetch waits while the token is written."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        cache.faults["replace"] = CacheFault.slow(4).times(1)
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        assert (await login.token(server, "access-1")).access_token == "access-2"
        stored = await stored_in(cache)
        assert stored is not None
        assert stored.refresh_token == "refresh-2"
        await refreshing

    play(scenario())


def test_fetches_that_wait_for_a_turn_do_not_ask_the_cache_all_the_time(play: Play) -> None:
    """The claim was lost, so that the cache does not let them wait."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        server.delay = 25
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        cache.lose_claims()
        before = len(cache.log)
        waiting = asyncio.create_task(login.token(server, "access-1"))
        await asyncio.sleep(20)
        assert len(cache.log) - before < 200
        await asyncio.gather(refreshing, waiting)

    play(scenario())


def test_fetch_does_not_blame_another_process_for_a_slow_server(play: Play) -> None:
    """It waits for another fetch of the same client."""

    async def scenario() -> None:
        _, server, login = await signed_in_client()
        server.delay = 60
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        with pytest.raises(CacheError, match="another task of this process has been requesting"):
            await login.token(server, "access-1")
        await refreshing

    play(scenario())


def test_note_of_a_sign_in_that_never_began_is_removed(play: Play) -> None:
    """The fetch is cancelled after it has written the note."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        cache.faults["release"] = CacheFault.late(0.2).times(1)
        login = Login(PersonGrant(0), cache=cache, key=KEY)
        cancelled = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(0.1)
        assert await cache.get(f"{KEY}-note")
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert await cache.get(f"{KEY}-note") is None

    play(scenario())


def test_person_who_has_signed_in_meanwhile_is_not_asked(play: Play) -> None:
    """The claim is released before the sign-in, and its release answers late."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server, grant = Server(cache), PersonGrant(0)
        login = Login(grant, cache=cache, key=KEY)
        cache.faults["release"] = CacheFault.late(5).times(1)
        slow = asyncio.create_task(login.token(server, None))
        await asyncio.sleep(0.1)
        cache.faults["get"] = CacheFault.answer("")  # the note of the slow fetch is not found
        assert (await login.token(server, None)).access_token == "access-1"
        cache.faults["get"] = None
        assert (await slow).access_token == "access-1"
        assert grant.asked == 1

    play(scenario())


@pytest.mark.parametrize("is_cached", [True, False])
def test_client_that_would_wait_for_itself_is_refused(play: Play, *, is_cached: bool) -> None:
    """The grant uses a derived client, which needs the login that the grant is to begin."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        flight: SingleFlight[Token] = SingleFlight()

        class UsingGrant(PersonGrant):
            """Uses a derived client."""

            async def request_token(self, server: AuthorizationServer) -> Token:
                if self.asked:
                    await login.derived_token(server, None, "derived", has_own_scope=False)
                return await super().request_token(server)

        server.rotates = False
        login = Login(UsingGrant(0), cache=cache if is_cached else None, key=KEY)
        await login.token(server, None)
        with pytest.raises(TokenError, match="would wait for itself forever"):
            await flight.run(lambda: login.token(server, "access-1"))

    play(scenario())


@pytest.mark.rule("R040")
def test_given_refresh_token_is_not_sent_again_after_it_was_replaced(play: Play) -> None:
    """Another client with the same cache has logged out."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        login = Login(GivenTokenGrant(), cache=cache, key=KEY)
        await login.token(server, None)
        await cache.new_client().delete(KEY)
        with pytest.raises(LoginRequiredError):
            await login.token(server, "access-1")
        assert server.sent == ["given"]

    play(scenario())


@pytest.mark.rule("R160")
@pytest.mark.parametrize(("is_cached", "delay"), [(True, 70), (False, 40)])
def test_response_after_the_end_of_a_logout_is_revoked_by_the_next_one(
    play: Play, *, is_cached: bool, delay: float
) -> None:
    """The server answers after the longest time that a logout waits."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = Server(cache)
        login = Login(PersonGrant(0), cache=cache if is_cached else None, key=KEY)
        await login.token(server, None)
        server.delay = delay
        server.reached.clear()
        refreshing = asyncio.create_task(login.token(server, "access-1"))
        await server.reached.wait()
        await login.finish_logout(server, login.start_logout())
        with pytest.raises(TokenError, match="logged out"):
            await refreshing
        assert ("refresh-2", "refresh_token") in login.start_logout().with_hints()

    play(scenario())


@pytest.mark.rule("R160")
def test_login_that_replaces_an_unread_entry_lets_the_logout_revoke_its_tokens(
    play: Play,
) -> None:
    """The fetch after the logout could not empty the entry, but replaces it."""

    async def scenario() -> None:
        cache, server, login = await signed_in_client()
        await store(cache)  # the login of another client
        to_revoke = login.start_logout()
        cache.faults["get"] = CacheFault.error().times(1)
        assert (await login.token(server, None)).access_token == "access-2"
        await login.finish_logout(server, to_revoke)
        assert ("newer-refresh", "refresh_token") in to_revoke.with_hints()
        stored = await stored_in(cache)
        assert stored is not None
        assert stored.refresh_token == "refresh-2"

    play(scenario())


@pytest.mark.rule("R083")
def test_logout_that_needs_the_metadata_does_not_delete_a_later_login(play: Play) -> None:
    """A fetch has emptied the entry meanwhile, and stored the new login."""

    async def scenario() -> None:
        cache = UnreliableCache()
        server = SlowUrlServer(cache)
        server.issuer = None
        login = Login(PersonGrant(0), cache=cache, key=KEY)
        await login.token(server, None)
        claim = await cache.new_client().claim(KEY)
        assert claim is not None
        leaving = asyncio.create_task(login.finish_logout(server, login.start_logout()))
        await asyncio.sleep(29.9)
        server.url_delay = 5  # the logout asks for the URL after 30 seconds
        await asyncio.sleep(2)
        server.url_delay = 0
        await claim.release()
        await login.token(server, None)
        assert not leaving.done()
        await leaving
        stored = await stored_in(cache)
        assert stored is not None
        assert stored.refresh_token == "refresh-2"

    play(scenario())


def test_tokens_to_revoke_are_limited() -> None:
    """The newest ones are kept."""
    to_revoke = TokensToRevoke()
    for number in range(1100):
        to_revoke.add(Token(f"access-{number}"), f"refresh-{number}")
    hints = to_revoke.with_hints()
    assert len(hints) == 2000
    assert ("refresh-1099", "refresh_token") in hints
    assert ("access-100", "access_token") in hints
