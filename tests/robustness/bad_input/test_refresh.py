"""What a refresh is answered: each a typed error after one request, and the login goes on."""

import pytest

from aioalf import TokenConnectionError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.testing import ConnectionFault, Fault, FaultProxy
from tests.robustness.bad_input.scene import Scene


async def answered(scene: Scene, fault: Fault, kind: type[TokenError], advice: str) -> TokenError:
    """The error of a refresh that was answered so; afterwards it succeeds, in each process."""
    await scene.log_in()
    scene.server.faults["token"] = fault.times(1)
    error = await scene.fails(kind, advice)
    assert scene.server.token_requests == 1
    await scene.goes_on(logins=0)
    assert not scene.server.refused
    return error


@pytest.mark.rule("R033", "R045")
async def test_refresh_answered_400(scene: Scene) -> None:
    """The server's word is in the error; the refresh token may count still."""
    fault = Fault.oauth_error("invalid_request", "not today")
    error = await answered(scene, fault, TokenHTTPError, "refused: invalid_request: not today")
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (400, "invalid_request")


@pytest.mark.rule("R045")
async def test_refresh_answered_400_invalid_grant(scene: Scene) -> None:
    """The refresh token is worth nothing: it is not sent again, and the person is asked once."""
    await scene.log_in()
    scene.server.revoke_refresh_tokens()
    await scene.goes_on(logins=1)
    assert scene.server.refused == {"invalid_grant": 1}


@pytest.mark.rule("R033")
async def test_refresh_answered_401(scene: Scene) -> None:
    """It is about who the client is, and not about the login."""
    fault = Fault.oauth_error("invalid_client", status=401)
    error = await answered(scene, fault, TokenHTTPError, "refused: invalid_client.*401")
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (401, "invalid_client")


@pytest.mark.rule("R033")
async def test_refresh_answered_429(scene: Scene) -> None:
    """For how long the server wants to be left alone is in the error."""
    error = await answered(scene, Fault.too_many_requests(0), TokenHTTPError, "refused.*429")
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.retry_after) == (429, 0)


@pytest.mark.rule("R033")
async def test_refresh_answered_503(scene: Scene) -> None:
    """As by a proxy before a server that is being renewed."""
    error = await answered(scene, Fault.status(503), TokenHTTPError, "refused.*503")
    assert isinstance(error, TokenHTTPError)
    assert error.response_status == 503


@pytest.mark.rule("R031", "R033")
@pytest.mark.parametrize("status", [200, 502])
async def test_refresh_answered_with_html(scene: Scene, status: int) -> None:
    """As by a captive portal, or by a proxy: what came is told, and no markup is taken for it."""
    kind = TokenResponseError if status == 200 else TokenHTTPError
    advice = r"answered 200 \(text/html.* not a JSON object" if status == 200 else "refused.*502"
    await answered(scene, Fault.html(status=status), kind, advice)


@pytest.mark.rule("R033")
async def test_refresh_answered_with_a_hang_up(scene: Scene) -> None:
    """Nothing came: the refresh token counts, as far as one can know."""
    await answered(
        scene, Fault.hang_up(), TokenConnectionError, "No response from the token endpoint"
    )


@pytest.mark.rule("R033", "R040")
async def test_refresh_answered_with_half_a_token(scene: Scene) -> None:
    """What breaks off is no answer, and what is cut off is no token."""
    await answered(scene, Fault.hang_up(after=40), TokenConnectionError, "broke off")
    scene.server.revoke_all()
    scene.server.faults["token"] = Fault.truncated().times(1)
    await scene.fails(TokenResponseError, "not a JSON object")
    await scene.goes_on(logins=0)


@pytest.mark.rule("R040")
async def test_refresh_answered_with_less_scope(scene: Scene) -> None:
    """The new refresh token came all the same: the old one is used up, and is not sent again."""
    scene.make(scope="read write")
    await scene.log_in()
    scene.server.changes["token"] = {"scope": "read"}
    await scene.fails(TokenResponseError, "write is missing.*or pass allow_narrower_scope=True")
    del scene.server.changes["token"]
    await scene.get()
    scene.server.revoke_all()
    scene.make(scope="read write")  # as another process would have it
    await scene.get()
    assert (scene.server.logins, dict(scene.server.refused)) == (0, {})
    assert scene.server.granted["refresh_token"] == 3


@pytest.mark.rule("R045")
@pytest.mark.parametrize("rotates", [True, False])
async def test_refresh_whose_answer_is_lost(scene: Scene, *, rotates: bool) -> None:
    """The server has rotated, and nobody knows the new token: the person is asked, once.

    Where it does not rotate, nobody is.
    """
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
