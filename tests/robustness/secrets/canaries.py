"""Secrets that can be found in any text, whatever encoded them."""

import re
import secrets
from base64 import b64encode
from collections.abc import Iterable
from html import unescape
from urllib.parse import unquote

_SHORTEST = 12


class Canaries:
    """The secrets of a test by their names: planted secrets, and secrets that servers issued."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def plant(self, name: str) -> str:
        """Return a new secret, which contains characters that encodings escape."""
        return self.add(name, f"canary/{name}+{secrets.token_hex(16)}&\"é='<")

    def plant_token(self, name: str) -> str:
        """Return a new secret of characters that a header and a URL can hold."""
        return self.add(name, f"canary-{name.replace(' ', '-')}-{secrets.token_hex(16)}")

    def add(self, name: str, value: str) -> str:
        """Add a secret of another origin, such as a token of a server, and return it."""
        assert len(value) >= _SHORTEST, f"{name} would be found by chance"
        self._values[f"{name} {len(self._values)}"] = value
        return value

    def add_values(self, values: Iterable[tuple[str, str]]) -> None:
        """Add the secrets among the parameters of a request."""
        known = set(self._values.values())
        for name, value in values:
            if name in SECRET_PARAMETERS and value and value not in known:
                self.add(name, value)

    def found_in(self, text: str) -> list[str]:
        """Return the names of the canaries that a text contains, in any encoding."""
        texts = f"{text}\n{_without_escapes(text)}"
        return [
            name
            for name, value in self._values.items()
            if any(part in texts for part in _recognisable(value))
        ]


SECRET_PARAMETERS = frozenset(
    {
        "actor_token",
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "otp_secret",
        "refresh_token",
        "state",
        "subject_token",
        "token",
    }
)


def _without_escapes(text: str) -> str:
    # An own implementation, since the code under test must not judge itself.
    for _ in range(4):
        text = unquote(unescape(text))
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    return text


def _recognisable(value: str) -> set[str]:
    """Return the parts of a secret that no escape changes, also as base64 at any position."""
    core = max(_unescaped_parts(value), key=len)
    octets = core.encode()
    # The first and the last characters depend on the neighbours.
    in_base64 = {b64encode(b"\0" * shift + octets).decode()[4:-4] for shift in range(3)}
    return {core, *in_base64}


def _unescaped_parts(value: str) -> list[str]:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else " " for c in value).split()
