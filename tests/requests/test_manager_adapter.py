"""`LegacyManagerAdapter`: which methods of a manager for 0.4.0 are called, and how often."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from aioalf import (
    Client,
    OAuth2Middleware,
    Renewal,
    TokenConfigurationError,
    TokenError,
    TokenManager,
)
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import LegacyManagerAdapter, renewable
from tests.support.front import UserManager

SESSION = cast("ClientSession", object())


class CountingManager(UserManager):
    """A user's manager that counts the calls of ``get_token``."""

    calls = 0

    def __init__(self) -> None:
        super().__init__("", "", "", {}, None)

    async def get_token(self) -> str:
        """Count the call and return the current token."""
        self.calls += 1
        return await super().get_token()


async def test_renewal_gets_the_token_before_and_after_the_reset() -> None:
    """The first token shows whether it was already replaced, the second is the new one."""
    manager = CountingManager()
    adapter = LegacyManagerAdapter(manager)
    assert await adapter.renew_token("token-0") == "token-1"
    assert (manager.calls, manager.resets) == (2, 1)
    assert await adapter.renew_token("token-0") == "token-1"
    assert (manager.calls, manager.resets) == (3, 1)


async def test_useless_renewal_is_not_repeated_during_backoff(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The renewed token can be renewed again after the backoff, any other one at once."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        "aioalf._requests.manager_adapter.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    adapter = LegacyManagerAdapter(CountingManager())
    assert adapter.can_renew("token-0")
    renewed = await adapter.renew_token("token-0")
    assert not adapter.can_renew(renewed)
    assert adapter.can_renew("token-0")
    clock.now += Renewal().failure_backoff / 2
    assert not adapter.can_renew(renewed)
    clock.now += Renewal().failure_backoff / 2
    assert adapter.can_renew(renewed)


async def test_accepted_token_can_be_renewed_at_once() -> None:
    """A token that an API accepted shows that renewals are useful."""
    adapter = LegacyManagerAdapter(CountingManager())
    renewed = await adapter.renew_token("token-0")
    adapter.mark_accepted()
    assert adapter.can_renew(renewed)


async def test_rejected_token_is_renewed_before_its_next_use() -> None:
    """``get_token`` renews a rejected token once."""
    manager = CountingManager()
    adapter = LegacyManagerAdapter(manager)
    assert await adapter.get_token() == "token-0"
    adapter.mark_rejected("token-0")
    assert [await adapter.get_token() for _ in range(2)] == ["token-1", "token-1"]
    assert manager.resets == 1


async def test_rejection_during_backoff_causes_no_reset() -> None:
    """An API that rejects every token does not cause a reset for each request."""
    manager = CountingManager()
    adapter = LegacyManagerAdapter(manager)
    renewed = await adapter.renew_token("token-0")
    adapter.mark_rejected(renewed)
    assert await adapter.get_token() == renewed
    assert manager.resets == 1


async def test_empty_token_causes_no_reset() -> None:
    """An empty token is an error, and is not mistaken for a rejected token."""

    class EmptyTokenManager(CountingManager):
        async def get_token(self) -> str:
            self.calls += 1
            return ""

    manager = EmptyTokenManager()
    with pytest.raises(TokenError, match="returned a token that is not valid"):
        await AuthorizationHeader(manager).get(SESSION)
    assert (manager.calls, manager.resets) == (1, 0)


def test_session_is_passed_to_subclasses_of_the_token_manager() -> None:
    """The ``get_token`` of a subclass may send requests; other managers know no session."""
    passed: list[object] = []

    class SubclassManager(TokenManager):
        async def get_token(self) -> str:
            return "own"

        def use_session(self, session: ClientSession) -> None:
            passed.append(session)

    for manager in (SubclassManager(None, None, None), CountingManager()):
        adapter = renewable(manager)
        assert isinstance(adapter, LegacyManagerAdapter)
        adapter.use_session(SESSION)
    assert passed == [SESSION]


@pytest.mark.parametrize("name", ["get_token", "renew_token", "reset_token"])
def test_subclass_that_overrides_a_token_method_is_wrapped(name: str) -> None:
    """Its tokens would otherwise come from two places."""

    async def method(self: TokenManager) -> str:
        return "own"

    subclass = type("Subclass", (TokenManager,), {name: method})
    assert isinstance(renewable(subclass("", "id", "secret")), LegacyManagerAdapter)


def test_subclass_that_overrides_cached_token_too_is_not_wrapped() -> None:
    """Such a subclass is used directly, like a TokenManager."""

    async def get_token(self: TokenManager) -> str:
        return "own"

    def cached_token(self: TokenManager) -> str:
        return "own"

    subclass = type(
        "Subclass", (TokenManager,), {"get_token": get_token, "cached_token": cached_token}
    )
    for manager in (
        subclass("", "id", "secret"),
        TokenManager("https://auth.example.com/token", "id", "secret"),
    ):
        assert renewable(manager) is manager


@pytest.mark.parametrize(
    ("manager", "problem"),
    [
        (Client("id", "secret", "https://auth.example.com/token"), r"Client has no get_token\(\)"),
        (None, "NoneType has no get_token"),
        ("https://auth.example.com/token", "str has no get_token"),
        (SimpleNamespace(get_token="a-token"), "SimpleNamespace has no get_token"),
        (TokenManager, "TokenManager is a class"),
    ],
    ids=["Client", "None", "text", "attribute", "class"],
)
def test_object_that_is_not_a_token_manager_is_refused(manager: Any, problem: str) -> None:
    """A mistake is reported when the middleware is created, and the error says what to pass."""
    with pytest.raises(TokenConfigurationError, match=f"^{problem}.*: pass a (T|t)oken ?(M|m)an"):
        OAuth2Middleware(manager)


# Logout


async def test_logout_resets_a_manager_without_logout() -> None:
    """The manager is reset once, and an earlier rejection is forgotten."""
    manager = CountingManager()
    adapter = LegacyManagerAdapter(manager)
    adapter.mark_rejected("token-0")
    await adapter.logout()
    assert await adapter.get_token() == "token-1"
    assert (manager.resets, manager.calls) == (1, 1)


async def test_logout_calls_the_logout_of_the_manager() -> None:
    """A manager with its own ``logout`` is not reset."""

    class ManagerWithLogout(CountingManager):
        """A user's manager with a ``logout`` method."""

        logouts = 0

        async def logout(self) -> None:
            self.logouts += 1

    manager = ManagerWithLogout()
    await LegacyManagerAdapter(manager).logout()
    assert (manager.logouts, manager.resets) == (1, 0)


async def test_logout_resets_a_subclass_with_an_inherited_logout() -> None:
    """The inherited ``logout`` does not know the tokens that the subclass keeps."""
    done: list[str] = []

    class ManagerWithReset(TokenManager):
        """A subclass that overrides ``reset_token``."""

        async def reset_token(self) -> None:
            done.append("reset")
            await super().reset_token()

    manager = ManagerWithReset("https://auth.example.com/token", "id", "secret")
    adapter = renewable(manager)
    assert isinstance(adapter, LegacyManagerAdapter)
    await adapter.logout()
    assert done == ["reset"]


async def test_logout_ends_a_renewal_in_flight() -> None:
    """Callers that wait for the renewal get a TokenError."""
    requested = asyncio.Event()

    class BlockingManager(CountingManager):
        """A user's manager whose ``get_token`` never returns."""

        async def get_token(self) -> str:
            requested.set()
            await asyncio.Event().wait()
            return ""

    adapter = LegacyManagerAdapter(BlockingManager())
    waiting = asyncio.create_task(adapter.renew_token("token-0"))
    await requested.wait()
    await adapter.logout()
    with pytest.raises(TokenError, match="logged out meanwhile"):
        await waiting
    await adapter.close()
