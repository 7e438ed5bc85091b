"""File modes of the file cache: permissions of its directory, its files and its locks.

The command line's profiles are stored with the same modes.
"""

from __future__ import annotations

import os
import stat
from typing import Final

DIRECTORY_MODE: Final = 0o700
"""Mode of a directory that the cache creates. An existing directory keeps its mode."""

FILE_MODE: Final = 0o600
"""Mode of every file that the cache creates, lock files included."""

_IS_WINDOWS: Final = os.name == "nt"


def reason_not_to_trust(directory: os.stat_result) -> str:
    """Return why tokens must not be kept in a directory, and what to do; "" if it is safe.

    A user who can replace files in the directory chooses whose tokens are used. `directory` is the
    result of ``lstat`` or ``fstat``.
    """
    if stat.S_ISLNK(directory.st_mode):
        return "it is a symbolic link; give the path of the directory itself"
    if not stat.S_ISDIR(directory.st_mode):
        return "it is not a directory; choose another path"
    if _IS_WINDOWS:  # Windows has access control lists, not owners and modes
        return ""
    if directory.st_uid != os.geteuid():
        return "it belongs to another user; choose another path"
    if directory.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write to it; run chmod {DIRECTORY_MODE:o} on it if its files are yours"
    return ""


def reason_not_to_read(file: os.stat_result) -> str:
    """Return why a file must not be read, and what to do; "" if it may be read.

    Another user may have put the file there while others could write to the directory.
    """
    if not _IS_WINDOWS and file.st_uid != os.geteuid():
        return "it belongs to another user; remove it, or run chown on it if its content is yours"
    return ""
