"""Bad responses to a refresh: a typed error after one request, and the login is kept."""

import pytest

from aioalf import TokenConnectionError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.testing import ConnectionFault, Fault, FaultProxy
from tests.robustness.bad_input.scene import Scene


async def check_response(
    scene: Scene, fault: Fault, kind: type[TokenError], advice: str
) -> TokenError:
    """Refresh with a faulty response; check the error, and that the next refresh succeeds."""
    await scene.log_in()
    scene.server.faults["token"] = fault.times(1)
    error = await scene.fails(kind, advice)
    assert scene.server.token_requests == 1
    await scene.recovers(logins=0)
    assert not scene.server.refused
    return error


@pytest.mark.rule("R033", "R045")
async def test_refresh_answered_400(scene: Scene) -> None:
    """The error has the code and description of the server; the refresh token is kept."""
    fault = Fault.oauth_error("invalid_request", "not today")
    error = await check_response(
        scene, fault, TokenHTTPError, "refused: invalid_request: not today"
    )
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (400, "invalid_request")


@pytest.mark.rule("R045")
async def test_refresh_answered_400_invalid_grant(scene: Scene) -> None:
    """`invalid_grant`: the refresh token is dropped, and one new sign-in is needed."""
    await scene.log_in()
    scene.server.revoke_refresh_tokens()
    await scene.recovers(logins=1)
    assert scene.server.refused == {"invalid_grant": 1}


@pytest.mark.rule("R033")
async def test_refresh_answered_401(scene: Scene) -> None:
    """`invalid_client` is about the client; the refresh token is kept."""
    fault = Fault.oauth_error("invalid_client", status=401)
    error = await check_response(scene, fault, TokenHTTPError, "refused: invalid_client.*401")
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (401, "invalid_client")


@pytest.mark.rule("R033")
async def test_refresh_answered_429(scene: Scene) -> None:
    """The error has the `Retry-After` of the response."""
    error = await check_response(scene, Fault.too_many_requests(0), TokenHTTPError, "refused.*429")
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.retry_after) == (429, 0)


@pytest.mark.rule("R033")
async def test_refresh_answered_503(scene: Scene) -> None:
    """A 503 of a proxy is an HTTP error; the refresh token is kept."""
    error = await check_response(scene, Fault.status(503), TokenHTTPError, "refused.*503")
    assert isinstance(error, TokenHTTPError)
    assert error.response_status == 503


@pytest.mark.rule("R031", "R033")
@pytest.mark.parametrize("status", [200, 502])
async def test_refresh_answered_with_html(scene: Scene, status: int) -> None:
    """HTML of a captive portal or proxy is an error that names the content type."""
    kind = TokenResponseError if status == 200 else TokenHTTPError
    advice = r"answered 200 \(text/html.* not a JSON object" if status == 200 else "refused.*502"
    await check_response(scene, Fault.html(status=status), kind, advice)


@pytest.mark.rule("R033")
async def test_refresh_answered_with_a_hang_up(scene: Scene) -> None:
    """Without a response the refresh token is kept."""
    await check_response(
        scene, Fault.hang_up(), TokenConnectionError, "No response from the token endpoint"
    )


@pytest.mark.rule("R033", "R040")
async def test_refresh_answered_with_half_a_token(scene: Scene) -> None:
    """A truncated response is an error, even if it starts with a token."""
    await check_response(scene, Fault.hang_up(after=40), TokenConnectionError, "broke off")
    scene.server.revoke_all()
    scene.server.faults["token"] = Fault.truncated().times(1)
    await scene.fails(TokenResponseError, "not a JSON object")
    await scene.recovers(logins=0)


@pytest.mark.rule("R040")
async def test_refresh_answered_with_less_scope(scene: Scene) -> None:
    """The new refresh token is stored even if the access token has too little scope."""
    scene.make(scope="read write", require_scope=True)
    await scene.log_in()
    scene.server.changes["token"] = {"scope": "read"}
    await scene.fails(TokenResponseError, "write is missing, and require_scope=True refuses")
    del scene.server.changes["token"]
    await scene.get()
    scene.server.revoke_all()
    # A client without the token in memory:
    scene.make(scope="read write", require_scope=True)
    await scene.get()
    assert (scene.server.logins, dict(scene.server.refused)) == (0, {})
    assert scene.server.granted["refresh_token"] == 3


@pytest.mark.rule("R045")
@pytest.mark.parametrize("rotates", [True, False])
async def test_refresh_with_lost_response(scene: Scene, *, rotates: bool) -> None:
    """If the server rotated the lost refresh token, one new sign-in is needed; otherwise none."""
    scene.server.rotate_refresh_tokens = rotates
    async with FaultProxy(scene.server.token_endpoint) as proxy:
        scene.make(endpoints={"token_endpoint": proxy.url})
        await scene.log_in()
        proxy.disconnect()
        proxy.fault = ConnectionFault.reset().times(1)
        await scene.fails(TokenConnectionError, "No response from the token endpoint")
        for _ in range(2):
            await scene.get()
        assert scene.server.logins == int(rotates)
        assert scene.server.refused == ({"invalid_grant": 1} if rotates else {})
