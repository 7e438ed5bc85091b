"""Profiles: the settings of a login, stored in a private directory next to its tokens.

A profile contains no secret. Must not know servers or commands.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, cast

from platformdirs import user_state_path

from aioalf._masking import printable
from aioalf.caches import FileCache
from aioalf.caches._file_format import FORMAT as TOKEN_FORMAT
from aioalf.caches._private_directory import PrivateDirectory
from aioalf.errors import LoginRequiredError, TokenConfigurationError

DEFAULT_PROFILE: Final = "default"
AUTHORIZATION_CODE: Final = "authorization_code"
DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT_CREDENTIALS: Final = "client_credentials"
PRIVATE_KEY_JWT: Final = "private_key_jwt"
CLIENT_AUTH_METHODS: Final = (
    *("none", "client_secret_basic", "client_secret_post", "client_secret_jwt"),
    PRIVATE_KEY_JWT,
)

_FORMAT: Final = "aio-alf profile"
_VERSION: Final = 1
_FILE: Final = "profile.json"
_MAX_FILE_SIZE: Final = 2**16
_TOKENS: Final = "tokens"
_OTHER_SCOPES: Final = "other-scopes"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_TOKEN_FILE: Final = re.compile(r"[0-9a-f]{64}\.json")
_START_OF_FILE: Final = re.compile(rf'\{{\s*"format": ?"({_FORMAT}|{TOKEN_FORMAT})"'.encode())
"""The start of each file of a login, also of a damaged one or one of another version."""


class NoProfileError(LoginRequiredError):
    """The profile does not exist or cannot be read, so its login cannot be repeated either."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The settings of a login: the client, the server and what the token is for.

    ``has_secret`` says that the client has a secret, which is not stored here.
    ``client_secret_file``, ``private_key_file`` and ``cacert`` are absolute paths.
    """

    client_id: str
    grant: str = AUTHORIZATION_CODE
    issuer: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    scope: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    audience: str | None = None
    redirect_ports: tuple[int, int] | None = None
    client_auth: str | None = None
    has_secret: bool = False
    client_secret_file: str | None = None
    private_key_file: str | None = None
    key_id: str | None = None
    algorithm: str | None = None
    cacert: str | None = None


class Profiles:
    """All profiles of a user, each in its own directory below `home`.

    Without `home` it is the user's state directory, on Linux ``~/.local/state/aio-alf``.
    """

    def __init__(self, home: str | os.PathLike[str] | None = None) -> None:
        chosen = Path(home) if home else user_state_path("aio-alf", appauthor=False)
        try:
            self.home: Path = chosen.expanduser().absolute()
        except RuntimeError as error:
            raise TokenConfigurationError(
                f"The profile directory {printable(str(chosen))} is in no user's home directory: "
                "set AIOALF_HOME to an absolute path"
            ) from error

    def path(self, name: str) -> Path:
        """Return the directory of a profile. Raises TokenConfigurationError for a bad name."""
        if not _NAME.fullmatch(name):
            raise TokenConfigurationError(
                f"{printable(name, 80)!r} is not a valid profile name: use up to 64 letters, "
                "digits, dots, dashes and underscores, not starting with a dot or dash"
            )
        return self.home / name

    def names(self) -> list[str]:
        """Return the names of all stored profiles."""
        names = (file.parent.name for file in self.home.glob(f"*/{_FILE}"))
        return [name for name in names if _NAME.fullmatch(name)]

    def prepare(self, name: str) -> None:
        """Create the directory of a profile if it is missing.

        Raises CacheError, or TokenConfigurationError if another program's file is in the way.
        """
        path = self.path(name)  # first, so that an invalid name creates nothing
        # `delete` would delete all files with these names.
        found = next(filter(Path.exists, self._files(name)), None)
        if found is not None and not self._has_files(name):
            raise TokenConfigurationError(
                f"The file {found} is not a file of aioalf: choose another --profile or --home, or "
                "remove the file"
            )
        _directory(self.home).prepare()
        _directory(path).prepare()

    def load(self, name: str) -> Profile:
        """Return a profile. Raises NoProfileError if it is missing or cannot be read."""
        content = _directory(self.path(name)).read(_FILE, _MAX_FILE_SIZE)
        if content is None:
            raise NoProfileError(f"Profile {name} is not logged in")
        profile = parse_profile(content)
        if profile is None:
            raise NoProfileError(
                f"The file {self.path(name) / _FILE} is damaged, or written by another version"
            )
        return profile

    def find(self, name: str) -> Profile | None:
        """Return a profile, or None if it is missing or cannot be read."""
        try:
            return self.load(name)
        except NoProfileError:
            return None

    def save(self, name: str, profile: Profile) -> None:
        """Store a profile, replacing any other of this name."""
        _directory(self.path(name)).replace(_FILE, serialize_profile(profile))

    def tokens(self, name: str) -> FileCache:
        """Return the cache of the login's tokens."""
        return FileCache(self.path(name) / _TOKENS)

    def other_scope_tokens(self, name: str) -> FileCache:
        """Return the cache of client credentials tokens for other scopes than the login's."""
        return FileCache(self.path(name) / _OTHER_SCOPES)

    def has_tokens(self, name: str) -> bool:
        """Return whether tokens of a login are stored."""
        return any(map(_is_ours, _token_files(self.path(name) / _TOKENS)))

    def delete_other_scope_tokens(self, name: str) -> None:
        """Delete the tokens in `other_scope_tokens`."""
        _delete_files(_token_files(self.path(name) / _OTHER_SCOPES))

    def delete(self, name: str) -> None:
        """Delete a profile and its tokens. Does nothing if the directory holds no login.

        Lock files stay, since a process may wait for one.
        """
        if self._has_files(name):
            _delete_files(self._files(name))

    def _has_files(self, name: str) -> bool:
        """Return whether a file of a login is stored, which may be damaged."""
        return any(map(_is_ours, self._files(name)))

    def _files(self, name: str) -> list[Path]:
        path = self.path(name)
        tokens = (_token_files(path / directory) for directory in (_OTHER_SCOPES, _TOKENS))
        return [*chain.from_iterable(tokens), path / _FILE]


def _directory(path: Path) -> PrivateDirectory:
    return PrivateDirectory(path, "profile directory")


def _token_files(path: Path) -> list[Path]:
    return [file for file in path.glob("*.json") if _TOKEN_FILE.fullmatch(file.name)]


def _is_ours(file: Path) -> bool:
    start = _directory(file.parent).read(file.name, 64)
    return start is not None and _START_OF_FILE.match(start) is not None


def _delete_files(files: Iterable[Path]) -> None:
    for file in files:
        _directory(file.parent).remove(file.name)


def serialize_profile(profile: Profile) -> bytes:
    """Return the content of a profile's file."""
    members = {"format": _FORMAT, "version": _VERSION, **asdict(profile)}
    return json.dumps(members, indent=2).encode("ascii") + b"\n"


def parse_profile(content: bytes) -> Profile | None:
    """Return the profile in the content of a file, None if it is not exactly a profile."""
    try:
        parsed = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    members = cast("dict[str, object]", parsed) if isinstance(parsed, dict) else {}
    header = {"format": _FORMAT, "version": _VERSION}
    if members.keys() != {*header, *_CHECKS}:
        return None
    if any(members.pop(name) != header[name] for name in header):
        return None
    if not all(is_valid(members[name]) for name, is_valid in _CHECKS.items()):
        return None
    values: dict[str, object] = {
        name: tuple(cast("list[object]", value)) if isinstance(value, list) else value
        for name, value in members.items()
    }
    return Profile(**values)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - _CHECKS has checked the types


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


_CHECKS: Final = {
    "client_id": _is_text,
    "grant": (AUTHORIZATION_CODE, DEVICE_CODE, CLIENT_CREDENTIALS).__contains__,
    "issuer": _is_text_or_none,
    "endpoints": _is_table,
    "scope": _is_texts,
    "resource": _is_texts,
    "audience": _is_text_or_none,
    "redirect_ports": _is_ports,
    "client_auth": (None, *CLIENT_AUTH_METHODS).__contains__,
    "has_secret": (True, False).__contains__,
    "client_secret_file": _is_text_or_none,
    "private_key_file": _is_text_or_none,
    "key_id": _is_text_or_none,
    "algorithm": _is_text_or_none,
    "cacert": _is_text_or_none,
}
