"""A person whose browser runs no scripts: opens pages, fills in forms, presses buttons.

Quicker than Chromium, for pages that are plain forms. Knows HTML, and nothing of tokens.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, ClientTimeout, CookieJar
from yarl import URL

STEP_SECONDS = 15

Button = tuple[str, str]
"""The name and the value of a button."""


@dataclass
class Form:
    """A form as it is on the page: where it goes, and what it says when nobody touches it."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    buttons: list[Button] = field(default_factory=list[Button])


class FormVisitor:
    """One window that remembers its cookies while it is open; ``page`` is what it shows."""

    def __init__(self) -> None:
        self.page = ""
        self.address = URL()
        self.addresses: list[URL] = []

    async def open(self, url: str | URL) -> None:
        """Go to an address, and on to where that leads."""
        await self._go("GET", URL(url))

    async def send(
        self, answers: Mapping[str, str | list[str]], button: Button | None = None
    ) -> None:
        """Fill in the form that has these fields and this button, and send it."""
        form = self._form_with(answers, button)
        given = {name: [said] if isinstance(said, str) else said for name, said in answers.items()}
        said = {**form.fields, **given}
        pairs = [(name, value) for name, values in said.items() for value in values]
        data = [*pairs, *([button] if button else [])]
        await self._go("POST", self.address.join(URL(form.action)), data)

    async def __aenter__(self) -> Self:
        # Servers on loopback have addresses for names, and cookies all the same.
        self._session = ClientSession(
            cookie_jar=CookieJar(unsafe=True), timeout=ClientTimeout(total=STEP_SECONDS)
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def _go(self, method: str, url: URL, data: list[tuple[str, str]] | None = None) -> None:
        async with self._session.request(method, url, data=data) as response:
            self.page = await response.text()
            self.addresses += [step.url for step in (*response.history, response)]
        self.address = self.addresses[-1]

    def _form_with(self, answers: Collection[str], button: Button | None) -> Form:
        for form in forms_in(self.page):
            if set(answers) <= form.fields.keys() and (not button or button in form.buttons):
                return form
        raise AssertionError(f"no form with {[*answers]} and {button} at {self.address.path}")


def forms_in(page: str) -> list[Form]:
    """The forms of a page."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._chosen: list[str] = []
        self._is_single = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name, value = said.get("name", ""), said.get("value", "")
        if tag == "form":
            self.forms.append(Form(said.get("action", "")))
        elif tag == "option":
            self._offer(value, is_selected="selected" in said)
        elif not (self.forms and name):
            return
        elif tag == "button":
            self.forms[-1].buttons.append((name, value))
        elif tag == "select":
            self._chosen = self.forms[-1].fields.setdefault(name, [])
            self._is_single = "multiple" not in said
        elif tag == "input" and _is_said(said):
            self.forms[-1].fields[name] = [value]

    def _offer(self, value: str, *, is_selected: bool) -> None:
        if is_selected and self._is_single:
            self._chosen.clear()
        if is_selected or (self._is_single and not self._chosen):  # the first one, unasked
            self._chosen.append(value)


def _is_said(said: Mapping[str, str]) -> bool:
    """Whether a browser says this field unasked."""
    match said.get("type", "text"):
        case "checkbox" | "radio":
            return "checked" in said
        case "file" | "submit" | "reset" | "image" | "button":
            return False
        case _:
            return True
