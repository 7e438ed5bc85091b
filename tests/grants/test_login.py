"""What logins share: who waits hears what went wrong, and not that several things may have."""

import asyncio

import pytest

from aioalf.errors import TokenError
from aioalf.grants._interactive import run_while_showing


async def fail(error: Exception) -> None:
    """End with an error that has a cause."""
    raise error from OSError("the cause")


async def wait() -> None:
    """Never end."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("is_shown", [True, False])
async def test_the_error_of_either_comes_out_as_it_is(*, is_shown: bool) -> None:
    """In no group, whatever the Python; its cause is kept."""
    error = TokenError("no")
    showing, waiting = (fail(error), wait()) if is_shown else (wait(), fail(error))
    with pytest.raises(TokenError) as caught:
        await run_while_showing(showing, waiting)
    assert caught.value is error
    assert isinstance(error.__cause__, OSError)


@pytest.mark.parametrize("is_ours_too", [True, False])
async def test_what_is_no_error_of_ours_is_not_passed_over(*, is_ours_too: bool) -> None:
    """A mistake in the program is seen, also when the login fails at the same time."""

    async def err() -> None:
        try:
            await asyncio.sleep(0 if not is_ours_too else 60)
        finally:
            raise ValueError("a mistake")

    async def refuse() -> None:
        await asyncio.sleep(0)
        await fail(TokenError("no"))

    with pytest.raises(ExceptionGroup) as caught:
        await run_while_showing(err(), refuse() if is_ours_too else wait())
    kinds = {type(error) for error in caught.value.exceptions}
    assert kinds == ({ValueError, TokenError} if is_ours_too else {ValueError})
