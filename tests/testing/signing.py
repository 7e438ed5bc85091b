"""JSON Web Tokens for tests: keys, claims and signatures."""

import base64
import json
import time
import warnings
from collections.abc import Mapping
from secrets import token_urlsafe

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Key = ECKey | OctKey | OKPKey | RSAKey

EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)
SECRET = "a-secret-of-at-least-thirty-two-octets"
HMAC = OctKey.import_key(SECRET)


def public(key: Key) -> Mapping[str, object]:
    """Return the public JWK of a key."""
    return dict(key.as_dict(private=False))


def claims(issuer: str, audience: object, **changed: object) -> dict[str, object]:
    """Return the claims of a valid assertion; None leaves one out."""
    all_claims = {
        "iss": issuer,
        "sub": issuer,
        "aud": audience,
        "exp": int(time.time()) + 60,
        "iat": int(time.time()),
        "jti": token_urlsafe(16),
        **changed,
    }
    return {name: value for name, value in all_claims.items() if value is not None}


def signed(
    payload: Mapping[str, object],
    key: Key = EC,
    algorithm: str = "ES256",
    *,
    key_id: str | None = None,
) -> str:
    """Return a signed token with these claims."""
    header = {"alg": algorithm} if key_id is None else {"alg": algorithm, "kid": key_id}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of EdDSA
        return jwt.encode(header, dict(payload), key, algorithms=[algorithm])


def unsigned(header: object, payload: object) -> str:
    """Return a token with an empty signature."""
    parts = [json.dumps(part).encode() for part in (header, payload)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode() for part in parts), ""])
