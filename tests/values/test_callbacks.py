"""Tests of calling a user's function."""

import asyncio
import threading
from contextvars import ContextVar
from threading import current_thread, main_thread

import pytest

from aioalf._callbacks import await_if_needed, call, call_user_function, notify_on_token
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.token import Token

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def plain(word: str) -> tuple[str, str, bool]:
    """Return the argument, the context variable, and whether it runs in the main thread."""
    return word, tenant.get(), current_thread() is main_thread()


async def coroutine(word: str) -> tuple[str, str, bool]:
    """Return the same as `plain`."""
    await asyncio.sleep(0)
    return plain(word)


async def test_plain_function_runs_in_a_thread_with_the_context_of_its_caller() -> None:
    """It may block without blocking the event loop, and reads the caller's context variables."""
    tenant.set("a")
    assert await call_user_function("word", plain, "word") == ("word", "a", False)


async def test_coroutine_function_runs_in_the_event_loop() -> None:
    """An awaitable that a plain function returns is awaited in the event loop, too."""
    tenant.set("a")
    assert await call_user_function("word", coroutine, "word") == ("word", "a", True)
    assert await call_user_function("word", lambda: coroutine("word")) == ("word", "a", True)


async def test_object_with_a_coroutine_as_call_method_is_a_coroutine_function() -> None:
    """It starts in the event loop: a cancelled caller leaves no coroutine that is never awaited."""
    started: list[str] = []

    class Vault:
        async def __call__(self, word: str) -> None:
            started.append(word)
            await asyncio.Event().wait()

    task = asyncio.create_task(call_user_function("word", Vault(), "word"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert started == ["word"]


async def test_error_of_the_function_becomes_the_cause_of_a_token_error() -> None:
    """The message contains the name and the class of the error, but not its text."""

    def fail() -> None:
        raise KeyError("the-secret")

    with pytest.raises(TokenError, match=r"No word: .* KeyError") as caught:
        await call_user_function("word", fail)
    assert "the-secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_cancellation_inside_the_function_is_an_error_of_the_function() -> None:
    """The caller was not cancelled: the function awaited something that was."""
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()

    async def wait() -> None:
        await cancelled

    with pytest.raises(TokenError, match=r"No word: .* CancelledError"):
        await call_user_function("word", wait)


async def test_token_errors_of_the_function_are_not_wrapped() -> None:
    """They are raised unchanged, and so is the cancellation of the caller."""
    problem = TokenConfigurationError("there is no such word")

    async def fail() -> None:
        raise problem

    with pytest.raises(TokenConfigurationError) as caught:
        await call_user_function("word", fail)
    assert caught.value is problem

    async def wait_forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call_user_function("word", wait_forever), 0.01)


async def test_call_raises_errors_of_the_function_unchanged() -> None:
    """Code that has its own handling of errors uses `call`."""

    def fail() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        await call(fail)


async def test_result_of_a_sync_or_async_method_is_awaited_if_needed() -> None:
    """Both kinds of methods can be called in the same way."""
    assert await await_if_needed(5) == 5
    assert await await_if_needed(coroutine("word")) == ("word", tenant.get(), True)


@pytest.mark.rule("R063")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("the-secret"), "it raised ValueError"),
        (TimeoutError("the-secret"), "it raised TimeoutError"),
        (asyncio.CancelledError("the-secret"), "it raised CancelledError"),
        (TokenError("no such account"), "no such account"),
    ],
    ids=["error", "timeout", "cancellation", "token error"],
)
async def test_error_of_on_token_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture, error: BaseException, reason: str
) -> None:
    """The token is used anyway. Only the text of a TokenError is known to contain no secret."""

    def fail(_: Token) -> None:
        raise error

    async def fail_async(_: Token) -> None:
        raise error

    await notify_on_token(fail, Token("abc"))
    await notify_on_token(fail_async, Token("abc"))
    assert caplog.messages == [f"on_token failed, the token is used anyway: {reason}"] * 2


async def test_cancelled_caller_leaves_a_blocking_function_alone() -> None:
    """Its result is dropped without an error in the log."""
    started, go_on = threading.Event(), threading.Event()

    def block() -> str:
        started.set()
        go_on.wait(10)
        return "late"

    calling = asyncio.create_task(call(block))
    await asyncio.to_thread(started.wait, 10)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    go_on.set()
    await asyncio.sleep(0.05)


async def test_stop_iteration_of_a_function_is_an_error() -> None:
    """A future cannot hold a StopIteration, and the caller would wait forever."""
    with pytest.raises(RuntimeError, match="StopIteration"):
        await call(lambda: next(iter(())))


async def test_functions_that_hang_use_up_no_thread_of_others() -> None:
    """The default executor, which also resolves host names, stays free."""
    go_on = threading.Event()
    hanging = [asyncio.create_task(call(go_on.wait, 10)) for _ in range(64)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(lambda: "free") == "free"
    go_on.set()
    await asyncio.gather(*hanging)


async def test_debug_mode_of_asyncio_does_not_log_what_a_function_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It logs slow callbacks with their arguments, and the function may return a secret."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    assert await call(lambda: "hunter2") == "hunter2"
    loop.set_debug(False)
    assert "Executing" in caplog.text
    assert "hunter2" not in caplog.text
