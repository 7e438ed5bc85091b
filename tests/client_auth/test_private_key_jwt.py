"""Assertions signed with the client's private key, in each supported form of the key."""

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
    _jose,
)
from aioalf.client_auth._signing_key import SigningKey
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.grants import JWTBearer
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

NO_SECRET = Credentials("client-id", None)


async def assertion_of(method: PrivateKeyJWT) -> object:
    """Authenticate a request and return its client assertion."""
    return (await sent(method, NO_SECRET))[1]["client_assertion"]


# The assertion


@pytest.mark.rule("R005", "R150", "R151", "R152")
async def test_form_has_the_assertion() -> None:
    """The form gets the id, the URN of the assertion type and the JWT; no secret is needed."""
    headers, form = await sent(PrivateKeyJWT(pem_of(EC[256]), key_id="k1"))
    header, claims = opened(form.pop("client_assertion"), EC[256])
    assert (dict(headers), form) == (
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
async def test_audience_can_be_set() -> None:
    """The audience option replaces the issuer in the aud claim."""
    method = PrivateKeyJWT(pem_of(EC[256]), audience="https://auth.example.com/token")
    _, claims = opened(await assertion_of(method), EC[256])
    assert claims["aud"] == "https://auth.example.com/token"


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_each_algorithm_signs(algorithm: str, key: jwk.Key) -> None:
    """Each algorithm makes a valid signature with a key in PEM and as a JWK."""
    for given_key in (pem_of(key), pem_of(key).decode(), jwk_of(key), json.dumps(jwk_of(key))):
        header, _ = opened(await assertion_of(PrivateKeyJWT(given_key, algorithm)), key)
        assert header == {"alg": algorithm}


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_id_and_audience_are_kept_unchanged(client_id: str, audience: str) -> None:
    """Any id and audience are in the claims unchanged; an id that is not UTF-8 is refused."""
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
async def test_client_id_is_required() -> None:
    """The client id is the subject of the assertion."""
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await sent(PrivateKeyJWT(pem_of(EC[256])), Credentials(None, None))


# Keys that change


@pytest.mark.rule("R163")
@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_key_function_is_called_for_each_assertion(*, is_coroutine: bool) -> None:
    """Each assertion is signed with the key that the function returns at that time."""
    keys = iter(
        [jwk_of(EC[256], kid="old"), jwk_of(EC[256], kid="old"), jwk_of(ED25519, kid="new")]
    )

    def current_key() -> dict[str, object]:
        return next(keys)

    async def current_key_async() -> dict[str, object]:
        return current_key()

    method = PrivateKeyJWT(current_key_async if is_coroutine else current_key)
    for _ in range(2):
        header, _ = opened(await assertion_of(method), EC[256])
        assert header["kid"] == "old"
    with pytest.raises(TokenConfigurationError, match="cannot be used for ES256"):
        await assertion_of(method)  # the algorithm does not change with the key


@pytest.mark.rule("R163")
async def test_rotated_key_signs_with_its_own_kid() -> None:
    """A JWK that is changed in place counts as a new key."""
    key = jwk_of(EC[256], kid="old")
    method = PrivateKeyJWT(lambda: key)
    opened(await assertion_of(method), EC[256])
    new = jwk.ECKey.generate_key("P-256")
    key.update(jwk_of(new, kid="new"))
    header, _ = opened(await assertion_of(method), new)
    assert header["kid"] == "new"


@pytest.mark.rule("R163")
async def test_key_can_be_in_a_file(tmp_path: Path) -> None:
    """SecretFile provides a key, and reads it for each assertion."""
    file = tmp_path / "key.pem"
    method = PrivateKeyJWT(SecretFile(file))
    for key in (EC[256], jwk.ECKey.generate_key("P-256")):
        file.write_bytes(pem_of(key))
        opened(await assertion_of(method), key)


async def test_unchanged_key_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An RSA key is parsed once, since that takes time."""
    read: list[object] = []
    original = _jose.read_private_key

    def counting(key: object, key_type: str) -> jwk.Key:
        read.append(key)
        return original(key, key_type)

    monkeypatch.setattr(_jose, "read_private_key", counting)
    method = PrivateKeyJWT(lambda: pem_of(RSA), "PS256")
    for _ in range(3):
        opened(await assertion_of(method), RSA)
    assert len(read) == 1


@pytest.mark.rule("R163")
async def test_key_id_that_differs_from_the_kid_is_refused() -> None:
    """Otherwise a rotated key would be sent with the kid of the old key."""
    for key in (jwk_of(EC[256], kid="other"), Device(EC[256], "other")):
        with pytest.raises(TokenConfigurationError, match="leave key_id out"):
            await assertion_of(PrivateKeyJWT(key, key_id="mine"))
    header, _ = opened(
        await assertion_of(PrivateKeyJWT(jwk_of(EC[256], kid="mine"), key_id="mine")), EC[256]
    )
    assert header["kid"] == "mine"


# Signers


class Device:
    """A signer that keeps the key, such as an HSM."""

    def __init__(self, key: jwk.Key, key_id: str | None = None) -> None:
        self._key = key
        self.key_id = key_id

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        return signature(data, self._key)


class SlowDevice:
    """A signer with a coroutine function and without a key_id."""

    async def sign(self, data: bytes) -> bytes:
        """Return the signature later."""
        await asyncio.sleep(0)
        return signature(data, EC[256])


def signature(data: bytes, key: jwk.Key) -> bytes:
    """Sign `data` with joserfc, in the format of a JWS."""
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - its algorithms have no exported type

    header = json.loads(jwk_header(data))
    signed: bytes = JWSRegistry.algorithms[header["alg"]].sign(data, key)
    return signed


def jwk_header(data: bytes) -> bytes:
    """Return the header in the signed data."""
    from joserfc.util import urlsafe_b64decode  # noqa: PLC0415 - as above

    return urlsafe_b64decode(data.split(b".")[0])


@pytest.mark.rule("R163")
@pytest.mark.parametrize(("algorithm", "key"), KEYS.items())
async def test_signer_signs_with_each_algorithm(algorithm: str, key: jwk.Key) -> None:
    """The assertion has the kid of the signer's key_id."""
    header, claims = opened(
        await assertion_of(PrivateKeyJWT(Device(key, "in-the-device"), algorithm)), key
    )
    assert header == {"alg": algorithm, "kid": "in-the-device"}
    assert claims["aud"] == ISSUER


async def test_signer_can_be_a_coroutine_function() -> None:
    """The option key_id is used if the signer has no key_id of its own."""
    header, _ = opened(await assertion_of(PrivateKeyJWT(SlowDevice(), key_id="k")), EC[256])
    assert header["kid"] == "k"


async def test_key_function_can_return_a_signer() -> None:
    """A function can return the signer that has the current key."""
    opened(await assertion_of(PrivateKeyJWT(lambda: Device(EC[256]))), EC[256])


async def test_signer_does_not_need_joserfc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JWT with the signature of a signer is made without joserfc."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    opened(await assertion_of(PrivateKeyJWT(Device(EC[256]))), EC[256])


async def test_error_of_signer_becomes_token_error() -> None:
    """The original error is the cause."""

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
        ("EdDSA", b"0" * 63, "63 bytes"),
        ("ES256", b"", "returned empty bytes"),
        ("RS256", None, "returned NoneType"),
        ("RS256", "text", "returned str"),
    ],
)
async def test_signer_must_return_a_signature_of_the_algorithm(
    algorithm: str, given_signature: Any, problem: str
) -> None:
    """The error explains signatures in DER, which many devices return and servers reject."""

    class Odd:
        def sign(self, data: bytes) -> Any:
            return given_signature

    with pytest.raises(TokenError, match=problem):
        await assertion_of(PrivateKeyJWT(Odd(), algorithm))


# Keys and algorithms that cannot be used


@pytest.mark.parametrize("algorithm", ["HS256", "none", "es256", ""])
def test_unsupported_algorithm_is_refused(algorithm: str) -> None:
    """The constructor raises, and the error lists the supported algorithms."""
    with pytest.raises(TokenConfigurationError, match=r"RS256, .*, EdDSA"):
        PrivateKeyJWT(pem_of(EC[256]), algorithm)


@pytest.mark.parametrize("key", [None, 5, Path("key.pem")])
def test_unsupported_type_of_key_is_refused(key: Any) -> None:
    """The constructor raises, and the error lists the supported types."""
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
async def test_key_that_cannot_sign_is_refused(key: Any, problem: str) -> None:
    """The first use raises an error with the reason and without the key."""
    with pytest.raises(TokenConfigurationError, match=problem) as caught:
        await assertion_of(PrivateKeyJWT(key))
    shown = "".join(traceback.format_exception(caught.value)).replace('Path("hush")', "")
    assert "hush" not in shown
    assert str(jwk_of(EC[256])["d"]) not in shown


async def test_error_of_key_function_becomes_token_error() -> None:
    """The original error is the cause."""

    async def failing() -> str:
        raise TimeoutError

    with pytest.raises(TokenError, match=r"No key: .* TimeoutError") as caught:
        await assertion_of(PrivateKeyJWT(failing))
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PrivateKeyJWT(pem_of(EC[256])),
        lambda: PrivateKeyJWT(jwk_of(EC[256])),
        lambda: PrivateKeyJWT(SecretFile("key.pem")),
        lambda: JWTBearer(pem_of(RSA), issuer="service"),
        ClientSecretJWT,
    ],
    ids=["PEM", "JWK", "file", "JWTBearer", "ClientSecretJWT"],
)
def test_missing_extra_is_reported_by_the_constructor(
    make: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program fails when it starts, not at its first request, and the error names the extra."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(TokenConfigurationError, match=r"aio-alf\[jose\]") as caught:
        make()
    assert isinstance(caught.value.__cause__, ImportError)


async def test_missing_extra_is_reported_by_the_first_use_of_a_key_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function may return a signer, which does not need the extra."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    opened(await assertion_of(PrivateKeyJWT(lambda: Device(EC[256]))), EC[256])
    with pytest.raises(TokenConfigurationError, match=r"aio-alf\[jose\]"):
        await assertion_of(PrivateKeyJWT(lambda: pem_of(EC[256])))


@pytest.mark.rule("R163")
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("algorithm", ["RS256", "PS512"])
async def test_small_rsa_key_is_refused(algorithm: str) -> None:
    """RFC 7518 §3.3 requires at least 2048 bits, for a given key and for the key of a signer."""
    small = jwk.RSAKey.generate_key(1536)
    for key in (pem_of(small), jwk_of(small), Device(small)):
        with pytest.raises(
            TokenConfigurationError, match=r"RSA key of 1536 bits, .* at least 2048"
        ) as caught:
            await assertion_of(PrivateKeyJWT(key, algorithm))
        assert str(jwk_of(small)["d"]) not in str(caught.value)


# The key is never shown


@pytest.mark.rule("R007", "R063")
def test_key_is_not_in_repr_and_cannot_be_pickled() -> None:
    """The repr does not show the key, and pickling raises."""
    key = SigningKey(jwk_of(EC[256]), "ES256")
    assert repr(key) == "<SigningKey ES256>"
    for secret in (key, PrivateKeyJWT(jwk_of(EC[256]))):
        assert str(jwk_of(EC[256])["d"]) not in repr(secret)
        with pytest.raises(TypeError, match="SigningKey holds a secret, so it is not pickled"):
            pickle.dumps(secret)


def test_signer_needs_no_base_class() -> None:
    """Any object with a method `sign` is a `Signer`."""
    assert isinstance(Device(EC[256]), Signer)
    assert not isinstance(pem_of(EC[256]), Signer)


@pytest.mark.rule("R063", "R150")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_assertion_in_the_server_response_is_masked(content_type: str) -> None:
    """An assertion is valid for a minute, so errors must not show it."""
    async with EchoServer(content_type) as server:
        endpoint = TokenEndpoint(
            server.url,
            NO_SECRET,
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
    """Respond with an error that quotes the assertion of the request."""

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
        headers = {"Content_Type": self._content_type}
        writer.write(answer(body.encode(), status="503 Busy", **headers))
        writer.close()


def test_key_of_a_device_has_no_digest() -> None:
    """The device does not show its key, so the cache key has no digest of it."""
    assert SigningKey(Device(EC[256]), "ES256").digest is None
