"""Facts about providers, for ``Client(provider=...)``: one function for each provider.

A provider is plain data. `Provider` describes one that is missing here.
"""

from aioalf.providers._provider import Provider
from aioalf.providers.airtable import airtable
from aioalf.providers.amazon import amazon
from aioalf.providers.atlassian import atlassian
from aioalf.providers.auth0 import auth0
from aioalf.providers.bitbucket import bitbucket
from aioalf.providers.box import box
from aioalf.providers.cognito import cognito
from aioalf.providers.discord import discord
from aioalf.providers.docusign import docusign
from aioalf.providers.dropbox import dropbox
from aioalf.providers.ebay import ebay
from aioalf.providers.entra import entra
from aioalf.providers.fitbit import fitbit
from aioalf.providers.github import github
from aioalf.providers.gitlab import gitlab
from aioalf.providers.google import google, google_service_account
from aioalf.providers.hubspot import hubspot
from aioalf.providers.intuit import intuit
from aioalf.providers.keycloak import keycloak
from aioalf.providers.linear import linear
from aioalf.providers.linkedin import linkedin
from aioalf.providers.mailchimp import mailchimp
from aioalf.providers.notion import notion
from aioalf.providers.okta import okta
from aioalf.providers.reddit import reddit
from aioalf.providers.salesforce import salesforce
from aioalf.providers.shopify import shopify
from aioalf.providers.slack import slack
from aioalf.providers.spotify import spotify
from aioalf.providers.strava import strava
from aioalf.providers.twitch import twitch
from aioalf.providers.withings import withings
from aioalf.providers.x import x
from aioalf.providers.zoho import zoho
from aioalf.providers.zoom import zoom

__all__ = (
    "Provider",
    "airtable",
    "amazon",
    "atlassian",
    "auth0",
    "bitbucket",
    "box",
    "cognito",
    "discord",
    "docusign",
    "dropbox",
    "ebay",
    "entra",
    "fitbit",
    "github",
    "gitlab",
    "google",
    "google_service_account",
    "hubspot",
    "intuit",
    "keycloak",
    "linear",
    "linkedin",
    "mailchimp",
    "notion",
    "okta",
    "reddit",
    "salesforce",
    "shopify",
    "slack",
    "spotify",
    "strava",
    "twitch",
    "withings",
    "x",
    "zoho",
    "zoom",
)
