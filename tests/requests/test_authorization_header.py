"""The Authorization field: which tokens may stand in it, and who is asked for another one."""

import asyncio
from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf import TokenError, TokenManager
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.manager_adapter import TokenProvider
from tests.support.front import FixedManager, UserManager

SESSION = cast("ClientSession", None)
"""No request is sent here."""


def user_manager() -> UserManager:
    """A manager of 0.4.0's shape."""
    return UserManager("", "", "", {}, None)


class CountingManager(TokenManager):
    """A subclass that gets its token data by itself."""

    def __init__(self) -> None:
        super().__init__(None, None, None)
        self.requests = 0

    async def _get_token_data(self) -> dict[str, object]:
        self.requests += 1
        return {"access_token": f"data-{self.requests}", "expires_in": 60}


class OwnGetManager(CountingManager):
    """A subclass with a way of its own to get a token."""

    async def get_token(self) -> str:
        """A token that the inherited renewal knows nothing of."""
        return f"own-{await super().get_token()}"


class OwnRenewalManager(UserManager):
    """A user's manager that knows what was refused."""

    rejected = ""

    async def renew_token(self, rejected: str) -> str:
        """Keep what was refused."""
        self.rejected = rejected
        return "renewed"


class ClosableManager(FixedManager):
    """A manager with a plain function to close it."""

    closed = False

    def close(self) -> None:
        """Keep that it was called."""
        self.closed = True


@pytest.mark.rule("R051", "R062")
@pytest.mark.parametrize(
    "token", [None, "", " ", 5, b"token", "two words", "a\r\nX-Evil: 1", "tök", '"quoted"', "="]
)
async def test_what_is_no_bearer_token_is_refused(token: object) -> None:
    """Whatever a manager gives, only a b64token gets into the field."""
    bearer = AuthorizationHeader(FixedManager(token))
    with pytest.raises(TokenError, match="not valid in a Bearer header") as caught:
        await bearer.get(SESSION)
    assert "Evil" not in str(caught.value)


@pytest.mark.rule("R051")
@pytest.mark.parametrize("token", ["token", "a-._~+/b==", "x" * 100_000])
async def test_a_b64token_follows_the_word_bearer(token: str) -> None:
    """The field is the scheme, one space and the token."""
    assert await AuthorizationHeader(FixedManager(token)).get(SESSION) == f"Bearer {token}"


async def test_a_token_at_hand_needs_no_waiting() -> None:
    """A manager of ours is asked without a turn of the loop once it has a token."""
    bearer = AuthorizationHeader(CountingManager())
    assert bearer.cached() is None
    field = await bearer.get(SESSION)
    assert bearer.cached() == field == "Bearer data-1"
    assert bearer.cached() is bearer.cached(), "one token is put into words once"


@pytest.mark.parametrize(
    ("status", "accepts"),
    [
        *[(status, True) for status in (200, 299, 400, 403, 500)],
        *[(status, False) for status in (300, 301, 308, 399, 401)],
    ],
)
def test_an_answer_tells_whether_a_new_token_was_accepted(status: int, *, accepts: bool) -> None:
    """A redirect says nothing of it, and a 401 says no."""
    accepted: list[int] = []

    class Accepting(CountingManager):
        def mark_accepted(self) -> None:
            accepted.append(status)

    AuthorizationHeader(Accepting()).note_result(status)
    assert bool(accepted) is accepts


@pytest.mark.parametrize(
    "manager", [user_manager(), OwnGetManager()], ids=lambda m: type(m).__name__
)
async def test_a_get_token_of_the_users_is_always_asked(manager: TokenProvider) -> None:
    """Nothing is looked up behind the back of a get_token that is not ours."""
    bearer = AuthorizationHeader(manager)
    await bearer.get(SESSION)
    assert bearer.cached() is None


@pytest.mark.rule("R060")
async def test_many_refusals_of_one_token_make_one_reset() -> None:
    """0.4.0's two methods are enough for a renewal that is keyed to the refused token."""
    manager = user_manager()
    bearer = AuthorizationHeader(manager)
    field = await bearer.get(SESSION)
    fields = await asyncio.gather(*(bearer.renew(field, SESSION) for _ in range(100)))
    assert set(fields) == {"Bearer token-1"}
    assert await bearer.renew(field, SESSION) == "Bearer token-1"
    assert manager.resets == 1


async def test_a_manager_that_gives_the_refused_token_again_is_reset_once() -> None:
    """The request is then sent with it, and the second 401 is the answer."""
    manager = FixedManager()
    bearer = AuthorizationHeader(manager)
    fields = await asyncio.gather(*(bearer.renew("Bearer token", SESSION) for _ in range(10)))
    assert set(fields) == {"Bearer token"}
    assert manager.resets == 1


async def test_a_renewal_of_another_token_is_not_taken_for_this_ones() -> None:
    """Who joins a flight that leaves the own token in place has it renewed after that."""
    manager = user_manager()
    manager.resets = 1
    bearer = AuthorizationHeader(manager)
    older, newer = bearer.renew("Bearer token-0", SESSION), bearer.renew("Bearer token-1", SESSION)
    assert tuple(await asyncio.gather(older, newer)) == ("Bearer token-1", "Bearer token-2")
    assert manager.resets == 2


async def test_a_renewal_of_the_managers_own_is_preferred() -> None:
    """A manager that takes the refused token is told it, without the scheme."""
    manager = OwnRenewalManager("", "", "", {}, None)
    assert await AuthorizationHeader(manager).renew("Bearer stale", SESSION) == "Bearer renewed"
    assert (manager.rejected, manager.resets) == ("stale", 0)


async def test_a_subclass_that_gets_token_data_is_renewed_by_our_manager() -> None:
    """0.4.0's inner hook keeps its place: the data is asked for once more."""
    manager = CountingManager()
    bearer = AuthorizationHeader(manager)
    field = await bearer.get(SESSION)
    assert await bearer.renew(field, SESSION) == "Bearer data-2"
    assert await bearer.renew(field, SESSION) == "Bearer data-2"
    assert manager.requests == 2


async def test_a_subclass_with_its_own_get_token_gives_the_renewed_one_too() -> None:
    """The inherited renewal would know nothing of that token."""
    bearer = AuthorizationHeader(OwnGetManager())
    field = await bearer.get(SESSION)
    assert await bearer.renew(field, SESSION) == "Bearer own-data-2"


async def test_closing_ends_a_renewal_with_an_error() -> None:
    """Who waits for a user's manager when the client is closed gets a TokenError."""
    asked = asyncio.Event()

    class Waiting(FixedManager):
        async def get_token(self) -> str:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

    bearer = AuthorizationHeader(Waiting())
    waiting = asyncio.create_task(bearer.renew("Bearer token", SESSION))
    await asked.wait()
    await bearer.manager.close()
    with pytest.raises(TokenError, match="closed or logged out meanwhile"):
        await waiting


async def test_a_manager_is_closed_whichever_way_it_is_made() -> None:
    """A coroutine, a plain function, or nothing at all."""
    ours, plain = CountingManager(), ClosableManager()
    for manager in (ours, plain, user_manager()):
        await AuthorizationHeader(manager).manager.close()
    assert plain.closed


@pytest.mark.rule("R060")
@pytest.mark.parametrize(
    ("status", "proven"), [(101, True), (200, True), (404, True), (302, False), (401, False)]
)
def test_what_a_repeated_request_says_of_its_token(status: int, *, proven: bool) -> None:
    """A redirect proves nothing: an API may alternate it with 401 for ever."""

    class Judged(TokenManager):
        proofs = 0

        def mark_accepted(self) -> None:
            self.proofs += 1

    manager = Judged("https://auth.example.com/token", "id", "secret")
    AuthorizationHeader(manager).note_result(status)
    assert manager.proofs == proven


@pytest.mark.rule("R060")
async def test_a_users_manager_is_not_reset_for_each_refusal() -> None:
    """An API that refuses every token costs one reset a pause, whatever manager it is."""

    class Plain:
        resets = 0

        async def get_token(self) -> str:
            return f"token-{self.resets}"

        def reset_token(self) -> None:
            self.resets += 1

    manager = Plain()
    bearer = AuthorizationHeader(manager)
    field = await bearer.get(SESSION)
    assert bearer.can_renew(field)
    renewed = await bearer.renew(field, SESSION)
    assert not bearer.can_renew(renewed)
    bearer.mark_rejected(renewed)
    assert await bearer.get(SESSION) == renewed
    bearer.note_result(200)
    bearer.mark_rejected(renewed)
    assert await bearer.get(SESSION) == "Bearer token-2"


async def test_nothing_is_renewed_after_close() -> None:
    """A 401 that comes late is the answer."""
    bearer = AuthorizationHeader(TokenManager("https://auth.example.com/token", "id", "secret"))
    assert bearer.can_renew("Bearer old")
    bearer.is_closed = True
    assert not bearer.can_renew("Bearer old")
