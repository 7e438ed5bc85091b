"""Blocking work in a thread. It knows nothing of what the work is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Return what the work returns; who is cancelled meanwhile is so when the work has ended.

    A thread cannot be stopped: a write that went on unseen could undo one that came later. Where no
    thread is to be had any more, it is done here and now.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:  # the threads are gone, as at a program's end; what came last counts, too
        return work()
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await _ended(running)
        raise


async def _ended(running: asyncio.Future[Result]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue  # it is on its way to whoever cancels
