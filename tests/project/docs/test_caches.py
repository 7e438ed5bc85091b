"""docs/howto/caches.rst quotes the messages of `FileCache`."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from docutils.nodes import entry, literal

from aioalf import CacheError
from aioalf.caches import FileCache
from aioalf.caches._file_format import MAX_BYTES
from aioalf.caches._file_modes import reason_not_to_read, reason_not_to_trust
from aioalf.caches._private_directory import PrivateDirectory
from tests.support.pages import ROOT, parse

PAGE = parse(ROOT / "docs" / "howto" / "caches.rst")


def quoted() -> list[str]:
    """Return the messages in the table; ``…`` marks omitted text."""
    cells = [cell for cell in PAGE.findall(entry) if cell.astext().endswith("…")]
    return [next(cell.findall(literal)).astext() for cell in cells]


def is_quoted(message: str) -> bool:
    """Return whether one entry of the table matches this message."""
    patterns = (".*".join(map(re.escape, words.split("…"))) for words in quoted())
    return sum(re.fullmatch(pattern, message) is not None for pattern in patterns) == 1


def reasons() -> Iterator[str]:
    """Yield the reasons not to trust a directory: its type, its owner and its mode."""
    user = os.geteuid()
    for mode, owner in (
        (stat.S_IFLNK | 0o700, user),
        (stat.S_IFREG | 0o700, user),
        (stat.S_IFDIR | 0o700, user + 1),
        (stat.S_IFDIR | 0o777, user),
    ):
        yield reason_not_to_trust(os.stat_result((mode, 0, 0, 0, owner, 0, 0, 0, 0, 0)))


def test_directories_that_are_not_trusted_are_in_the_table() -> None:
    """Each reason not to use a directory has an entry."""
    messages = [f"The token cache tokens is not used: {reason}" for reason in reasons()]
    assert [is_quoted(message) for message in messages] == [True] * 4


@pytest.mark.parametrize(
    ("code", "done"),
    [(errno.EACCES, "written"), (errno.ENOSPC, "written"), (errno.ENOSYS, "locked")],
)
def test_errors_of_the_operating_system_are_in_the_table(
    code: int, done: str, tmp_path: Path
) -> None:
    """The most frequent errors have an entry."""
    with (
        pytest.raises(CacheError) as caught,
        PrivateDirectory(tmp_path).explain_errors(done),
    ):
        raise OSError(code, os.strerror(code))
    assert is_quoted(str(caught.value))


async def test_errors_of_the_program_are_in_the_table(tmp_path: Path) -> None:
    """A value that is too large, and a file of another user, have an entry."""
    cache = FileCache(tmp_path)
    with pytest.raises(CacheError) as too_large:
        await cache.set("key", "x" * MAX_BYTES, None)
    assert is_quoted(str(too_large.value))
    reason = reason_not_to_read(os.stat_result((0, 0, 0, 0, os.geteuid() + 1, 0, 0, 0, 0, 0)))
    assert is_quoted(f"The file tokens/key.json is not used: {reason}")
