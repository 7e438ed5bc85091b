"""Locks by key: they leave nothing behind, and belong to no loop for long."""

import asyncio

import pytest

from aioalf.caches._key_locks import KeyLocks


async def test_who_came_first_is_first() -> None:
    """The lock goes round in the order in which it was asked for."""
    locks, order = KeyLocks(), list[int]()

    async def take(number: int) -> None:
        async with locks.hold("a"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(take, range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_a_lock_that_nobody_wants_is_no_more() -> None:
    """After use, after an error and after a cancelled wait the object is as when it was new."""
    locks = KeyLocks()
    async with locks.hold("a"):
        assert vars(locks) != vars(KeyLocks())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.create_task(_hold(locks)), 0.01)
    with pytest.raises(ZeroDivisionError):
        async with locks.hold("b"):
            raise ZeroDivisionError
    assert vars(locks) == vars(KeyLocks())


async def _hold(locks: KeyLocks) -> None:
    async with locks.hold("a"):
        pass


def test_a_loop_that_was_left_with_a_lock_held_locks_nobody_out() -> None:
    """The next loop has the lock though the first one never gave it back."""
    locks = KeyLocks()
    first = asyncio.new_event_loop()
    held = locks.hold("a")
    first.run_until_complete(held.__aenter__())
    asyncio.run(_hold(locks))
    first.run_until_complete(held.__aexit__(None, None, None))
    first.run_until_complete(first.shutdown_asyncgens())
    first.close()
