"""Records the tasks that `asyncio.all_tasks` does not list, because they must run to completion."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def recorded_detached_tasks() -> Iterator[set[asyncio.Task[Any]]]:
    """Yield the set of the tasks that are detached from now on."""
    tasks: set[asyncio.Task[Any]] = set()
    detach = asyncio.tasks._unregister_task  # noqa: SLF001 - the library calls it

    def record(task: asyncio.Task[Any]) -> None:
        tasks.add(task)
        detach(task)

    with mock.patch.object(asyncio.tasks, "_unregister_task", record):
        yield tasks
