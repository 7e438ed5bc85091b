"""A secret in a file, which is read for each use. This module must not know what the secret is."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from aioalf._error_frames import hide_locals_on_error
from aioalf._masking import printable
from aioalf.errors import TokenConfigurationError


class SecretFile:
    """A file that holds a secret or a key: ``client_secret=SecretFile("/run/secrets/client")``.

    The file is read in a thread for each use, so a changed secret needs no restart. One newline at
    the end of the file is not part of the secret.

    Args:
        path: The path of the file.
    """

    @hide_locals_on_error
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    async def __call__(self) -> str:
        """Return the current content of the file.

        Raises:
            TokenConfigurationError: The file cannot be read, is empty, or is not UTF-8.
        """
        return await asyncio.to_thread(read_secret, self._path)


def read_secret(path: Path) -> str:
    """Return the text in a file. Raises TokenConfigurationError as `SecretFile`."""
    name = printable(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TokenConfigurationError(
            f"The file {name} cannot be read: {error.strerror or type(error).__name__}"
        ) from error
    with suppress(UnicodeDecodeError):
        secret = content.decode().removesuffix("\n").removesuffix("\r")
        if secret:
            return secret
        raise TokenConfigurationError(f"The file {name} is empty")
    del content  # error reports show local variables
    raise TokenConfigurationError(f"The file {name} is not UTF-8")
