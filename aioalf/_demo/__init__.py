"""The demo: a client at work against the server of `aioalf.testing`, in this process.

It starts the server, has the steps played and says whether all did what they say. It knows no step.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from aioalf._demo import desktop, service
from aioalf._demo.screen import Screen
from aioalf._demo.step import Stage, Step, play
from aioalf.client import Client
from aioalf.testing import OAuthServer

__all__ = ("Screen", "run", "run_in_browser")


async def run(screen: Screen, steps: Iterable[Step] = service.STEPS) -> bool:
    """Show what a service does; return whether each step did what it says."""
    async with OAuthServer() as server:

        def new_client() -> Client:
            return Client(server.client_id, server.client_secret, server.token_endpoint)

        return await _show(screen, steps, Stage(server, new_client))


async def run_in_browser(screen: Screen, steps: Iterable[Step] = desktop.STEPS) -> bool:
    """Show a login in this machine's browser; return whether each step did what it says."""
    manager_class = Client.token_manager_class
    async with OAuthServer() as server:
        try:
            new_client = await desktop.new_clients(server, desktop.browser_of(screen))
            return await _show(screen, steps, Stage(server, new_client))
        finally:
            Client.token_manager_class = manager_class


async def _show(screen: Screen, steps: Iterable[Step], stage: Stage) -> bool:
    screen.title("aio-alf at work")
    screen.line()
    screen.line(f"   token endpoint  {stage.server.token_endpoint}")
    screen.line(f"   API             {stage.server.api_url}")
    screen.aside("   Both run in this process, on this machine. Each step shows what arrived there")
    screen.aside("   and what was answered, from the server's own record; tokens are cut short.")
    screen.line()
    began = time.monotonic()
    async with stage.client:
        kept = await play(steps, stage, screen)
    seconds = time.monotonic() - began
    summary = f"{sum(kept)} of {len(kept)} steps did what they say, in {seconds:.1f} seconds"
    screen.verdicts([(summary, all(kept))])
    return all(kept)
