"""Locks by key: their order, and what remains after use."""

import asyncio
import gc
from contextlib import suppress

import pytest

from aioalf._key_locks import KeyLocks
from aioalf.errors import TokenError


async def test_lock_is_granted_in_the_order_of_requests() -> None:
    """Waiting tasks get the lock first come, first served."""
    locks, order = KeyLocks(), list[int]()

    async def take(number: int) -> None:
        async with locks.hold("a"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(take, range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_unused_lock_is_discarded() -> None:
    """After use, an error or a cancelled wait, the object is as new."""
    locks = KeyLocks()
    await asyncio.create_task(_use(locks))
    gc.collect()
    assert vars(locks) == vars(KeyLocks())


async def _use(locks: KeyLocks) -> None:
    async with locks.hold("a"):
        assert vars(locks) != vars(KeyLocks())
        waiting = asyncio.create_task(_hold(locks))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    with suppress(ZeroDivisionError):
        async with locks.hold("b"):
            raise ZeroDivisionError


async def _hold(locks: KeyLocks) -> None:
    async with locks.hold("a"):
        pass


def test_lock_held_in_an_abandoned_loop_does_not_block_the_next_loop() -> None:
    """Another loop gets the lock although the first loop has not released it."""
    locks = KeyLocks()
    first = asyncio.new_event_loop()
    held = locks.hold("a")
    first.run_until_complete(held.__aenter__())
    asyncio.run(_hold(locks))
    first.run_until_complete(held.__aexit__(None, None, None))
    first.run_until_complete(first.shutdown_asyncgens())
    first.close()


async def test_task_that_holds_a_lock_cannot_take_it_again() -> None:
    """It would wait for itself forever."""
    locks = KeyLocks()
    async with locks.hold("a"):
        with pytest.raises(TokenError, match="would wait for itself"):
            await _hold(locks)
