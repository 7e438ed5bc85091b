"""A person at a browser: what they do, what they are shown, what their browser did and kept.

Knows pages as people do, by their words; knows nothing of tokens and of who sent it where.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from playwright.sync_api import ConsoleMessage, Error, Page, Request

from tests.interop import parts
from tests.interop.chromium import STEP_SECONDS, Chromium

T = TypeVar("T")

SCREENSHOTS = parts.HERE.parent.parent / "artefacts" / "screenshots"
REFUSED_REQUEST = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


@dataclass(frozen=True)
class SentRequest:
    """A request as it left the browser."""

    url: str
    headers: dict[str, str]
    body: str


class Visitor:
    """One window, and everything that happened in it since it was opened."""

    def __init__(self, chromium: Chromium, page: Page) -> None:
        self._chromium = chromium
        self._page = page
        self._requests: list[Request] = []
        self._urls = asyncio.Queue[str]()
        self.urls_shown: list[str] = []
        self.problems: list[str] = []
        page.on("request", self._note_request)
        page.on("console", self._note_message)
        page.on("pageerror", self._note_error)

    async def show(self, url: str) -> None:
        """Be shown a URL, as `open_browser`; what becomes of it is up to `next_url`."""
        self.urls_shown.append(url)
        await self._urls.put(url)

    async def next_url(self, waiting: asyncio.Task[object]) -> str:
        """The next URL that was shown; AssertionError when nobody waits for its login any more."""
        shown = asyncio.create_task(self._urls.get())
        either: list[asyncio.Task[Any]] = [shown, waiting]
        await asyncio.wait(either, timeout=STEP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if shown.done():
            return shown.result()
        shown.cancel()
        raise AssertionError(f"no URL was shown: {waiting}") from _reason(waiting)

    async def go(self, url: str) -> None:
        """Type an address."""
        await self._do(lambda: self._page.goto(url))

    async def follow(self, url: str) -> None:
        """Go where the page that is open leads to."""
        await self._do(lambda: self._follow(url))

    async def go_back(self) -> None:
        """Press the back button."""
        await self._do(self._page.go_back)

    async def go_forward(self) -> None:
        """Press the forward button."""
        await self._do(self._page.go_forward)

    async def fill(self, label: str, text: str) -> None:
        """Write into the field of this label."""
        await self._do(lambda: self._page.get_by_label(label, exact=True).fill(text))

    async def press(self, name: str) -> None:
        """Press the button of this name."""
        await self._do(lambda: self._page.get_by_role("button", name=name).click())

    async def sign_in(self, url: str, name: str = "alf") -> None:
        """Open the login page, say who one is, and press the button."""
        await self.go(url)
        await self.give_name(name)

    async def give_name(self, name: str) -> None:
        """Say who one is on the login page that is open, and press the button."""
        await self._do(lambda: self._page.get_by_label("Your name").fill(name))
        await self.press("Sign in")

    async def cancel(self, url: str) -> None:
        """Open the login page, and press the other button."""
        await self.go(url)
        await self.press("Cancel")

    async def allow(self, url: str, name: str = "alf") -> None:
        """Sign in, and let the client have what it asks for."""
        await self.sign_in(url, name)
        await self.answer("Allow access?", "Allow")

    async def refuse(self, url: str, name: str = "alf") -> None:
        """Sign in, and let the client have nothing."""
        await self.sign_in(url, name)
        await self.answer("Allow access?", "Refuse")

    async def answer(self, title: str, button: str) -> None:
        """Press a button of the page of this title, and wait for the next page."""
        await self.sees(title)
        await self.press(button)

    async def enter_code(self, url: str, code: str) -> None:
        """Open the page of a device's login, and enter the code that the device shows."""
        await self.go(url)
        await self._do(lambda: self._page.get_by_placeholder("Enter code").fill(code))
        await self.press("Continue")

    async def sees(self, title: str) -> str:
        """Wait for a page of this title to be there, and return all that can be read on it."""
        heading = self._page.get_by_role("heading", name=title, exact=True)
        await self._do(heading.wait_for)
        return await self._do(lambda: self._page.inner_text("body"))

    async def address(self) -> str:
        """What the address bar says."""
        return str(await self.ask("location.href"))

    async def source(self) -> str:
        """The document as it is now."""
        return await self._do(self._page.content)

    async def ask(self, expression: str) -> object:
        """The value of an expression in the page."""
        return cast("object", await self._do(lambda: self._page.evaluate(expression)))

    async def history(self) -> list[str]:
        """Every address that this window can be taken back or forth to, and every title."""
        return await self._do(self._history)

    async def requests(self) -> list[SentRequest]:
        """Every request that the browser made for this window."""
        return await self._do(lambda: [_sent(request) for request in self._requests])

    async def address_sent(self, start: str) -> str:
        """The first address starting so that the browser was sent to."""
        return next(sent.url for sent in await self.requests() if sent.url.startswith(start))

    async def keep_picture(self, name: str) -> None:
        """Keep what is to be seen, for people to look at."""
        path = SCREENSHOTS / f"{name}.png"
        await self._do(lambda: self._page.screenshot(path=path, animations="disabled"))

    async def _do(self, act: Callable[[], T]) -> T:
        return await self._chromium.do(act)

    def _follow(self, url: str) -> None:
        with self._page.expect_navigation():
            self._page.evaluate("url => { location.href = url; }", url)

    def _history(self) -> list[str]:
        devtools = self._page.context.new_cdp_session(self._page)
        kept = cast("dict[str, object]", devtools.send("Page.getNavigationHistory"))
        devtools.detach()
        entries = cast("list[dict[str, str]]", kept["entries"])
        return [entry[name] for entry in entries for name in ("url", "userTypedURL", "title")]

    def _note_request(self, request: Request) -> None:
        self._requests.append(request)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _note_error(self, error: Error) -> None:
        self.problems.append(str(error))


def _reason(ended: asyncio.Task[object]) -> BaseException | None:
    return ended.exception() if ended.done() and not ended.cancelled() else None


def _sent(request: Request) -> SentRequest:
    return SentRequest(request.url, request.all_headers(), request.post_data or "")
