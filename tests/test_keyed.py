"""A manager made for 0.4.0 under today's Bearer: what is asked of it, and how often."""

from types import SimpleNamespace

import pytest

from aioalf import Renewal, TokenError, TokenManager
from aioalf.bearer import Bearer
from aioalf.exchange import Network
from aioalf.keyed import ResetRenewal, keyed
from tests.front import UserManager


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
    renewal = ResetRenewal(manager)
    assert await renewal.renew_token("token-0") == "token-1"
    assert (manager.times, manager.resets) == (2, 1)
    assert await renewal.renew_token("token-0") == "token-1"
    assert (manager.times, manager.resets) == (3, 1)


async def test_a_useless_renewal_is_not_repeated_within_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its product may be renewed when the pause is over, not before; any other token at once."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("aioalf.keyed.time", SimpleNamespace(monotonic=lambda: clock.now))
    renewal = ResetRenewal(Asked())
    assert renewal.may_renew("token-0")
    renewed = await renewal.renew_token("token-0")
    assert not renewal.may_renew(renewed)
    assert renewal.may_renew("token-0")
    clock.now += Renewal().pause / 2
    assert not renewal.may_renew(renewed)
    clock.now += Renewal().pause / 2
    assert renewal.may_renew(renewed)


async def test_a_renewal_that_helped_may_be_repeated_at_once() -> None:
    """An accepted token proves the manager."""
    renewal = ResetRenewal(Asked())
    renewed = await renewal.renew_token("token-0")
    renewal.accept()
    assert renewal.may_renew(renewed)


async def test_a_rejected_token_is_renewed_before_it_is_used_again() -> None:
    """Once: what the manager gives after that is taken as it is."""
    manager = Asked()
    renewal = ResetRenewal(manager)
    assert await renewal.get_token() == "token-0"
    renewal.reject("token-0")
    assert [await renewal.get_token() for _ in range(2)] == ["token-1", "token-1"]
    assert manager.resets == 1


async def test_a_rejection_within_the_pause_changes_nothing() -> None:
    """An API that refuses everything makes no reset each time."""
    manager = Asked()
    renewal = ResetRenewal(manager)
    renewed = await renewal.renew_token("token-0")
    renewal.reject(renewed)
    assert await renewal.get_token() == renewed
    assert manager.resets == 1


async def test_no_token_is_no_rejected_one() -> None:
    """A manager that gives an empty one is not reset for it."""

    class Empty(Asked):
        async def get_token(self) -> str:
            self.times += 1
            return ""

    manager = Empty()
    with pytest.raises(TokenError, match="no token"):
        await Bearer(manager).authorization()
    assert (manager.times, manager.resets) == (1, 0)


def test_a_subclass_of_ours_is_told_whose_network_to_use() -> None:
    """Its own get_token may ask the endpoint after all; a user's manager has nobody to tell."""
    told: list[Network] = []

    class Own(TokenManager):
        async def get_token(self) -> str:
            return "own"

        def use_network(self, network: Network) -> None:
            told.append(network)

    def network() -> None:
        """No session."""

    for manager in (Own(None, None, None), Asked()):
        renewal = keyed(manager)
        assert isinstance(renewal, ResetRenewal)
        renewal.use_network(network)
    assert told == [network]


@pytest.mark.parametrize("name", ["get_token", "renew_token", "reset_token"])
def test_a_subclass_with_one_method_of_its_own_is_asked_as_the_users(name: str) -> None:
    """Its tokens would come from two places."""

    async def method(self: TokenManager) -> str:
        return "its own"

    kind = type("Own", (TokenManager,), {name: method})
    assert isinstance(keyed(kind("", "id", "secret")), ResetRenewal)


def test_a_subclass_that_has_its_own_peek_too_knows_what_it_does() -> None:
    """It is used as it is, as is ours."""

    async def get_token(self: TokenManager) -> str:
        return "its own"

    def peek(self: TokenManager) -> str:
        return "its own"

    kind = type("Own", (TokenManager,), {"get_token": get_token, "peek": peek})
    for manager in (kind("", "id", "secret"), TokenManager("", "id", "secret")):
        assert keyed(manager) is manager
