"""Runs blocking work in a thread, to completion. This module must not know what the work is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a thread and return its result.

    If the caller is cancelled, the cancellation is raised after the work has ended: a thread cannot
    be stopped, and a write that continues unseen could undo a later one. If no thread can be
    started, `work` blocks the event loop.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:  # at interpreter shutdown; the last write must not be lost
        return work()
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await _wait_until_done(running)
        raise


async def _wait_until_done(running: asyncio.Future[Result]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue  # `in_thread` re-raises the first cancellation
