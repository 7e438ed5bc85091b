"""Tests of notes: text is read unchanged or ignored, and errors are shown on one line."""

import json
from collections.abc import Mapping

import pytest

from aioalf._login.cache_note import CacheNote, NoteKind, failure_note, read_note, write_note
from aioalf.errors import TokenHTTPError

RETRYING = CacheNote(NoteKind.RETRYING, 1010.5, "process 1 on host-a", 2, 1000.0)


def changed(**members: object) -> str:
    """Return a written note with other members."""
    return json.dumps({**json.loads(write_note(RETRYING)), **members})


def test_note_is_read_unchanged() -> None:
    """A note that was written is read with the same values."""
    assert read_note(write_note(RETRYING)) == RETRYING


@pytest.mark.parametrize(
    "members",
    [
        {"began": float("nan")},
        {"failed": float("inf")},
        {"until": float("inf")},
        {"until": "NaN"},
        {"attempt": -1},
        {"attempt": 1e999},
        {"kind": "another"},
        {"failure": None},
    ],
    ids=str,
)
def test_note_with_an_impossible_value_is_ignored(members: Mapping[str, object]) -> None:
    """Such a note would allow endless requests or none, or could not be written again."""
    assert read_note(changed(**members)) is None


def test_error_of_a_note_is_one_short_line() -> None:
    """The message of another client is escaped and truncated, as a cache may hold any text."""
    failed = failure_note(
        TokenHTTPError("one\ntwo\x1b[2J" + "x" * 5000, 400), 1000.0, 10.5, "process 1"
    )
    read = read_note(write_note(failed))
    assert read is not None
    shown = str(read.error(1002.0))
    assert shown.startswith("one\\ntwo\\x1b[2J")
    assert shown.isprintable()
    assert len(shown) < 2000
    assert "the next attempt is possible in 9 seconds)" in shown
