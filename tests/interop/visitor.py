"""A user at a browser: clicks and types, and reads the page, the requests and the stored values.

Finds pages, labels and buttons by their text. Must not know tokens.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from playwright.sync_api import ConsoleMessage, Error, Page, Request

from tests.interop import dependencies
from tests.interop.chromium import STEP_SECONDS, Chromium

T = TypeVar("T")

SCREENSHOTS = dependencies.HERE.parent.parent / "artefacts" / "screenshots"
REFUSED_REQUEST = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


@dataclass(frozen=True)
class SentRequest:
    """A request that the browser sent."""

    url: str
    headers: dict[str, str]
    body: str


class Visitor:
    """One window, and everything that has happened in it."""

    def __init__(self, chromium: Chromium, page: Page) -> None:
        self._chromium = chromium
        self._page = page
        self._requests: list[Request] = []
        self._urls = asyncio.Queue[str]()
        self.opened_urls: list[str] = []
        self.console_errors: list[str] = []
        page.on("request", self._record_request)
        page.on("console", self._record_message)
        page.on("pageerror", self._record_error)

    async def open_browser(self, url: str) -> None:
        """Record a URL for `next_url`; pass it as `open_browser`."""
        self.opened_urls.append(url)
        await self._urls.put(url)

    async def next_url(self, waiting: asyncio.Task[object]) -> str:
        """Return the next URL that was opened. Raises AssertionError if `waiting` ends first."""
        shown = asyncio.create_task(self._urls.get())
        either: list[asyncio.Task[Any]] = [shown, waiting]
        await asyncio.wait(either, timeout=STEP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if shown.done():
            return shown.result()
        shown.cancel()
        raise AssertionError(f"no URL was opened: {waiting}") from _reason(waiting)

    async def open(self, url: str) -> None:
        """Enter a URL."""
        await self._do(lambda: self._page.goto(url))

    async def follow_link(self, url: str) -> None:
        """Navigate from the current page."""
        await self._do(lambda: self._follow(url))

    async def go_back(self) -> None:
        """Press the back button."""
        await self._do(self._page.go_back)

    async def go_forward(self) -> None:
        """Press the forward button."""
        await self._do(self._page.go_forward)

    async def fill(self, label: str, text: str) -> None:
        """Fill in the field with this label."""
        await self._do(lambda: self._page.get_by_label(label, exact=True).fill(text))

    async def press(self, name: str) -> None:
        """Press the button with this name."""
        await self._do(lambda: self._page.get_by_role("button", name=name).click())

    async def sign_in(self, url: str, name: str = "alf") -> None:
        """Open the sign-in page and sign in with this name."""
        await self.open(url)
        await self.give_name(name)

    async def give_name(self, name: str) -> None:
        """Sign in with this name on the current page."""
        await self._do(lambda: self._page.get_by_label("Your name").fill(name))
        await self.press("Sign in")

    async def cancel(self, url: str) -> None:
        """Open the sign-in page and press Cancel."""
        await self.open(url)
        await self.press("Cancel")

    async def allow(self, url: str, name: str = "alf") -> None:
        """Sign in and allow access."""
        await self.sign_in(url, name)
        await self.press_on("Allow access?", "Allow")

    async def deny(self, url: str, name: str = "alf") -> None:
        """Sign in and refuse access."""
        await self.sign_in(url, name)
        await self.press_on("Allow access?", "Refuse")

    async def press_on(self, title: str, button: str) -> None:
        """Wait for the page with this title, and press a button on it."""
        await self.wait_for_page(title)
        await self.press(button)

    async def enter_code(self, url: str, code: str) -> None:
        """Open the page for device codes and enter the code."""
        await self.open(url)
        await self._do(lambda: self._page.get_by_placeholder("Enter code").fill(code))
        await self.press("Continue")

    async def wait_for_page(self, title: str) -> str:
        """Wait for the page with this title, and return its text."""
        heading = self._page.get_by_role("heading", name=title, exact=True)
        await self._do(heading.wait_for)
        return await self._do(lambda: self._page.inner_text("body"))

    async def current_url(self) -> str:
        """Return the URL in the address bar."""
        return str(await self.evaluate("location.href"))

    async def html(self) -> str:
        """Return the HTML of the page."""
        return await self._do(self._page.content)

    async def evaluate(self, expression: str) -> object:
        """Return the value of a JavaScript expression in the page."""
        return cast("object", await self._do(lambda: self._page.evaluate(expression)))

    async def history(self) -> list[str]:
        """Return every URL and title in the history of the window."""
        return await self._do(self._history)

    async def requests(self) -> list[SentRequest]:
        """Return every request of the window."""
        return await self._do(lambda: [_sent(request) for request in self._requests])

    async def first_url_with_prefix(self, start: str) -> str:
        """Return the first requested URL with this prefix."""
        return next(sent.url for sent in await self.requests() if sent.url.startswith(start))

    async def take_screenshot(self, name: str) -> None:
        """Save a screenshot."""
        path = SCREENSHOTS / f"{name}.png"
        await self._do(lambda: self._page.screenshot(path=path, animations="disabled"))

    async def _do(self, function: Callable[[], T]) -> T:
        return await self._chromium.run(function)

    def _follow(self, url: str) -> None:
        with self._page.expect_navigation():
            self._page.evaluate("url => { location.href = url; }", url)

    def _history(self) -> list[str]:
        devtools = self._page.context.new_cdp_session(self._page)
        history = cast("dict[str, object]", devtools.send("Page.getNavigationHistory"))
        devtools.detach()
        entries = cast("list[dict[str, str]]", history["entries"])
        return [entry[name] for entry in entries for name in ("url", "userTypedURL", "title")]

    def _record_request(self, request: Request) -> None:
        self._requests.append(request)

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console_errors.append(message.text)

    def _record_error(self, error: Error) -> None:
        self.console_errors.append(str(error))


def _reason(task: asyncio.Task[object]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _sent(request: Request) -> SentRequest:
    return SentRequest(request.url, request.all_headers(), request.post_data or "")
