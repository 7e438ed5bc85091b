"""The option ``http_options``: its checks, the secrets in it, and the errors that it causes.

Pure. Must not send anything.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from traceback import walk_tb
from typing import Any, Final, NoReturn, cast
from urllib.parse import parse_qsl

from aiohttp import ClientTimeout
from yarl import URL

from aioalf._masking import SHORT_SECRET
from aioalf.errors import TokenConfigurationError

DEFAULT_TIMEOUT: Final = ClientTimeout(total=10, sock_connect=5)
"""The timeout of one request, unless ``http_options["timeout"]`` sets another."""

PUBLIC_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
)
"""The request headers that cannot hold a secret. A program may add any other one."""

_RESERVED: Final = frozenset(
    {
        "allow_redirects",
        "auth",
        "data",
        "json",
        "method",
        "middlewares",
        "raise_for_status",
        "str_or_url",
        "url",
    }
)
"""Arguments of aiohttp's ``request`` that ``http_options`` must not set."""

_SENT: Final = ("cookies", "headers", "params", "proxy_headers")
"""Arguments with names and values that are sent."""

_READERS_OF_OPTIONS: Final = frozenset({"aioalf", "aiohttp", "multidict", "yarl"})
"""The packages that raise an error for a wrong option."""


def read_http_options(http_options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the options. Raises TokenConfigurationError if they are not a mapping or reserved."""
    if http_options is None:
        return {}
    if not isinstance(http_options, Mapping):
        _refuse("it must be a mapping of arguments of aiohttp's request")
    if clash := _RESERVED & set(http_options):
        _refuse(f"{', '.join(sorted(clash))} cannot be set for a token request")
    return http_options


def _refuse(problem: str) -> NoReturn:
    raise TokenConfigurationError(f"http_options: {problem}")


def can_be_cause(http_options: Mapping[str, Any], error: BaseException) -> bool:
    """Tell whether an error of aiohttp's ``request`` can be the fault of the options.

    False if a function of the program raised it, such as a trace configuration or a mock.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    package = str(frames[-1].f_globals.get("__name__")).partition(".")[0] if frames else ""
    return bool(http_options) and package in _READERS_OF_OPTIONS


def secrets_in_options(http_options: Mapping[str, Any]) -> frozenset[str]:
    """Return the texts in the options that a server may repeat and that no error may show.

    These are the values of headers, cookies and parameters, except for `PUBLIC_HEADERS`, and the
    credentials of a proxy.
    """
    secrets: set[str] = set()
    for given in map(http_options.get, _SENT):
        secrets.update([given] if isinstance(given, str) else ())
        for name, value in _pairs(given):
            secrets.update(_parts(value), (f"{name}={value}",))
    secrets.update(_proxy_credentials(http_options.get("proxy"), http_options.get("proxy_auth")))
    return frozenset(secrets) - {""}


def _pairs(given: object) -> Iterator[tuple[str, str]]:
    """Yield names and values of a mapping, of pairs, or of a query string."""
    pairs: Any = parse_qsl(given) if isinstance(given, str) else given or ()
    if isinstance(pairs, Mapping):
        pairs = cast("Mapping[object, object]", pairs).items()
    with suppress(TypeError, ValueError):  # aiohttp refuses values of other types, and says why
        for name, values in pairs:
            if str(name).lower() in PUBLIC_HEADERS:
                continue
            is_list = isinstance(values, list | tuple)
            for value in cast("Iterable[object]", values if is_list else [values]):
                # A Morsel of http.cookies has its value in an attribute.
                yield str(name), str(getattr(value, "value", value))


def _parts(text: str) -> Iterator[str]:
    """Yield a value, and its parts that a server may repeat alone: ``abc`` of ``Bearer abc``."""
    yield text
    for word in re.split(r"[\s,;&]+", text):
        parts = (word, word.partition("=")[2].strip('"'))
        yield from (part for part in parts if len(part) >= SHORT_SECRET)
    scheme, _, encoded = text.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            pair = b64decode(encoded).decode()
            yield from (pair, pair.partition(":")[2])


def _proxy_credentials(proxy: object, proxy_auth: object) -> Iterator[str]:
    user, password = "", ""
    if isinstance(proxy, str | URL):
        with suppress(ValueError):  # aiohttp refuses it
            url = URL(proxy)
            user, password = url.user or "", url.password or ""
    user, password = getattr(proxy_auth, "login", user), getattr(proxy_auth, "password", password)
    if not user and not password:
        return
    secret, pair = password or user, f"{user}:{password}"
    # aiohttp encodes them as Latin-1.
    yield from (secret, pair, b64encode(pair.encode("latin-1", "replace")).decode())
    with suppress(UnicodeError):  # `open_session` puts UTF-8 into a URL, byte by byte
        yield secret.encode("latin-1").decode()
