"""Asking a function of the user's."""

import asyncio
from contextvars import ContextVar
from threading import current_thread, main_thread

import pytest

from aioalf._callbacks import call_user_function
from aioalf.errors import TokenConfigurationError, TokenError

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def of_a_thread(word: str) -> tuple[str, str, bool]:
    """What a plain function is given, knows, and where it runs."""
    return word, tenant.get(), current_thread() is main_thread()


async def of_the_loop(word: str) -> tuple[str, str, bool]:
    """The same of a coroutine function."""
    await asyncio.sleep(0)
    return of_a_thread(word)


async def test_a_plain_function_runs_in_a_thread_with_the_caller_s_context() -> None:
    """It may wait without holding others up, and knows for whom it is asked."""
    tenant.set("a")
    assert await call_user_function("word", of_a_thread, "word") == ("word", "a", False)


async def test_a_coroutine_function_runs_in_the_loop() -> None:
    """As does what a plain function returns to be awaited."""
    tenant.set("a")
    assert await call_user_function("word", of_the_loop, "word") == ("word", "a", True)
    assert await call_user_function("word", lambda: of_the_loop("word")) == ("word", "a", True)


async def test_an_object_that_is_called_as_one_is_a_coroutine_function() -> None:
    """It begins in the loop at once: no coroutine is made in a thread that nobody awaits then."""
    begun: list[str] = []

    class Vault:
        async def __call__(self, word: str) -> None:
            begun.append(word)
            await asyncio.Event().wait()

    asked = asyncio.create_task(call_user_function("word", Vault(), "word"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait({asked})
    assert begun == ["word"]


async def test_what_it_raises_is_the_cause_of_a_token_error() -> None:
    """The message says what was wanted and of what kind the failure is; no more is known safe."""

    def fail() -> None:
        raise KeyError("the-secret")

    with pytest.raises(TokenError, match=r"No word: .* KeyError") as caught:
        await call_user_function("word", fail)
    assert "the-secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_its_own_token_errors_are_passed_on() -> None:
    """As is the end of the task that waits for it."""
    problem = TokenConfigurationError("there is no such word")

    async def fail() -> None:
        raise problem

    with pytest.raises(TokenConfigurationError) as caught:
        await call_user_function("word", fail)
    assert caught.value is problem

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call_user_function("word", forever), 0.01)
