"""A secret that is in a file, read anew each time. It knows files, and not what the secret is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from aioalf._redaction import printable
from aioalf.errors import TokenConfigurationError


class SecretFile:
    """A file that holds a secret or a key: ``client_secret=SecretFile("/run/secrets/client")``.

    It is read in a thread at each use, so that a new secret needs no restart; one line end after
    the text is not part of it. Raises TokenConfigurationError when the file cannot be read, is
    empty, or is not UTF-8.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    async def __call__(self) -> str:
        """Return what the file says now."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        name = printable(str(self._path))
        try:
            text = self._path.read_bytes().decode()
        except OSError as error:
            raise TokenConfigurationError(
                f"The file {name} cannot be read: {error.strerror or type(error).__name__}"
            ) from error
        except UnicodeDecodeError:  # which quotes it
            raise TokenConfigurationError(f"The file {name} is not UTF-8") from None
        secret = text.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise TokenConfigurationError(f"The file {name} is empty")
        return secret
