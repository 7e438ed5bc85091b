"""Profiles: the settings of a login, kept in a directory of the user's own, the tokens beside.

A profile holds no secret. It knows files, and nothing of servers and of what is asked of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

from platformdirs import user_state_path

from aioalf._redaction import printable
from aioalf.caches import FileCache
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.errors import LoginRequiredError, TokenConfigurationError

DEFAULT: Final = "default"
CODE: Final = "authorization_code"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
SERVICE: Final = "client_credentials"
KEY: Final = "private_key_jwt"
METHODS: Final = ("none", "client_secret_basic", "client_secret_post", "client_secret_jwt", KEY)

_FORMAT: Final = "aio-alf profile"
_VERSION: Final = 1
_FILE: Final = "profile.json"
_LARGEST: Final = 2**16
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"


class NoProfileError(LoginRequiredError):
    """Nothing is remembered of a login, so that none can be repeated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """How to get tokens: as whom, from where, and for what.

    ``has_secret`` says that the client has one, which is asked for at each use; ``secret_file`` and
    ``private_key`` are the absolute paths of the files that have it and its key.
    """

    client_id: str
    grant: str = CODE
    issuer: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    scope: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    audience: str | None = None
    ports: tuple[int, int] | None = None
    client_auth: str | None = None
    has_secret: bool = False
    secret_file: str | None = None
    private_key: str | None = None
    key_id: str | None = None
    algorithm: str | None = None


class Profiles:
    """The profiles below a directory, each in one of its own."""

    def __init__(self, home: str | os.PathLike[str] | None = None) -> None:
        chosen = Path(home) if home else user_state_path("aio-alf", appauthor=False)
        try:
            self.home: Path = chosen.expanduser().absolute()
        except RuntimeError as error:
            raise TokenConfigurationError(
                f"The directory of logins {printable(str(chosen))} is in no user's home: set "
                "AIOALF_HOME to a whole path"
            ) from error

    def path(self, name: str) -> Path:
        """Return the directory of a profile. Raises TokenConfigurationError for a bad name."""
        if not re.fullmatch(_NAME, name):
            raise TokenConfigurationError(
                "The name of a profile has letters, digits and . _ - in it, 64 at most"
            )
        return self.home / name

    def prepare(self, name: str) -> None:
        """Make what is missing for a profile to be kept. Raises CacheError where that fails."""
        path = self.path(name)  # first: with a bad name nothing is made
        _directory(self.home).prepare()
        _directory(path).prepare()

    def load(self, name: str) -> Profile:
        """Return a profile. Raises NoProfileError for none, and for a file that is none."""
        content = _directory(self.path(name)).read(_FILE, _LARGEST)
        if content is None:
            raise NoProfileError(f"Nobody is logged in as profile {name}")
        profile = read_profile(content)
        if profile is None:
            raise NoProfileError(
                f"The file {self.path(name) / _FILE} is damaged, or another version wrote it"
            )
        return profile

    def find(self, name: str) -> Profile | None:
        """Return a profile, None where there is none that can be read."""
        try:
            return self.load(name)
        except NoProfileError:
            return None

    def save(self, name: str, profile: Profile) -> None:
        """Keep a profile in place of any other of its name."""
        _directory(self.path(name)).replace(_FILE, write_profile(profile))

    def tokens(self, name: str) -> FileCache:
        """Return where the tokens of a profile's login are."""
        return FileCache(self.path(name) / "tokens")

    def further_tokens(self, name: str) -> FileCache:
        """Return where a service's tokens of another scope than its login's are."""
        return FileCache(self.path(name) / "further")

    def has_tokens(self, name: str) -> bool:
        """Tell whether tokens of a login are kept."""
        return any((self.path(name) / "tokens").glob("*.json"))

    def forget_further_tokens(self, name: str) -> None:
        """Remove a service's tokens of another scope."""
        _empty(self.path(name) / "further")

    def forget(self, name: str) -> None:
        """Remove what is kept of a profile; locks stay, for a process may wait for one."""
        self.forget_further_tokens(name)
        _empty(self.path(name) / "tokens")
        _directory(self.path(name)).remove(_FILE)


def _directory(path: Path) -> PrivateDirectory:
    return PrivateDirectory(path, "directory of logins")


def _empty(path: Path) -> None:
    directory = _directory(path)
    for file in path.glob("*.json"):
        directory.remove(file.name)


def write_profile(profile: Profile) -> bytes:
    """Return a profile as the bytes of a file."""
    members = {"format": _FORMAT, "version": _VERSION, **asdict(profile)}
    return json.dumps(members, indent=2).encode("ascii") + b"\n"


def read_profile(content: bytes) -> Profile | None:
    """Return the profile in the bytes of a file, None where they are not exactly one."""
    try:
        found = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    members = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    head = {"format": _FORMAT, "version": _VERSION}
    if members.keys() != {*head, *_KINDS} or any(members.pop(name) != head[name] for name in head):
        return None
    if not all(is_right(members[name]) for name, is_right in _KINDS.items()):
        return None
    read: dict[str, object] = {
        name: tuple(cast("list[object]", value)) if isinstance(value, list) else value
        for name, value in members.items()
    }
    return Profile(**read)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as _KINDS says


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_text_or_none(value: object) -> bool:
    return value is None or _is_text(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, cast("list[object]", value)))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, cast("dict[str, object]", value).values()))


def _is_ports(value: object) -> bool:
    match value:
        case None:
            return True
        case [int(), int()]:
            return True
        case _:
            return False


_KINDS: Final = {
    "client_id": _is_text,
    "grant": (CODE, DEVICE, SERVICE).__contains__,
    "issuer": _is_text_or_none,
    "endpoints": _is_table,
    "scope": _is_texts,
    "resource": _is_texts,
    "audience": _is_text_or_none,
    "ports": _is_ports,
    "client_auth": (None, *METHODS).__contains__,
    "has_secret": (True, False).__contains__,
    "secret_file": _is_text_or_none,
    "private_key": _is_text_or_none,
    "key_id": _is_text_or_none,
    "algorithm": _is_text_or_none,
}
