"""Real disks that are full, read-only or another's, for tests that run as root and for others."""

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
    """Have a disk of its own of 64 KiB there, where this user may mount one."""
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
    """Have no room on the disk at a path; where it is no disk of its own, write no byte at all."""
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
    """Have the disk at a path read-only, or else a directory that its owner cannot write to."""
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
    """Let nobody read a file."""
    file.chmod(0o000)
    with _stopped_by_modes(file.parent):
        yield
    file.chmod(0o600)


@contextmanager
def _stopped_by_modes(directory: Path) -> Iterator[None]:
    """Be somebody whom modes stop, and whose the directory is: root is stopped by none."""
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
