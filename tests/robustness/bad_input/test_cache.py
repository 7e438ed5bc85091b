"""Damaged cache files, full and read-only disks, killed processes and wrong clocks.

The client recovers, or raises an error that says what to do. No process loses the login.
"""

# ruff: noqa: ASYNC240 - blocking the loop of a test is fine

import json
import logging
import math
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from aioalf import CacheError
from aioalf.testing import Fault
from tests.robustness.bad_input.disks import full, read_only, small_disk, unreadable
from tests.robustness.bad_input.scene import Scene
from tests.support.clocks import replace_in_package


def file_of(scene: Scene) -> Path:
    """Return the cache file."""
    (found,) = scene.cache.glob("*.json")
    return found


async def check_damaged(scene: Scene, damage: Callable[[bytes], bytes], *, logins: int) -> None:
    """Check that a client with the login in memory recovers and repairs the damaged file."""
    await scene.log_in()
    file = file_of(scene)
    file.write_bytes(damage(file.read_bytes()))
    await scene.recovers(logins=logins)
    assert not scene.server.refused


def was_warned(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether one warning was logged, about the file."""
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    return "is ignored" in record.getMessage()


@pytest.mark.rule("R080")
async def test_cache_file_empty(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """An empty file, as after a crash of the machine, needs no new sign-in."""
    await check_damaged(scene, lambda _: b"", logins=0)
    assert was_warned(caplog)


@pytest.mark.rule("R080")
@pytest.mark.parametrize("left", [1, 100, -1])
async def test_cache_file_truncated(
    scene: Scene, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """A truncated file needs no new sign-in, wherever it was cut off."""
    await check_damaged(scene, lambda content: content[:left], logins=0)
    assert was_warned(caplog)


@pytest.mark.rule("R080")
async def test_cache_file_of_another_version(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of a newer version needs a new sign-in: its writer may have used the refresh token."""

    def upgraded(content: bytes) -> bytes:
        return json.dumps({**json.loads(content), "version": 2}).encode()

    await check_damaged(scene, upgraded, logins=1)
    assert was_warned(caplog)


@pytest.mark.rule("R080")
async def test_cache_file_empty_for_a_new_program(scene: Scene) -> None:
    """A new program with an empty file needs one sign-in, which repairs the file."""
    await scene.log_in()
    file_of(scene).write_bytes(b"")
    assert await scene.elsewhere() == {"login": "requested", "error": "TokenError"}
    scene.make()
    await scene.recovers(logins=1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.rule("R080")
async def test_cache_file_unreadable(scene: Scene) -> None:
    """An unreadable file is an error that says what to do; it does not count as missing."""
    await scene.log_in()
    with unreadable(file_of(scene)):
        await scene.fails(CacheError, "could not be read.*let this user read and write it")
    assert not scene.server.requests["authorization"]
    await scene.recovers(logins=0)


@pytest.fixture(params=["a disk", "a directory"])
def disk(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The directory of the cache: on a disk of its own if this user may mount one, or not."""
    if request.param == "a directory":
        scene.cache.mkdir(mode=0o700)
        yield scene.cache
        return
    with small_disk(scene.cache):
        yield scene.cache


@pytest.mark.rule("R040", "R080")
async def test_cache_file_on_a_full_disk(
    scene: Scene, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The client continues from memory, and no used refresh token stays on the disk."""
    await scene.log_in()
    with full(disk):
        await scene.get()
        assert not list(disk.glob("*.json")), "a used refresh token is left on the disk"
        assert await scene.elsewhere() == {"login": "requested", "error": "TokenError"}
        scene.server.revoke_all()
        await scene.get()
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.levelno == logging.WARNING
    assert "kept in memory only: " in record.getMessage()
    assert "could not be written" in record.getMessage()
    scene.server.revoke_all()
    await scene.recovers(logins=0)
    assert not scene.server.refused
    assert [path.suffix for path in disk.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.rule("R040", "R080")
async def test_sign_in_with_a_full_disk(scene: Scene, disk: Path) -> None:
    """A token is used even if it cannot be stored after the sign-in."""
    async with scene.make():
        with full(disk):
            await scene.get()
        scene.server.revoke_all()
        await scene.recovers(logins=0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.rule("R080")
async def test_cache_file_on_a_read_only_disk(scene: Scene, disk: Path) -> None:
    """Without a lock no refresh token is sent; the error says why."""
    await scene.log_in()
    with read_only(disk):
        await scene.fails(CacheError, "could not be (locked|read).*(read-only|let this user)")
        assert scene.server.token_requests == 0
    await scene.recovers(logins=0)
    assert not scene.server.refused


# Killed processes and wrong clocks


@pytest.mark.rule("R079")
async def test_lock_holder_killed_during_a_sign_in(scene: Scene) -> None:
    """Killing a process during its sign-in frees the lock; the next one signs in."""
    async with scene.running(user="wait") as reports:
        pid = (await anext(reports))["pid"]
        assert await anext(reports) == {"login": "waits"}
        os.kill(pid, signal.SIGKILL)
    await scene.recovers(logins=1)


@pytest.mark.rule("R040", "R079")
async def test_lock_holder_killed_before_the_response(scene: Scene) -> None:
    """Killing a process before the server responds leaves the refresh token usable."""
    await scene.log_in()
    scene.server.faults["token"] = Fault.slow(math.inf).times(1)
    async with scene.running() as reports:
        pid = (await anext(reports))["pid"]
        await scene.server.reached(token_requests=1)
        os.kill(pid, signal.SIGKILL)
    await scene.recovers(logins=0)
    assert not scene.server.refused


@pytest.mark.rule("R079")
@pytest.mark.parametrize("rotates", [True, False])
async def test_lock_holder_killed_before_the_write(scene: Scene, *, rotates: bool) -> None:
    """Killing a process before it stores a token needs one sign-in if the server rotates."""
    scene.server.rotate_refresh_tokens = rotates
    await scene.log_in()
    async with scene.running(writing="dies") as reports:
        assert "pid" in await anext(reports)
    assert scene.server.granted["refresh_token"] == 1
    await scene.recovers(logins=int(rotates))
    assert scene.server.refused == ({"invalid_grant": 1} if rotates else {})


class WrongClock(datetime):
    """A wall clock that is wrong by `off`."""

    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return the wrong time."""
        return super().now(tz) + cls.off


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> type[WrongClock]:
    """The wall clock of the package; right at first."""
    monkeypatch.setattr(WrongClock, "off", timedelta())
    replace_in_package(monkeypatch, "datetime", WrongClock)
    moved = SimpleNamespace(time=lambda: WrongClock.now(UTC).timestamp())
    monkeypatch.setattr("aioalf.caches.file.time", moved)
    return WrongClock


@pytest.mark.rule("R025", "R080")
@pytest.mark.parametrize("hours", [-24 * 365, -1, 1])
async def test_clock_set_back(scene: Scene, wrong: type[WrongClock], hours: int) -> None:
    """A token is not used longer than its lifetime, and no new sign-in is needed."""
    await scene.get()
    wrong.off = timedelta(hours=hours)
    scene.server.reset_counters()
    await scene.get()
    assert scene.server.token_requests == 0  # in memory, the monotonic clock counts
    await scene.client.close()
    scene.make()
    await scene.get()
    assert scene.server.token_requests == (hours > 0)  # expired by the wall clock
    scene.server.revoke_all()
    await scene.recovers(logins=0)


@pytest.mark.rule("R024", "R080")
@pytest.mark.parametrize("expires_on", ["9999-12-31T23:59:59+00:00", "2999-01-01T00:00:00+00:00"])
async def test_cache_file_from_the_future(scene: Scene, expires_on: str) -> None:
    """A token with an absurd expiry in the file is used no longer than its lifetime."""
    await scene.log_in()
    file = file_of(scene)
    envelope = json.loads(file.read_text())
    envelope["value"] = json.dumps({**json.loads(envelope["value"]), "expires_on": expires_on})
    file.write_text(json.dumps(envelope))
    scene.make()
    await scene.recovers(logins=0)
