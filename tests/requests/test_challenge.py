"""Parsing ``WWW-Authenticate`` headers: valid, malformed and hostile ones."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._requests.challenge import (
    Challenge,
    parse_challenges,
    required_scope,
)
from aioalf._requests.retry_on_401 import is_renewal_useful

ParsedChallenge = tuple[str, dict[str, str], str | None]


def parse(*lines: str) -> list[ParsedChallenge]:
    """Return the challenges of these header lines as plain values."""
    return [(c.scheme, dict(c.parameters), c.token68) for c in parse_challenges(lines)]


VALID_LINES: dict[str, list[ParsedChallenge]] = {
    "": [],
    " ,, \t,": [],
    "Bearer": [("bearer", {}, None)],
    "BEARER ReAlM=x": [("bearer", {"realm": "x"}, None)],
    "Bearer,": [("bearer", {}, None)],
    'Bearer realm="a b", error=no': [("bearer", {"realm": "a b", "error": "no"}, None)],
    'Bearer a="b, Basic c=\\"d\\\\"': [("bearer", {"a": 'b, Basic c="d\\'}, None)],
    'Bearer realm = "x" , error\t=\t"y"': [("bearer", {"realm": "x", "error": "y"}, None)],
    'Bearer realm=""': [("bearer", {"realm": ""}, None)],
    'Bearer , realm="x"': [("bearer", {"realm": "x"}, None)],
    "Bearer error=a, error=b": [("bearer", {"error": "a"}, None)],
    "Bearer, Basic": [("bearer", {}, None), ("basic", {}, None)],
    "Bearer, Basic a=b": [("bearer", {}, None), ("basic", {"a": "b"}, None)],
    "Bearer a=b,,c=d,Basic": [("bearer", {"a": "b", "c": "d"}, None), ("basic", {}, None)],
    "Negotiate YWJj": [("negotiate", {}, "YWJj")],
    "Negotiate a/+~.-_==, Basic": [("negotiate", {}, "a/+~.-_=="), ("basic", {}, None)],
    "Negotiate a=, Basic b=c": [("negotiate", {}, "a="), ("basic", {"b": "c"}, None)],
    "Bearer Basic realm=x": [("bearer", {}, None), ("basic", {"realm": "x"}, None)],
    "Bearer scope*=UTF-8''x, new!=1": [("bearer", {"scope*": "UTF-8''x", "new!": "1"}, None)],
}


@pytest.mark.rule("R059")
@pytest.mark.parametrize(("line", "challenges"), VALID_LINES.items())
def test_valid_header_line_is_parsed(line: str, challenges: list[ParsedChallenge]) -> None:
    """Lists, quoted strings, token68 and empty elements are parsed (RFC 9110 §5.6, §11.6.1)."""
    assert parse(line) == challenges


MALFORMED_LINES: dict[str, list[ParsedChallenge]] = {
    '"quoted", Bearer a=b': [("bearer", {"a": "b"}, None)],
    "a=b, Basic abc": [("basic", {}, "abc")],
    "=, Bearer a=b": [("bearer", {"a": "b"}, None)],
    "Bearer error_uri=https://x/y, error=z": [("bearer", {"error": "z"}, None)],
    'Bearer a="b" c="d", e=f': [("bearer", {"e": "f"}, None)],
    'Bearer a="unterminated, b=c': [("bearer", {}, None)],
    'Bearer a="b"c, d=e': [("bearer", {"d": "e"}, None)],
    "Bearer é=x, a=b": [("bearer", {"a": "b"}, None)],
    'Bearer a="\\': [("bearer", {}, None)],
}


@pytest.mark.rule("R059")
@pytest.mark.parametrize(("line", "challenges"), MALFORMED_LINES.items())
def test_malformed_part_is_skipped(line: str, challenges: list[ParsedChallenge]) -> None:
    """The valid parts before and after a mistake are still parsed."""
    assert parse(line) == challenges


@pytest.mark.rule("R059")
def test_all_header_lines_are_parsed_in_order() -> None:
    """A server may send each challenge in a header line of its own."""
    assert parse("Basic realm=x", 'Bearer error="invalid_token"', "Digest") == [
        ("basic", {"realm": "x"}, None),
        ("bearer", {"error": "invalid_token"}, None),
        ("digest", {}, None),
    ]


@pytest.mark.rule("R059")
@given(st.lists(st.text() | st.text('Bearer "\\=,; \t\r\n'), max_size=4))
def test_any_text_is_parsed_without_an_error(lines: list[str]) -> None:
    """No header line raises, and each scheme comes from one of the lines."""
    for challenge in parse_challenges(lines):
        assert any(challenge.scheme in line.lower() for line in lines)


NAMES = st.text("abcXYZ-_!", min_size=1)
QUOTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


def format_challenge(challenge: tuple[str, dict[str, str]]) -> str:
    """Return a challenge as a server writes it, with quoted values."""
    quoted = {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in challenge[1].items()}
    return f"{challenge[0]} " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())


@pytest.mark.rule("R059")
@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(NAMES.map(str.lower), QUOTABLE, min_size=1)), max_size=4
    )
)
def test_quoted_values_are_parsed_unchanged(challenges: list[tuple[str, dict[str, str]]]) -> None:
    """Values may contain any visible character, also quotes and commas."""
    line = ", ".join(format_challenge(challenge) for challenge in challenges)
    assert parse(line) == [(scheme.lower(), values, None) for scheme, values in challenges]


HOSTILE_PIECES = [
    *("a", "a ", "a,", "a=", 'a="', "a=a", "a=a,", '"', "\\", '"\\', 'a="\\', " ", ",", "=", " ="),
    *('a="a', 'a="",', "a a=", 'a="\\"', '\\"', "a\t"),
]


@pytest.mark.rule("R059")
@pytest.mark.parametrize("piece", HOSTILE_PIECES)
def test_many_hostile_header_lines_are_parsed_quickly(piece: str) -> None:
    """One MiB of challenges in many header lines does not stall the event loop."""
    lines = [f"Bearer {piece * 8192}"[:8190]] * 128
    begin = time.process_time()
    parse_challenges(lines)
    assert time.process_time() - begin < 0.5


@pytest.mark.rule("R059")
@pytest.mark.parametrize("line", ["", "a", "a=1"])
def test_many_short_header_lines_are_parsed_quickly(line: str) -> None:
    """Older versions of aiohttp accept any number of header lines."""
    begin = time.process_time()
    parse_challenges([line] * 500_000)
    assert time.process_time() - begin < 0.5


@pytest.mark.rule("R059")
def test_only_the_first_16_kib_of_all_lines_are_parsed() -> None:
    """The limit counts all lines; a challenge in front of it is found."""
    filler = "Basic a=".ljust(8188, "x")  # two lines of this and one of Bearer are 16 KiB
    assert [c.scheme for c in parse_challenges([filler, "Bearer", *[filler] * 9, "DPoP"])] == [
        *("basic", "bearer", "basic")
    ]


@pytest.mark.rule("R059")
@pytest.mark.parametrize("piece", HOSTILE_PIECES)
@pytest.mark.parametrize("start", ["", "Bearer ", 'Bearer a="'])
def test_hostile_header_line_is_parsed_quickly(start: str, piece: str) -> None:
    """One MiB of repeated text causes no catastrophic backtracking."""
    begin = time.process_time()
    parse_challenges([start + piece * (2**20 // len(piece))])
    assert time.process_time() - begin < 2


@pytest.mark.rule("R057", "R058")
@pytest.mark.parametrize(
    ("lines", "is_useful"),
    [
        ([], True),
        ([""], True),
        (["Bearer"], True),
        (['Bearer realm="a"'], True),
        (['Bearer error="invalid_token"'], True),
        (['Bearer error="invalid_request"'], True),
        (['Bearer realm="error=insufficient_scope"'], True),
        (['Bearer error="insufficient_scope"'], False),
        (['Bearer error="insufficient_scope", scope="admin"'], False),
        (['Basic realm=x, Bearer error="insufficient_scope"'], False),
        (["Basic", 'Bearer error="insufficient_scope", scope="admin"'], False),
        (['Bearer error="insufficient_user_authentication", max_age="5"'], False),
        (['Bearer error="insufficient_user_authentication", acr_values="loa2"'], False),
        (['DPoP error="insufficient_scope"'], False),
    ],
)
def test_renewal_is_useful_unless_a_challenge_rules_it_out(
    lines: list[str], *, is_useful: bool
) -> None:
    """Only an error that a token of the same kind cannot fix makes a renewal useless."""
    assert is_renewal_useful(parse_challenges(lines)) is is_useful


@pytest.mark.rule("R058")
@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("Bearer", None),
        ('Basic scope="a"', None),
        ('Basic scope="a", Bearer scope="b  c"', {"b", "c"}),
        ('Bearer scope=""', set[str]()),
    ],
)
def test_required_scope_is_read_from_a_bearer_challenge(line: str, scope: set[str] | None) -> None:
    """Without a scope in a Bearer challenge, the required scope is None."""
    assert required_scope(parse_challenges([line])) == scope


def test_challenges_are_immutable_values() -> None:
    """Equal challenges compare equal, and their parameters cannot be changed."""
    (challenge,) = parse_challenges(["Bearer a=b"])
    assert challenge == Challenge("bearer", {"a": "b"})
    with pytest.raises(TypeError):
        challenge.parameters["a"] = "c"  # type: ignore[index]
