"""A manager made for 0.4.0 under today's Bearer: what is asked of it, and how often."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf import Renewal, TokenError, TokenManager
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import LegacyManagerAdapter, renewable
from tests.support.front import UserManager

SESSION = cast("ClientSession", object())


class Asked(UserManager):
    """A user's manager that counts how often it is asked."""

    times = 0

    def __init__(self) -> None:
        super().__init__("", "", "", {}, None)

    async def get_token(self) -> str:
        """The token of this turn."""
        self.times += 1
        return await super().get_token()


async def test_a_renewal_asks_before_and_after_the_reset() -> None:
    """Once to see whether somebody has renewed already, once for the new token."""
    manager = Asked()
    renewal = LegacyManagerAdapter(manager)
    assert await renewal.renew_token("token-0") == "token-1"
    assert (manager.times, manager.resets) == (2, 1)
    assert await renewal.renew_token("token-0") == "token-1"
    assert (manager.times, manager.resets) == (3, 1)


async def test_a_useless_renewal_is_not_repeated_within_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its product may be renewed when the pause is over, not before; any other token at once."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        "aioalf._requests.manager_adapter.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    renewal = LegacyManagerAdapter(Asked())
    assert renewal.can_renew("token-0")
    renewed = await renewal.renew_token("token-0")
    assert not renewal.can_renew(renewed)
    assert renewal.can_renew("token-0")
    clock.now += Renewal().failure_backoff / 2
    assert not renewal.can_renew(renewed)
    clock.now += Renewal().failure_backoff / 2
    assert renewal.can_renew(renewed)


async def test_a_renewal_that_helped_may_be_repeated_at_once() -> None:
    """An accepted token proves the manager."""
    renewal = LegacyManagerAdapter(Asked())
    renewed = await renewal.renew_token("token-0")
    renewal.mark_accepted()
    assert renewal.can_renew(renewed)


async def test_a_rejected_token_is_renewed_before_it_is_used_again() -> None:
    """Once: what the manager gives after that is taken as it is."""
    manager = Asked()
    renewal = LegacyManagerAdapter(manager)
    assert await renewal.get_token() == "token-0"
    renewal.mark_rejected("token-0")
    assert [await renewal.get_token() for _ in range(2)] == ["token-1", "token-1"]
    assert manager.resets == 1


async def test_a_rejection_within_the_pause_changes_nothing() -> None:
    """An API that refuses everything makes no reset each time."""
    manager = Asked()
    renewal = LegacyManagerAdapter(manager)
    renewed = await renewal.renew_token("token-0")
    renewal.mark_rejected(renewed)
    assert await renewal.get_token() == renewed
    assert manager.resets == 1


async def test_no_token_is_no_rejected_one() -> None:
    """A manager that gives an empty one is not reset for it."""

    class Empty(Asked):
        async def get_token(self) -> str:
            self.times += 1
            return ""

    manager = Empty()
    with pytest.raises(TokenError, match="returned a token that is not valid"):
        await AuthorizationHeader(manager).get(SESSION)
    assert (manager.times, manager.resets) == (1, 0)


def test_a_subclass_is_told_which_session_to_use() -> None:
    """Its own get_token may still send requests; other managers do not know sessions."""
    told: list[object] = []

    class Own(TokenManager):
        async def get_token(self) -> str:
            return "own"

        def use_session(self, session: ClientSession) -> None:
            told.append(session)

    for manager in (Own(None, None, None), Asked()):
        adapter = renewable(manager)
        assert isinstance(adapter, LegacyManagerAdapter)
        adapter.use_session(SESSION)
    assert told == [SESSION]


@pytest.mark.parametrize("name", ["get_token", "renew_token", "reset_token"])
def test_a_subclass_with_one_method_of_its_own_is_asked_as_the_users(name: str) -> None:
    """Its tokens would come from two places."""

    async def method(self: TokenManager) -> str:
        return "its own"

    kind = type("Own", (TokenManager,), {name: method})
    assert isinstance(renewable(kind("", "id", "secret")), LegacyManagerAdapter)


def test_a_subclass_that_has_its_own_peek_too_knows_what_it_does() -> None:
    """It is used as it is, as is ours."""

    async def get_token(self: TokenManager) -> str:
        return "its own"

    def cached_token(self: TokenManager) -> str:
        return "its own"

    kind = type("Own", (TokenManager,), {"get_token": get_token, "cached_token": cached_token})
    for manager in (kind("", "id", "secret"), TokenManager("", "id", "secret")):
        assert renewable(manager) is manager


# Logging out


async def test_a_manager_is_reset_at_a_logout() -> None:
    """It knows no other way; what it was told of refusals is over."""
    manager = Asked()
    renewal = LegacyManagerAdapter(manager)
    renewal.mark_rejected("token-0")
    await renewal.logout()
    assert await renewal.get_token() == "token-1"
    assert (manager.resets, manager.times) == (1, 1)


async def test_a_manager_with_a_logout_is_asked_for_that() -> None:
    """And for nothing else."""

    class Leaving(Asked):
        """Knows how."""

        logouts = 0

        async def logout(self) -> None:
            self.logouts += 1

    manager = Leaving()
    await LegacyManagerAdapter(manager).logout()
    assert (manager.logouts, manager.resets) == (1, 0)


async def test_a_subclass_of_today_s_is_logged_out_and_reset() -> None:
    """Reset too when the first fails: what it keeps of its own is forgotten."""
    done: list[str] = []

    class Own(TokenManager):
        """Has a reset of its own, and a request that fails."""

        async def reset_token(self) -> None:
            done.append("reset")
            await super().reset_token()

    manager = Own("https://auth.example.com/token", "id", "secret")
    renewal = renewable(manager)
    assert isinstance(renewal, LegacyManagerAdapter)
    await renewal.logout()
    assert done == ["reset"]


async def test_a_logout_ends_a_renewal_that_is_under_way() -> None:
    """Who waits for it hears why."""
    asked = asyncio.Event()

    class Slow(Asked):
        """Does not come back."""

        async def get_token(self) -> str:
            asked.set()
            await asyncio.Event().wait()
            return ""

    renewal = LegacyManagerAdapter(Slow())
    waiting = asyncio.create_task(renewal.renew_token("token-0"))
    await asked.wait()
    await renewal.logout()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await waiting
    await renewal.close()
