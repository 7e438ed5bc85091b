"""The behaviours of real providers, by the names that `aioalf.providers` gives them.

One file for each provider; each fact is one of the provider's documents or a seen response.
"""

from aioalf.testing._behaviours.airtable import AIRTABLE
from aioalf.testing._behaviours.amazon import AMAZON
from aioalf.testing._behaviours.atlassian import ATLASSIAN
from aioalf.testing._behaviours.auth0 import AUTH0
from aioalf.testing._behaviours.bitbucket import BITBUCKET
from aioalf.testing._behaviours.box import BOX
from aioalf.testing._behaviours.cognito import COGNITO
from aioalf.testing._behaviours.discord import DISCORD
from aioalf.testing._behaviours.docusign import DOCUSIGN
from aioalf.testing._behaviours.dropbox import DROPBOX
from aioalf.testing._behaviours.ebay import EBAY
from aioalf.testing._behaviours.entra import ENTRA
from aioalf.testing._behaviours.fitbit import FITBIT
from aioalf.testing._behaviours.github import GITHUB
from aioalf.testing._behaviours.gitlab import GITLAB
from aioalf.testing._behaviours.google import GOOGLE
from aioalf.testing._behaviours.hubspot import HUBSPOT
from aioalf.testing._behaviours.intuit import INTUIT
from aioalf.testing._behaviours.keycloak import KEYCLOAK
from aioalf.testing._behaviours.linear import LINEAR
from aioalf.testing._behaviours.linkedin import LINKEDIN
from aioalf.testing._behaviours.mailchimp import MAILCHIMP
from aioalf.testing._behaviours.notion import NOTION
from aioalf.testing._behaviours.okta import OKTA
from aioalf.testing._behaviours.reddit import REDDIT
from aioalf.testing._behaviours.salesforce import SALESFORCE
from aioalf.testing._behaviours.shopify import SHOPIFY
from aioalf.testing._behaviours.slack import SLACK
from aioalf.testing._behaviours.spotify import SPOTIFY
from aioalf.testing._behaviours.strava import STRAVA
from aioalf.testing._behaviours.twitch import TWITCH
from aioalf.testing._behaviours.withings import WITHINGS
from aioalf.testing._behaviours.x import X
from aioalf.testing._behaviours.zoho import ZOHO
from aioalf.testing._behaviours.zoom import ZOOM
from aioalf.testing.behaviour import Behaviour

BEHAVIOURS: dict[str, Behaviour] = {
    "airtable": AIRTABLE,
    "amazon": AMAZON,
    "atlassian": ATLASSIAN,
    "auth0": AUTH0,
    "bitbucket": BITBUCKET,
    "box": BOX,
    "cognito": COGNITO,
    "discord": DISCORD,
    "docusign": DOCUSIGN,
    "dropbox": DROPBOX,
    "ebay": EBAY,
    "entra": ENTRA,
    "fitbit": FITBIT,
    "github": GITHUB,
    "gitlab": GITLAB,
    "google": GOOGLE,
    "hubspot": HUBSPOT,
    "intuit": INTUIT,
    "keycloak": KEYCLOAK,
    "linear": LINEAR,
    "linkedin": LINKEDIN,
    "mailchimp": MAILCHIMP,
    "notion": NOTION,
    "okta": OKTA,
    "reddit": REDDIT,
    "salesforce": SALESFORCE,
    "shopify": SHOPIFY,
    "slack": SLACK,
    "spotify": SPOTIFY,
    "strava": STRAVA,
    "twitch": TWITCH,
    "withings": WITHINGS,
    "x": X,
    "zoho": ZOHO,
    "zoom": ZOOM,
}


def behaviour_of(provider: str) -> Behaviour:
    """Return the behaviour of a provider. Raises ValueError that names the known ones."""
    try:
        return BEHAVIOURS[provider]
    except KeyError:
        raise ValueError(
            f"The behaviour of {provider!r} is not known: pass behaviour=Behaviour(...), or a "
            f"provider among {', '.join(sorted(BEHAVIOURS))}"
        ) from None
