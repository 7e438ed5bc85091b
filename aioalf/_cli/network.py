"""The connections of commands to both servers: proxy and certificate authorities.

Must not know logins or requests.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.request import getproxies

import click
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from aioalf._auth_server.session import AbortingConnector
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._masking import printable
from aioalf.errors import TokenConfigurationError


def parse_proxy(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Return the URL of a proxy; without a scheme it is http, as in curl. Raises BadParameter."""
    if not text:
        return None
    url = _proxy_url(text if "://" in text else f"http://{text}")
    if url is None:
        raise click.BadParameter("expected an http or https URL, such as http://proxy:3128")
    if url.user is not None or url.password is not None:
        raise click.BadParameter(
            "every user of this machine can see a password in the arguments: set the variable "
            "HTTPS_PROXY or HTTP_PROXY instead"
        )
    return str(url)


def _proxy_url(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None


@dataclass(frozen=True, kw_only=True)
class Network:
    """The connections of one command.

    Args:
        proxy: The proxy of all requests; None for the one of the environment.
        cacert: A PEM file with certificate authorities that are trusted besides the usual ones.
    """

    proxy: str | None = None
    cacert: str | None = None

    def make_connector(self) -> TCPConnector:
        """Return a new connector.

        Raises TokenConfigurationError if the file cannot be read, or if a proxy of the environment
        cannot be used.
        """
        if self.proxy is None:
            _check_environment()
        return AbortingConnector(ssl=True if self.cacert is None else _trusting(self.cacert))

    async def apply_to(self, endpoint: TokenEndpoint) -> None:
        """Let the requests to an authorization server use these settings."""
        async with ClientSession(
            connector=self.make_connector(), proxy=self.proxy, trust_env=True
        ) as session:
            endpoint.use_session(session)  # copies the settings


def _check_environment() -> None:
    # aiohttp's own errors do not name the variable, and may show a password.
    for scheme, text in getproxies().items():
        if scheme in {"http", "https"} and _proxy_url(text) is None:
            raise TokenConfigurationError(
                f"The proxy in the environment variable {scheme.upper()}_PROXY is not an http or "
                "https URL, such as http://proxy:3128"
            )


def _trusting(cacert: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cacert)
    except OSError as error:  # includes ssl.SSLError
        raise TokenConfigurationError(
            f"The certificates in {printable(cacert)} cannot be read: pass a PEM file with --cacert"
        ) from error
    return context
