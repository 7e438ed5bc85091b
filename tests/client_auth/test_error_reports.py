"""Errors of client authentication, in reports that show the local variables of each frame."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    Credentials,
    PrivateKeyJWT,
    SecretFile,
)
from aioalf.errors import TokenError
from tests.client_auth.proofs import EC, ED25519, jwk_of, pem_of, sent
from tests.support.error_reports import report_of

pytestmark = pytest.mark.rule("R007", "R063")

SECRET = "hunter2"


async def authenticate(method: ClientAuth, client_id: str, secret: object) -> None:
    """Authenticate a request."""
    credentials = await Credentials(client_id, secret).current()  # type: ignore[arg-type]
    await sent(method, credentials)


@pytest.mark.parametrize(
    ("method", "client_id", "secret"),
    [
        (ClientSecretBasic(form_encode=False), "a:b", SECRET),
        (ClientSecretBasic(), "a", f"{SECRET}\ud800"),
        (ClientSecretBasic(), "a", SECRET.encode()),
        (ClientSecretPost(), "a\ud800", SECRET),
        (ClientSecretPost(), "", SECRET),
        (ClientSecretJWT(), "a", SECRET),
        (ClientSecretPost(), "a", SECRET.encode),
    ],
    ids=[
        "colon",
        "not UTF-8",
        "bytes",
        "odd id",
        "no id",
        "short",
        "bytes by function",
    ],
)
async def test_report_shows_no_secret(method: ClientAuth, client_id: str, secret: object) -> None:
    """The frames that refuse the credentials hold no secret."""
    with pytest.raises(TokenError) as caught:
        await authenticate(method, client_id, secret)
    assert SECRET not in report_of(caught.value)


@pytest.mark.parametrize("content", [SECRET.encode() + b"\xff", b"\n"], ids=["not UTF-8", "empty"])
async def test_report_of_an_unusable_file_does_not_show_its_content(
    tmp_path: Path, content: bytes
) -> None:
    """Neither the frames nor the context of the error hold it."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(TokenError) as caught:
        await SecretFile(file)()
    assert SECRET not in report_of(caught.value)
    assert caught.value.__context__ is None


SMALL = generate_private_key(65537, 1024).private_bytes(  # noqa: S505 - a key to refuse
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
PRIVATE = [
    *(str(jwk_of(key)["d"]) for key in (EC[384], ED25519)),
    *(line for pem in (pem_of(EC[384]), SMALL) for line in pem.decode().split("\n")[1:-2]),
]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("is_function", [False, True], ids=["key", "function"])
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (jwk_of(EC[384]), "ES256"),
        (pem_of(EC[384]), "ES256"),
        (pem_of(EC[384]).decode().replace("KEY", "KEYS"), "ES384"),
        (jwk_of(ED25519, kid="another"), "EdDSA"),
        (SMALL, "RS256"),
    ],
    ids=["curve of a JWK", "curve", "damaged", "kid", "small"],
)
async def test_report_shows_no_key(key: object, algorithm: str, *, is_function: bool) -> None:
    """A key that cannot be used is not in the report, nor in the frames of asyncio."""
    given: Callable[[], object] = lambda: key  # noqa: E731 - a key function
    method = PrivateKeyJWT(given if is_function else key, algorithm, "k1")  # type: ignore[arg-type]
    with pytest.raises(TokenError) as caught:
        await sent(method, Credentials("client-id", None))
    report = report_of(caught.value)
    assert "to_thread" in report
    assert not [part for part in PRIVATE if part in report]
