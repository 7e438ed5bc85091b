"""A program that signs in with the default browser. It reads its settings from standard input."""

import asyncio
import json
import sys

from aioalf import Client
from aioalf.grants import AuthorizationCode


async def main() -> None:
    """Sign in, send one request and print its status."""
    settings = json.load(sys.stdin)
    url = settings.pop("url")
    async with (
        Client(**settings, grant=AuthorizationCode(timeout=20)) as client,
        client.get(url) as response,
    ):
        sys.stdout.write(f"{response.status}\n")


if __name__ == "__main__":
    asyncio.run(main())
