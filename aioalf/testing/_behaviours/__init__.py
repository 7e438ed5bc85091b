"""The behaviours of real providers, by the names that `aioalf.providers` gives them.

One file for each provider; each fact is one of the provider's documents or a seen response.
"""

from aioalf.testing._behaviours.airtable import AIRTABLE
from aioalf.testing._behaviours.atlassian import ATLASSIAN
from aioalf.testing._behaviours.auth0 import AUTH0
from aioalf.testing._behaviours.box import BOX
from aioalf.testing._behaviours.cognito import COGNITO
from aioalf.testing._behaviours.discord import DISCORD
from aioalf.testing._behaviours.docusign import DOCUSIGN
from aioalf.testing._behaviours.dropbox import DROPBOX
from aioalf.testing._behaviours.entra import ENTRA
from aioalf.testing._behaviours.github import GITHUB
from aioalf.testing._behaviours.gitlab import GITLAB
from aioalf.testing._behaviours.google import GOOGLE
from aioalf.testing._behaviours.hubspot import HUBSPOT
from aioalf.testing._behaviours.intuit import INTUIT
from aioalf.testing._behaviours.keycloak import KEYCLOAK
from aioalf.testing._behaviours.notion import NOTION
from aioalf.testing._behaviours.okta import OKTA
from aioalf.testing._behaviours.reddit import REDDIT
from aioalf.testing._behaviours.salesforce import SALESFORCE
from aioalf.testing._behaviours.shopify import SHOPIFY
from aioalf.testing._behaviours.slack import SLACK
from aioalf.testing._behaviours.spotify import SPOTIFY
from aioalf.testing._behaviours.strava import STRAVA
from aioalf.testing._behaviours.twitch import TWITCH
from aioalf.testing._behaviours.x import X
from aioalf.testing.behaviour import Behaviour

BEHAVIOURS: dict[str, Behaviour] = {
    "airtable": AIRTABLE,
    "atlassian": ATLASSIAN,
    "auth0": AUTH0,
    "box": BOX,
    "cognito": COGNITO,
    "discord": DISCORD,
    "docusign": DOCUSIGN,
    "dropbox": DROPBOX,
    "entra": ENTRA,
    "github": GITHUB,
    "gitlab": GITLAB,
    "google": GOOGLE,
    "hubspot": HUBSPOT,
    "intuit": INTUIT,
    "keycloak": KEYCLOAK,
    "notion": NOTION,
    "okta": OKTA,
    "reddit": REDDIT,
    "salesforce": SALESFORCE,
    "shopify": SHOPIFY,
    "slack": SLACK,
    "spotify": SPOTIFY,
    "strava": STRAVA,
    "twitch": TWITCH,
    "x": X,
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
