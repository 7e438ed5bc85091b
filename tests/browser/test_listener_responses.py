"""The redirect listener: which authorization responses end the wait, and which do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioalf._browser import listener_connections, pages
from aioalf._browser.redirect_listener import RedirectListener
from aioalf.errors import TokenError
from tests.browser.listener import (
    LOCALHOST,
    SECRET,
    STATE,
    VALID,
    Browser,
    waiting_listener,
)

pytestmark = pytest.mark.usefixtures("_no_leaks")


@pytest.mark.rule("R106")
async def test_fragment_is_relayed_by_the_sign_in_page() -> None:
    """In the implicit flow, the page is served first and its script posts the fragment."""
    async with waiting_listener(LOCALHOST) as waiting:
        page = await waiting.browser.get("/")
        assert (page.status, page.outcome) == (200, "signing-in")
        assert page.text == pages.render_html(pages.SIGNING_IN)
        response = await waiting.browser.post(VALID + "&expires_in=3600")
        assert (response.status, response.outcome) == (200, "signed-in")
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert await waiting.result == {
            "state": STATE,
            "access_token": SECRET,
            "expires_in": "3600",
        }


@pytest.mark.rule("R107")
@pytest.mark.parametrize("target", ["/", f"/?{VALID}", "/?state=forged", "/favicon.ico"])
async def test_every_response_has_the_security_headers(target: str) -> None:
    """All responses, errors included, have the security headers and no secret."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.get(target)
        for name, value in pages.HEADERS.items():
            assert response.headers[name.lower()] == value
        assert response.headers["connection"] == "close"
        assert SECRET not in response.text


@pytest.mark.parametrize("name", ["access_token", "id_token"])
async def test_any_awaited_parameter_ends_the_wait(name: str) -> None:
    """One of the awaited parameters is enough."""
    async with waiting_listener(awaited=("id_token", "access_token")) as waiting:
        await waiting.browser.post(f"state={STATE}&{name}=1")
        assert await waiting.result == {"state": STATE, name: "1"}


@pytest.mark.rule("R099")
async def test_unknown_parameters_are_returned_and_empty_ones_ignored() -> None:
    """Unknown parameters are returned, and parameters without a value are left out."""
    async with waiting_listener(awaited=("code",)) as waiting:
        await waiting.browser.get(f"/?x%5B%5D=1&state={STATE}&error=&code=c%2Bd+e&iss=")
        assert await waiting.result == {"x[]": "1", "state": STATE, "code": "c+d e"}


@pytest.mark.rule("R107")
@pytest.mark.parametrize("method", ["get", "post"])
async def test_error_ends_the_wait_and_its_description_is_shown(method: str) -> None:
    """An error with the right state ends the wait, and its description is shown as text."""
    parameters = urlencode(
        {"state": STATE, "error": "access_denied", "error_description": "<b>No</b> way"}
    )
    async with waiting_listener() as waiting:
        if method == "get":
            response = await waiting.browser.get(f"/?{parameters}")
            assert "&lt;b&gt;No&lt;/b&gt; way" in response.text
        else:
            response = await waiting.browser.post(parameters)
            assert json.loads(response.text)["detail"] == "<b>No</b> way"
        assert (response.status, response.outcome) == (200, "refused")
        assert (await waiting.result)["error"] == "access_denied"


async def test_error_without_description_shows_its_code() -> None:
    """Without a description, the page shows the error code."""
    async with waiting_listener() as waiting:
        response = await waiting.browser.post(f"state={STATE}&error=server_error")
        assert json.loads(response.text)["detail"] == "server_error"


@pytest.mark.parametrize("length", [9_000, 60_000])
@pytest.mark.parametrize("method", ["get", "post"])
async def test_long_tokens_are_accepted(method: str, length: int) -> None:
    """Tokens longer than common limits of a request line are accepted."""
    async with waiting_listener() as waiting:
        parameters = f"state={STATE}&access_token=" + "t" * length
        response = await (
            waiting.browser.get(f"/?{parameters}")
            if method == "get"
            else waiting.browser.post(parameters)
        )
        assert response.outcome == "signed-in"
        assert len((await waiting.result)["access_token"]) == length


@pytest.mark.rule("R095", "R096", "R106", "R116")
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "parameters",
    [
        f"access_token={SECRET}",
        f"state=&access_token={SECRET}",
        f"state=forged&access_token={SECRET}",
        f"state={STATE}x&access_token={SECRET}",
        f"state={STATE[:-1]}&access_token={SECRET}",
        f"state={STATE.upper()}&access_token={SECRET}",
        f"state=%C3%A9&access_token={SECRET}",
        f"state=%00&access_token={SECRET}",
        f"state=%ED%A0%80&access_token={SECRET}",
        f"state=%FF&access_token={SECRET}",
        f"State={STATE}&access_token={SECRET}",
        f"state[]={STATE}&access_token={SECRET}",
        f"state={STATE}",
        f"state={STATE}&access_token=",
        f"state={STATE}&error=",
        f"state={STATE}&code={SECRET}",
        f"state={STATE}&refresh_token={SECRET}",
        f"state={STATE}&state={STATE}&access_token={SECRET}",
        f"state={STATE}&state=forged&access_token={SECRET}",
        f"state={STATE}&access_token=a&access_token={SECRET}",
        f"state={STATE}&access_token={SECRET}&access_token=",
        f"state={STATE}&access_token={SECRET}&iss=a&iss=b",
        f"state={STATE}&code=1&code=2&access_token={SECRET}",
        f"state={STATE}&error=a&error=b",
        f"state={STATE}&access_token={SECRET}&x=1&x=2",
        f"state={STATE}&access_token={SECRET}" + "&".join(f"{n}=1" for n in range(99)),
        "error=access_denied",
        "error=access_denied&state=forged&error_description=pwned",
        "=",
        "&&&",
    ],
)
async def test_other_responses_do_not_end_the_wait(method: str, parameters: str) -> None:
    """Forged, repeated and incomplete responses are refused; the right one is then accepted."""
    async with waiting_listener() as waiting:
        response = await (
            waiting.browser.get(f"/?{parameters}")
            if method == "get"
            else waiting.browser.post(parameters)
        )
        assert (response.status, response.outcome) == (400, "try-again")
        assert "pwned" not in response.text
        assert await waiting.is_waiting()
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"
        assert (await waiting.result)["access_token"] == SECRET


@pytest.mark.rule("R095")
async def test_state_may_contain_non_ascii_characters() -> None:
    """The state is compared as UTF-8."""
    async with waiting_listener(state="é-state") as waiting:
        assert (await waiting.browser.get("/?state=e&error=a")).outcome == "try-again"
        assert (
            await waiting.browser.get(f"/?state={quote('é-state')}&error=a")
        ).outcome == "refused"


@pytest.mark.rule("R095", "R117")
async def test_second_response_is_ignored() -> None:
    """A state is single-use: later responses get a neutral page."""
    async with waiting_listener() as waiting:
        assert (await waiting.browser.post(VALID)).outcome == "signed-in"
        later = f"state={STATE}&access_token=other"
        for response in (
            await waiting.browser.post(later),
            await waiting.browser.get(f"/?{later}"),
            await waiting.browser.get("/"),
        ):
            assert (response.status, response.outcome) == (200, "nothing-to-do")
        assert await waiting.result == {"state": STATE, "access_token": SECRET}


@pytest.mark.rule("R095")
async def test_response_before_the_wait_is_refused() -> None:
    """A response is refused while the listener does not wait for one."""
    async with RedirectListener(awaited=("access_token",)) as listener:
        browser = Browser(listener)
        assert (await browser.get(f"/?{VALID}")).outcome == "try-again"
        assert (await browser.post(VALID)).outcome == "try-again"


async def test_cancelled_wait_accepts_no_response() -> None:
    """After a cancelled wait its state is refused."""
    async with waiting_listener() as waiting:
        waiting.result.cancel()
        response = await waiting.browser.get(f"/?{VALID}")
        assert response.outcome == "try-again"


async def test_response_during_cancellation_is_refused() -> None:
    """A response between the cancellation and the end of the wait is refused, not an error."""
    async with waiting_listener() as waiting:
        waiting.result.cancel()
        page = waiting.listener._accept(VALID.encode())  # noqa: SLF001 - a request would be too slow
        assert page is pages.TRY_AGAIN


@pytest.mark.rule("R093")
@pytest.mark.parametrize("end", ["waiting", "cancelled", "finished"])
async def test_listener_and_its_state_are_used_once(end: str) -> None:
    """A second wait raises, whatever became of the first one, and does not disturb it."""
    async with waiting_listener() as waiting:
        if end == "cancelled":
            waiting.result.cancel()
        elif end == "finished":
            assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"
        for state in (STATE, "other"):
            with pytest.raises(RuntimeError, match="make a new one for each sign-in"):
                await waiting.listener.wait(state)
        if end == "waiting":
            assert (await waiting.browser.get(f"/?{VALID}")).outcome == "signed-in"
            assert (await waiting.result)["access_token"] == SECRET


@pytest.mark.rule("R093")
async def test_closed_listener_does_not_open_again() -> None:
    """A listener that waits again would accept a redirect of an earlier sign-in."""
    async with RedirectListener(awaited=("code",)) as listener:
        pass
    with pytest.raises(RuntimeError, match="make a new one for each sign-in"):
        await listener.__aenter__()


async def test_empty_state_is_an_error() -> None:
    """A state that everyone can guess raises at once."""
    with pytest.raises(ValueError, match="state is empty"):
        await RedirectListener(awaited=("code",)).wait("")


@pytest.mark.rule("R100")
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("parameter", [f"access_token={SECRET}", "error=pwned"])
async def test_page_shows_nothing_of_a_response_that_must_not_be_used(
    method: str, parameter: str
) -> None:
    """The error is found before the page is chosen, and is raised by the wait."""
    sent = f"state={STATE}&{parameter}&error_description=pwned&iss=evil"
    found: list[Mapping[str, str]] = []

    def find_error(response: Mapping[str, str]) -> TokenError:
        found.append(response)
        return TokenError("from another issuer")

    async with waiting_listener(find_error=find_error) as waiting:
        assert (await waiting.browser.get("/?state=forged&error=pwned")).outcome == "try-again"
        assert not found
        response = await (
            waiting.browser.get(f"/?{sent}") if method == "get" else waiting.browser.post(sent)
        )
        assert (response.status, response.outcome) == (400, "refused")
        assert pages.DISCARDED.title in response.text
        assert "pwned" not in response.text
        with pytest.raises(TokenError, match="from another issuer"):
            await waiting.result
        assert [entry["iss"] for entry in found] == ["evil"]
        assert (await waiting.browser.get(f"/?{VALID}")).outcome == "nothing-to-do"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parameters=st.binary(max_size=200),
    method=st.sampled_from(["get", "post"]),
    prefix=st.booleans(),
)
def test_arbitrary_bytes_do_not_end_the_wait(
    *, parameters: bytes, method: str, prefix: bool
) -> None:
    """Arbitrary bytes as query or form get a response without a server error."""

    async def play() -> None:
        async with waiting_listener() as waiting:
            data = b"access_token=1&" + parameters if prefix else parameters
            if method == "post":
                response = await waiting.browser.post(data)
            else:
                host = waiting.browser.host.encode()
                response = await waiting.browser.send(
                    b"GET /?" + data + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
                )
            assert (
                response.status == 0 or 200 <= response.status < 300 or 400 <= response.status < 500
            )
            assert await waiting.is_waiting()

    # A stray line end may leave the request unfinished.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener_connections, "REQUEST_SECONDS", 0.2)
        asyncio.run(play())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.dictionaries(
        st.sampled_from(["access_token", "scope", "x"]), st.text(max_size=40), max_size=3
    )
)
def test_parameters_are_returned_unchanged(values: dict[str, str]) -> None:
    """Parameter values are returned exactly as they were encoded."""

    async def play() -> None:
        async with waiting_listener() as waiting:
            response = await waiting.browser.post(urlencode({**values, "state": STATE}))
            if values.get("access_token"):
                kept = {name: value for name, value in values.items() if value}
                assert await waiting.result == {**kept, "state": STATE}
            else:
                assert response.outcome == "try-again"
                assert await waiting.is_waiting()

    asyncio.run(play())


@pytest.mark.rule("R106")
async def test_repr_does_not_contain_the_state() -> None:
    """The repr of a listener and of its task does not contain the state."""
    async with waiting_listener() as waiting:
        assert STATE not in repr(waiting.listener)
        assert STATE not in repr(waiting.result)
