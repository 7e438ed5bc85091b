"""A short soak has no unexplained errors and leaves nothing open."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from aioalf.testing import FaultProxy, OAuthServer
from tests.robustness.soak import __main__ as command
from tests.robustness.soak import report
from tests.robustness.soak.diary import Diary
from tests.robustness.soak.events import EVENTS, FAILING, FILES, GET_TOKEN, REPLACED, SERVICE, Place
from tests.robustness.soak.load import EXCHANGES
from tests.robustness.soak.meters import METERS, Growth
from tests.robustness.soak.servers import answer
from tests.robustness.soak.soak import Result


@pytest.mark.rule("R062", "R071", "R077")
def test_three_seconds_of_load_and_faults_end_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three seconds: all kinds of requests succeed, all events happen, no unexplained error."""
    record = tmp_path / "a directory" / "soak.json"
    code = command.main(["--seconds", "3", "--record", str(record)])
    printed = capsys.readouterr().out
    assert code == 0, printed
    values = json.loads(record.read_text(encoding="utf-8"))
    assert (values["errors"], values["left"]) == (0, {})
    assert values["answered"].keys() >= {
        *(f"{user}: {kind}" for user in ("Client", "middleware") for kind in EXCHANGES),
        *(f"{user}: GET" for user in (*REPLACED, FILES, FAILING, SERVICE)),
        GET_TOKEN,
    }
    assert values["logins"].keys() >= {"sign-ins", "clients closed"}
    assert values["tokens"]["tokens"] >= 3
    assert int(printed.split(" events;")[0].split()[-1]) >= 2 * len(EVENTS)
    assert printed.endswith("good\n")


async def test_every_event_can_be_ended() -> None:
    """After the end of an event the servers have no faults."""
    async with OAuthServer() as server, FaultProxy(server.token_endpoint) as proxy:
        place = Place(server, proxy)
        urls = answer(place, "urls")
        for event in EVENTS:
            assert answer(place, f"begin {event.name}") == urls
            answer(place, "end")
            assert (server.token_fault, server.api_fault, proxy.fault) == (None, None, None)
    assert len({event.name for event in EVENTS}) == len(EVENTS)


TOKENS = Counter(tokens=1, requests=1)
REPAIRED = Counter({"Client: GET": 1})
SEEN = Diary(0, undisturbed=TOKENS, repaired=REPAIRED)
GOOD = Result(60, SEEN, [Growth(METERS[0], 10, 1, 2)], {})


@pytest.mark.parametrize(
    ("result", "is_good"),
    [
        (GOOD, True),
        (replace(GOOD, diary=replace(SEEN, error_count=1, errors=["GET: 500"])), False),
        (replace(GOOD, diary=Diary(0, undisturbed=TOKENS)), False),
        (replace(GOOD, diary=Diary(0, repaired=REPAIRED)), False),
        (replace(GOOD, diary=Diary(0), seconds=59), True),
        (replace(GOOD, growth=[Growth(METERS[0], 10, 3, 2)]), False),
        (replace(GOOD, growth=[Growth(METERS[0], 10, 3, 2)], seconds=59), True),
        (replace(GOOD, left={"tasks": 1}), False),
    ],
)
def test_what_makes_a_soak_fail(result: Result, *, is_good: bool) -> None:
    """Errors and leftovers fail a soak; in a long run also growth, or too few tokens and 401s.

    The report says which of them.
    """
    assert result.is_good is is_good
    text = "\n".join(report.lines(result))
    assert text.endswith("\ngood") is is_good
    assert ("GET: 500" in text) is bool(result.diary.errors)
    assert ("GREW" in text) is any(not one.is_noise for one in result.growth)
    assert ("TOO LITTLE SEEN" in text) is (result.is_judged and not result.has_seen_enough)
    assert ("tasks" in text.split("left after closing")[1]) is bool(result.left)


def test_a_ratio_without_tokens_is_none() -> None:
    """Without tokens the report does not divide by zero."""
    diary = Diary(0, tokens=Counter(tokens=2, requests=3))
    text = "\n".join(report.lines(replace(GOOD, diary=diary)))
    assert "token requests per token: none (0 for 0); with events 1.50 (3 for 2)" in text
