"""Tests of notes: text is read unchanged or ignored, and errors are shown on one line."""

import json
from collections.abc import Mapping

import pytest

from aioalf._login.cache_note import CacheNote, NoteKind, failure_note, read_note, write_note
from aioalf.errors import MetadataError, TokenHTTPError

RETRYING = CacheNote(NoteKind.RETRYING, 1010.5, "process 1 on host-a", 2, 1000.0)


def changed(**members: object) -> str:
    """Return a written note with other members."""
    return json.dumps({**json.loads(write_note(RETRYING)), **members})


def test_note_is_read_unchanged() -> None:
    """A note that was written is read with the same values."""
    assert read_note(write_note(RETRYING), 1000.0) == RETRYING


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
    assert read_note(changed(**members), 1000.0) is None


def test_error_of_a_note_is_one_short_line() -> None:
    """The message of another client is escaped and truncated, as a cache may hold any text."""
    failed = failure_note(
        TokenHTTPError("one\ntwo\x1b[2J" + "x" * 5000, 400), 1000.0, 10.5, "process 1"
    )
    read = read_note(write_note(failed), 1002.0)
    assert read is not None
    shown = str(read.error(1002.0))
    assert shown.startswith("one\\ntwo\\x1b[2J")
    assert shown.isprintable()
    assert len(shown) < 2000
    assert "the next attempt is possible in 9 seconds)" in shown


@pytest.mark.parametrize("kind", [NoteKind.RETRYING, NoteKind.SIGNING_IN])
def test_note_of_a_clock_that_was_set_back_is_ignored(kind: NoteKind) -> None:
    """Otherwise all clients would wait until the clock shows the old time again."""
    note = write_note(CacheNote(kind, 4610.0, "process 1 on host-a", 1, 4600.0))
    assert read_note(note, 4600.0) is not None
    assert read_note(note, 1000.0) is None


def test_failure_of_a_clock_that_was_set_back_is_ignored() -> None:
    """A pause that the server asked for may be long, so the time of the failure decides."""
    note = write_note(failure_note(TokenHTTPError("busy", 503), 4600.0, 3600.0, "process 1"))
    assert read_note(note, 4600.0) is not None
    assert read_note(note, 4545.0) is not None, "clocks of two machines may differ"
    assert read_note(note, 1000.0) is None


def test_response_of_an_error_is_not_noted() -> None:
    """The error of another client shows the status once, and no body."""
    failed = TokenHTTPError("busy", 503, "a body")
    note = failure_note(failed, 1000.0, 10.0, "process 1")
    assert "a body" not in write_note(note)
    assert str(note.error(1000.0)).count("StatusCode: 503") == 1


def test_error_without_a_message_can_be_noted() -> None:
    """A grant of a user may raise such an error."""
    note = read_note(write_note(failure_note(MetadataError(), 1000.0, 10.0, "process 1")), 1000.0)
    assert note is not None
    assert isinstance(note.error(1000.0), MetadataError)
