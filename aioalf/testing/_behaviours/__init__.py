"""The behaviours of real providers, by the names that `aioalf.providers` gives them.

One file for each provider; each fact is one of the provider's documents or a seen response.
"""

from aioalf.testing._behaviours.atlassian import ATLASSIAN
from aioalf.testing._behaviours.auth0 import AUTH0
from aioalf.testing._behaviours.cognito import COGNITO
from aioalf.testing._behaviours.discord import DISCORD
from aioalf.testing._behaviours.entra import ENTRA
from aioalf.testing._behaviours.github import GITHUB
from aioalf.testing._behaviours.gitlab import GITLAB
from aioalf.testing._behaviours.google import GOOGLE
from aioalf.testing._behaviours.keycloak import KEYCLOAK
from aioalf.testing._behaviours.notion import NOTION
from aioalf.testing._behaviours.okta import OKTA
from aioalf.testing._behaviours.salesforce import SALESFORCE
from aioalf.testing._behaviours.slack import SLACK
from aioalf.testing.behaviour import Behaviour

BEHAVIOURS: dict[str, Behaviour] = {
    "atlassian": ATLASSIAN,
    "auth0": AUTH0,
    "cognito": COGNITO,
    "discord": DISCORD,
    "entra": ENTRA,
    "github": GITHUB,
    "gitlab": GITLAB,
    "google": GOOGLE,
    "keycloak": KEYCLOAK,
    "notion": NOTION,
    "okta": OKTA,
    "salesforce": SALESFORCE,
    "slack": SLACK,
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
