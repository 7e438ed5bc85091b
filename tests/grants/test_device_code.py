"""The device authorization grant: the prompt, and the polling of the token endpoint."""

import asyncio
import io
import logging
import os
import sys
import termios
from collections.abc import Callable, Coroutine, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import (
    AccessDeniedError,
    AuthorizationError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import DeviceCode, Prompt
from aioalf.grants import _prompt as prompt
from aioalf.grants._device_response import read_device
from aioalf.testing import MISSING, OAuthServer
from aioalf.token import Token
from tests.grants.source import ScriptedSource, ServerSource
from tests.support.virtual_time import VirtualTimeLoop

T = TypeVar("T")

TOKEN = Token("abc", 3600)
POSTED = {
    "device_code": "d3vice",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://auth.example.com/device",
    "expires_in": 600,
}


def refused(error: str | None, status: int = 400, retry_after: float | None = None) -> TokenError:
    """Return an error response of the token endpoint."""
    return TokenHTTPError("refused", status, retry_after=retry_after, error=error)


PENDING = refused("authorization_pending")


async def ignore(_prompt: Prompt) -> None:
    """Show nothing."""


def run(scene: Coroutine[object, object, T]) -> T:
    """Run a coroutine in virtual time."""
    loop = VirtualTimeLoop(0)
    try:
        return loop.run_until_complete(scene)
    finally:
        loop.close()


def polls_of(
    *replies: Token | Exception,
    posted: Mapping[str, object] = POSTED,
    post_takes: float = 0.0,
    timeout: float | None = None,
) -> tuple[list[float], Token | TokenError]:
    """Return the seconds before each poll, and the token or the error."""
    source = ScriptedSource(*replies, posted=posted)
    source.post_takes = post_takes

    async def scene() -> tuple[float, Token | TokenError]:
        begun = asyncio.get_running_loop().time()
        try:
            return begun, await DeviceCode(ignore, timeout).request_token(source)
        except TokenError as error:
            return begun, error

    begun, result = run(scene())
    times = [begun, *source.times]
    return [after - before for before, after in pairwise(times)], result


@pytest.mark.rule("R158")
def test_polling_interval_is_five_seconds_by_default() -> None:
    """The first poll is sent after five seconds, too."""
    assert polls_of(PENDING, PENDING, TOKEN) == ([5, 5, 5], TOKEN)


@pytest.mark.rule("R158")
@pytest.mark.parametrize(("interval", "waited"), [(2, 2), ("7", 7), (0, 1), (None, 5)])
def test_polling_interval_of_the_server_is_used(interval: object, waited: int) -> None:
    """An interval of 0 is raised to one second, so that polling never runs without a pause."""
    posted = {**POSTED, "interval": interval}
    assert polls_of(PENDING, TOKEN, posted=posted) == ([waited] * 2, TOKEN)


def test_authorization_pending() -> None:
    """Polling continues until the user decides; some servers use status 200 for this error."""
    answered = TokenResponseError("pending", 200, error="authorization_pending")
    assert polls_of(PENDING, answered, TOKEN)[1] is TOKEN


@pytest.mark.rule("R158")
def test_slow_down() -> None:
    """Each slow_down adds five seconds to all later intervals."""
    slow = refused("slow_down")
    assert polls_of(slow, PENDING, slow, PENDING, TOKEN)[0] == [5, 10, 10, 15, 15]


@pytest.mark.rule("R158")
@pytest.mark.parametrize("word", ["expired_token", "token_expired"])
def test_expired_token(word: str) -> None:
    """An expired code raises LoginTimeoutError; the second word is GitHub's."""
    polls, error = polls_of(PENDING, refused(word))
    assert len(polls) == 2
    assert isinstance(error, LoginTimeoutError)
    assert "start again" in str(error)


@pytest.mark.rule("R158")
@pytest.mark.parametrize("word", ["access_denied", "authorization_declined"])
def test_access_denied(word: str) -> None:
    """A denied sign-in raises AccessDeniedError; the second word is Microsoft's."""
    polls, error = polls_of(refused(word))
    assert len(polls) == 1
    assert isinstance(error, AccessDeniedError)
    assert error.error == word


@pytest.mark.rule("R158")
@pytest.mark.parametrize(
    "answer",
    [
        *(
            refused("invalid_grant"),
            refused("server_error", 503),
            refused(None),
            refused(None, 404),
        ),
        *(TokenResponseError("no access_token"), TokenConfigurationError("Missing")),
        TokenConnectionError("certificate", is_transient=False),
    ],
    ids=repr,
)
def test_any_other_error_ends_the_polling(answer: TokenError) -> None:
    """The error is raised unchanged after one poll."""
    polls, error = polls_of(answer, TOKEN)
    assert len(polls) == 1
    assert error is answer


@pytest.mark.rule("R158")
def test_interval_doubles_if_the_server_cannot_be_reached() -> None:
    """Each connection error or server error without an OAuth error doubles the interval."""
    lost = TokenConnectionError("timed out")
    assert polls_of(lost, PENDING, lost, TOKEN)[0] == [5, 10, 10, 20]
    assert polls_of(refused(None, 502), refused(None, 429), TOKEN)[0] == [5, 10, 20]


def test_retry_after_is_respected() -> None:
    """Retry-After delays the next poll only."""
    busy = refused(None, 503, retry_after=60)
    assert polls_of(busy, PENDING, TOKEN)[0] == [5, 60, 10]


@pytest.mark.rule("R158")
@pytest.mark.parametrize(
    ("expires_in", "post_takes", "polls"),
    [(21, 0.0, 4), (20, 0.0, 3), (21, 5.0, 3), (5, 0.0, 0), (0, 0.0, 0)],
)
def test_polling_ends_when_the_code_expires(expires_in: int, post_takes: float, polls: int) -> None:
    """The lifetime of the code starts when the code is requested."""
    posted = {**POSTED, "expires_in": expires_in}
    waited, error = polls_of(PENDING, posted=posted, post_takes=post_takes)
    assert len(waited) == polls
    assert isinstance(error, LoginTimeoutError)


def test_timeout_ends_the_polling() -> None:
    """A timeout can end the polling before the code expires, but cannot extend it."""
    assert len(polls_of(PENDING, timeout=11)[0]) == 2
    assert len(polls_of(PENDING, timeout=9999)[0]) == 119


@pytest.mark.parametrize("options", [{"prompt": 5}, {"timeout": 0}, {"timeout": "9"}], ids=str)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """The constructor raises, not the sign-in."""
    with pytest.raises(TokenConfigurationError):
        DeviceCode(**options)


async def test_sign_in_without_client_id_raises() -> None:
    """The error names the missing client id."""
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await DeviceCode(ignore).request_token(ScriptedSource(client_id=None))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("device_code", None), ("device_code", ""), ("device_code", 5), ("user_code", None)),
        *(("user_code", "a\x1b[2J"), ("user_code", "\n"), ("verification_uri", None)),
        *(("verification_uri", "javascript:alert(1)"), ("verification_uri", "/device")),
        *(("verification_uri", "https://a\x1b[2J/"), ("verification_uri", "https://[::1")),
        *(("verification_uri", "https://a b/"), ("expires_in", None), ("expires_in", "soon")),
        *(("verification_uri", "https://xn--a/"), ("verification_uri", "https://a\u202e/")),
        ("verification_uri", "https://accounts.google.com@evil.example/"),
        ("verification_uri", "https://accounts.google.com:443@evil.example/"),
        ("verification_uri", "https://evil.example\\@accounts.google.com/"),
        ("verification_uri", "https://evil.example\\.google.com/"),
        *(("expires_in", -1), ("interval", "soon"), ("interval", -5), ("interval", [])),
    ],
)
async def test_invalid_device_response_raises_and_names_the_member(
    name: str, value: object
) -> None:
    """Control characters never reach a terminal, and the error has no device code."""
    shown: list[Prompt] = []
    source = ScriptedSource(posted={**POSTED, name: value})
    with pytest.raises(TokenResponseError, match=name) as caught:
        await DeviceCode(shown.append).request_token(source)
    assert not shown
    assert "d3vice" not in str(caught.value)


async def test_refused_device_authorization_raises() -> None:
    """The server's error is raised unchanged."""
    error = refused("invalid_scope")
    with pytest.raises(TokenHTTPError) as caught:
        await DeviceCode(ignore).request_token(ScriptedSource(posted=error))
    assert caught.value is error


@pytest.mark.parametrize(
    "complete",
    [
        *(None, 5, "", "javascript:alert(1)", "https://a/\n", "https://xn--a/"),
        "https://accounts.google.com@evil.example/",
    ],
)
def test_invalid_complete_uri_is_left_out(complete: object) -> None:
    """The user can still open the verification URI and type the code."""
    shown: list[Prompt] = []

    async def show(prompt: Prompt) -> None:
        shown.append(prompt)

    posted = {**POSTED, "verification_uri_complete": complete}
    run(DeviceCode(show).request_token(ScriptedSource(TOKEN, posted=posted)))
    assert shown[0].verification_uri_complete is None


def test_verification_url_is_accepted() -> None:
    """Google uses the name verification_url of the drafts."""
    shown: list[Prompt] = []

    async def show(prompt: Prompt) -> None:
        shown.append(prompt)

    posted = {**POSTED, "verification_url": POSTED["verification_uri"]}
    del posted["verification_uri"]
    run(DeviceCode(show).request_token(ScriptedSource(TOKEN, posted=posted)))
    assert shown[0].verification_uri == POSTED["verification_uri"]


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server that does not limit the polling rate."""
    oauth_server.device_slow_down = False
    return oauth_server


@pytest.mark.rule("R126", "R159")
@pytest.mark.usefixtures("fast_device")
async def test_user_approves_on_another_device(server: OAuthServer) -> None:
    """The device request has scope and resource; the prompt shows code and both URIs."""
    shown: list[Prompt] = []

    async def show(prompt: Prompt) -> None:
        shown.append(prompt)
        server.approve(prompt.user_code)

    asked = TokenRequestParams("things", "https://api.example.com/")
    source = ServerSource(server, asked)
    token = await DeviceCode(show).request_token(source)
    assert token.is_valid()
    assert token.scope == frozenset({"things"})
    first, *polls = source.forms
    assert first["scope"] == "things"
    assert first["resource"] == ("https://api.example.com/",)
    assert polls[-1]["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
    assert not any(source.repeatable)
    [prompt] = shown
    assert prompt.user_code in str(prompt.verification_uri_complete)
    assert prompt.verification_uri in str(prompt.verification_uri_complete)
    assert prompt.expires_in == 600


@pytest.mark.usefixtures("fast_device")
async def test_user_denies_on_another_device(server: OAuthServer) -> None:
    """A public client gets the error, too."""
    server.add_client("tv", None)
    source = ServerSource(server, client_id="tv", client_secret=None)
    with pytest.raises(AuthorizationError, match="was refused"):
        await DeviceCode(lambda prompt: server.deny(prompt.user_code)).request_token(source)


@pytest.mark.usefixtures("fast_device")
async def test_response_without_an_interval_is_accepted(server: OAuthServer) -> None:
    """The server oidc-provider sends no interval, for example."""
    server.changes["device_authorization"] = {"interval": MISSING}
    grant = DeviceCode(lambda prompt: server.approve(prompt.user_code))
    assert (await grant.request_token(ServerSource(server))).is_valid()


@pytest.mark.rule("R159")
@pytest.mark.usefixtures("fast_device")
async def test_device_code_is_never_shown(
    server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The device code is not in the prompt, in a repr or in the log."""
    shown: list[Prompt] = []

    def show(prompt: Prompt) -> None:
        shown.append(prompt)
        server.approve(prompt.user_code)

    source = ServerSource(server)
    with caplog.at_level(logging.DEBUG):
        await DeviceCode(show).request_token(source)
    device_code = str(source.forms[-1]["device_code"])
    assert device_code not in f"{shown[0]!r} {caplog.text}"
    assert "d3vice" not in repr(read_device(POSTED))


def test_failing_prompt_ends_the_sign_in() -> None:
    """Without the prompt, the user does not know the code, so the token is not polled."""

    async def broken(_prompt: Prompt) -> None:
        raise OSError("no screen")

    source = ScriptedSource(PENDING, posted=POSTED)
    with pytest.raises(TokenError, match="raised OSError") as caught:
        run(DeviceCode(broken).request_token(source))
    assert isinstance(caught.value.__cause__, OSError)
    assert not source.forms


def test_prompt_is_cancelled_when_the_sign_in_ends() -> None:
    """A prompt may keep a window open until then."""
    seen: list[str] = []

    async def window(_prompt: Prompt) -> None:
        try:
            await asyncio.sleep(9999)
        except asyncio.CancelledError:
            seen.append("closed")
            raise

    token = run(DeviceCode(window).request_token(ScriptedSource(PENDING, TOKEN, posted=POSTED)))
    assert token is TOKEN
    assert seen == ["closed"]


PROMPT = Prompt(
    user_code="WDJB-MJHT",
    verification_uri="https://auth.example.com/device",
    verification_uri_complete="https://auth.example.com/device?user_code=WDJB-MJHT",
    expires_in=600,
)


class Terminal(io.StringIO):
    """A fake standard error with this encoding."""

    def __init__(self, encoding: str = "utf-8", *, is_terminal: bool = True) -> None:
        super().__init__()
        self._encoding = encoding
        self._is_terminal = is_terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the terminal."""
        return self._encoding

    def isatty(self) -> bool:
        """Tell whether this is a terminal or a file."""
        return self._is_terminal


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Terminal], str]:
    """A function that prints the prompt to a terminal and returns the text."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    def write(terminal: Terminal) -> str:
        monkeypatch.setattr(sys, "stderr", terminal)
        prompt.print_prompt(PROMPT)
        return terminal.getvalue()

    return write


@pytest.mark.rule("R159")
def test_default_prompt_has_uri_code_and_qr_code(
    printed: Callable[[Terminal], str],
) -> None:
    """The user code is shown beside the QR code, so that the user can compare it."""
    text = printed(Terminal())
    assert "    https://auth.example.com/device\n" in text
    assert "WDJB-MJHT" in text
    drawn = [line for line in text.splitlines() if set(line) <= set(" \u2580\u2584\u2588") and line]
    assert len({len(line) for line in drawn}) == 1
    assert len(drawn) == (len(drawn[0]) + 1) // 2
    assert drawn[0] == "\u2588" * len(drawn[0])  # the quiet zone


def test_qr_code_has_the_complete_uri_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The complete URI saves typing the code; otherwise the QR code has the plain URI."""
    texts: list[str] = []

    def draw(text: str, _out: object) -> str:
        texts.append(text)
        return ""

    monkeypatch.setattr(prompt, "qr_code", draw)
    monkeypatch.setattr(sys, "stderr", Terminal())
    prompt.print_prompt(PROMPT)
    prompt.print_prompt(
        Prompt(
            user_code="A",
            verification_uri=PROMPT.verification_uri,
            verification_uri_complete=None,
            expires_in=1,
        )
    )
    assert texts == [PROMPT.verification_uri_complete, PROMPT.verification_uri]


def test_complete_uri_is_printed_as_text(printed: Callable[[Terminal], str]) -> None:
    """The user can read which page the QR code opens, and open it without a camera."""
    text = printed(Terminal())
    assert f"\n    {PROMPT.verification_uri_complete}\n" in text


@pytest.mark.parametrize(
    "terminal",
    [Terminal(is_terminal=False), Terminal("ascii"), Terminal("cp437x")],
    ids=["a file", "no blocks", "unknown"],
)
def test_no_qr_code_is_printed_if_it_cannot_be_displayed(
    printed: Callable[[Terminal], str], terminal: Terminal
) -> None:
    """A file or an unsuitable encoding gets URI and code only."""
    text = printed(terminal)
    assert text.isascii()
    assert "WDJB-MJHT" in text


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("COLUMNS", "20")])
def test_no_qr_code_is_printed_in_a_narrow_terminal(
    printed: Callable[[Terminal], str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A QR code with wrapped lines could not be scanned."""
    monkeypatch.setenv(variable, value)
    assert "\u2588" not in printed(Terminal())


def test_default_prompt_is_encoded_like_standard_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A character of the server that the stream cannot encode is no error."""
    path = tmp_path / "stderr"
    with path.open("w", encoding="ascii", errors="backslashreplace") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        prompt.print_prompt(PROMPT._replace(user_code="WDJB-\u00e9"))
        assert stream.write("and standard error is still open\n")
    text = path.read_text(encoding="ascii")
    assert "and enter the code  WDJB-\\xe9\n" in text
    assert text.endswith("and standard error is still open\n")


def test_width_is_that_of_the_terminal_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that reports no width is assumed to have the usual one."""
    monkeypatch.setenv("COLUMNS", "77")
    other_end, terminal = os.openpty()
    with open(terminal, "w", encoding="utf-8") as out:  # noqa: PTH123 - a file descriptor
        termios.tcsetwinsize(terminal, (24, 31))
        assert prompt.columns_of(out) == 31
        termios.tcsetwinsize(terminal, (0, 0))
        assert prompt.columns_of(out) == 77
    os.close(other_end)


def test_no_qr_code_is_printed_for_a_long_uri() -> None:
    """A QR code holds about three thousand characters."""
    assert prompt.qr_code("https://a/" + "b" * 5000, Terminal()) == ""


def test_no_qr_code_is_printed_without_segno(
    printed: Callable[[Terminal], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package segno is an optional extra."""
    monkeypatch.setitem(sys.modules, "segno", None)
    assert "\u2588" not in printed(Terminal())


async def test_default_prompt_writes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Standard error is looked up when the prompt is printed."""
    terminal = Terminal(is_terminal=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    posted = {**POSTED, "expires_in": 0}
    with pytest.raises(LoginTimeoutError):
        await DeviceCode().request_token(ScriptedSource(posted=posted))
