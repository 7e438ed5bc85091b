"""Metadata that is malformed, from another issuer, or incomplete: an error, and nothing is sent.

A signed-in client continues with the last valid metadata, or recovers when the issuer does.
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
    """Change members of the metadata."""

    def spoil(server: OAuthServer) -> None:
        server.changes["metadata"] = members

    return spoil


def fails(fault: Fault) -> Spoil:
    """Respond with a fault instead of metadata."""

    def spoil(server: OAuthServer) -> None:
        server.faults["metadata"] = fault

    return spoil


@pytest.fixture(autouse=True)
def always_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata is stale at once, and a failure causes no backoff."""
    monkeypatch.setattr("aioalf._auth_server.metadata_cache.FRESH", -1.0)
    monkeypatch.setattr("aioalf._auth_server.metadata_cache._PAUSE", 0.0)


def repair(server: OAuthServer) -> None:
    """Repair the server."""
    server.changes.pop("metadata", None)
    server.faults["metadata"] = None


async def check_refused(scene: Scene, spoil: Spoil, kind: type[TokenError], advice: str) -> None:
    """Check that no browser opens and no credentials are sent, and that the client recovers."""
    spoil(scene.server)
    await scene.fails(kind, advice)
    assert not scene.visitor.opened
    assert {exchange.method for exchange in scene.server.log} == {"GET"}
    assert "Authorization" not in "".join(str(e.headers.keys()) for e in scene.server.log)
    repair(scene.server)
    await scene.recovers(logins=1)
    scene.server.reset_counters()


async def check_unaffected(scene: Scene, spoil: Spoil, caplog: pytest.LogCaptureFixture) -> None:
    """Check that a signed-in client continues with the last valid metadata, and logs that."""
    scene.server.revoke_all()
    spoil(scene.server)
    await scene.get()
    assert "The last good metadata is used" in caplog.text
    repair(scene.server)
    scene.server.revoke_all()
    await scene.recovers(logins=0)


@pytest.mark.rule("R121", "R123")
@pytest.mark.parametrize("issuer", ["https://evil.example", "{}/", MISSING], ids=str)
async def test_metadata_of_another_issuer(
    scene: Scene, caplog: pytest.LogCaptureFixture, issuer: Any
) -> None:
    """Metadata of another issuer is rejected, even if only a slash differs."""
    named = issuer if issuer is MISSING else issuer.format(scene.server.issuer)
    spoil = says(issuer=named, token_endpoint="https://evil.example/token")
    await check_refused(scene, spoil, MetadataError, "it names (another|no) issuer")
    await check_unaffected(scene, spoil, caplog)


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
    """The error names both metadata URLs and the problem of each."""
    places = "oauth-authorization-server.*openid-configuration"
    await check_refused(scene, fails(fault), MetadataError, f"(?s){places}.*{advice}")
    await check_unaffected(scene, fails(fault), caplog)


@pytest.mark.rule("R123")
@pytest.mark.parametrize("missing", ["token_endpoint", "authorization_endpoint"])
async def test_metadata_without_a_required_endpoint(scene: Scene, missing: str) -> None:
    """The error names the endpoint, no browser opens, and a signed-in client stays signed in."""
    spoil, advice = says(**{missing: MISSING}), f"Missing {missing.replace('_', ' ')}: the issuer's"
    await check_refused(scene, spoil, TokenConfigurationError, advice)
    scene.server.revoke_all()
    spoil(scene.server)
    if missing == "token_endpoint":
        await scene.fails(TokenConfigurationError, advice)
    repair(scene.server)
    await scene.recovers(logins=0)


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
async def test_metadata_with_an_unsafe_endpoint(
    scene: Scene, name: str, endpoint: str, advice: str
) -> None:
    """Endpoints with plain http to a public host, other schemes or no host are not used."""
    spoil = says(**{name: endpoint.format(name)})
    await check_refused(scene, spoil, MetadataError, advice.format(name, name))


@pytest.mark.rule("R122")
def test_issuer_with_plain_http_on_a_public_host() -> None:
    """It is rejected when the client is created: others could impersonate the issuer."""
    with pytest.raises(TokenConfigurationError, match="issuer must be an https URL"):
        Client("id", issuer="http://id.example.com", grant=AuthorizationCode())


@pytest.mark.rule("R123")
async def test_metadata_with_optional_members_of_wrong_types(scene: Scene) -> None:
    """Optional members of wrong types are ignored."""
    odd = json.loads('{"a": [[[]]], "b": 1e400, "c": "\\ud800", "d": null}')
    says(
        token_endpoint_auth_methods_supported=5,
        code_challenge_methods_supported={"S256": False},
        mtls_endpoint_aliases=["token_endpoint"],
        require_pushed_authorization_requests="yes",
        x_odd={**odd, "b": "1e400"},
    )(scene.server)
    await scene.recovers(logins=1)
