"""The text that ``serve`` prints first: URLs, clients, and commands and a program to paste.

No line is longer than 80 columns with the usual ports. Pure: it only reads the server's settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aioalf.testing import OAuthServer

PUBLIC_CLIENT: Final = "desktop"
"""The client without a secret, for sign-ins."""

API_PATH: Final = "/things"

_PROGRAM: Final = """\
import asyncio
{imports}

async def main() -> None:
    client = Client(
{arguments}
        client_id="{client_id}",
        client_secret="{client_secret}",
        raise_token_errors=True,
    )
    async with client, client.get("{url}") as response:
        print(await response.json())


asyncio.run(main())"""


def introduction(server: OAuthServer, call: str | None, faults: Sequence[str]) -> str:
    """Return the text for a started server.

    Args:
        server: The server.
        call: The call that makes the provider of ``--behaves-like``, as Python; None without one.
        faults: The values of ``--fault``.
    """
    commands = _commands(server) if call is None else ""
    program = _program(server) if call is None else _provider_program(server, call)
    return (
        "aio-alf test server: only for tests, and only for programs on this machine.\n"
        f"Press Ctrl-C to stop it.\n\n{_facts(server, faults)}\n\n{commands}"
        f"# Send a request to the API from Python\n{program}\n\n# Requests"
    )


def _facts(server: OAuthServer, faults: Sequence[str]) -> str:
    users = "any name" if server.users is None else ", ".join(server.users)
    if server.auto_sign_in is not None:
        users = f"{server.auto_sign_in}, who is already signed in"
    provider = server.behaves_like
    facts = {
        "Issuer": server.issuer,
        "Token endpoint": server.token_endpoint,
        "API": f"{server.url(API_PATH)} (or any other path)",
        "Client": f'{server.client_id}, with the secret "{server.client_secret}"',
        "Public client": f"{PUBLIC_CLIENT}, for sign-ins in a browser or with a device code",
        "Users": users,
        "Behaves like": "" if provider is None else provider.name,
        "Faults": ", ".join(faults),
    }
    return "\n".join(f"  {name:<16}{ascii(fact)[1:-1]}" for name, fact in facts.items() if fact)


def _commands(server: OAuthServer) -> str:
    return (
        "# Request a token\n"
        f"curl -u {server.client_id}:{server.client_secret} -d grant_type=client_credentials \\\n"
        f"  {server.token_endpoint}\n\n"
        '# Sign in, and send a request to the API (needs: pip install "aio-alf[cli]")\n'
        f"aioalf login --issuer {server.issuer} --client-id {PUBLIC_CLIENT}\n"
        f"aioalf request {server.url(API_PATH)}\n\n"
    )


def _program(server: OAuthServer) -> str:
    return _PROGRAM.format(
        imports="\nfrom aioalf import Client\n",
        arguments=f'        issuer="{server.issuer}",',
        client_id=server.client_id,
        client_secret=server.client_secret,
        url=server.url(API_PATH),
    )


def _provider_program(server: OAuthServer, call: str) -> str:
    return _PROGRAM.format(
        imports=(
            "from dataclasses import replace\n\nfrom aioalf import Client, providers\n"
            f"from aioalf.grants import AuthorizationCode\n\n{_provider_lines(server, call)}"
        ),
        arguments="        provider=PROVIDER,\n        grant=AuthorizationCode(),",
        client_id=server.client_id,
        client_secret=server.client_secret,
        url=server.url(API_PATH),
    )


def _provider_lines(server: OAuthServer, call: str) -> str:
    """Return the statement that makes the provider with the URLs of the server."""
    provider = server.provider
    lines = [f'SERVER = "{server.issuer}"', "PROVIDER = replace(", f"    providers.{call},"]
    if provider.base_url is not None:
        lines.append(f'    base_url="{provider.base_url}",')
    if provider.issuer is not None:
        lines += ["    issuer=SERVER,", "    metadata_url=None,"]
    if provider.endpoints:
        paths = {name: url.removeprefix(server.issuer) for name, url in provider.endpoints.items()}
        lines.append("    endpoints={")
        lines += [f'        "{name}": f"{{SERVER}}{path}",' for name, path in paths.items()]
        lines.append("    },")
    return "\n".join([*lines, ")", ""])
