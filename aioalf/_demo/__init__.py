"""The demo: a client against the test server of `aioalf.testing`, both in this process.

Starts the server, runs the steps and prints the summary. Must not know what a step does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from aioalf._demo import implicit, service, sign_in
from aioalf._demo.screen import Screen
from aioalf._demo.step import Demo, Step, run_steps
from aioalf.client import Client
from aioalf.testing import OAuthServer

__all__ = ("NEXT", "Screen", "run", "run_in_browser", "run_on_device", "run_with_implicit_flow")

NEXT: Final = {
    "aioalf demo --browser": "sign in in your browser",
    "aioalf demo --device": "sign in by entering a code, as on a TV",
    "aioalf serve": "run a server to try your own programs",
    "aioalf --help": "the other commands; they need aio-alf[cli]",
}
"""The commands to try after the demo, and what they do."""


async def run(screen: Screen, steps: Iterable[Step] = service.STEPS) -> bool:
    """Show the client credentials grant; return whether each step passed."""
    async with OAuthServer() as server:

        def new_client(**options: Any) -> Client:
            return Client(server.client_id, server.client_secret, server.token_endpoint, **options)

        return await _show(screen, steps, Demo(server, new_client))


async def run_in_browser(screen: Screen, steps: Iterable[Step] = sign_in.BROWSER_STEPS) -> bool:
    """Show a sign-in in the browser; return whether each step passed."""
    async with OAuthServer() as server:
        return await _show(screen, steps, Demo(server, sign_in.browser_clients(server, screen)))


async def run_on_device(screen: Screen, steps: Iterable[Step] = sign_in.DEVICE_STEPS) -> bool:
    """Show a sign-in with a code; return whether each step passed."""
    async with OAuthServer() as server:
        return await _show(screen, steps, Demo(server, sign_in.device_clients(server, screen)))


async def run_with_implicit_flow(screen: Screen, steps: Iterable[Step] = implicit.STEPS) -> bool:
    """Show a sign-in with the implicit flow of 0.4.0; return whether each step passed."""
    manager_class = Client.token_manager_class
    async with OAuthServer() as server:
        try:
            new_client = await implicit.client_factory(server, sign_in.browser_opener(screen))
            return await _show(screen, steps, Demo(server, new_client))
        finally:
            Client.token_manager_class = manager_class


async def _show(screen: Screen, steps: Iterable[Step], demo: Demo) -> bool:
    screen.title("aio-alf demo")
    screen.line()
    screen.line(f"   authorization server  {demo.server.issuer}")
    screen.line(f"   API                   {demo.server.api_url}")
    screen.note(
        "Both servers run in this process. Each step shows lines of Python, then the requests that "
        "the servers received, and the status of each response. Tokens are shortened."
    )
    screen.line()
    started = time.monotonic()
    async with demo.client:
        passed = await run_steps(steps, demo, screen)
    seconds = time.monotonic() - started
    summary = f"{sum(passed)} of {len(passed)} steps passed in {seconds:.1f} seconds"
    screen.checks([(summary, all(passed))])
    _show_next(screen)
    return all(passed)


def _show_next(screen: Screen) -> None:
    screen.line()
    screen.title("What to try next")
    width = max(map(len, NEXT))
    for command, effect in NEXT.items():
        screen.text(f"   {command:<{width}}  {effect}", hanging=width + 2)
    screen.note(
        'Without the command "aioalf", use "python -m aioalf", or in a checkout '
        '"make demo ARGS=--browser". To test your own programs with this test server, see '
        "https://aio-alf.readthedocs.io/en/latest/howto/testing.html"
    )
