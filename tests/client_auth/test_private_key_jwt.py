"""An assertion that the client's private key signs, in whatever shape the key is."""

import asyncio
import json
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import (
    ClientSecretJWT,
    Credentials,
    PrivateKeyJWT,
    SecretFile,
    Signer,
)
from aioalf.client_auth._signing_key import SigningKey
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.retry import Retry
from tests.client_auth.proofs import (
    EC,
    ED25519,
    ISSUER,
    KEYS,
    RSA,
    jwk_of,
    opened,
    pem_of,
    sent,
)
from tests.support.raw_server import RawServer, answer

NOBODY = Credentials("client-id", None)


async def assertion_of(method: PrivateKeyJWT) -> object:
    """The assertion that is sent."""
    return (await sent(method, NOBODY))[1]["client_assertion"]


# What is signed


@pytest.mark.rule("R005", "R150", "R151", "R152")
async def test_the_form_holds_an_assertion() -> None:
    """The id, the URN and the JWT; the secret is not needed, and not sent."""
    fields, form = await sent(PrivateKeyJWT(pem_of(EC[256]), key_id="k1"))
    header, claims = opened(form.pop("client_assertion"), EC[256])
    assert (dict(fields), form) == (
        {},
        {
            "client_id": "client-id",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )
    assert header == {"alg": "ES256", "kid": "k1"}
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-id", "client-id", ISSUER)


@pytest.mark.rule("R151")
async def test_a_server_may_want_another_audience() -> None:
    """The token endpoint's URL, say, but only where that is chosen."""
    method = PrivateKeyJWT(pem_of(EC[256]), audience="https://auth.example.com/token")
    _, claims = opened(await assertion_of(method), EC[256])
    assert claims["aud"] == "https://auth.example.com/token"


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_every_algorithm_signs(algorithm: str, key: jwk.Key) -> None:
    """With a key from PEM and from a JWK; the library checks what came out."""
    for given_key in (pem_of(key), pem_of(key).decode(), jwk_of(key), json.dumps(jwk_of(key))):
        header, _ = opened(await assertion_of(PrivateKeyJWT(given_key, algorithm)), key)
        assert header == {"alg": algorithm}


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_id_and_audience_come_out_as_they_went_in(client_id: str, audience: str) -> None:
    """But an id that UTF-8 cannot encode is refused."""
    method = PrivateKeyJWT(pem_of(EC[256]), audience=audience)
    try:
        _, form = asyncio.run(sent(method, Credentials(client_id, None)))
    except TokenConfigurationError:
        assert any("\ud800" <= letter <= "\udfff" for letter in client_id)
    else:
        _, claims = opened(form["client_assertion"], EC[256])
        assert (claims["sub"], claims["aud"], form["client_id"]) == (
            client_id,
            audience,
            client_id,
        )


@pytest.mark.rule("R010")
async def test_an_id_is_needed() -> None:
    """Nobody else could be the subject."""
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await sent(PrivateKeyJWT(pem_of(EC[256])), Credentials(None, None))


# Keys that change


@pytest.mark.rule("R163")
@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_a_function_gives_the_key_at_each_use(*, is_coroutine: bool) -> None:
    """After a rotation the new key signs, with its own kid, without a restart."""
    keys = iter(
        [jwk_of(EC[256], kid="old"), jwk_of(EC[256], kid="old"), jwk_of(ED25519, kid="new")]
    )

    def give() -> dict[str, object]:
        return next(keys)

    async def give_later() -> dict[str, object]:
        return give()

    method = PrivateKeyJWT(give_later if is_coroutine else give)
    for _ in range(2):
        header, _ = opened(await assertion_of(method), EC[256])
        assert header["kid"] == "old"
    with pytest.raises(TokenConfigurationError, match="cannot be used for ES256"):
        await assertion_of(method)  # the algorithm does not change with the key


@pytest.mark.rule("R163")
async def test_a_new_key_signs_under_its_own_kid() -> None:
    """A JWK that is replaced in place is a new one, too."""
    key = jwk_of(EC[256], kid="old")
    method = PrivateKeyJWT(lambda: key)
    opened(await assertion_of(method), EC[256])
    new = jwk.ECKey.generate_key("P-256")
    key.update(jwk_of(new, kid="new"))
    header, _ = opened(await assertion_of(method), new)
    assert header["kid"] == "new"


@pytest.mark.rule("R163")
async def test_a_key_may_be_in_a_file(tmp_path: Path) -> None:
    """What reads a secret from a file reads a key, and reads it anew."""
    file = tmp_path / "key.pem"
    method = PrivateKeyJWT(SecretFile(file))
    for key in (EC[256], jwk.ECKey.generate_key("P-256")):
        file.write_bytes(pem_of(key))
        opened(await assertion_of(method), key)


async def test_a_key_that_stays_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading RSA keys takes time."""
    from aioalf.client_auth import _jose as jose  # noqa: PLC0415 - it is imported on first use

    read: list[bytes] = []
    original = jose.read_pem

    def counting(pem: bytes, key_type: str) -> jwk.Key:
        read.append(pem)
        return original(pem, key_type)

    monkeypatch.setattr(jose, "read_pem", counting)
    method = PrivateKeyJWT(lambda: pem_of(RSA), "PS256")
    for _ in range(3):
        opened(await assertion_of(method), RSA)
    assert len(read) == 1


@pytest.mark.rule("R163")
async def test_a_kid_that_key_id_contradicts_is_refused() -> None:
    """Else a rotated key would go by the old one's name."""
    for key in (jwk_of(EC[256], kid="other"), Device(EC[256], "other")):
        with pytest.raises(TokenConfigurationError, match="leave key_id out"):
            await assertion_of(PrivateKeyJWT(key, key_id="mine"))
    header, _ = opened(
        await assertion_of(PrivateKeyJWT(jwk_of(EC[256], kid="mine"), key_id="mine")), EC[256]
    )
    assert header["kid"] == "mine"


# Keys that stay in a device


class Device:
    """Signs, and does not give the key away."""

    def __init__(self, key: jwk.Key, key_id: str | None = None) -> None:
        self._key = key
        self.key_id = key_id

    def sign(self, data: bytes) -> bytes:
        """The signature alone."""
        return signature(data, self._key)


class SlowDevice:
    """Is asked over a network, and its key has no name."""

    async def sign(self, data: bytes) -> bytes:
        """The signature, after a while."""
        await asyncio.sleep(0)
        return signature(data, EC[256])


def signature(data: bytes, key: jwk.Key) -> bytes:
    """What the library makes of the data, as a JWS wants it."""
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - its algorithms are types without a name

    header = json.loads(jwk_header(data))
    signed: bytes = JWSRegistry.algorithms[header["alg"]].sign(data, key)
    return signed


def jwk_header(data: bytes) -> bytes:
    """The header that is signed."""
    from joserfc.util import urlsafe_b64decode  # noqa: PLC0415 - as above

    return urlsafe_b64decode(data.split(b".")[0])


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_a_device_signs(algorithm: str, key: jwk.Key) -> None:
    """Under the kid that it says, with each algorithm."""
    header, claims = opened(
        await assertion_of(PrivateKeyJWT(Device(key, "in-the-device"), algorithm)), key
    )
    assert header == {"alg": algorithm, "kid": "in-the-device"}
    assert claims["aud"] == ISSUER


async def test_a_device_may_take_its_time() -> None:
    """A coroutine is awaited; key_id names the key where the device does not."""
    header, _ = opened(await assertion_of(PrivateKeyJWT(SlowDevice(), key_id="k")), EC[256])
    assert header["kid"] == "k"


async def test_a_function_may_give_a_device() -> None:
    """The one that holds today's key."""
    opened(await assertion_of(PrivateKeyJWT(lambda: Device(EC[256]))), EC[256])


async def test_a_device_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Putting a signature behind what was signed is all there is to do."""
    monkeypatch.setitem(sys.modules, "aioalf.client_auth._jose", None)
    opened(await assertion_of(PrivateKeyJWT(Device(EC[256]))), EC[256])


async def test_a_device_that_fails_is_a_token_error() -> None:
    """What it raised is the cause."""

    class Broken:
        def sign(self, data: bytes) -> bytes:
            raise OSError("no card in the slot")

    with pytest.raises(TokenError, match=r"No signature: .* OSError") as caught:
        await assertion_of(PrivateKeyJWT(Broken()))
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("algorithm", "given_signature", "problem"),
    [
        ("ES256", b"0" * 71, "DER"),
        ("EdDSA", b"0" * 63, "63 octets"),
        ("ES256", b"", "no signature"),
        ("RS256", None, "no signature, but NoneType"),
        ("RS256", "text", "no signature, but str"),
    ],
)
async def test_what_a_device_gives_must_be_a_signature(
    algorithm: str, given_signature: Any, problem: str
) -> None:
    """ECDSA in DER, which most devices give, is told of: a server would only say no."""

    class Odd:
        def sign(self, data: bytes) -> Any:
            return given_signature

    with pytest.raises(TokenError, match=problem):
        await assertion_of(PrivateKeyJWT(Odd(), algorithm))


# What cannot work


@pytest.mark.parametrize("algorithm", ["HS256", "none", "es256", ""])
def test_an_algorithm_without_a_private_key_is_refused(algorithm: str) -> None:
    """At once, and with those that there are."""
    with pytest.raises(TokenConfigurationError, match=r"RS256, .*, EdDSA"):
        PrivateKeyJWT(pem_of(EC[256]), algorithm)


@pytest.mark.parametrize("key", [None, 5, Path("key.pem")])
def test_what_is_no_key_is_refused(key: Any) -> None:
    """At once, and with what would be one."""
    with pytest.raises(TokenConfigurationError, match="PEM text, a JWK"):
        PrivateKeyJWT(key)


ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhush\n-----END ENCRYPTED PRIVATE KEY-----"


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("hush", "neither PEM text nor a JWK"),
        ("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----", "ValueError"),
        (ENCRYPTED, "encrypted"),
        ('{"hush": ', "JSONDecodeError"),
        ('{"hush": 1}', "missing_key_type"),
        ({"kty": "hush"}, "invalid_key_type"),
        ({"kty": "EC", "crv": "P-256", "x": "hush", "y": 5, "d": "hush"}, "key_parameter"),
        (pem_of(RSA), "invalid_key_type"),
        (jwk_of(RSA), "invalid_key_type"),
        (jwk_of(EC[384]), "invalid_key_curve"),
        (jwk_of(EC[256], use="enc"), "unsupported_key_use"),
        (jwk_of(EC[256], key_ops=["verify"]), "unsupported_key_operation"),
        (jwk_of(EC[256], alg="ES384"), "unsupported_key_alg"),
        (jwk_of(EC[256], kid=5), "key_parameter"),
        (EC[256].as_pem(private=False), "no private part"),
        (EC[256].as_dict(private=False), "no private part"),
        (lambda: None, "not NoneType"),
        (lambda: Path("hush"), "Path"),
        ("\ud800", "UnicodeEncodeError"),
    ],
)
async def test_a_key_that_cannot_sign_is_refused(key: Any, problem: str) -> None:
    """On first use, with the reason and without the key."""
    with pytest.raises(TokenConfigurationError, match=problem) as caught:
        await assertion_of(PrivateKeyJWT(key))
    shown = "".join(traceback.format_exception(caught.value)).replace('Path("hush")', "")
    assert "hush" not in shown
    assert str(jwk_of(EC[256])["d"]) not in shown


async def test_a_function_for_a_key_that_raises_is_a_token_error() -> None:
    """What it raised is the cause."""

    async def give() -> str:
        raise TimeoutError

    with pytest.raises(TokenError, match=r"No key: .* TimeoutError") as caught:
        await assertion_of(PrivateKeyJWT(give))
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize("make", [lambda: PrivateKeyJWT(pem_of(EC[256])), ClientSecretJWT])
async def test_without_the_library_the_extra_is_named(
    make: Callable[[], PrivateKeyJWT | ClientSecretJWT], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The methods can be made without it, and say what to install when they are used."""
    monkeypatch.delitem(sys.modules, "aioalf.client_auth._jose", raising=False)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(TokenConfigurationError, match=r"aio-alf\[jose\]") as caught:
        await sent(make())
    assert isinstance(caught.value.__cause__, ImportError)


# What is not shown


@pytest.mark.rule("R007", "R063")
def test_a_key_does_not_show_itself() -> None:
    """Neither printed nor pickled."""
    key = SigningKey(jwk_of(EC[256]), "ES256")
    assert repr(key) == "<SigningKey ES256>"
    for secret in (key, PrivateKeyJWT(jwk_of(EC[256]))):
        assert str(jwk_of(EC[256])["d"]) not in repr(secret)
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(secret)


def test_a_device_is_known_by_what_it_does() -> None:
    """A `Signer` needs no base class."""
    assert isinstance(Device(EC[256]), Signer)
    assert not isinstance(pem_of(EC[256]), Signer)


@pytest.mark.rule("R063", "R150")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_an_assertion_that_a_server_sends_back_is_masked(content_type: str) -> None:
    """It proves who the client is for a minute more; each attempt has a new one."""
    async with EchoServer(content_type) as server:
        endpoint = TokenEndpoint(
            server.url,
            NOBODY,
            PrivateKeyJWT(pem_of(EC[256])),
            retry=Retry(attempts=2, wait_initial=0),
        )
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint.request({"grant_type": "x"}, is_repeatable=True)
    assert len(set(server.assertions)) == 2
    error = caught.value
    shown = f"{error} {error!r} {error.response_text} {error.error_description}"
    assert "***" in shown
    for part in server.assertions[-1].split("."):
        assert part not in shown


class EchoServer(RawServer):
    """Says no, and with it what it was sent."""

    def __init__(self, content_type: str) -> None:
        super().__init__()
        self._content_type = content_type
        self.assertions: list[str] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        form = (await reader.readexactly(length)).decode()
        assertion = form.partition("client_assertion=")[2].partition("&")[0]
        self.assertions.append(assertion)
        body = json.dumps({"error": "server_error", "error_description": f"not {assertion}"})
        fields = {"Content_Type": self._content_type}
        writer.write(answer(body.encode(), status="503 Busy", **fields))
        writer.close()
