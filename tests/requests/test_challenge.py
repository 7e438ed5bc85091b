"""What a WWW-Authenticate header says, and what a hostile one cannot do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._requests.challenge import (
    Challenge,
    is_renewal_useful,
    parse_challenges,
    required_scope,
)

Read = tuple[str, dict[str, str], str | None]


def read(*lines: str) -> list[Read]:
    """The challenges of these header lines, as plain values."""
    return [(c.scheme, dict(c.parameters), c.token68) for c in parse_challenges(lines)]


READABLE: dict[str, list[Read]] = {
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
@pytest.mark.parametrize(("line", "challenges"), READABLE.items())
def test_a_line_is_read_as_the_standard_has_it(line: str, challenges: list[Read]) -> None:
    """Several challenges, spaces, quotes, token68, empty elements: RFC 9110 §11.6.1, §5.6."""
    assert read(line) == challenges


UNREADABLE: dict[str, list[Read]] = {
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
@pytest.mark.parametrize(("line", "challenges"), UNREADABLE.items())
def test_what_cannot_be_read_is_left_out(line: str, challenges: list[Read]) -> None:
    """What stands around a mistake still counts."""
    assert read(line) == challenges


@pytest.mark.rule("R059")
def test_every_line_counts() -> None:
    """A server may send one line a challenge; none is lost, and their order is kept."""
    assert read("Basic realm=x", 'Bearer error="invalid_token"', "Digest") == [
        ("basic", {"realm": "x"}, None),
        ("bearer", {"error": "invalid_token"}, None),
        ("digest", {}, None),
    ]


@pytest.mark.rule("R059")
@given(st.lists(st.text() | st.text('Bearer "\\=,; \t\r\n'), max_size=4))
def test_any_text_is_read(lines: list[str]) -> None:
    """No header line raises, and what is read is of the lines."""
    for challenge in parse_challenges(lines):
        assert any(challenge.scheme in line.lower() for line in lines)


NAMES = st.text("abcXYZ-_!", min_size=1)
QUOTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


def written(challenge: tuple[str, dict[str, str]]) -> str:
    """A challenge as a server writes it, its values quoted."""
    quoted = {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in challenge[1].items()}
    return f"{challenge[0]} " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())


@pytest.mark.rule("R059")
@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(NAMES.map(str.lower), QUOTABLE, min_size=1)), max_size=4
    )
)
def test_what_is_written_is_read(challenges: list[tuple[str, dict[str, str]]]) -> None:
    """Whatever the values hold, quotes and commas too, they come out as they went in."""
    line = ", ".join(written(challenge) for challenge in challenges)
    assert read(line) == [(scheme.lower(), values, None) for scheme, values in challenges]


HOSTILE = [
    *("a", "a ", "a,", "a=", 'a="', "a=a", "a=a,", '"', "\\", '"\\', 'a="\\', " ", ",", "=", " ="),
    *('a="a', 'a="",', "a a=", 'a="\\"', '\\"', "a\t"),
]


@pytest.mark.rule("R059")
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", ["", "Bearer ", 'Bearer a="'])
def test_a_hostile_line_is_read_at_once(start: str, piece: str) -> None:
    """A mebibyte of anything takes no more than a moment: no pattern goes back and forth."""
    begin = time.process_time()
    parse_challenges([start + piece * (2**20 // len(piece))])
    assert time.process_time() - begin < 2


@pytest.mark.rule("R057", "R058")
@pytest.mark.parametrize(
    ("line", "useful"),
    [
        ("", True),
        ("Bearer", True),
        ('Bearer error="invalid_token"', True),
        ('Bearer error="invalid_request"', True),
        ('Bearer error="insufficient_scope", scope="admin"', False),
        ('Basic realm=x, Bearer error="insufficient_scope"', False),
        ('Bearer error="insufficient_user_authentication", max_age="5"', False),
        ('DPoP error="insufficient_scope"', False),
        ('Bearer realm="error=insufficient_scope"', True),
    ],
)
def test_a_new_token_is_useful_unless_the_server_says_otherwise(line: str, *, useful: bool) -> None:
    """Only what a token of the same kind cannot mend speaks against a renewal."""
    assert is_renewal_useful(parse_challenges([line])) is useful


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
def test_the_scope_that_is_asked_for_can_be_read(line: str, scope: set[str] | None) -> None:
    """A caller learns what its token lacks."""
    assert required_scope(parse_challenges([line])) == scope


def test_a_challenge_is_a_value() -> None:
    """Equal ones are equal, and none can be changed."""
    (challenge,) = parse_challenges(["Bearer a=b"])
    assert challenge == Challenge("bearer", {"a": "b"})
    with pytest.raises(TypeError):
        challenge.parameters["a"] = "c"  # type: ignore[index]


@pytest.mark.rule("R057")
@pytest.mark.parametrize(
    ("lines", "renewable"),
    [
        ([], True),
        (['Bearer realm="a"'], True),
        (['Bearer error="invalid_token"'], True),
        (['Bearer error="insufficient_scope"'], False),
        (['Bearer error="insufficient_user_authentication", acr_values="loa2"'], False),
        (["Basic", 'Bearer error="insufficient_scope", scope="admin"'], False),
    ],
)
def test_a_challenge_says_whether_a_new_token_can_help(
    lines: list[str], *, renewable: bool
) -> None:
    """All lines of the header count."""
    assert is_renewal_useful(parse_challenges(lines)) is renewable
