"""Replaces the clocks of the package, wherever its modules read them."""

import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType, SimpleNamespace

import pytest

import aioalf

_NOT_REPLACED = ("aioalf.testing", "aioalf._cli", "aioalf._demo", "aioalf._serve")


def _import_all() -> None:
    """Import the modules that the package imports on first use: later they get the real clock."""
    for found in walk_packages(aioalf.__path__, "aioalf."):
        if not found.name.startswith((*_NOT_REPLACED, "aioalf.__main__")):
            import_module(found.name)


_import_all()


def replace_in_package(monkeypatch: pytest.MonkeyPatch, name: str, fake: object) -> None:
    """Replace `time`, `datetime` or `random` in every module of the package.

    A module refers to them after ``import time``, ``from datetime import datetime`` and
    ``import random``. If a module needs a function that the fake does not have, it fails.
    """
    real = {"time": time, "datetime": datetime, "random": random}[name]
    for module in _modules():
        if getattr(module, name, None) is real:
            monkeypatch.setattr(module, name, fake)


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if name.startswith("aioalf.") and not name.startswith(_NOT_REPLACED):
            yield module


class Clock:
    """A monotonic clock that a test advances; the wall clock stays real."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        fake = SimpleNamespace(monotonic=lambda: self.now, time=time.time, sleep=time.sleep)
        replace_in_package(monkeypatch, "time", fake)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds
