"""Redirects that are forged, incomplete or errors, and authorization codes that are rejected.

A forged redirect does not end a sign-in. An error ends it, and the next sign-in succeeds.
"""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from aioalf import (
    AccessDeniedError,
    AuthorizationError,
    SignInResponseError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
)
from aioalf.grants import AuthorizationCode
from aioalf.grants import _pkce as pkce
from aioalf.testing import MISSING, Fault
from tests.grants.visitor import Visitor
from tests.robustness.bad_input.scene import Scene

Change = Callable[[str], str]


async def check_discarded(scene: Scene, kind: type[TokenError], advice: str) -> TokenError:
    """Check that a sign-in fails without sending a code, and that the next one succeeds.

    Another process does not ask the user again within a minute.
    """
    error = await scene.fails(kind, advice)
    assert (scene.server.token_requests, len(scene.visitor.opened)) == (0, 1)
    assert await scene.elsewhere() == {"error": kind.__name__}
    scene.server.changes.pop("authorization")
    await scene.recovers(logins=1)
    return error


async def check_ignored(scene: Scene, *changes: Change) -> None:
    """Check that each changed redirect gets a 400, and the right one ends the sign-in."""
    visitor = Visitor(*changes)
    scene.visitor = visitor
    await scene.client.close()
    scene.make()
    await scene.get()
    await visitor.done()
    assert visitor.statuses == [400] * len(changes) + [200]
    assert scene.server.token_requests == 1
    right = parse_qs(urlsplit(visitor.redirects[-1]).query)
    sent = [exchange.form["code"] for exchange in scene.server.log if "code" in exchange.form]
    assert sent == right["code"]
    scene.server.revoke_all()
    await scene.recovers(logins=0)


@pytest.mark.rule("R100", "R101")
async def test_iss_missing_in_the_redirect(scene: Scene) -> None:
    """`iss` is required if the server advertises it."""
    scene.server.changes["authorization"] = {"iss": MISSING}
    advice = r"discarded: it came without the issuer \(iss\) that this server's metadata promises"
    await check_discarded(scene, AuthorizationError, advice)


@pytest.mark.rule("R100", "R103")
@pytest.mark.parametrize("iss", ["https://evil.example", "{}/"])
async def test_iss_wrong_in_the_redirect(scene: Scene, iss: str) -> None:
    """With a wrong `iss` the code is not sent, and the error does not show the `iss`."""
    scene.server.changes["authorization"] = {"iss": iss.format(scene.server.issuer)}
    error = await check_discarded(
        scene, AuthorizationError, r"discarded: it came from another issuer"
    )
    assert "evil" not in str(error)


@pytest.mark.rule("R101")
async def test_iss_promised_and_never_sent(scene: Scene) -> None:
    """The error names the option for a server that promises `iss` and does not send it."""
    scene.server.changes["authorization"] = {"iss": MISSING}
    await scene.fails(AuthorizationError, "pass AuthorizationCode\\(allow_missing_iss=True\\)")
    assert scene.server.token_requests == 0
    grant = AuthorizationCode(open_browser=scene.visitor, allow_missing_iss=True)
    scene.make(grant)
    await scene.recovers(logins=1)


@pytest.mark.rule("R095", "R116")
async def test_state_wrong(scene: Scene) -> None:
    """Another page in the browser can neither end a sign-in nor inject a code."""
    await check_ignored(
        scene,
        lambda url: url.replace("state=", "state=x"),
        lambda url: url.replace("state=", "other="),
        lambda url: f"{url}&state=x",
        lambda url: url.partition("?")[0] + "?error=access_denied",
        lambda url: url.partition("?")[0] + "?code=evil&state=%ff",
    )


@pytest.mark.rule("R096")
async def test_code_twice(scene: Scene) -> None:
    """A redirect with two codes is ignored."""
    await check_ignored(scene, lambda url: f"{url}&code=evil", lambda url: f"{url}&code=")


@pytest.mark.rule("R091")
async def test_pkce_refused_in_the_browser(scene: Scene) -> None:
    """There is no fallback without PKCE; the error has the description of the server."""
    scene.server.changes["authorization"] = {
        "code": MISSING,
        "error": "invalid_request",
        "error_description": "code_challenge_method S256 is not supported",
    }
    advice = "answered invalid_request: code_challenge_method S256 is not supported"
    error = await check_discarded(scene, AuthorizationError, advice)
    assert isinstance(error, AuthorizationError)
    assert error.error == "invalid_request"
    opened = [parse_qs(urlsplit(url).query) for url in scene.visitor.opened]
    assert {query["code_challenge_method"][0] for query in opened} == {"S256"}


@pytest.mark.rule("R091", "R097")
async def test_pkce_refused_at_the_token_endpoint(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is not sent again, and the next sign-in uses a new verifier."""

    def wrong(_verifier: str) -> str:
        return "x" * 43

    with monkeypatch.context() as patched:
        patched.setattr(pkce, "challenge_of", wrong)
        error = await scene.fails(TokenHTTPError, "refused: invalid_grant: The code_verifier")
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_grant"
    assert scene.server.token_requests == 1
    await scene.recovers(logins=1)


@pytest.mark.rule("R108")
async def test_access_denied_in_the_browser(scene: Scene) -> None:
    """Access denied is an error of its own class, and the next sign-in may succeed."""
    scene.server.changes["authorization"] = {"code": MISSING, "error": "access_denied"}
    await check_discarded(
        scene, AccessDeniedError, "The authorization server answered access_denied"
    )


@pytest.mark.rule("R097")
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.hang_up(), TokenConnectionError),
        (Fault.status(503), TokenHTTPError),
        (Fault.html(), SignInResponseError),
    ],
    ids=["hang-up", "503", "HTML"],
)
async def test_code_with_lost_response(scene: Scene, fault: Fault, kind: type[TokenError]) -> None:
    """The code may have been used: it is not sent again, and the next sign-in gets a new one."""
    scene.server.faults["token"] = fault.times(1)
    await scene.fails(kind, "(?i)the token endpoint")
    assert scene.server.token_requests == 1
    await scene.recovers(logins=1)
