"""A browser without scripts: opens pages, fills in forms and presses buttons.

Faster than Chromium for plain forms. Must not know tokens.
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
    """A form of a page: its action, its fields with their initial values, and its buttons."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    buttons: list[Button] = field(default_factory=list[Button])


class FormVisitor:
    """One window with its own cookies; ``page`` is the current HTML."""

    def __init__(self) -> None:
        self.page = ""
        self.address = URL()
        self.addresses: list[URL] = []

    async def open(self, url: str | URL) -> None:
        """Open a URL and follow redirects."""
        await self._go("GET", URL(url))

    async def send(
        self, values: Mapping[str, str | list[str]], button: Button | None = None
    ) -> None:
        """Fill in the form that has these fields and this button, and submit it."""
        form = self._form_with(values, button)
        filled_in = {
            name: [value] if isinstance(value, str) else value for name, value in values.items()
        }
        fields = {**form.fields, **filled_in}
        pairs = [(name, value) for name, field_values in fields.items() for value in field_values]
        data = [*pairs, *([button] if button else [])]
        await self._go("POST", self.address.join(URL(form.action)), data)

    async def __aenter__(self) -> Self:
        # By default aiohttp ignores cookies of hosts that are IP addresses.
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

    def _form_with(self, values: Collection[str], button: Button | None) -> Form:
        for form in forms_in(self.page):
            if set(values) <= form.fields.keys() and (not button or button in form.buttons):
                return form
        raise AssertionError(f"no form with {[*values]} and {button} at {self.address.path}")


def forms_in(page: str) -> list[Form]:
    """Return the forms of a page."""
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
        attributes = {name: value or "" for name, value in attrs}
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "form":
            self.forms.append(Form(attributes.get("action", "")))
        elif tag == "option":
            self._add_option(value, is_selected="selected" in attributes)
        elif not (self.forms and name):
            return
        elif tag == "button":
            self.forms[-1].buttons.append((name, value))
        elif tag == "select":
            self._chosen = self.forms[-1].fields.setdefault(name, [])
            self._is_single = "multiple" not in attributes
        elif tag == "input" and _is_submitted(attributes):
            self.forms[-1].fields[name] = [value]

    def _add_option(self, value: str, *, is_selected: bool) -> None:
        if is_selected and self._is_single:
            self._chosen.clear()
        if is_selected or (
            self._is_single and not self._chosen
        ):  # browsers preselect the first option
            self._chosen.append(value)


def _is_submitted(attributes: Mapping[str, str]) -> bool:
    """Return whether a browser submits this input if the user leaves it unchanged."""
    match attributes.get("type", "text"):
        case "checkbox" | "radio":
            return "checked" in attributes
        case "file" | "submit" | "reset" | "image" | "button":
            return False
        case _:
            return True
