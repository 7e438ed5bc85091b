"""Strategies for responses, challenges, redirects and header values.

About half of the inputs are well formed, to get past the first check; the others are truncated,
mixed, repeated or noise. It knows formats, and nothing about the package.
"""

import gzip
import json
import zlib

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
    | st.sampled_from([b"X: y", b" folded", b"no colon", b"granted-token"])
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
