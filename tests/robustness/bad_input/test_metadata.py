"""Metadata that must not be believed, or has not what is needed: an error, and nothing is sent.

Who is logged in already does not notice, or goes on as soon as the issuer is well again.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from aioalf import Client, MetadataError, TokenConfigurationError, TokenError
from aioalf.grants import AuthorizationCode
from aioalf.testing import MISSING, Fault, OAuthServer
from tests.robustness.bad_input.scene import Scene

Spoil = Callable[[OAuthServer], None]


def says(**members: Any) -> Spoil:
    """Metadata with other members."""

    def spoil(server: OAuthServer) -> None:
        server.changes["metadata"] = members

    return spoil


def fails(fault: Fault) -> Spoil:
    """Something else in the place of metadata."""

    def spoil(server: OAuthServer) -> None:
        server.faults["metadata"] = fault

    return spoil


@pytest.fixture(autouse=True)
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata is old when it comes, and the issuer is asked again at once."""
    monkeypatch.setattr("aioalf._auth_server.discovery.FRESH", -1.0)
    monkeypatch.setattr("aioalf._auth_server.discovery._PAUSE", 0.0)


def repair(server: OAuthServer) -> None:
    """Make the server right again."""
    server.changes.pop("metadata", None)
    server.faults["metadata"] = None


async def refused(scene: Scene, spoil: Spoil, kind: type[TokenError], advice: str) -> None:
    """See that nobody is asked anything, and that all is well when the metadata is."""
    spoil(scene.server)
    await scene.fails(kind, advice)
    assert not scene.visitor.opened
    assert {exchange.method for exchange in scene.server.log} == {"GET"}
    assert "Authorization" not in "".join(str(e.headers.keys()) for e in scene.server.log)
    repair(scene.server)
    await scene.goes_on(logins=1)
    scene.server.reset_counters()


async def unnoticed(scene: Scene, spoil: Spoil, caplog: pytest.LogCaptureFixture) -> None:
    """See that who is logged in goes on with the last good copy, which is logged."""
    scene.server.revoke_all()
    spoil(scene.server)
    await scene.get()
    assert "The last good metadata is used" in caplog.text
    repair(scene.server)
    scene.server.revoke_all()
    await scene.goes_on(logins=0)


@pytest.mark.rule("R121", "R123")
@pytest.mark.parametrize("issuer", ["https://evil.example", "{}/", MISSING], ids=str)
async def test_metadata_of_another_issuer(
    scene: Scene, caplog: pytest.LogCaptureFixture, issuer: Any
) -> None:
    """The error says to compare; a slash more is another issuer."""
    named = issuer if issuer is MISSING else issuer.format(scene.server.issuer)
    spoil = says(issuer=named, token_endpoint="https://evil.example/token")
    await refused(scene, spoil, MetadataError, "it names another issuer: compare .* character")
    await unnoticed(scene, spoil, caplog)


@pytest.mark.rule("R122", "R123")
@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault.html(), "it is not application/json"),
        (Fault.body(b"<!doctype html>"), "it is not a JSON object"),
        (Fault.body(b'{"issuer": '), "it is not a JSON object"),
        (Fault.body(b"[" * 100_000), "it is not a JSON object"),
        (Fault.body(b'{"a": ' * 100_000 + b"1" + b"}" * 100_000), "it is not a JSON object"),
        (Fault.body(b'{"a": "' + b"x" * 10 * 2**20 + b'"}'), "it is not a JSON object"),
        (Fault.wrong_json(None), "it is not a JSON object"),
        (Fault.redirect("https://evil.example/"), "the status is 307"),
        (Fault.hang_up(), "No response from the issuer"),
    ],
    ids=["HTML", "markup", "cut", "brackets", "deep", "10 MiB", "null", "elsewhere", "hang-up"],
)
async def test_metadata_not_json(
    scene: Scene, caplog: pytest.LogCaptureFixture, fault: Fault, advice: str
) -> None:
    """Whatever it is instead; both of its places are named, with what is wrong there."""
    places = "oauth-authorization-server.*openid-configuration"
    await refused(scene, fails(fault), MetadataError, f"(?s){places}.*{advice}")
    await unnoticed(scene, fails(fault), caplog)


@pytest.mark.rule("R123")
@pytest.mark.parametrize("missing", ["token_endpoint", "authorization_endpoint"])
async def test_metadata_without_the_endpoint_needed(scene: Scene, missing: str) -> None:
    """The error names it, nobody signs in for nothing, and who is logged in stays so."""
    spoil, advice = says(**{missing: MISSING}), f"Missing {missing.replace('_', ' ')}: the issuer's"
    await refused(scene, spoil, TokenConfigurationError, advice)
    scene.server.revoke_all()
    spoil(scene.server)
    if missing == "token_endpoint":
        await scene.fails(TokenConfigurationError, advice)
    repair(scene.server)
    await scene.goes_on(logins=0)


@pytest.mark.rule("R013", "R122", "R123")
@pytest.mark.parametrize("name", ["token_endpoint", "authorization_endpoint"])
@pytest.mark.parametrize(
    ("endpoint", "advice"),
    [
        ("http://id.example.com/{}", "its {} http://id.example.com/{} is plain http"),
        ("file:///etc/{}", "its {} must be an absolute https URL"),
        ("javascript:alert('{}')", "its {} must be an absolute https URL"),
        ("https://\ud800/{}", "its {} is not a URL"),
        ("https://xn--a/{}", "its {} is not a URL"),
    ],
    ids=["http", "file", "javascript", "half a character", "no name"],
)
async def test_metadata_over_http_to_a_public_host(
    scene: Scene, name: str, endpoint: str, advice: str
) -> None:
    """Nothing is sent to such an endpoint and no such page is opened, nor one of another scheme."""
    spoil = says(**{name: endpoint.format(name)})
    await refused(scene, spoil, MetadataError, advice.format(name, name))


@pytest.mark.rule("R122")
def test_an_issuer_over_http_on_a_public_host() -> None:
    """It is refused when the client is made: whoever is on the way could be the issuer."""
    with pytest.raises(TokenConfigurationError, match="issuer must be an https URL"):
        Client("id", issuer="http://id.example.com", grant=AuthorizationCode())


@pytest.mark.rule("R123")
async def test_metadata_with_members_of_other_kinds(scene: Scene) -> None:
    """What is not needed does no harm, whatever it is."""
    odd = json.loads('{"a": [[[]]], "b": 1e400, "c": "\\ud800", "d": null}')
    says(
        token_endpoint_auth_methods_supported=5,
        code_challenge_methods_supported={"S256": False},
        mtls_endpoint_aliases=["token_endpoint"],
        require_pushed_authorization_requests="yes",
        x_odd={**odd, "b": "1e400"},
    )(scene.server)
    await scene.goes_on(logins=1)
