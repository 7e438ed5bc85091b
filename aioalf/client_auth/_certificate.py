"""The JWS header parameters that name the certificate of a key (RFC 7515 §4.1.6 to §4.1.8).

This module must not know keys or how a JWT is signed.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Collection
from hashlib import sha1, sha256
from typing import Final

from aioalf._hidden_repr import MaskedStr
from aioalf._secret_source import SecretSource, check_secret_source, secret_value
from aioalf._syntax import base64url
from aioalf.errors import TokenConfigurationError

CERTIFICATE_HEADERS: Final = frozenset({"x5c", "x5t", "x5t#S256"})
_PEM_BLOCK: Final = r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----"


class Certificate:
    """The certificate of a key, with its chain, and the header parameters to send.

    Args:
        source: PEM text with the certificate of the key first, or a function that returns it.
        headers: The names of the header parameters: ``x5t#S256``, ``x5t``, ``x5c``.

    Raises:
        TokenConfigurationError: The text holds no certificate, or `headers` has another name.
    """

    def __init__(self, source: SecretSource, headers: Collection[str]) -> None:
        self._names = frozenset({headers} if isinstance(headers, str) else headers)
        if not self._names or not self._names <= CERTIFICATE_HEADERS:
            raise TokenConfigurationError(
                f"certificate_headers must be some of {', '.join(sorted(CERTIFICATE_HEADERS))}"
            )
        self._source = check_secret_source("certificate", source)
        if isinstance(source, str):
            self._headers_of(source)

    async def headers(self) -> dict[str, object]:
        """Return the header parameters. Raises TokenError if the function fails."""
        return self._headers_of(await secret_value("certificate", self._source))

    def _headers_of(self, pem: str) -> dict[str, object]:
        pem = MaskedStr(pem)  # the file may hold the key too; error reports show local variables
        try:
            chain = [ssl.PEM_cert_to_DER_cert(block) for block in re.findall(_PEM_BLOCK, pem)]
            # The only function of the standard library that parses a certificate.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=b"".join(chain))
        except (ValueError, ssl.SSLError):
            chain = []
        if not chain:
            raise TokenConfigurationError(
                "certificate must be PEM text with the certificate of the key: it has no valid "
                "block -----BEGIN CERTIFICATE-----"
            )
        values: dict[str, object] = {
            "x5c": [b64encode(each).decode("ascii") for each in chain],
            "x5t": base64url(sha1(chain[0], usedforsecurity=False).digest()),
            "x5t#S256": base64url(sha256(chain[0]).digest()),
        }
        return {name: value for name, value in values.items() if name in self._names}
