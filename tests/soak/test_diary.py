"""The diary: which events excuse what, and for how long."""

import pytest

from tests.soak.diary import Diary
from tests.soak.events import BY_NAME, EVENTS, Event
from tests.soak.load import EXCHANGES
from tests.soak.refusals import Request

DOWN = Event("down", lambda _: None, {"503": lambda kind: kind == "GET"})
GRACE = 4.0


@pytest.fixture
def diary() -> Diary:
    """With one event, from the 10th second to the 12th."""
    diary = Diary(GRACE)
    diary.begin(DOWN, 10).ended = 12
    return diary


@pytest.mark.parametrize(
    ("begun", "ended", "is_injected"),
    [
        (9, 10, True),
        (11, 11, True),
        (15.9, 17, True),
        (9, 30, True),
        (8, 9.9, False),
        (17, 18, False),
    ],
)
def test_an_event_excuses_what_it_touches(
    diary: Diary, begun: float, ended: float, *, is_injected: bool
) -> None:
    """From its beginning until some seconds after its end."""
    diary.note(Request("GET", "503", begun, ended))
    assert diary.injected.total() == int(is_injected)
    assert diary.error_count == int(not is_injected)


def test_an_event_excuses_what_is_its_work_and_nothing_else(diary: Diary) -> None:
    """Another outcome at the same time is an error, as is the same of another kind."""
    diary.note(Request("GET", "500", 11, 12))
    diary.note(Request("GET", "the wrong body: ''", 11, 12))
    diary.note(Request("POST", "503", 11, 12))
    diary.note(Request("GET", "ok", 11, 12))
    assert (diary.error_count, diary.answered.total(), diary.requests) == (3, 1, 4)
    assert "GET: 500 at 11.00 s" in diary.errors[0]


def test_an_event_that_lasts_excuses_too(diary: Diary) -> None:
    """Its end is not known yet."""
    diary.begin(DOWN, 100)
    diary.note(Request("GET", "503", 130, 131))
    assert diary.error_count == 0
    assert diary.event_count == 2


def test_the_diary_does_not_grow(diary: Diary) -> None:
    """Old events are forgotten, and of many errors the first are shown."""
    for turn in range(100):
        diary.begin(DOWN, 100.0 * turn).ended = 100.0 * turn + 1
        diary.note(Request("GET", "404", 100.0 * turn, 100.0 * turn))
    assert len(diary.touching(0, 1e9)) == 1
    assert (diary.error_count, len(diary.errors)) == (100, 20)


@pytest.mark.parametrize(
    ("requests", "got", "errors"), [(1, True, 0), (2, True, 1), (1, False, 1), (3, False, 1)]
)
def test_far_from_events_a_token_takes_one_request(
    diary: Diary, requests: int, errors: int, *, got: bool
) -> None:
    """More are an error, as is none that was got; near an event they are not."""
    diary.note_flight(requests, got=got, begun=11, ended=12)
    assert diary.error_count == 0
    diary.note_flight(requests, got=got, begun=30, ended=31)
    assert diary.error_count == errors
    assert diary.undisturbed["requests"] == requests
    assert diary.tokens["requests"] == 2 * requests


def test_no_event_excuses_a_401_by_being_there() -> None:
    """Of any kind of request: the client repairs it, or the tokens tell why it could not."""
    kinds = [f"{user}: {kind}" for user in ("Client", "middleware") for kind in EXCHANGES]
    for event in EVENTS:
        assert not any(event.is_reason_for(kind, "401") for kind in kinds)


@pytest.mark.parametrize(
    ("kind", "outcome", "is_expected"),
    [
        ("Client: GET", "503", True),
        ("Client: GET", "TokenHTTPError", False),
        ("Client: websocket", "TokenHTTPError", True),
        ("middleware: GET", "TokenHTTPError", True),
        ("middleware: GET", "503", False),
        ("manager: get_token", "TokenHTTPError", True),
    ],
)
def test_who_returns_the_error_of_a_token_endpoint_does_not_raise_it(
    kind: str, outcome: str, *, is_expected: bool
) -> None:
    """A `Client` has a response to return, except for a websocket."""
    assert BY_NAME["503"].is_reason_for(kind, outcome) is is_expected


def test_a_401_is_judged_when_all_holds_still(diary: Diary) -> None:
    """It is an error or excused by then, is counted once, and what was repaired is counted too."""
    ended = diary.begin(BY_NAME["revocation"], 20)
    diary.refusals.note_token("first", None, 18, 18)
    diary.note(Request("Client: GET", "401", 20, 21, ["first"]))
    diary.note(Request("Client: POST, stream", "401", 20, 21, ["first"]))
    assert diary.requests == 0
    ended.happened = 20.1
    diary.refusals.note_token("second", "first", 21, 21)
    diary.note(Request("Client: GET", "ok", 20, 22, ["first", "second"]))
    for now in (22, 23):
        diary.settle(now)
    assert diary.repaired == {"Client: GET": 1}
    assert diary.injected == {"revocation, a stream cannot be sent again: 401": 1}
    assert (diary.error_count, diary.requests) == (1, 3)
    assert diary.errors[0].startswith("Client: GET: 401 at 20.00 s")
