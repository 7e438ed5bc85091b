"""Showing a prompt while waiting for a result: errors of the two tasks."""

import asyncio

import pytest

from aioalf._callbacks import run_while_showing
from aioalf.errors import TokenError


async def fail(error: Exception) -> None:
    """Raise an error that has a cause."""
    raise error from OSError("the cause")


async def wait() -> None:
    """Wait forever."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("is_shown", [True, False])
async def test_error_of_either_task_is_raised_unchanged(*, is_shown: bool) -> None:
    """The error is not wrapped in a group, and it keeps its cause."""
    error = TokenError("no")
    showing, waiting = (fail(error), wait()) if is_shown else (wait(), fail(error))
    with pytest.raises(TokenError) as caught:
        await run_while_showing(showing, waiting)
    assert caught.value is error
    assert isinstance(error.__cause__, OSError)


@pytest.mark.parametrize("has_token_error", [True, False])
async def test_unexpected_error_is_not_hidden(*, has_token_error: bool) -> None:
    """A bug is reported even if the sign-in fails at the same time."""

    async def err() -> None:
        try:
            await asyncio.sleep(0 if not has_token_error else 60)
        finally:
            raise ValueError("a mistake")

    async def refuse() -> None:
        await asyncio.sleep(0)
        await fail(TokenError("no"))

    with pytest.raises(ExceptionGroup) as caught:
        await run_while_showing(err(), refuse() if has_token_error else wait())
    kinds = {type(error) for error in caught.value.exceptions}
    assert kinds == ({ValueError, TokenError} if has_token_error else {ValueError})
