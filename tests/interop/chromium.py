"""Headless Chromium, started once for all tests and driven from its own thread.

Each test gets windows that share no state. Chromium can reach only this machine. Must not know
tokens.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal, Self, TypeVar

from playwright.sync_api import Page, sync_playwright

from tests.interop import dependencies

T = TypeVar("T")

Scheme = Literal["dark", "light"]

STEP_SECONDS = 15
START_SECONDS = 45
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
_LOG_POLICY_VIOLATIONS = """
addEventListener("securitypolicyviolation", (violation) =>
  console.error(`policy: ${violation.violatedDirective} ${violation.blockedURI}`));
"""


class Chromium:
    """Runs while the context manager is open."""

    def __init__(self) -> None:
        # Playwright objects may only be used in the thread that made them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chromium")

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function that uses a page, in the thread that owns the page."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    @asynccontextmanager
    async def page(
        self, *, scheme: Scheme = "light", width: int = 900, script: bool = True
    ) -> AsyncGenerator[Page]:
        """Open a window without cookies or history."""
        page = await self.run(lambda: self._open(scheme, width, script=script))
        try:
            yield page
        finally:
            await self.run(page.context.close)

    def __enter__(self) -> Self:
        try:
            self._thread.submit(self._start).result(START_SECONDS)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.submit(self._end).result(STEP_SECONDS)
        self._thread.shutdown()

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=dependencies.chromium(),
                args=[*_FLAGS],
                timeout=START_SECONDS * 1000,
            )
        except BaseException:
            self._playwright.stop()
            raise

    def _end(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _open(self, scheme: Scheme, width: int, *, script: bool) -> Page:
        context = self._browser.new_context(
            color_scheme=scheme,
            java_script_enabled=script,
            viewport={"width": width, "height": 640},
        )
        context.set_default_timeout(STEP_SECONDS * 1000)
        context.add_init_script(_LOG_POLICY_VIOLATIONS)
        return context.new_page()
