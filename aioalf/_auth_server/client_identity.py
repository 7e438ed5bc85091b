"""A client as its arguments describe it: whether it is public, and what proves who it is. Pure."""

from __future__ import annotations

import json
from hashlib import sha256

from aioalf.client_auth import ClientAuth
from aioalf.client_auth.credentials import Credentials


def is_public_client(credentials: Credentials, client_auth: ClientAuth | None) -> bool:
    """Return whether a client has neither a secret nor another way to authenticate."""
    return not credentials.has_secret if client_auth is None else client_auth.method == "none"


def client_proof(credentials: Credentials, client_auth: ClientAuth | None) -> str | None:
    """Return a digest of the secret or key that proves who the client is.

    None if the client has neither, or if a function provides it: then it may change.
    """
    proofs = (credentials.client_secret, getattr(client_auth, "key_digest", None))
    if not any(proofs):
        return None
    return sha256(json.dumps([*proofs, credentials.client_id]).encode()).hexdigest()
