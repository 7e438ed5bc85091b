"""The options of ``serve``, as arguments of argparse. No I/O; must not import the server."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final

DEFAULT_PORT: Final = 8400
DEFAULT_API_PORT: Final = 8401
_MAX_PORT: Final = 65535
_MAX_LIFETIME: Final = 10**9


def _integer(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) < 16 else -1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"expected a number from {lowest} to {highest}")
        return number

    return read


OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "--port": {
        "type": _integer(0, _MAX_PORT),
        "default": DEFAULT_PORT,
        "metavar": "PORT",
        "help": f"port of the authorization server, 0 for any free one (default: {DEFAULT_PORT})",
    },
    "--api-port": {
        "type": _integer(0, _MAX_PORT),
        "default": DEFAULT_API_PORT,
        "metavar": "PORT",
        "help": f"port of the API, 0 for any free one (default: {DEFAULT_API_PORT})",
    },
    "--user": {
        "action": "append",
        "metavar": "NAME",
        "help": "accept only this user on the sign-in page; repeatable (default: any name)",
    },
    "--sign-in": {
        "metavar": "NAME",
        "help": "sign this user in without showing the sign-in page",
    },
    "--expires-in": {
        "type": _integer(1, _MAX_LIFETIME),
        "metavar": "SECONDS",
        "help": "lifetime of access tokens (default: 3600, or as the provider)",
    },
    "--behaves-like": {
        "metavar": "PROVIDER",
        "help": "respond like the server of this provider, for example github",
    },
    "--fault": {
        "action": "append",
        "metavar": "ENDPOINT=STATUS|NAME",
        "help": "let an endpoint fail with an HTTP status, or in the way of this name; for "
        "example token=503, token=invalid_grant or api=hang-up; repeatable",
    },
}
