"""Polls for a device's sign-in without the waiting that a real server asks for."""

import asyncio
from types import SimpleNamespace

import pytest


def poll_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `DeviceCode` wait a thousandth of the time; all other code waits as usual."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 1000)

    fast = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast)
