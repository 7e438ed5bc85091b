"""One run of a command, and the options that several commands share.

Must not know what a command does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from aioalf._cli.client_secrets import SecretLookup, SecretVariables, stored_secret
from aioalf._cli.network import Network, parse_proxy
from aioalf._cli.profiles import DEFAULT_PROFILE, Profile, Profiles
from aioalf._cli.terminal import Terminal
from aioalf.client_auth import ClientSecret

Command = TypeVar("Command", bound=Callable[..., object])


@dataclass
class Invocation:
    """One run of a command: its terminal, the secrets of its environment, and its profile."""

    secrets: SecretVariables
    terminal: Terminal
    profile: str = DEFAULT_PROFILE

    def look_up_secret(self, profile: Profile, profiles: Profiles) -> SecretLookup:
        """Return the secret of the profile in the environment."""
        return self.secrets.look_up(self.profile, profile.client_id, profiles.names())

    def stored_secret(self, profile: Profile, profiles: Profiles) -> ClientSecret | None:
        """Return the client secret of a stored profile, as `client_secrets.stored_secret`."""
        return stored_secret(profile, self.look_up_secret(profile, profiles))


def _remember_profile(context: click.Context, _: click.Parameter, name: str) -> str:
    context.obj.profile = name
    return name


def _complete_profile(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    names = Profiles(context.params.get("home")).names()
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


home_option = click.option(
    "--home",
    envvar="AIOALF_HOME",
    show_envvar=True,
    type=click.Path(file_okay=False),
    metavar="PATH",
    help="The directory that stores all logins.",
)


def profile_options(command: Command) -> Command:
    """Add the options ``--profile`` and ``--home``."""
    profile = click.option(
        "--profile",
        "name",
        default=DEFAULT_PROFILE,
        envvar="AIOALF_PROFILE",
        show_default=True,
        show_envvar=True,
        metavar="NAME",
        callback=_remember_profile,
        shell_complete=_complete_profile,
        help="The name of the login.",
    )
    return profile(home_option(command))


def network_options(command: Command) -> Command:
    """Add the options ``--proxy`` and ``--cacert``."""
    proxy = click.option(
        "-x",
        "--proxy",
        metavar="URL",
        callback=parse_proxy,
        help="The proxy of all requests. By default the one in HTTPS_PROXY or HTTP_PROXY, except "
        "for the hosts in NO_PROXY.",
    )
    cacert = click.option(
        "--cacert",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="A PEM file with certificate authorities to trust as well.",
    )
    return proxy(cacert(command))


def network_of(profile: Profile, proxy: str | None, cacert: str | None) -> Network:
    """Return the network of a command; ``--cacert`` overrides the file of the login."""
    return Network(proxy=proxy, cacert=cacert or profile.cacert)
