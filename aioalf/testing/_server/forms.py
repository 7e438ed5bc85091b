"""Parameters of a request, from a form or a query (RFC 6749 §3.1, §3.2).

Each at most once, but for those that an extension lets be repeated.
Plain values; knows neither sockets nor what a parameter means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl

from aioalf.testing._server.oauth_error import invalid_request
from aioalf.testing.records import ReceivedBody

FORM_TYPE = "application/x-www-form-urlencoded"
REPEATABLE = frozenset({"resource", "audience"})  # RFC 8707 §2, RFC 8693 §2.1


def is_form(content_type: str) -> bool:
    """Whether a ``Content-Type`` header announces a form."""
    return content_type.partition(";")[0].strip().lower() == FORM_TYPE


def lenient_form(content_type: str, body: ReceivedBody) -> dict[str, str]:
    """The fields as far as they can be read, for the log; the last value of a name counts."""
    if not is_form(content_type) or body.text is None:
        return {}
    return dict(parse_qsl(body.text, keep_blank_values=True))


def form_parameters(content_type: str, body: ReceivedBody) -> Parameters:
    """The parameters of a form; OAuthError when it is none, or is not to be understood."""
    if not is_form(content_type):
        raise invalid_request(f"The body must be {FORM_TYPE}.")
    if body.text is None:
        raise invalid_request("The body is not UTF-8, or is too large.")
    return parameters(body.text)


class Parameters(Mapping[str, str]):
    """Parameters by their name; of one that may be repeated, the first."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def every(self, name: str) -> tuple[str, ...]:
        """Each value of a parameter that may be repeated, in the order given."""
        return tuple(self._values.get(name, ()))

    def required(self, name: str) -> str:
        """The value; OAuthError ``invalid_request`` when there is none."""
        if name not in self._values:
            raise invalid_request(f"{name} is missing.")
        return self[name]


def parameters(encoded: str) -> Parameters:
    """The parameters of a query or a form; one without a value counts as left out."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    if any(len(given) > 1 for name, given in values.items() if name not in REPEATABLE):
        raise invalid_request("A parameter is given more than once.")
    given = {name: [value for value in every if value] for name, every in values.items()}
    return Parameters({name: every for name, every in given.items() if every})
