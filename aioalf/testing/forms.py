"""Parameters of a request, from a form or a query: each at most once (RFC 6749 §3.1, §3.2).

Plain values; knows neither sockets nor what a parameter means.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aioalf.testing.oauth_error import invalid_request

if TYPE_CHECKING:
    from aioalf.testing.records import ReceivedBody

FORM_TYPE = "application/x-www-form-urlencoded"


def is_form(content_type: str) -> bool:
    """Whether a ``Content-Type`` header announces a form."""
    return content_type.partition(";")[0].strip().lower() == FORM_TYPE


def lenient_form(content_type: str, body: ReceivedBody) -> dict[str, str]:
    """The fields as far as they can be read, for the log; the last value of a name counts."""
    if not is_form(content_type) or body.text is None:
        return {}
    return dict(parse_qsl(body.text, keep_blank_values=True))


def form_parameters(content_type: str, body: ReceivedBody) -> dict[str, str]:
    """The parameters of a form; OAuthError when it is none, or is not to be understood."""
    if not is_form(content_type):
        raise invalid_request(f"The body must be {FORM_TYPE}.")
    if body.text is None:
        raise invalid_request("The body is not UTF-8, or is too large.")
    return parameters(body.text)


def parameters(encoded: str) -> dict[str, str]:
    """The parameters of a query or a form; one without a value counts as left out."""
    pairs = parse_qsl(encoded, keep_blank_values=True)
    repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if repeated:
        raise invalid_request("A parameter is given more than once.")
    return {name: value for name, value in pairs if value}
