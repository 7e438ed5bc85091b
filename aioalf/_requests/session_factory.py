"""Checks the options of a client's own session, and makes the session in an event loop.

Must not know tokens, nor when a session is needed.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from types import MappingProxyType
from typing import Any, Final, cast

import aiohttp
from aiohttp import (
    BaseConnector,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    HttpVersion,
    TraceConfig,
)
from aiohttp.abc import AbstractCookieJar
from aiohttp.helpers import BasicAuth
from multidict import CIMultiDict
from yarl import URL

from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import MASK
from aioalf._options import SessionOptions
from aioalf.errors import TokenConfigurationError

NO_SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({})
"""The settings of a session without options."""

_MADE_IN_A_LOOP: Final[Mapping[str, type]] = {
    "connector": BaseConnector,
    "cookie_jar": AbstractCookieJar,
}
"""Options whose objects need a running event loop. A function may create them."""

_NEWER: Final = frozenset({"json_serialize_bytes", "max_headers"})
"""The options that the oldest supported version of aiohttp does not have."""


class _HiddenProxyAuth(BasicAuth):
    """The credentials of a proxy. ``repr`` shows none of them, not even in aiohttp's errors."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"BasicAuth({MASK})"


def read_session_options(options: SessionOptions, token_header: str) -> Mapping[str, Any]:
    """Return the arguments of `create_session`. Options that are None are left out.

    ``base_url`` is left out, too: `RequestTargets` joins URLs, because it checks their origin.
    Raises TokenConfigurationError for a value that aiohttp could not use.
    """
    settings: dict[str, Any] = MaskedDict()
    for name, (read, expected) in _READERS.items():
        value = options.get(name)
        if value is None:
            continue
        if name in _NEWER and name not in signature(ClientSession).parameters:
            raise TokenConfigurationError(
                f"{name} needs a newer aiohttp: version {aiohttp.__version__} does not have it"
            )
        try:
            settings[name] = read(value)
        except (LookupError, TypeError, ValueError) as problem:
            found = f", not {problem}" if isinstance(problem, _FoundError) else ""
            raise TokenConfigurationError(f"{name} must be {expected}{found}") from None
    if token_header in settings.get("headers", ()):
        raise TokenConfigurationError(
            f"headers must not contain {token_header}, which carries the token"
        )
    return settings or NO_SETTINGS


@hide_locals_on_error
def create_session(settings: Mapping[str, Any]) -> ClientSession:
    """Return a session for the running event loop. Raises TokenConfigurationError."""
    arguments = MaskedDict(settings)
    for name, kind in _MADE_IN_A_LOOP.items():
        if callable(arguments.get(name)):
            arguments[name] = _result_of(arguments[name], name, kind)
    connector = arguments.get("connector")
    if connector is not None and (problem := _problem(connector)):
        raise TokenConfigurationError(f"The connector of the client {problem}")
    return ClientSession(**arguments)


def _problem(connector: BaseConnector) -> str | None:
    if connector.closed:
        return "is closed: pass a function that makes one, or connector_owner=False"
    loop = get_running_loop()
    if getattr(connector, "_loop", loop) is not loop:  # aiohttp would use the loop of the connector
        return "belongs to another event loop: pass a function that makes one"
    return None


def _result_of(function: Callable[[], object], name: str, kind: type) -> object:
    made = function()
    if not isinstance(made, kind):
        raise TokenConfigurationError(
            f"The function passed as {name} must return an aiohttp {kind.__name__}, not "
            f"{type(made).__name__}"
        )
    return made


class _FoundError(ValueError):
    """Says what was found instead."""


def _of_type(*kinds: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, kinds):
            raise _FoundError(type(value).__name__)
        return value

    return read


def _subclass_of(kind: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, type):
            raise _FoundError(type(value).__name__)
        if not issubclass(value, kind):
            raise _FoundError(value.__name__)
        return value

    return read


def _function_or(*kinds: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        return value if callable(value) else _of_type(*kinds)(value)

    return read


def _list_of(read_item: Callable[[object], object]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise _FoundError(type(value).__name__)
        return [read_item(item) for item in cast("Sequence[object]", value)]

    return read


def _read_headers(value: object) -> object:
    return CIMultiDict(cast("Mapping[str, str]", value))


def _read_proxy(value: object) -> object:
    url = URL(cast("str | URL", value))
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError
    try:
        f"{url.user}{url.password}".encode("latin-1")  # as aiohttp encodes them
    except UnicodeEncodeError:
        raise _FoundError(
            "one with a user or password that is not Latin-1: proxy_auth can have another encoding"
        ) from None
    return url


def _read_proxy_auth(value: object) -> object:
    if not isinstance(value, BasicAuth):
        raise _FoundError(type(value).__name__)
    value.encode()
    return _HiddenProxyAuth._make(cast("tuple[str, str, str]", value))


def _read_size(value: Any) -> object:  # noqa: ANN401 - any value of a caller
    if type(value) is not int or value <= 0:  # True is an int, too
        raise ValueError
    return value


_READERS: Final[Mapping[str, tuple[Callable[[object], object], str]]] = {
    "headers": (_read_headers, "a mapping of names to values"),
    "cookies": (_of_type(Mapping, list, tuple), "a mapping of names to values"),
    "skip_auto_headers": (_list_of(_of_type(str)), "a list of names"),
    "timeout": (_of_type(ClientTimeout), "an aiohttp.ClientTimeout"),
    "trust_env": (_of_type(bool), "True or False"),
    "proxy": (_read_proxy, "an http or https URL"),
    "proxy_auth": (_read_proxy_auth, "an aiohttp.BasicAuth with characters of its encoding"),
    "raise_for_status": (_function_or(bool), "True, False or a coroutine function"),
    "json_serialize": (_function_or(), "a function"),
    "json_serialize_bytes": (_function_or(), "a function"),
    "trace_configs": (_list_of(_of_type(TraceConfig)), "a list of aiohttp.TraceConfig"),
    "cookie_jar": (
        _function_or(AbstractCookieJar),
        "an aiohttp.CookieJar, or a function that makes one",
    ),
    "connector": (
        _function_or(BaseConnector),
        "an aiohttp connector, or a function that makes one",
    ),
    "connector_owner": (_of_type(bool), "True or False"),
    "auto_decompress": (_of_type(bool), "True or False"),
    "requote_redirect_url": (_of_type(bool), "True or False"),
    "read_bufsize": (_read_size, "a whole number of bytes above 0"),
    "max_line_size": (_read_size, "a whole number of bytes above 0"),
    "max_field_size": (_read_size, "a whole number of bytes above 0"),
    "max_headers": (_read_size, "a whole number above 0"),
    "fallback_charset_resolver": (_function_or(), "a function"),
    "version": (_of_type(HttpVersion), "an aiohttp.HttpVersion"),
    "request_class": (_subclass_of(ClientRequest), "a subclass of aiohttp.ClientRequest"),
    "response_class": (_subclass_of(ClientResponse), "a subclass of aiohttp.ClientResponse"),
    "ws_response_class": (
        _subclass_of(ClientWebSocketResponse),
        "a subclass of aiohttp.ClientWebSocketResponse",
    ),
    "middlewares": (_list_of(_function_or()), "a list of functions"),
}
"""For each option, a function that reads its value, and the expected value in words."""
