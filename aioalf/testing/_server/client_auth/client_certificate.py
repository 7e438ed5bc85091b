"""What a client's TLS certificate says of it (RFC 8705 §2.1, ``tls_client_auth_san_dns``).

TLS itself has checked the certificate before. Knows nothing of the other ways to authenticate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from aiohttp import web


def names_in_certificate(request: web.Request) -> frozenset[str]:
    """The DNS names of the certificate that the client has shown; none without one."""
    certificate = cast(
        "Mapping[str, Sequence[tuple[str, str]]] | None", request.get_extra_info("peercert")
    )
    names = (certificate or {}).get("subjectAltName", ())
    return frozenset(value for kind, value in names if kind == "DNS")
