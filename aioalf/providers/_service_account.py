"""The grant of a Google service account, which signs assertions with the key in a key file.

Must not know how the assertion is sent. No error shows the key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aioalf._auth_server.response import read_object
from aioalf._error_frames import hide_locals_on_error
from aioalf._masking import Unpicklable, printable
from aioalf._secret_source import check_text
from aioalf.client_auth.secret_file import read_secret
from aioalf.errors import TokenConfigurationError
from aioalf.grants import JWTBearer
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token

KeyFile = str | os.PathLike[str] | Mapping[str, object]
"""The path of a key file, or the members of its JSON object."""

_LIFETIME: Final = 3600
_MAX_NAMES: Final = 12


class ServiceAccount(Unpicklable):
    """Requests tokens for a service account, or for a user of its domain.

    A key file is read once, for the first token, or at once if there is a cache.
    """

    name = JWTBearer.name
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = JWTBearer.reserved_params

    @hide_locals_on_error
    def __init__(self, key: KeyFile, subject: str | None = None) -> None:
        self._subject = None if subject is None else check_text("subject", subject)
        self._grant: JWTBearer | None = None
        if isinstance(key, Mapping):
            self._grant = _grant("The mapping", key, self._subject)
        else:
            self._path = _path(key)

    @property
    def subject_key(self) -> str | None:
        """As in `JWTBearer`. The entry of a cache depends on the account, so the file is read."""
        return self._loaded().subject_key

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return a new token. Raises TokenError."""
        grant = await asyncio.to_thread(self._loaded) if self._grant is None else self._grant
        return await grant.request_token(server)

    @hide_locals_on_error
    def _loaded(self) -> JWTBearer:
        if self._grant is None:
            where = f"The file {printable(str(self._path))}"
            self._grant = _grant(where, _read(where, self._path), self._subject)
        return self._grant


def _path(key: str | os.PathLike[str]) -> Path:
    if isinstance(key, str) and ("\n" in key or key.lstrip().startswith("{")):
        found = "text: pass json.loads(...)"
    elif isinstance(key, str | os.PathLike):
        return Path(key)
    else:
        found = type(key).__name__
    raise TokenConfigurationError(
        f"key must be the path of the key file of a service account, or a mapping, not {found}"
    )


def _read(where: str, path: Path) -> Mapping[str, object]:
    members = read_object(read_secret(path).encode())
    if members is None:
        raise TokenConfigurationError(
            f"{where} is not the key of a service account: it is not a JSON object"
        )
    return members


def _grant(where: str, members: Mapping[str, object], subject: str | None) -> JWTBearer:
    email, key = members.get("client_email"), members.get("private_key")
    if not (isinstance(email, str) and email and isinstance(key, str) and key):
        raise TokenConfigurationError(
            f"{where} is not the key of a service account, which has a client_email and a "
            f"private_key: {_found(members)}"
        )
    key_id = members.get("private_key_id")
    return JWTBearer(
        key,
        algorithm="RS256",
        key_id=key_id if isinstance(key_id, str) else None,
        issuer=email,
        subject=subject,
        subject_claim=subject is not None,
        lifetime=_LIFETIME,
        scope_claim=True,
    )


def _found(members: Mapping[str, object]) -> str:
    kind = members.get("type")
    if isinstance(kind, str):
        return f"its type is {printable(repr(kind), 40)}"
    names = [printable(str(name), 40) for name in members][:_MAX_NAMES]
    return f"it has the members {', '.join(names)}" if names else "it is empty"
