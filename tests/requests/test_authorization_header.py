"""`AuthorizationHeader`: valid tokens, cached values, and renewal of a rejected token."""

import asyncio
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf import TokenError, TokenManager
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import TokenProvider
from tests.support.front import FixedManager, UserManager

SESSION = cast("ClientSession", None)
"""The session of requests that are never sent."""


def user_manager() -> UserManager:
    """Return a manager that has only the two methods of 0.4.0."""
    return UserManager("", "", "", {}, None)


class CountingManager(TokenManager):
    """A subclass that provides token data through 0.4.0's hook."""

    def __init__(self) -> None:
        super().__init__(None, None, None)
        self.requests = 0

    async def _get_token_data(self) -> dict[str, object]:
        self.requests += 1
        return {"access_token": f"data-{self.requests}", "expires_in": 60}


class OwnGetManager(CountingManager):
    """A subclass that overrides ``get_token``."""

    async def get_token(self) -> str:
        """Return a token that the inherited renewal does not know."""
        return f"own-{await super().get_token()}"


class OwnRenewalManager(UserManager):
    """A user's manager with a ``renew_token`` method."""

    rejected = ""

    async def renew_token(self, rejected: str) -> str:
        """Record the rejected token."""
        self.rejected = rejected
        return "renewed"


class ClosableManager(FixedManager):
    """A manager whose ``close`` is a plain function."""

    closed = False

    def close(self) -> None:
        """Record the call."""
        self.closed = True


@pytest.mark.rule("R051", "R062")
@pytest.mark.parametrize(
    "token", [None, "", " ", 5, b"token", "two words", "a\r\nX-Evil: 1", "tök", "a\x7f"]
)
async def test_invalid_token_is_rejected(token: object) -> None:
    """A token that is not visible ASCII raises a TokenError that does not show it."""
    header = AuthorizationHeader(FixedManager(token))
    with pytest.raises(TokenError, match="not valid in the header Authorization") as caught:
        await header.get(SESSION)
    assert "Evil" not in str(caught.value)


@pytest.mark.rule("R051")
@pytest.mark.parametrize(
    "token", ["token", "a-._~+/b==", "x" * 100_000, "00D!a|b^c#d", '"quoted"', "="]
)
async def test_header_value_is_the_scheme_and_the_token(token: str) -> None:
    """The value is ``Bearer``, one space and the token of any visible characters."""
    assert await AuthorizationHeader(FixedManager(token)).get(SESSION) == f"Bearer {token}"


async def test_cached_token_is_available_without_waiting() -> None:
    """Once a manager has fetched a token, `cached` returns its header value."""
    header = AuthorizationHeader(CountingManager())
    assert header.cached() is None
    value = await header.get(SESSION)
    assert header.cached() == value == "Bearer data-1"
    assert header.cached() is header.cached(), "the value of a token is built only once"


@pytest.mark.rule("R060")
@pytest.mark.parametrize(
    ("status", "is_accepted"),
    [
        *[(status, True) for status in (101, 200, 299, 400, 403, 404, 500)],
        *[(status, False) for status in (300, 301, 302, 308, 399, 401)],
    ],
)
def test_response_status_tells_whether_a_token_was_accepted(
    status: int, *, is_accepted: bool
) -> None:
    """A redirect proves nothing, since an API may alternate redirects and 401 forever."""

    class RecordingManager(TokenManager):
        accepted = 0

        def mark_accepted(self) -> None:
            self.accepted += 1

    manager = RecordingManager("https://auth.example.com/token", "id", "secret")
    AuthorizationHeader(manager).note_result(status)
    assert manager.accepted == is_accepted


@pytest.mark.parametrize(
    "manager", [user_manager(), OwnGetManager()], ids=lambda m: type(m).__name__
)
async def test_overridden_get_token_is_called_for_each_request(manager: TokenProvider) -> None:
    """No header value is cached if the manager has its own ``get_token``."""
    header = AuthorizationHeader(manager)
    await header.get(SESSION)
    assert header.cached() is None


@pytest.mark.rule("R060")
async def test_many_rejections_of_one_token_make_one_reset() -> None:
    """Concurrent and later renewals of one rejected token reset a 0.4.0 manager once."""
    manager = user_manager()
    header = AuthorizationHeader(manager)
    value = await header.get(SESSION)
    values = await asyncio.gather(*(header.renew(value, SESSION) for _ in range(100)))
    assert set(values) == {"Bearer token-1"}
    assert await header.renew(value, SESSION) == "Bearer token-1"
    assert manager.resets == 1


async def test_manager_that_returns_the_rejected_token_again_is_reset_once() -> None:
    """All callers get the rejected token, so the second 401 is the response."""
    manager = FixedManager()
    header = AuthorizationHeader(manager)
    values = await asyncio.gather(*(header.renew("Bearer token", SESSION) for _ in range(10)))
    assert set(values) == {"Bearer token"}
    assert manager.resets == 1


async def test_renewal_of_another_token_is_not_reused() -> None:
    """A caller that joins the renewal of another token gets its own token renewed next."""
    manager = user_manager()
    manager.resets = 1
    header = AuthorizationHeader(manager)
    older, newer = header.renew("Bearer token-0", SESSION), header.renew("Bearer token-1", SESSION)
    assert tuple(await asyncio.gather(older, newer)) == ("Bearer token-1", "Bearer token-2")
    assert manager.resets == 2


async def test_renew_token_of_a_manager_takes_precedence_over_a_reset() -> None:
    """The manager's ``renew_token`` gets the rejected token without the scheme."""
    manager = OwnRenewalManager("", "", "", {}, None)
    assert await AuthorizationHeader(manager).renew("Bearer stale", SESSION) == "Bearer renewed"
    assert (manager.rejected, manager.resets) == ("stale", 0)


async def test_overridden_token_data_hook_is_called_again_for_a_renewal() -> None:
    """A subclass with 0.4.0's ``_get_token_data`` is renewed once per rejected token."""
    manager = CountingManager()
    header = AuthorizationHeader(manager)
    value = await header.get(SESSION)
    assert await header.renew(value, SESSION) == "Bearer data-2"
    assert await header.renew(value, SESSION) == "Bearer data-2"
    assert manager.requests == 2


async def test_overridden_get_token_returns_the_renewed_token_too() -> None:
    """A renewal returns the token of the overridden ``get_token``, not the inherited one."""
    header = AuthorizationHeader(OwnGetManager())
    value = await header.get(SESSION)
    assert await header.renew(value, SESSION) == "Bearer own-data-2"


async def test_close_ends_a_renewal_with_an_error() -> None:
    """Callers that wait for a user's manager get a TokenError when it is closed."""
    requested = asyncio.Event()

    class WaitingManager(FixedManager):
        async def get_token(self) -> str:
            requested.set()
            await asyncio.Event().wait()
            raise AssertionError("the event is never set")

    header = AuthorizationHeader(WaitingManager())
    waiting = asyncio.create_task(header.renew("Bearer token", SESSION))
    await requested.wait()
    await header.manager.close()
    with pytest.raises(TokenError, match="closed or logged out meanwhile"):
        await waiting


async def test_close_accepts_every_kind_of_manager() -> None:
    """``close`` may be a coroutine function, a plain function, or missing."""
    ours, plain = CountingManager(), ClosableManager()
    for manager in (ours, plain, user_manager()):
        await AuthorizationHeader(manager).manager.close()
    assert plain.closed


@pytest.mark.rule("R060")
async def test_user_manager_is_not_reset_for_each_rejection() -> None:
    """A renewed token that is rejected too is not renewed at once, unless it was accepted."""

    class PlainManager:
        resets = 0

        async def get_token(self) -> str:
            return f"token-{self.resets}"

        def reset_token(self) -> None:
            self.resets += 1

    manager = PlainManager()
    header = AuthorizationHeader(manager)
    value = await header.get(SESSION)
    assert header.can_renew(value)
    renewed = await header.renew(value, SESSION)
    assert not header.can_renew(renewed)
    header.mark_rejected(renewed)
    assert await header.get(SESSION) == renewed
    header.note_result(200)
    header.mark_rejected(renewed)
    assert await header.get(SESSION) == "Bearer token-2"


async def test_closed_client_renews_no_token() -> None:
    """If a 401 arrives after the client was closed, it is the response."""
    header = AuthorizationHeader(TokenManager("https://auth.example.com/token", "id", "secret"))
    assert header.can_renew("Bearer old")
    header.is_closed = True
    assert not header.can_renew("Bearer old")
