"""Claims to the keys of a directory: a lock of the operating system, and a file about its holder.

``<name>.lock`` is locked while a claim is held, so the claim of a killed process is free at once.
``<name>.claim`` exists while a claim is held. It says who holds the claim. Waiting processes watch
this file, since trying the lock would disturb others, and set its time, so that the holder learns
that others wait. The lock file cannot do this, because a locked file cannot be read on Windows.

All calls block, and must come from one thread. This module must not know event loops or values.
"""

from __future__ import annotations

import math
import os
import platform
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from aioalf._masking import printable
from aioalf.caches._file_modes import FILE_MODE
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.errors import CacheError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_MAX_BYTES: Final = 1000
_NOBODY_WAITS: Final = 0.0
_WAITED_WITHIN: Final = 0.2
"""Seconds since the time of the claim file in which a process is assumed to be still waiting."""
_PRECEDENCE: Final = 0.1
"""Seconds for which waiting processes take precedence over the process that had the claim last."""


class KeyState(NamedTuple):
    """The owner of the claim to a key, the file of its value, and whether it can be claimed."""

    claim: bytes | None
    value: tuple[int, int, int] | None
    is_free: bool


class FileClaims:
    """The claims to the keys of a directory. A name is a key's part of the file names.

    After an object has released a claim that others wait for, it cannot take the claim again for a
    tenth of a second. Otherwise the others would never get it.
    """

    def __init__(self, directory: PrivateDirectory, lock_class: type[BaseFileLock]) -> None:
        self._directory = directory
        self._lock_class = lock_class
        self._id = secrets.token_hex(8)
        self._precedence_ends: dict[str, float] = {}
        """When the others lose their precedence, by name."""

    def take(self, name: str) -> BaseFileLock | None:
        """Return the lock of a claim; None if the claim is held or others take precedence."""
        if self._others_take_precedence(name):
            return None
        self._directory.prepare()
        lock = self._lock_class(
            self._directory.path / f"{name}.lock",
            mode=FILE_MODE,
            thread_local=False,
            fallback_to_soft=False,  # a killed process would hold such a lock for ever
            preserve_lock_file=True,
        )
        with self._directory.explain_errors("locked"):
            try:
                lock.acquire(blocking=False)
            except TimeoutError:
                return None
        self._describe_holder(name)
        return lock

    def give_back(self, name: str, lock: BaseFileLock) -> None:
        """Release the lock of a claim, even if this raises CacheError."""
        try:
            with (
                self._directory.explain_errors("written"),
                suppress(FileNotFoundError),
                self._directory.opened() as directory,
            ):
                if directory.stat(f"{name}.claim").st_mtime > time.time() - _WAITED_WITHIN:
                    self._precedence_ends[name] = time.monotonic() + _PRECEDENCE
                directory.remove(f"{name}.claim")
        finally:
            with self._directory.explain_errors("unlocked"):
                lock.release()

    def look(self, name: str) -> KeyState:
        """Return the state of a key, and tell the holder of its claim that this object waits."""
        claim = self._directory.read(f"{name}.claim", _MAX_BYTES)
        if claim is not None and not claim.endswith(self._signature()):
            with suppress(OSError, CacheError), self._directory.opened() as directory:
                directory.set_time(f"{name}.claim", time.time())
        value = self._stat(f"{name}.json")
        return KeyState(
            claim,
            value and (value.st_ino, value.st_mtime_ns, value.st_size),
            claim is None and not self._others_take_precedence(name),
        )

    def holder(self, name: str) -> str | None:
        """Describe the process that holds the claim, or that was killed while it held the claim."""
        content = self._directory.read(f"{name}.claim", _MAX_BYTES) or b""
        return printable(content.decode("utf-8", "replace").partition("\n")[0]) or None

    def _others_take_precedence(self, name: str) -> bool:
        ends = self._precedence_ends.get(name, -math.inf)
        if time.monotonic() < ends and self._stat(f"{name}.claim") is None:
            return True
        self._precedence_ends.pop(name, None)
        return False

    def _describe_holder(self, name: str) -> None:
        since = time.strftime("%H:%M:%S", time.gmtime())
        text = f"process {os.getpid()} on {platform.node()} since {since} UTC\n"
        content = text.encode() + secrets.token_hex(8).encode() + self._signature()
        # Without this file, the claim is valid nevertheless: others try to claim more often.
        with suppress(OSError, CacheError), self._directory.opened() as directory:
            with directory.open(f"{name}.claim", "wb") as file:
                file.write(content)
            directory.set_time(f"{name}.claim", _NOBODY_WAITS)

    def _signature(self) -> bytes:
        # With the process id, because a forked process has a copy of this object.
        return f" {self._id} {os.getpid()}".encode()

    def _stat(self, file: str) -> os.stat_result | None:
        with self._directory.explain_errors("read"):
            try:
                with self._directory.opened() as directory:
                    return directory.stat(file)
            except FileNotFoundError:
                return None
