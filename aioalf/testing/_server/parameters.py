"""Request parameters from a query or a form, and checks of ``resource`` and ``audience``.

RFC 6749 §3.1 and §3.2, RFC 8707, RFC 8693 §2.1. Must not know tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from aioalf.testing._server.responses import OAuthError, invalid_request
from aioalf.testing.records import ReceivedBody
from aioalf.testing.settings import Settings

_FORM_TYPE = "application/x-www-form-urlencoded"
_REPEATABLE = frozenset({"resource", "audience"})  # RFC 8707 §2, RFC 8693 §2.1


class Parameters(Mapping[str, str]):
    """Parameters by name. A repeated parameter maps to its first value."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter in their order."""
        return tuple(self._values.get(name, ()))

    def required(self, name: str) -> str:
        """Return the value; raise OAuthError ``invalid_request`` if the parameter is missing."""
        if name not in self._values:
            raise invalid_request(f"The parameter {name} is missing.")
        return self[name]

    def check_values(self, expected: Mapping[str, str]) -> None:
        """Raise OAuthError ``invalid_request`` if a parameter has another value."""
        for name, value in expected.items():
            if self.required(name) != value:
                raise invalid_request(f"The parameter {name} must be {value}.")

    def with_scope_separated_by(self, separator: str) -> Parameters:
        """Return the parameters with a scope whose words are separated by spaces."""
        if separator == " " or "scope" not in self._values:
            return self
        return self.with_scope(self["scope"].replace(separator, " "))

    def with_scope(self, scope: object) -> Parameters:
        """Return the parameters with this scope, unless it is not text."""
        return Parameters({**self._values, "scope": [scope]}) if isinstance(scope, str) else self


def parse_json(body: ReceivedBody) -> Parameters:
    """Parse a JSON object of strings; raise OAuthError if the body is anything else."""
    try:
        value: object = json.loads(body.text or "")
    except ValueError:
        value = None
    members = cast("dict[str, object]", value) if isinstance(value, dict) else {"": None}
    if not all(isinstance(each, str) for each in members.values()):
        raise invalid_request("The body must be a JSON object of strings.")
    return Parameters({name: [str(each)] for name, each in members.items()})


def parse_parameters(encoded: str) -> Parameters:
    """Parse a query or a form; a parameter without a value is treated as omitted."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if len(given) > 1 and name not in _REPEATABLE:
            raise invalid_request(f"The parameter {name} must not be repeated.")
    non_empty = {name: [value for value in given if value] for name, given in values.items()}
    return Parameters({name: given for name, given in non_empty.items() if given})


def parse_form(content_type: str, body: ReceivedBody) -> Parameters:
    """Parse the form in a request body; raise OAuthError if the body is not a valid form."""
    if not _is_form(content_type):
        raise invalid_request(f"The Content-Type must be {_FORM_TYPE}.")
    if body.text is None:
        raise invalid_request("The body is not UTF-8 or is longer than 64 KiB.")
    return parse_parameters(body.text)


def parse_form_leniently(content_type: str, body: ReceivedBody) -> dict[str, str]:
    """Parse a form for the log, without errors; of a repeated parameter keep the last value."""
    if not _is_form(content_type) or body.text is None:
        return {}
    return dict(parse_qsl(body.text, keep_blank_values=True))


def _is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _FORM_TYPE


def requested_resources(settings: Settings, params: Parameters) -> tuple[str, ...]:
    """Return the values of ``resource``; raise OAuthError ``invalid_target`` for a bad one."""
    values = params.get_all("resource")
    if not all(_is_absolute_uri(value) for value in values):
        raise OAuthError("invalid_target", "A resource must be an absolute URI without fragment.")
    return _check_accepted(settings, values)


def requested_audience(settings: Settings, params: Parameters) -> tuple[str, ...]:
    """Return the values of ``audience``; raise OAuthError ``invalid_target`` for a bad one."""
    return _check_accepted(settings, params.get_all("audience"))


def _is_absolute_uri(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and "#" not in uri


def _check_accepted(settings: Settings, values: tuple[str, ...]) -> tuple[str, ...]:
    if settings.resources is not None and not set(settings.resources).issuperset(values):
        raise OAuthError("invalid_target", "This resource or audience is not accepted here.")
    return values
