"""A monotonic clock that stands still until a test moves it, in place of the package's own."""

import time
from types import SimpleNamespace

import pytest


class Clock:
    """The seconds that `time.monotonic` tells the modules that a token passes through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        stopped = SimpleNamespace(monotonic=lambda: self.now)
        for module in (
            "token",
            "_auth_server.token_endpoint",
            "retry",
            "_renewing_token",
            "manager",
        ):
            monkeypatch.setattr(f"aioalf.{module}.time", stopped)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
