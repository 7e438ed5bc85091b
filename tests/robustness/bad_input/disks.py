"""Full, read-only and unreadable disks, for tests that run as root or as another user."""

import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NOBODY = 65534
_SEARCHED = stat.S_IXGRP | stat.S_IXOTH


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """Mount a disk of 64 KiB at a path, if this user may mount; otherwise create a directory."""
    path.mkdir(mode=0o700)
    options = "size=64k,mode=0700"
    is_mounted = _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path))
    try:
        yield
    finally:
        if is_mounted:
            _run("umount", "-l", str(path))


@contextmanager
def full(path: Path) -> Iterator[None]:
    """Fill the disk at a path, or forbid this process to write files if it is only a directory."""
    if os.path.ismount(path):
        filler = path / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)
        yield
        filler.unlink()
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Make the disk, or the directory, at a path read-only."""
    if os.path.ismount(path):
        assert _run("mount", "-o", "remount,ro", str(path))
        yield
        assert _run("mount", "-o", "remount,rw", str(path))
        return
    files = list(path.iterdir())
    path.chmod(0o500)
    for file in files:
        file.chmod(0o400)
    with _stopped_by_modes(path):
        yield
    path.chmod(0o700)
    for file in files:
        file.chmod(0o600)


@contextmanager
def unreadable(file: Path) -> Iterator[None]:
    """Remove all permissions of a file."""
    file.chmod(0o000)
    with _stopped_by_modes(file.parent):
        yield
    file.chmod(0o600)


@contextmanager
def _stopped_by_modes(directory: Path) -> Iterator[None]:
    """If this process is root, which may read and write any file, run the block as `nobody`."""
    if os.geteuid():
        yield
        return
    closed = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in directory.parents
        if path.stat().st_mode & _SEARCHED != _SEARCHED
    }
    ours = [directory, *directory.iterdir()]
    for path, mode in closed.items():
        path.chmod(mode | _SEARCHED)
    for path in ours:
        os.chown(path, _NOBODY, _NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for path in ours:
            os.chown(path, 0, 0)
        for path, mode in closed.items():
            path.chmod(mode)


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0
