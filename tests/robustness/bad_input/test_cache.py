"""A cache file that is not as it was written, a disk that takes or gives nothing, and the clock.

Each is an error that says what to do, or is recovered from; the login goes on in each process.
"""

# ruff: noqa: ASYNC240 - the loop of a test serves nobody else

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


def file_of(scene: Scene) -> Path:
    """The only file with a login."""
    (found,) = scene.cache.glob("*.json")
    return found


async def damaged(scene: Scene, damage: Callable[[bytes], bytes], *, logins: int) -> None:
    """See that who remembers the login goes on and repairs the file, from which others go on."""
    await scene.log_in()
    file = file_of(scene)
    file.write_bytes(damage(file.read_bytes()))
    await scene.goes_on(logins=logins)
    assert not scene.server.refused


def is_told(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether one warning names the file."""
    [record] = caplog.records
    return "is ignored" in record.getMessage()


@pytest.mark.rule("R080")
async def test_cache_file_empty(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """As after a crash of the machine: nobody signs in again."""
    await damaged(scene, lambda _: b"", logins=0)
    assert is_told(caplog)


@pytest.mark.rule("R080")
@pytest.mark.parametrize("left", [1, 100, -1])
async def test_cache_file_truncated(
    scene: Scene, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """Wherever it was cut off."""
    await damaged(scene, lambda content: content[:left], logins=0)
    assert is_told(caplog)


@pytest.mark.rule("R080")
async def test_cache_file_of_another_version(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever wrote it may have used what is remembered here: a login of one's own is safe."""

    def upgraded(content: bytes) -> bytes:
        return json.dumps({**json.loads(content), "version": 2}).encode()

    await damaged(scene, upgraded, logins=1)
    assert is_told(caplog)


@pytest.mark.rule("R080")
async def test_cache_file_empty_for_a_program_that_starts(scene: Scene) -> None:
    """It remembers nothing: somebody signs in, once, and the file is right again."""
    await scene.log_in()
    file_of(scene).write_bytes(b"")
    assert await scene.elsewhere() == {"login": "asked for", "error": "TokenError"}
    scene.make()
    await scene.goes_on(logins=1)


@pytest.mark.rule("R080")
async def test_cache_file_unreadable(scene: Scene) -> None:
    """The error says what to do; the file is not ignored, because the login is in it."""
    await scene.log_in()
    with unreadable(file_of(scene)):
        await scene.fails(CacheError, "could not be read.*let this user read and write it")
    assert not scene.server.requests["authorization"]
    await scene.goes_on(logins=0)


@pytest.fixture(params=["a disk", "a directory"])
def disk(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The cache on a disk of its own, where this user may have one, and as a directory."""
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
    """The client goes on from memory, and what is used up stays on no disk for others to send."""
    await scene.log_in()
    with full(disk):
        await scene.get()
        assert not list(disk.glob("*.json")), "a refresh token that was used"
        assert await scene.elsewhere() == {"login": "asked for", "error": "TokenError"}
        scene.server.revoke_all()
        await scene.get()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "kept in memory only: " in record.getMessage()
    assert "could not be written" in record.getMessage()
    scene.server.revoke_all()
    await scene.goes_on(logins=0)
    assert not scene.server.refused
    assert [path.suffix for path in disk.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.rule("R040", "R080")
async def test_cache_file_on_a_full_disk_from_the_beginning(scene: Scene, disk: Path) -> None:
    """Who signed in uses the token all the same."""
    async with scene.make():
        with full(disk):
            await scene.get()
        scene.server.revoke_all()
        await scene.goes_on(logins=0)


@pytest.mark.rule("R080")
async def test_cache_file_on_a_read_only_disk(scene: Scene, disk: Path) -> None:
    """Without its lock nobody may refresh: the error says so, and no refresh token is sent."""
    await scene.log_in()
    with read_only(disk):
        await scene.fails(CacheError, "could not be locked.*(read-only|let this user)")
        assert scene.server.token_requests == 0
    await scene.goes_on(logins=0)
    assert not scene.server.refused


# Who holds the lock, and the clock


@pytest.mark.rule("R079")
async def test_lock_holder_killed_while_somebody_signs_in(scene: Scene) -> None:
    """The lock is free, and the next one asks."""
    async with scene.doing(person="wait") as said:
        pid = (await anext(said))["pid"]
        assert await anext(said) == {"login": "waits"}
        os.kill(pid, signal.SIGKILL)
    await scene.goes_on(logins=1)


@pytest.mark.rule("R040", "R079")
async def test_lock_holder_killed_before_the_server_has_answered(scene: Scene) -> None:
    """The refresh token counts still, and serves the next one."""
    await scene.log_in()
    scene.server.faults["token"] = Fault.slow(math.inf).times(1)
    async with scene.doing() as said:
        pid = (await anext(said))["pid"]
        await scene.server.reached(token_requests=1)
        os.kill(pid, signal.SIGKILL)
    await scene.goes_on(logins=0)
    assert not scene.server.refused


@pytest.mark.rule("R079")
@pytest.mark.parametrize("rotates", [True, False])
async def test_lock_holder_killed_between_answer_and_write(scene: Scene, *, rotates: bool) -> None:
    """What it got is lost with it: a server that rotates makes the person sign in, once."""
    scene.server.rotate_refresh_tokens = rotates
    await scene.log_in()
    async with scene.doing(writing="dies") as said:
        assert "pid" in await anext(said)
    assert scene.server.granted["refresh_token"] == 1
    await scene.goes_on(logins=int(rotates))
    assert scene.server.refused == ({"invalid_grant": 1} if rotates else {})


class Wrong(datetime):
    """The wall clock, which somebody sets."""

    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The time, as wrong as it is."""
        return super().now(tz) + cls.off


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> type[Wrong]:
    """It, right at first."""
    monkeypatch.setattr(Wrong, "off", timedelta())
    for module in ("_login.cache_entry", "token", "_auth_server.token_endpoint"):
        monkeypatch.setattr(f"aioalf.{module}.datetime", Wrong)
    moved = SimpleNamespace(time=lambda: Wrong.now(UTC).timestamp())
    monkeypatch.setattr("aioalf.caches.file.time", moved)
    return Wrong


@pytest.mark.rule("R025", "R080")
@pytest.mark.parametrize("hours", [-24 * 365, -1, 1])
async def test_clock_set_back(scene: Scene, wrong: type[Wrong], hours: int) -> None:
    """A token that is there still serves for no longer than it lives; nobody signs in again."""
    await scene.get()
    wrong.off = timedelta(hours=hours)
    scene.server.reset_counters()
    await scene.get()
    assert scene.server.token_requests == 0  # in memory, another clock counts
    await scene.client.close()
    scene.make()
    await scene.get()
    assert scene.server.token_requests == (hours > 0)  # an hour later by the clock, it is over
    scene.server.revoke_all()
    await scene.goes_on(logins=0)


@pytest.mark.rule("R024", "R080")
@pytest.mark.parametrize("expires_on", ["9999-12-31T23:59:59+00:00", "2999-01-01T00:00:00+00:00"])
async def test_cache_file_from_the_future(scene: Scene, expires_on: str) -> None:
    """A token that says to live for a thousand years lives as long as its server said."""
    await scene.log_in()
    file = file_of(scene)
    envelope = json.loads(file.read_text())
    envelope["value"] = json.dumps({**json.loads(envelope["value"]), "expires_on": expires_on})
    file.write_text(json.dumps(envelope))
    scene.make()
    await scene.goes_on(logins=0)
