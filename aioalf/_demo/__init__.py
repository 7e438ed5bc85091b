"""The demo: a client against the test server of `aioalf.testing`, both in this process.

Starts the server, runs the steps and prints the summary. Must not know what a step does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from aioalf._demo import desktop, service
from aioalf._demo.screen import Screen
from aioalf._demo.step import Demo, Step, run_steps
from aioalf.client import Client
from aioalf.testing import OAuthServer

__all__ = ("Screen", "run", "run_in_browser")


async def run(screen: Screen, steps: Iterable[Step] = service.STEPS) -> bool:
    """Show the client credentials grant; return whether each step passed."""
    async with OAuthServer() as server:

        def new_client() -> Client:
            return Client(server.client_id, server.client_secret, server.token_endpoint)

        return await _show(screen, steps, Demo(server, new_client))


async def run_in_browser(screen: Screen, steps: Iterable[Step] = desktop.STEPS) -> bool:
    """Show a sign-in in the browser; return whether each step passed."""
    manager_class = Client.token_manager_class
    async with OAuthServer() as server:
        try:
            new_client = await desktop.client_factory(server, desktop.browser_opener(screen))
            return await _show(screen, steps, Demo(server, new_client))
        finally:
            Client.token_manager_class = manager_class


async def _show(screen: Screen, steps: Iterable[Step], demo: Demo) -> bool:
    screen.title("aio-alf demo")
    screen.line()
    screen.line(f"   token endpoint  {demo.server.token_endpoint}")
    screen.line(f"   API             {demo.server.api_url}")
    screen.note("   Both servers run in this process. Each step lists the requests that they")
    screen.note("   received and the status of each response. Tokens are shortened.")
    screen.line()
    started = time.monotonic()
    async with demo.client:
        passed = await run_steps(steps, demo, screen)
    seconds = time.monotonic() - started
    summary = f"{sum(passed)} of {len(passed)} steps passed in {seconds:.1f} seconds"
    screen.checks([(summary, all(passed))])
    return all(passed)
