"""Strategies for responses, challenges, redirects, header values and texts of a token cache.

About half of the inputs are well formed, to get past the first check; the others are truncated,
mixed, repeated or noise. It knows formats, and nothing about the package.
"""

import gzip
import json
import zlib
from datetime import UTC, datetime

from hypothesis import strategies as st

NOISE = st.binary(max_size=60)
TEXT = st.text(max_size=40)

# JSON bodies

_VALUES = st.sampled_from(
    ["abc", "bearer", "Bearer", "mac", "3600", "3600.5", "-1", "a b", "", "a\r\nb"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | _VALUES,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXT, values, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    [
        *("access_token", "token_type", "expires_in", "scope", "refresh_token"),
        *("error", "error_description", "error_uri"),
    ]
)
_MEMBERS = st.dictionaries(_NAMES | TEXT, _JSON | _VALUES, max_size=6)
# Errors must not show this token.
_TOKEN = st.fixed_dictionaries(
    {"access_token": st.just("granted-token")},
    optional={
        "token_type": st.just("Bearer") | _JSON,
        "expires_in": st.integers() | _JSON,
        "scope": TEXT | _JSON,
    },
)
_DEEP = st.integers(1, 50_000).flatmap(
    lambda depth: st.sampled_from([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])
)
BODIES = (
    (_TOKEN | _MEMBERS | _JSON).map(lambda value: json.dumps(value).encode())
    | _DEEP
    | NOISE
    | st.sampled_from([b"", b"<html>busy</html>", b'{"access_token": "granted-token'])
)

# Headers

DATES = st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
RETRY_AFTER = (
    DATES
    | st.integers().map(str)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3}[ -][A-Za-z]{3}[ -][0-9]{1,6} [0-9:]{1,9} \S{0,6}")
    | st.text("0123456789 :,+-.GMTSunJa\t", max_size=40)
    | TEXT
)
_FIELDS: dict[str, st.SearchStrategy[bytes]] = {
    "Content-Type": st.sampled_from(
        [b"application/json", b"text/html; charset=rot13", b"a/b;" * 100, b"s3cret-w0rd/\xff"]
    ),
    "Content-Encoding": st.sampled_from([b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"x"]),
    "Content-Length": st.integers(-5, 300).map(lambda n: str(n).encode())
    | st.sampled_from([b"9" * 30, b"0x5", b"5, 5", b"+5", b""]),
    "Transfer-Encoding": st.sampled_from([b"chunked", b"gzip, chunked", b"identity", b"x"]),
    "Retry-After": RETRY_AFTER.map(lambda value: value.encode("utf-8", "replace")),
    "Connection": st.sampled_from([b"close", b"keep-alive", b"upgrade"]),
    "Upgrade": st.sampled_from([b"websocket", b"h2c"]),
    "Location": st.sampled_from([b"/", b"https://other.example/token", b"http://[::1"]),
    "Set-Cookie": st.sampled_from([b"a=b", b"=;;=", b'a="\\']),
}
_LINES = (
    st.sampled_from([*_FIELDS]).flatmap(
        lambda name: (_FIELDS[name] | NOISE).map(lambda value: name.encode() + b": " + value)
    )
    | st.tuples(NOISE, NOISE).map(b": ".join)
    | st.sampled_from([b"X: y", b" folded", b"no colon", b'"access_token": "granted-token"'])
)
_HEADS = st.lists(_LINES, max_size=5) | _LINES.map(lambda line: [line] * 500)

# Responses

_STATUS_LINES = st.tuples(
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2", b"http/1.1", b"ICE/1.0"]),
    st.sampled_from([b"200", b"201", b"204", b"304", b"100", b"101", b"302", b"400", b"401"])
    | st.sampled_from([b"429", b"503", b"999", b"1000", b"099", b"2OO", b"-20", b""]),
    st.sampled_from([b"OK", b"", b"granted-token", b"\xff\x00"]),
).map(b" ".join)


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _answer(parts: tuple[bytes, list[bytes], bool, bytes]) -> bytes:
    status_line, lines, is_measured, body = parts
    measure = [b"Content-Length: %d" % len(body)] if is_measured else []
    return b"\r\n".join([status_line, *lines, *measure, b"", body])


_CODED = BODIES | BODIES.map(_gzipped) | BODIES.map(zlib.compress) | BODIES.map(_chunked)
_WHOLE = st.tuples(_STATUS_LINES, _HEADS, st.booleans(), _CODED).map(_answer)


def _cut(pair: tuple[bytes, list[int]]) -> tuple[bytes, ...]:
    whole, places = pair
    ends = [*sorted(min(place, len(whole)) for place in places), len(whole)]
    return tuple(whole[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))


ANSWERS = st.tuples(_WHOLE | NOISE, st.lists(st.integers(0, 400), max_size=3)).map(_cut)
"""Bytes of a response, in the pieces in which they arrive."""

# Challenges

_PARAMETERS = st.tuples(
    st.sampled_from(["error", "scope", "realm", "error_description", "max_age"])
    | st.text("abcXYZ-_!*", min_size=1, max_size=8),
    st.sampled_from(["=", " = ", "=\t", "", "=="]),
    st.sampled_from(['"invalid_token"', '"insufficient_scope"', "x", '""', '"\\"', '"a, b"', '"'])
    | st.text(max_size=10),
).map("".join)
_SCHEMES = st.sampled_from(["Bearer", "bearer", "Basic", "DPoP", "Negotiate YWJj==", "é", ""])
_CHALLENGES = st.tuples(_SCHEMES, st.lists(_PARAMETERS, max_size=4).map(", ".join)).map(" ".join)
_REPEATED = st.tuples(_PARAMETERS | st.text('a"\\=, \t', max_size=3), st.integers(1, 2000)).map(
    lambda pair: pair[0] * pair[1]
)
CHALLENGES = st.lists(
    st.lists(_CHALLENGES, max_size=3).map(", ".join) | _REPEATED | TEXT, max_size=4
).map(tuple)
"""The `WWW-Authenticate` headers of one response."""

# Redirects

_NAMES_SENT = st.sampled_from(["state", "access_token", "error", "code", "error_description", "x"])
_PAIRS = st.tuples(
    _NAMES_SENT, st.sampled_from(["=", "%3D", "==", ""]), TEXT | st.just("guess") | st.just("%ff")
).map("".join)
_QUERIES = st.lists(_PAIRS, max_size=5).map("&".join) | st.just("a&" * 100) | TEXT
_TARGETS = st.tuples(st.sampled_from(["/?", "/", "//?", "/x?", "*", "http://@HOST@/?"]), _QUERIES)
_ASKED = st.lists(
    st.sampled_from(
        [
            *("Host: @HOST@", "Host: localhost", "Origin: http://@HOST@", "Origin: null"),
            *("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site", "Expect: 100-continue"),
            *("Content-Type: application/x-www-form-urlencoded", "Content-Type: text/plain"),
            *("Transfer-Encoding: chunked", "Content-Encoding: gzip", "Content-Length: 5"),
            *("Upgrade: websocket", "Connection: Upgrade", "Connection: keep-alive"),
        ]
    ),
    max_size=6,
)


def _request(parts: tuple[str, tuple[str, str], list[str], bool, str]) -> bytes:
    method, (path, query), lines, is_measured, body = parts
    measure = [f"Content-Length: {len(body.encode('utf-8', 'replace'))}"] if is_measured else []
    head = [f"{method} {path}{query} HTTP/1.1", *lines, *measure, "", body]
    return "\r\n".join(head).encode("utf-8", "replace")


REDIRECTS = (
    st.tuples(
        st.sampled_from(["GET", "POST", "HEAD", "PUT", "CONNECT", "get", ""]),
        _TARGETS,
        _ASKED | _ASKED.map(lambda lines: ["Host: @HOST@", *lines]),
        st.booleans(),
        _QUERIES,
    ).map(_request)
    | NOISE
)
"""Requests to the redirect listener; ``@HOST@`` is replaced by its host and port."""

# Texts of a token cache, whose readers believe that 2030 has just begun

_ANY_TEXT = st.text(st.characters(), max_size=10)  # JSON may contain lone surrogates
_ANYTHING = _JSON | _VALUES | _ANY_TEXT
_TIMES = st.sampled_from([1_893_455_990, 1_893_456_010.5, 1_893_456_500, 10**400, "1e999", "nan"])
_NUMBERS = st.integers() | st.floats() | _TIMES
_DATES = (
    st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat)
    | st.just("2030-01-01T00:30:00+00:00")
)  # fmt: skip


def _mostly(usual: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.integers(0, 15).flatmap(lambda chance: usual if chance else _ANYTHING)


_TOKEN_MEMBERS = {
    "access_token": _mostly(st.just("granted-token")),
    "token_type": _mostly(st.just("Bearer")),
    "expires_in": _mostly(st.none() | st.just(3600) | st.integers(0, 2**31)),
    "expires_on": _mostly(st.none() | _DATES),
    "scope": _mostly(st.none() | st.lists(_ANY_TEXT, max_size=3)),
    "missing_scope": _mostly(st.lists(_ANY_TEXT, max_size=3)),
    "extra": _mostly(st.dictionaries(TEXT, _JSON, max_size=2)),
}
_ENTRIES = st.fixed_dictionaries(
    {
        **_TOKEN_MEMBERS,
        "version": _mostly(st.just(1)),
        "refresh_token": _mostly(st.none() | st.just("s3cret-w0rd")),
        "issuer": _mostly(st.just("https://auth.example.com")),
        "stored_on": _mostly(st.none() | _DATES),
        "derived": _mostly(
            st.dictionaries(
                st.just("alf1-derived") | TEXT, st.fixed_dictionaries(_TOKEN_MEMBERS), max_size=2
            )
        ),
    }
)
_ERROR_NAMES = st.sampled_from(
    [
        *("TokenHTTPError", "TokenConnectionError", "AccessDeniedError", "MetadataError"),
        *("LoginTimeoutError", "TokenResponseError", "AuthorizationError", "ValueError"),
    ]
)
_FAILURES = st.fixed_dictionaries(
    {"type": _mostly(_ERROR_NAMES)},
    optional={
        "message": _ANYTHING,
        "error": _ANYTHING,
        "error_description": _ANYTHING,
        "error_uri": _ANYTHING,
        "status": st.integers() | _ANYTHING,
    },
)
_NOTES = st.fixed_dictionaries(
    {
        "kind": _mostly(st.sampled_from(["failed", "retrying", "signing in"])),
        "until": _mostly(_NUMBERS),
        "by": _mostly(_ANY_TEXT),
        "attempt": _mostly(_NUMBERS),
        "began": _mostly(_NUMBERS),
        "failure": _mostly(_FAILURES),
    }
)
_DAMAGED = (
    _JSON.map(json.dumps)
    | _DEEP.map(bytes.decode)
    | _ANY_TEXT
    | st.sampled_from(["", "null", '{"version":2}', '{"version":1'])
)
CACHE_TEXTS = st.tuples(_ENTRIES.map(json.dumps) | _DAMAGED, _NOTES.map(json.dumps) | _DAMAGED)
"""The entry of a login in a token cache, and the note next to it."""
