"""Replaces the clocks of the package, wherever its modules read them."""

import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import aioalf
from aioalf.token import expiry_clock

_REAL = {"time": time, "datetime": datetime, "random": random}
_NOT_REPLACED = ("aioalf.testing", "aioalf._cli", "aioalf._demo", "aioalf._serve")


def _import_all() -> None:
    """Import the modules that the package imports on first use: later they get the real clock."""
    for found in walk_packages(aioalf.__path__, "aioalf."):
        if not found.name.startswith((*_NOT_REPLACED, "aioalf.__main__")):
            import_module(found.name)


_import_all()


def replace_in_package(monkeypatch: pytest.MonkeyPatch, name: str, fake: Any) -> None:
    """Replace `time`, `datetime` or `random` in every module of the package.

    A module refers to them after ``import time``, ``from datetime import datetime`` and
    ``import random``. If a module needs a function that the fake does not have, it fails. The clock
    by which tokens expire is the fake's ``expiry_clock``, or else its monotonic clock.
    """
    fakes: dict[str, tuple[object, object]] = {name: (_REAL[name], fake)}
    if name == "time":
        fakes["expiry_clock"] = (expiry_clock, getattr(fake, "expiry_clock", fake.monotonic))
    for module in _modules():
        for attribute, (real, new) in fakes.items():
            if getattr(module, attribute, None) is real:
                monkeypatch.setattr(module, attribute, new)


def _modules() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if name.startswith("aioalf.") and not name.startswith(_NOT_REPLACED):
            yield module


class Clock:
    """A monotonic clock that a test advances or suspends; the wall clock stays real."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        self._suspended = 0.0
        fake = SimpleNamespace(
            monotonic=lambda: self.now,
            expiry_clock=lambda: self.now + self._suspended,
            time=time.time,
            sleep=time.sleep,
        )
        replace_in_package(monkeypatch, "time", fake)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds

    def suspend(self, seconds: float) -> None:
        """Suspend the machine: the monotonic clock stands still meanwhile."""
        self._suspended += seconds
