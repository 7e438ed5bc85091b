"""A redirect that is no answer, another's, or a no; and the code that it brought, refused.

Forged answers end no login; what ends one is an error, and the next login is as if nothing was.
"""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from aioalf import (
    AccessDeniedError,
    AuthorizationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationCode
from aioalf.grants import _pkce as pkce
from aioalf.testing import MISSING, Fault
from tests.grants.visitor import Visitor
from tests.robustness.bad_input.scene import Scene

Change = Callable[[str], str]


async def discarded(scene: Scene, kind: type[TokenError], advice: str) -> TokenError:
    """The error of a login that sent no code anywhere; the next one is right, and is kept."""
    error = await scene.fails(kind, advice)
    assert (scene.server.token_requests, len(scene.visitor.opened)) == (0, 1)
    assert await scene.elsewhere() == {"login": "asked for", "error": "TokenError"}
    scene.server.changes.pop("authorization")
    await scene.goes_on(logins=1)
    return error


async def waited_on(scene: Scene, *changes: Change) -> None:
    """See that each changed redirect got a 400 and ended nothing, and the right one a token."""
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
    await scene.goes_on(logins=0)


@pytest.mark.rule("R100", "R101")
async def test_iss_missing_in_the_redirect(scene: Scene) -> None:
    """A server that promises to name itself and does not may be another one."""
    scene.server.changes["authorization"] = {"iss": MISSING}
    advice = r"discarded: it came without the issuer \(iss\) that this server promises"
    await discarded(scene, AuthorizationError, advice)


@pytest.mark.rule("R100", "R103")
@pytest.mark.parametrize("iss", ["https://evil.example", "{}/"])
async def test_iss_wrong_in_the_redirect(scene: Scene, iss: str) -> None:
    """The code is sent to nobody, and nothing that it says is shown."""
    scene.server.changes["authorization"] = {"iss": iss.format(scene.server.issuer)}
    error = await discarded(scene, AuthorizationError, r"discarded: it came from another issuer")
    assert "evil" not in str(error)


@pytest.mark.rule("R101")
async def test_iss_that_was_not_promised_in_the_redirect(scene: Scene) -> None:
    """The error says which option is for a server that is so."""
    scene.server.changes["metadata"] = {"authorization_response_iss_parameter_supported": False}
    await scene.fails(AuthorizationError, "pass allow_unadvertised_iss=True")
    assert scene.server.token_requests == 0
    grant = AuthorizationCode(open_browser=scene.visitor, allow_unadvertised_iss=True)
    scene.make(grant)
    await scene.goes_on(logins=1)


@pytest.mark.rule("R095", "R116")
async def test_state_wrong(scene: Scene) -> None:
    """Another page of the person's browser can neither end a login nor put its own code in."""
    await waited_on(
        scene,
        lambda url: url.replace("state=", "state=x"),
        lambda url: url.replace("state=", "other="),
        lambda url: f"{url}&state=x",
        lambda url: url.partition("?")[0] + "?error=access_denied",
        lambda url: url.partition("?")[0] + "?code=evil&state=%ff",
    )


@pytest.mark.rule("R096")
async def test_code_twice(scene: Scene) -> None:
    """Which of the two is right is not guessed: neither."""
    await waited_on(scene, lambda url: f"{url}&code=evil", lambda url: f"{url}&code=")


@pytest.mark.rule("R091")
async def test_pkce_refused_in_the_browser(scene: Scene) -> None:
    """There is no other method to fall back to; the server's words say what it wants."""
    scene.server.changes["authorization"] = {
        "code": MISSING,
        "error": "invalid_request",
        "error_description": "code_challenge_method S256 is not supported",
    }
    advice = "answered invalid_request: code_challenge_method S256 is not supported"
    error = await discarded(scene, AuthorizationError, advice)
    assert isinstance(error, AuthorizationError)
    assert error.error == "invalid_request"
    opened = [parse_qs(urlsplit(url).query) for url in scene.visitor.opened]
    assert {query["code_challenge_method"][0] for query in opened} == {"S256"}


@pytest.mark.rule("R091", "R097")
async def test_pkce_refused_at_the_token_endpoint(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is used up: it is not sent again, and the next login has a verifier of its own."""

    def wrong(_verifier: str) -> str:
        return "x" * 43

    with monkeypatch.context() as patched:
        patched.setattr(pkce, "challenge_of", wrong)
        error = await scene.fails(TokenHTTPError, "refused: invalid_grant: The code_verifier")
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_grant"
    assert scene.server.token_requests == 1
    await scene.goes_on(logins=1)


@pytest.mark.rule("R108")
async def test_access_denied_in_the_browser(scene: Scene) -> None:
    """It is an error of its own class, and the person may think better of it."""
    scene.server.changes["authorization"] = {"code": MISSING, "error": "access_denied"}
    await discarded(scene, AccessDeniedError, "The authorization server answered access_denied")


@pytest.mark.rule("R097")
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.hang_up(), TokenConnectionError),
        (Fault.status(503), TokenHTTPError),
        (Fault.html(), TokenResponseError),
    ],
    ids=["hang-up", "503", "HTML"],
)
async def test_code_whose_answer_is_lost(
    scene: Scene, fault: Fault, kind: type[TokenError]
) -> None:
    """Nobody knows whether it was used: it is not sent again, and another login gets another."""
    scene.server.faults["token"] = fault.times(1)
    await scene.fails(kind, "(?i)the token endpoint")
    assert scene.server.token_requests == 1
    await scene.goes_on(logins=1)
