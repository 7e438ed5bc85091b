"""Facts about providers, for ``Client(provider=...)``: one function for each provider.

A provider is plain data. `Provider` describes one that is missing here.
"""

from aioalf.providers._provider import Provider
from aioalf.providers.atlassian import atlassian
from aioalf.providers.auth0 import auth0
from aioalf.providers.cognito import cognito
from aioalf.providers.discord import discord
from aioalf.providers.entra import entra
from aioalf.providers.github import github
from aioalf.providers.gitlab import gitlab
from aioalf.providers.google import google
from aioalf.providers.keycloak import keycloak
from aioalf.providers.notion import notion
from aioalf.providers.okta import okta
from aioalf.providers.salesforce import salesforce
from aioalf.providers.slack import slack

__all__ = (
    "Provider",
    "atlassian",
    "auth0",
    "cognito",
    "discord",
    "entra",
    "github",
    "gitlab",
    "google",
    "keycloak",
    "notion",
    "okta",
    "salesforce",
    "slack",
)
