"""Device authorization with the answers of well-known servers, with a client and real sockets."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from aioalf import (
    AccessDeniedError,
    Client,
    LoginTimeoutError,
    Renewal,
    Retry,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import DeviceCode, Prompt
from aioalf.testing import MISSING, Fault, OAuthServer


def says(error: str, status: int = 200, **members: object) -> Fault:
    """Return an error response of the token endpoint, to one request."""
    return Fault.body(json.dumps({"error": error, **members}).encode(), status=status).times(1)


PENDING = says("authorization_pending", 400)


class Polling:
    """Polls without waiting. Before each poll, the server gets its next answer."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.pauses: list[float] = []
        self.shown: list[Prompt] = []
        self._answers: list[Fault] = []

    async def sleep(self, seconds: float) -> None:
        """Record the seconds before a poll."""
        self.pauses.append(seconds)
        self.server.token_fault = self._answers.pop(0) if self._answers else None

    async def sign_in(self, *answers: Fault) -> None:
        """Sign in. The token endpoint gives these answers, and then the token."""
        self._answers = list(answers)
        options: dict[str, Any] = {"retry": Retry(attempts=1), "raise_token_errors": True}
        async with (
            Client(
                issuer=self.server.issuer,
                client_id="tv",
                grant=DeviceCode(self._approve),
                renewal=Renewal(failure_backoff=0),
                **options,
            ) as client,
            asyncio.timeout(20),
            client.get(self.server.url("/things")) as response,
        ):
            assert response.status == 200
        assert not self._answers

    def _approve(self, prompt: Prompt) -> None:
        self.shown.append(prompt)
        self.server.approve(prompt.user_code)


@pytest.fixture
def polling(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> Polling:
    """A server that does not limit the polling rate, and a client that polls without waiting."""
    oauth_server.device_slow_down = False
    oauth_server.add_client("tv")
    polling = Polling(oauth_server)
    fast = SimpleNamespace(sleep=polling.sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast)
    return polling


@pytest.mark.rule("R158")
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("interval", "pauses"),
    [
        (12, [5, 12, 12]),
        ("12", [5, 12, 12]),
        (MISSING, [5, 10, 10]),
        (5, [5, 10, 10]),
        (0, [5, 10, 10]),
        ("soon", [5, 10, 10]),
        (-1, [5, 10, 10]),
        (None, [5, 10, 10]),
    ],
)
async def test_slow_down_may_name_the_new_interval(
    polling: Polling, status: int, interval: Any, pauses: list[float]
) -> None:
    """GitHub does so. Without a longer interval, five seconds are added."""
    named = {} if interval is MISSING else {"interval": interval}
    await polling.sign_in(says("slow_down", status, **named), PENDING)
    assert polling.pauses == pauses


@pytest.mark.rule("R158")
async def test_each_slow_down_names_its_own_interval(polling: Polling) -> None:
    """The interval of an earlier answer is not used again."""
    await polling.sign_in(says("slow_down", interval=12), says("slow_down"), PENDING)
    assert polling.pauses == [5, 12, 17, 17]


@pytest.mark.rule("R158")
async def test_statuses_of_google(polling: Polling) -> None:
    """The word counts, not the status; the page has the name of a draft, the interval is text."""
    server = polling.server
    server.changes["device_authorization"] = {
        "verification_uri": MISSING,
        "verification_url": "https://www.example.com/device",
        "interval": "7",
    }
    await polling.sign_in(
        says("authorization_pending", 428), says("slow_down", 403), says("slow_down", 429)
    )
    assert polling.pauses == [7, 7, 12, 17]
    assert polling.shown[0].verification_uri == "https://www.example.com/device"


@pytest.mark.rule("R158")
async def test_statuses_of_github(polling: Polling) -> None:
    """GitHub answers each poll with status 200."""
    await polling.sign_in(says("authorization_pending"), says("slow_down", interval=10), PENDING)
    assert polling.pauses == [5, 5, 10, 10]


@pytest.mark.rule("R158")
@pytest.mark.parametrize("members", [{"status": 400}, {"status": 400, "error": "Bad Request"}])
async def test_word_of_twitch_is_in_the_message(polling: Polling, members: dict[str, Any]) -> None:
    """Twitch has no error code, or the words of the status."""
    body = json.dumps({**members, "message": "authorization_pending"}).encode()
    await polling.sign_in(Fault.body(body, status=400).times(1))
    assert polling.pauses == [5, 5]


@pytest.mark.rule("R158")
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says("access_denied", 403), AccessDeniedError),
        (says("access_denied"), AccessDeniedError),
        (says("authorization_declined", 400), AccessDeniedError),
        (says("expired_token", 400), LoginTimeoutError),
        (says("expired_token"), LoginTimeoutError),
        (says("token_expired"), LoginTimeoutError),
        (says("bad_verification_code", 400), TokenHTTPError),
        (says("incorrect_device_code"), TokenResponseError),
        (says("device_flow_disabled"), TokenResponseError),
        (says("incorrect_client_credentials"), TokenResponseError),
        (says("unknown_word", 400), TokenHTTPError),
        (says("unknown_word", 429), TokenHTTPError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_other_words_end_the_polling(
    polling: Polling, answer: Fault, kind: type[TokenError]
) -> None:
    """Unknown words, too: the error is the one of the server."""
    with pytest.raises(TokenError) as caught:
        await polling.sign_in(PENDING, answer)
    assert type(caught.value) is kind
    assert len(polling.pauses) == 2
    if isinstance(caught.value, TokenHTTPError | TokenResponseError):
        assert caught.value.error
        assert caught.value.error in str(caught.value)
